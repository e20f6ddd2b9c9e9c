package resourcetest

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Endpoint is an endpoint of the server, for methods such as Fail, Count and URL.
type Endpoint string

// The endpoints. Metadata is all URLs of metadata documents together. Any is all requests,
// including those to unknown paths.
const (
	Any           Endpoint = "any"
	Metadata      Endpoint = "metadata"
	JWKS          Endpoint = "jwks"
	Authorization Endpoint = "authorization"
	TokenEndpoint Endpoint = "token"
	Registration  Endpoint = "registration"
	Introspection Endpoint = "introspection"
	Revocation    Endpoint = "revocation"
)

const (
	maxRequest = 64 << 10 // bytes of a request body
	oauthPath  = "/.well-known/oauth-authorization-server"
	openIDPath = "/.well-known/openid-configuration"
)

type route struct {
	endpoint Endpoint
	methods  []string
	browsers bool // CORS allows scripts of any origin
	serve    func(*request) answer
}

// answer is the response of an endpoint, before a Failure changes it.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// request is a request whose body was read.
type request struct {
	*http.Request
	body []byte
	form url.Values // of the body; of the query for GET and HEAD
}

func (s *Issuer) endpointPath(endpoint Endpoint) string {
	switch endpoint {
	case Any:
		return ""
	case Metadata:
		return oauthPath + s.path
	case Authorization:
		return s.path + "/authorize"
	case Registration:
		return s.path + "/register"
	case Introspection:
		return s.path + "/introspect"
	case Revocation:
		return s.path + "/revoke"
	}
	return s.path + "/" + string(endpoint)
}

func (s *Issuer) makeRoutes() map[string]route {
	get, post := []string{"GET", "HEAD"}, []string{"POST"}
	routes := make(map[string]route)
	add := func(endpoint Endpoint, methods []string, browsers bool, serve func(*request) answer) {
		routes[s.endpointPath(endpoint)] = route{endpoint, methods, browsers, serve}
	}
	add(JWKS, get, true, s.serveJWKS)
	add(Authorization, []string{"GET", "HEAD", "POST"}, false, s.serveAuthorization)
	add(TokenEndpoint, post, true, s.serveToken)
	add(Registration, post, true, s.serveRegistration)
	add(Introspection, post, false, s.serveIntrospection)
	add(Revocation, post, false, s.serveRevocation)
	if !s.config.NoOAuthMetadata {
		add(Metadata, get, true, s.serveMetadata)
	}
	openID := route{Metadata, get, true, s.serveOpenID}
	if !s.config.NoOpenIDInserted {
		routes[openIDPath+s.path] = openID
	}
	if !s.config.NoOpenIDAppended {
		routes[s.path+openIDPath] = openID
	}
	return routes
}

// ServeHTTP serves all endpoints. It panics with http.ErrAbortHandler, which makes net/http close
// the connection, if a Failure requires that or if the request is canceled before the response
// is complete.
func (s *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	response, err := s.respond(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	if response.ContentLength >= 0 && response.StatusCode != http.StatusNotModified && response.StatusCode != http.StatusNoContent {
		w.Header().Set("Content-Length", fmt.Sprint(response.ContentLength))
	}
	w.WriteHeader(response.StatusCode)
	out := flusher{w, http.NewResponseController(w)}
	_ = out.control.Flush() // sends the headers before a slow body; see flusher.Write for the error
	if _, err := io.Copy(out, response.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// flusher sends each write at once, so that the client receives a slow body slowly.
type flusher struct {
	io.Writer
	control *http.ResponseController
}

func (f flusher) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err == nil {
		_ = f.control.Flush() // without support for Flush, the body is sent at the end
	}
	return n, err
}

// respond returns the response to any request. The body is generated while it is read. respond
// blocks only if a Failure requires it, until r.Context() is done at the latest.
func (s *Issuer) respond(r *http.Request) (*http.Response, error) {
	target, known := s.routes[r.URL.EscapedPath()]
	if known && target.browsers && r.Method == http.MethodOptions {
		return Failure{}.render(r, preflight()), nil // not counted, because browsers send it, not clients
	}
	req, err := readRequest(r)
	s.log.add(target.endpoint, req)
	failure := s.failures.next(target.endpoint)
	if err := failure.wait(r.Context()); err != nil {
		return nil, err
	}
	var a answer
	switch {
	case failure.replaces():
		a = failure.answer()
	case err != nil:
		a = errorAnswer(http.StatusRequestEntityTooLarge, "invalid_request", "the body is too long or broken")
	case !known:
		a = text(http.StatusNotFound, "no such endpoint")
	case !slices.Contains(target.methods, r.Method):
		a = text(http.StatusMethodNotAllowed, "wrong method")
		a.header.Set("Allow", strings.Join(target.methods, ", "))
	default:
		a = target.serve(req)
	}
	if target.browsers {
		a.header.Set("Access-Control-Allow-Origin", "*")
	}
	return failure.render(r, a), nil
}

// readRequest reads the body and parses the form. It returns an error if the body is too large
// or cannot be read.
func readRequest(r *http.Request) (*request, error) {
	req := &request{Request: r}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		req.form = r.URL.Query()
	}
	if r.Body == nil {
		return req, nil
	}
	var err error
	req.body, err = io.ReadAll(http.MaxBytesReader(nil, r.Body, maxRequest))
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && r.Method == http.MethodPost && kind == "application/x-www-form-urlencoded" {
		if form, invalid := url.ParseQuery(string(req.body)); invalid == nil {
			req.form = form
		}
	}
	return req, err
}

// checkForm rejects duplicate parameters (RFC 6749 section 3.2), except "resource" (RFC 8707
// section 2) and "audience" (RFC 8693 section 2.1).
func (r *request) checkForm() *oauthError {
	if r.form == nil {
		return &oauthError{http.StatusBadRequest, "invalid_request", "the body is not a form"}
	}
	for name, values := range r.form {
		if len(values) > 1 && name != "resource" && name != "audience" {
			return &oauthError{http.StatusBadRequest, "invalid_request", "a parameter is repeated"}
		}
	}
	return nil
}

func preflight() answer {
	return answer{status: http.StatusNoContent, header: http.Header{
		"Access-Control-Allow-Origin":  {"*"},
		"Access-Control-Allow-Methods": {"GET, HEAD, POST, OPTIONS"},
		"Access-Control-Allow-Headers": {"Authorization, Content-Type, DPoP, MCP-Protocol-Version, Mcp-Method, Mcp-Name"},
		"Access-Control-Max-Age":       {"600"},
	}}
}

func text(status int, message string) answer {
	return answer{status, http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}}, []byte(message + "\n")}
}

func document(status int, body object) answer {
	return answer{status, http.Header{"Content-Type": {"application/json"}}, []byte(body.encode())}
}
