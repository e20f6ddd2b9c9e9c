package resource_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// reply is an answer with all of its header fields.
type reply struct {
	status int
	header http.Header
	body   string
}

func replyOf(handler http.Handler, req *http.Request) reply {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, req)
	return reply{recorder.Code, recorder.Result().Header, recorder.Body.String()}
}

// rejectionReply returns the reply for a rejection: the answer with the header fields of all rejections.
func rejectionReply(a answer) reply {
	header := http.Header{
		"Cache-Control": {"no-store"}, "Content-Type": {"application/json"},
		"Content-Length": {strconv.Itoa(len(a.body))}, "X-Content-Type-Options": {"nosniff"},
	}
	if a.challenge != "" {
		header.Set("WWW-Authenticate", a.challenge)
	}
	return reply{a.status, header, a.body}
}

const documentText = `{"resource":"` + identifier + `","authorization_servers":["https://auth.example.test"],"bearer_methods_supported":["header"]}`

// metadataReply returns the reply with the metadata (RFC 9728 §3.2).
func metadataReply(body string) reply {
	return reply{http.StatusOK, http.Header{
		"Access-Control-Allow-Origin": {"*"}, "Cache-Control": {"public, max-age=300"}, "Content-Type": {"application/json"},
		"Content-Length": {strconv.Itoa(len(documentText))}, "X-Content-Type-Options": {"nosniff"},
	}, body}
}

func emptyHandler(http.ResponseWriter, *http.Request) {}

// hostileResponse covers section 10 of the list.
func hostileResponse(h *hostile) {
	f := h.fixture(nil)
	hostileHostHeaders(h, f)
	hostileMetadata(h, f)
	hostileRejections(h)
	hostileMiddleware(h, f)
}

// hostileHostHeaders tests that no URL in an answer comes from the request.
func hostileHostHeaders(h *hostile, f *fixture) {
	handler := nethttp.Handler(f.res, http.HandlerFunc(emptyHandler))
	inject := `a", error="insufficient_scope", scope="admin`
	for name, change := range map[string]func(*http.Request){
		"249 Host":                                    func(r *http.Request) { r.Host = "evil.example" },
		"249 Host empty":                              func(r *http.Request) { r.Host = "" },
		"249 Host with another port":                  func(r *http.Request) { r.Host = "mcp.example.test:8443" },
		"250 X-Forwarded-Host":                        func(r *http.Request) { r.Header.Set("X-Forwarded-Host", "evil.example") },
		"250 X-Forwarded-Proto":                       func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "http") },
		"250 X-Forwarded-Port":                        func(r *http.Request) { r.Header.Set("X-Forwarded-Port", "1") },
		"250 X-Forwarded-Prefix":                      func(r *http.Request) { r.Header.Set("X-Forwarded-Prefix", "/evil") },
		"250 X-Forwarded-For with a loopback address": func(r *http.Request) { r.Header.Set("X-Forwarded-For", "127.0.0.1") },
		"250 Forwarded (RFC 7239)":                    func(r *http.Request) { r.Header.Set("Forwarded", `host="evil.example";proto=http`) },
		"250 X-Original-URL":                          func(r *http.Request) { r.Header.Set("X-Original-Url", "/health") },
		"250 X-Rewrite-URL":                           func(r *http.Request) { r.Header.Set("X-Rewrite-Url", "/.well-known/oauth-protected-resource") },
		"250 X-Original-Host and X-Host": func(r *http.Request) {
			r.Header["X-Original-Host"], r.Header["X-Host"] = []string{"evil.example"}, []string{"evil.example"}
		},
		"250 X-HTTP-Method-Override":                   func(r *http.Request) { r.Header.Set("X-Http-Method-Override", "OPTIONS") },
		"250 X-Forwarded-Host from a loopback address": func(r *http.Request) { r.RemoteAddr = "127.0.0.1:1"; r.Header.Set("X-Forwarded-Host", "evil.example") },
		"252 absolute form as net/http parses it":      func(r *http.Request) { r.Host, r.URL.Host, r.URL.Scheme = "evil.example", "evil.example", "http" },
		"253 X-Forwarded-Host with parameters":         func(r *http.Request) { r.Header.Set("X-Forwarded-Host", inject) },
		"253 Host with parameters":                     func(r *http.Request) { r.Host = inject },
		"253 Host with CR LF":                          func(r *http.Request) { r.Host = "a\r\nSet-Cookie: a=b" },
		"254 path, query and user agent with CR LF": func(r *http.Request) {
			r.URL.Path, r.URL.RawQuery = "/\r\nX: y", "\r\nX: y"
			r.Header.Set("User-Agent", "\r\nX: y")
		},
	} {
		req := httptest.NewRequest("GET", identifier, nil)
		change(req)
		h.expect(name, replyOf(handler, req), rejectionReply(noCredentials))

		req = httptest.NewRequest("GET", metadataURL, nil)
		path := req.URL.Path
		change(req)
		req.URL.Path = path
		h.expect(name+": metadata", replyOf(handler, req), metadataReply(documentText))
	}
	// RFC 6750 §3, and clients that parse challenges with regular expressions: no value contains
	// a quote, a backslash or the name of a parameter.
	values := regexp.MustCompile(`^Bearer( [a-z_]+="[\x20-\x21\x23-\x5b\x5d-\x7e]+",?)+$`)
	for name, a := range map[string]answer{"bare": noCredentials, "malformed": malformed, "invalid": invalid, "expired": expired, "lacking": lacking("a b")} {
		_, text, _ := strings.Cut(a.challenge, `error_description="`)
		h.expect("254 characters of the challenge: "+name, []bool{values.MatchString(a.challenge), strings.ContainsAny(text, "=")}, []bool{true, false})
	}
}

// hostileMetadata tests that the metadata is served at its exact locations, to every client.
func hostileMetadata(h *hostile, f *fixture) {
	const root = "/.well-known/oauth-protected-resource"
	alone, all := nethttp.Metadata(f.res), nethttp.Handler(f.res, http.HandlerFunc(emptyHandler))
	missing := reply{404, http.Header{"Access-Control-Allow-Origin": {"*"}, "Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}}, "not found\n"}
	wrongMethod := reply{405, http.Header{"Access-Control-Allow-Origin": {"*"}, "Allow": {"GET, HEAD, OPTIONS"}, "Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}}, "method not allowed\n"}
	preflight := reply{204, http.Header{
		"Access-Control-Allow-Origin": {"*"}, "Access-Control-Allow-Methods": {"GET, HEAD, OPTIONS"}, "Access-Control-Max-Age": {"3600"},
		"Access-Control-Allow-Headers": {"Accept, Authorization, Content-Type, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID"},
	}, ""}
	for _, row := range []struct {
		name, method, path string
		want               reply
	}{
		{"255 path-inserted (RFC 9728 §3.1)", "GET", root + "/mcp", metadataReply(documentText)},
		{"255 at the root, with a single resource", "GET", root, metadataReply(documentText)},
		{"255 with a query", "GET", root + "/mcp?resource=https://evil.example&x=%0d%0a", metadataReply(documentText)},
		{"255 HEAD", "HEAD", root + "/mcp", metadataReply("")},
		{"255 OPTIONS", "OPTIONS", root + "/mcp", preflight},
		{"255 POST", "POST", root + "/mcp", wrongMethod},
		{"255 PUT", "PUT", root + "/mcp", wrongMethod},
		{"255 DELETE", "DELETE", root + "/mcp", wrongMethod},
		{"255 method in lower case", "get", root + "/mcp", wrongMethod},
		{"255 extra trailing slash", "GET", root + "/mcp/", missing},
		{"255 root with a trailing slash", "GET", root + "/", missing},
		{"255 another resource", "GET", root + "/other", missing},
		{"255 dot segments", "GET", root + "/x/../mcp", missing},
		{"255 dot segments above the root", "GET", root + "/../x", missing},
		{"255 escaped dot segments", "GET", root + "/%2e%2e/mcp", missing},
		{"255 escaped slash", "GET", root + "%2Fmcp", missing},
		{"255 escaped slash in lower case", "GET", root + "%2fmcp", missing},
		{"255 escaped letter", "GET", root + "/%6dcp", missing},
		{"255 double slash", "GET", root + "//mcp", missing},
		{"255 leading double slash", "GET", "//.well-known/oauth-protected-resource/mcp", missing},
		{"255 upper case", "GET", root + "/MCP", missing},
		{"255 semicolon", "GET", root + "/mcp;x", missing},
		{"255 NUL", "GET", root + "/mcp%00", missing},
		{"255 full-width letter", "GET", root + "/%EF%BD%8Dcp", missing},
	} {
		h.expect(row.name, replyOf(alone, httptest.NewRequest(row.method, row.path, nil)), row.want)
		if row.want.status == 404 { // Handler protects every other path
			h.expect(row.name+", through Handler: 401", replyOf(all, httptest.NewRequest(row.method, row.path, nil)), rejectionReply(noCredentials))
			continue
		}
		h.expect(row.name+", through Handler", replyOf(all, httptest.NewRequest(row.method, row.path, nil)), row.want)
	}
	for name, change := range map[string]func(*http.Request){
		"256 no token":                            func(*http.Request) {},
		"256 an invalid token is ignored":         func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") },
		"256 Origin is not reflected":             func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"256 Accept is ignored":                   func(r *http.Request) { r.Header.Set("Accept", "text/html") },
		"256 If-None-Match and Range are ignored": func(r *http.Request) { r.Header.Set("If-None-Match", "*"); r.Header.Set("Range", "bytes=0-1") },
	} {
		req := httptest.NewRequest("GET", metadataURL, nil)
		change(req)
		h.expect(name, replyOf(all, req), metadataReply(documentText))
	}
	second := newFixtureWith(h.T, f.issuer, func(c *resource.Config, _ *jwks.Config) { c.Identifier = "https://mcp.example.test/b" })
	both := nethttp.Metadata(f.res, second.res)
	h.expect("255 two resources: each has its own location", replyOf(both, httptest.NewRequest("GET", root+"/mcp", nil)), metadataReply(documentText))
	h.expect("255 two resources: no metadata at the root", replyOf(both, httptest.NewRequest("GET", root, nil)), missing)
}

// hostileRejections compares every kind of rejection, including its header fields.
func hostileRejections(h *hostile) {
	var fail error
	f := h.fixture(func(c *resource.Config, k *jwks.Config) {
		c.Scopes = []string{"read", "write"}
		c.Issuers[0].Verifier = stubVerifier{k.Issuer, func(_ context.Context, t *resource.Token) (*resource.Claims, error) { return t.Claims(), fail }}
	})
	handler := nethttp.Middleware(f.res)(http.HandlerFunc(emptyHandler))
	ask := func(authorization ...string) reply {
		req := httptest.NewRequest("POST", identifier, nil)
		req.Header["Authorization"] = authorization
		return replyOf(handler, req)
	}
	tok := func(scope string) string { return "Bearer " + f.token(resourcetest.Token{Scope: scope}) }
	unavailableFor := func(seconds string) reply {
		r := rejectionReply(unavailable)
		r.header.Set("Retry-After", seconds)
		return r
	}
	h.expect("260 400", ask("Bearer a b"), rejectionReply(malformed))
	h.expect("260 401 without a token", ask(), rejectionReply(withScopeHint(noCredentials, "read write")))
	h.expect("260 401", ask("Bearer x"), rejectionReply(withScopeHint(invalid, "read write")))
	h.expect("260 401 expired", ask("Bearer "+f.claim("exp", "1")), rejectionReply(withScopeHint(expired, "read write")))
	h.expect("258 403 names all required scopes, not the granted ones", ask(tok("write secret")), rejectionReply(lacking("read write")))
	h.expect("258 200", ask(tok("write read")), reply{200, http.Header{}, ""})
	for _, row := range []struct {
		name string
		err  error
		want reply
	}{
		{"260 503", &resource.Error{Reason: resource.ReasonKeysUnavailable, RetryAfter: 1500 * time.Millisecond}, unavailableFor("2")},
		{"260 503 with Retry-After of at least one second", &resource.Error{Reason: resource.ReasonVerifierUnavailable, RetryAfter: -1}, unavailableFor("1")},
		{"260 503 after the client canceled the request", context.Canceled, unavailableFor("1")},
		{"260 500", &resource.Error{Reason: "x"}, rejectionReply(failed)},
	} {
		fail = row.err
		h.expect(row.name, ask(tok("")), row.want)
	}

	// A route that requires further scopes.
	g := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Scopes = []string{"read"} })
	guarded := nethttp.Middleware(g.res)(nethttp.Require(g.res, "delete", "read")(http.HandlerFunc(emptyHandler)))
	req := httptest.NewRequest("POST", identifier, nil)
	req.Header.Set("Authorization", "Bearer "+g.token(resourcetest.Token{Scope: "read"}))
	h.expect("258 403 of a route: one challenge, the scope of the resource first", replyOf(guarded, req), rejectionReply(lacking("read delete")))
	unguarded := nethttp.Require(g.res, "delete")(http.HandlerFunc(emptyHandler))
	h.expect("257 Require without Middleware", replyOf(unguarded, httptest.NewRequest("POST", identifier, nil)), rejectionReply(withScopeHint(noCredentials, "read")))
}

// hostileMiddleware covers nested middleware, browsers and handlers that panic.
func hostileMiddleware(h *hostile, f *fixture) {
	tok := f.token(resourcetest.Token{})
	served := 0
	inner := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ })
	once := nethttp.Middleware(f.res)
	request := func(method, authorization string) *http.Request {
		req := httptest.NewRequest(method, identifier, nil)
		req.Header.Set("Origin", "https://mcp.example.test")
		req.Header.Set("Authorization", authorization)
		return req
	}
	twice := once(once(inner))
	h.expect("262 nested twice, without a token: one challenge", replyOf(twice, request("POST", "")), rejectionReply(noCredentials))
	h.expect("262 nested twice, with an invalid token", replyOf(twice, request("POST", "Bearer x")), rejectionReply(invalid))
	h.expect("262 nested twice, with a valid token", replyOf(twice, request("POST", "Bearer "+tok)), reply{200, http.Header{}, ""})
	h.expect("262 nested twice: the handler runs once", served, 1)
	h.expect("257 challenge for a browser", replyOf(once(inner), request("GET", "")), rejectionReply(noCredentials))

	broken := once(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("handler") }))
	h.expect("257 challenge in front of a handler that panics", replyOf(broken, request("GET", "")), rejectionReply(noCredentials))
	h.expect("257 the panic of a handler reaches net/http", recovered(func() { replyOf(broken, request("GET", "Bearer "+tok)) }), any("handler"))

	header := http.Header{}
	(&resource.Refusal{Status: 401, Challenges: []string{`Bearer x="y"`, `DPoP algs="ES256"`}}).SetHeader(header)
	h.expect("261 two challenges are two header lines", header["Www-Authenticate"], []string{`Bearer x="y"`, `DPoP algs="ES256"`})
}

func recovered(run func()) (value any) {
	defer func() { value = recover() }()
	run()
	return nil
}

// hostileHostsOverHTTP covers Host and the request target over connections: what net/http rejects,
// and what it passes to the handler.
func hostileHostsOverHTTP(h *hostile) {
	w := h.wire(h.fixture(nil))
	for _, row := range []struct {
		name string
		text string
		want answer
	}{
		{"251 Host with a quote", "GET /mcp HTTP/1.1\r\nHost: a\"b\r\n\r\n", answer{status: 400}},
		{"251 Host with a slash", "GET /mcp HTTP/1.1\r\nHost: a/b\r\n\r\n", answer{status: 400}},
		{"251 Host with userinfo", "GET /mcp HTTP/1.1\r\nHost: a@b\r\n\r\n", answer{status: 400}},
		{"251 Host with a space", "GET /mcp HTTP/1.1\r\nHost: a b\r\n\r\n", answer{status: 400}},
		{"251 two Host lines", "GET /mcp HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", answer{status: 400}},
		{"251 Host with a comma", "GET /mcp HTTP/1.1\r\nHost: evil.example,b\r\n\r\n", noCredentials},
		{"251 Host with quotes that net/http accepts", "GET /mcp HTTP/1.1\r\nHost: a'b;c=(d)\r\n\r\n", noCredentials},
		{"252 absolute form", "GET http://evil.example/mcp HTTP/1.1\r\nHost: mcp.example.test\r\n\r\n", noCredentials},
		{"252 absolute form of the metadata", "GET http://evil.example/.well-known/oauth-protected-resource/mcp HTTP/1.1\r\nHost: x\r\n\r\n", answer{status: 200, body: documentText}},
		{"252 no Host in HTTP/1.0", "GET /mcp HTTP/1.0\r\n\r\n", noCredentials},
		{"253 X-Forwarded-Host", "GET /mcp HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: a\", scope=\"admin\r\n\r\n", noCredentials},
		{"259 HEAD", "HEAD /mcp HTTP/1.1\r\nHost: a\r\n\r\n", answer{noCredentials.status, noCredentials.challenge, ""}},
		{"259 HEAD with an invalid token", "HEAD /mcp HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n", answer{invalid.status, invalid.challenge, ""}},
	} {
		h.expect(row.name, w.raw(row.text), row.want)
	}
	for name, row := range map[string]struct {
		field
		want answer
	}{
		"249 HTTP/2 :authority": {field{":authority", "evil.example"}, noCredentials},
		"251 HTTP/2 :authority with a quote, which net/http accepts": {field{":authority", `a", scope="admin`}, noCredentials},
	} {
		fields := http2Fields()
		fields[3] = row.field
		h.expect(name, w.frames(fields), row.want)
	}
}
