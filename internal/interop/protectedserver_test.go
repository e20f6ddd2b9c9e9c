package interop_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// identifier is the resource under test; otherIdentifier is another resource of the same issuer.
const (
	identifier      = "https://mcp.example.com/mcp"
	otherIdentifier = "https://another.example.com/mcp"
)

// check compares got with want and adds a row to the table.
func check(t *testing.T, what, want, got string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
	appendRow(t, rowsVariable, what, want, got)
}

// A protectedServer is an HTTP server behind warder. It is not safe for concurrent use,
// because send reads the log record of its own request.
type protectedServer struct {
	t      *testing.T
	res    *resource.Resource
	url    string
	client *http.Client // sends the requests
	logged *lockedBuffer
}

func newProtectedServer(t *testing.T, c resource.Config) *protectedServer {
	t.Helper()
	return startProtectedServer(t, c, (*httptest.Server).Start)
}

// startProtectedServer is newProtectedServer for a server that start starts.
func startProtectedServer(t *testing.T, c resource.Config, start func(*httptest.Server)) *protectedServer {
	t.Helper()
	return protect(t, c, http.HandlerFunc(whoami), start)
}

// protect is startProtectedServer for another handler. Without an Identifier in the configuration the
// resource is identifier.
func protect(t *testing.T, c resource.Config, handler http.Handler, start func(*httptest.Server)) *protectedServer {
	t.Helper()
	s := &protectedServer{t: t, client: http.DefaultClient, logged: &lockedBuffer{}}
	c.Identifier, c.Scopes = cmp.Or(c.Identifier, identifier), []string{"mcp:read"}
	c.Logger, c.Limits.LogPerSecond = slog.New(slog.NewJSONHandler(s.logged, nil)), -1 // send needs a record for each response
	var err error
	if s.res, err = resource.New(c); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nethttp.Handler(s.res, handler))
	start(server)
	t.Cleanup(server.Close)
	s.url = server.URL + "/mcp"
	return s
}

// jwtServer returns a protectedServer that verifies signatures of JWTs.
func (p *provider) jwtServer(t *testing.T, c jwks.Config) *protectedServer {
	t.Helper()
	return newProtectedServer(t, p.jwtConfig(t, c))
}

func (p *provider) jwtConfig(t *testing.T, c jwks.Config) resource.Config {
	t.Helper()
	c.Issuer, c.Logger = p.issuer, slog.New(slog.DiscardHandler)
	v, err := jwks.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return resource.Config{Limits: resource.Limits{Leeway: -1}, Issuers: []resource.Issuer{{Verifier: v}}}
}

// introspectionServer returns a protectedServer that calls the provider's introspection endpoint.
func (p *provider) introspectionServer(t *testing.T, c introspect.Config, issuer resource.Issuer) *protectedServer {
	t.Helper()
	return newProtectedServer(t, p.introspectionConfig(t, c, issuer))
}

func (p *provider) introspectionConfig(t *testing.T, c introspect.Config, issuer resource.Issuer) resource.Config {
	t.Helper()
	c.Issuer, c.Logger = p.issuer, slog.New(slog.DiscardHandler)
	v, err := introspect.New(c)
	if err != nil {
		t.Fatal(err)
	}
	issuer.Verifier = v
	return resource.Config{Limits: resource.Limits{Leeway: -1, MaxTokenBytes: (256 << 10)}, Opaque: &issuer}
}

func whoami(w http.ResponseWriter, req *http.Request) {
	caller, _ := resource.FromContext(req.Context())
	fmt.Fprintf(w, "sub=%q client=%q scope=%q", caller.Subject(), caller.ClientID(), strings.Join(caller.Scopes(), " "))
}

// Outcomes of send for accepted requests: with a token of the client itself and with a
// token of the user. An opaque token of a client has no sub; in a JWT the sub is the
// client's ID (RFC 9068 §2.2).
const (
	acceptedClient    = `200 sub="" client="app" scope="mcp:read"`
	acceptedClientJWT = `200 sub="app" client="app" scope="mcp:read"`
	acceptedUser      = `200 sub="alice" client="app" scope="mcp:read"`
)

// invalid returns the outcome of send for a rejected token.
func invalid(reason resource.Reason) string {
	return `401 error="invalid_token" (` + string(reason) + ")"
}

// unavailable returns the outcome of send if the token could not be verified.
func unavailable(reason resource.Reason) string { return "503 Retry-After (" + string(reason) + ")" }

var errorParameter = regexp.MustCompile(`^(?:Bearer|(DPoP )) ?resource_metadata="[^"]+", scope="mcp:read", (error="\w+")`)

// send sends a request with the token and returns the outcome in one line: for an accepted
// request the status and the body; for a rejected one the status, the challenge's error,
// whether Retry-After is set, and the reason in the log.
func (s *protectedServer) send(token string) string {
	s.t.Helper()
	return s.sendWith(http.Header{"Authorization": {"Bearer " + token}})
}

// sendWith is send for a request with other header fields. The outcome also has the scheme of the
// challenge if it is DPoP, and the name DPoP-Nonce if the response has the field.
func (s *protectedServer) sendWith(header http.Header) string {
	s.t.Helper()
	outcome, _ := s.sendForNonce(header)
	return outcome
}

// sendForNonce is sendWith, and also returns the nonce in the response (RFC 9449 §9).
func (s *protectedServer) sendForNonce(header http.Header) (outcome, nonce string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = header
	before := len(s.logged.String())
	res, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil {
		s.t.Fatal(err)
	}
	nonce = res.Header.Get("DPoP-Nonce")
	if res.StatusCode == http.StatusOK {
		return "200 " + body.String(), nonce
	}
	var record struct{ Reason string }
	if err := json.Unmarshal([]byte(s.logged.String()[before:]), &record); err != nil {
		s.t.Fatalf("log: %v\n%s", err, s.logged)
	}
	return describeRejection(res) + " (" + record.Reason + ")", nonce
}

// describeRejection returns the status of a response, the error in its challenges, and which header
// fields it has.
func describeRejection(res *http.Response) string {
	outcome := strconv.Itoa(res.StatusCode)
	for _, challenge := range res.Header.Values("WWW-Authenticate") {
		if found := errorParameter.FindStringSubmatch(challenge); found != nil {
			outcome += " " + found[1] + found[2]
		}
	}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		outcome += " Retry-After"
	}
	if res.Header.Get("DPoP-Nonce") != "" {
		outcome += " DPoP-Nonce"
	}
	return outcome
}

// repeatUntil calls send every 200 ms until the outcome is want or the limit has passed.
// It returns the distinct consecutive outcomes, joined by ", then ".
func (s *protectedServer) repeatUntil(want string, limit time.Duration, send func() string) string {
	s.t.Helper()
	var outcomes []string
	for end := time.Now().Add(limit); ; {
		outcome := send()
		if len(outcomes) == 0 || outcomes[len(outcomes)-1] != outcome {
			outcomes = append(outcomes, outcome)
		}
		if outcome == want || time.Now().After(end) {
			return strings.Join(outcomes, ", then ")
		}
		waitUntil(s.t.Context(), time.Now().Add(200*time.Millisecond))
	}
}

// eventually sends the token until the outcome is want, and returns the last outcome. If
// any earlier outcome is not 503 with Retry-After, it returns all outcomes: a valid token
// must never be reported as invalid.
func eventually(t *testing.T, s *protectedServer, want, token string) string {
	t.Helper()
	all := s.repeatUntil(want, timeout, func() string { return s.send(token) })
	outcomes := strings.Split(all, ", then ")
	for _, outcome := range outcomes[:len(outcomes)-1] {
		if !strings.HasPrefix(outcome, "503 Retry-After (") {
			return all
		}
	}
	return outcomes[len(outcomes)-1]
}
