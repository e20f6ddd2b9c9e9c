package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// The output is compared with testdata/transcript-dpop.txt. With -opaque it differs in one line.
func TestDPoPDemo(t *testing.T) {
	transcript, err := os.ReadFile(filepath.Join("testdata", "transcript-dpop.txt"))
	if err != nil {
		t.Fatal(err)
	}
	const byKeys, byIntrospection = "warder fetched the issuer's keys, verified the token and", "warder introspected the token at the issuer and"
	if strings.Count(string(transcript), byKeys) != 1 {
		t.Fatalf("the transcript does not contain %q exactly once", byKeys)
	}
	for _, row := range []struct{ name, flags, want string }{
		{"JWTs", "-once -dpop", string(transcript)},
		{"opaque tokens", "-once -dpop -opaque", strings.Replace(string(transcript), byKeys, byIntrospection, 1)},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			var s *servers
			if status := run(t.Context(), strings.Fields(row.flags), &out, &errs, func(given *servers) { s = given }); status != 0 || errs.Len() > 0 {
				t.Fatalf("got status %d and %q, want 0 and no error output\n%s", status, &errs, &out)
			}
			if got := withPlaceholders(out.String(), s); got != row.want {
				t.Errorf("transcript: got\n%s\nwant\n%s", got, row.want)
			}
		})
	}
}

func TestDPoPDemoFailures(t *testing.T) {
	answer := func(kind string, token resourcetest.Token) func(*servers) {
		return func(s *servers) {
			token.Audience, token.Scope = s.url, basicScope
			body := `{"access_token":"` + s.issuer.Token(token) + `","token_type":"` + kind + `","expires_in":300,"scope":"` + basicScope + `"}`
			s.issuer.Fail(resourcetest.TokenEndpoint, resourcetest.Failure{Body: []byte(body)})
		}
	}
	for _, row := range []struct {
		name, flags string
		prepare     func(*servers)
		want        string // prefix of the error
	}{
		{"MCP server accepts bearer tokens", "-once", func(s *servers) { s.dpop = true }, `step 1: WWW-Authenticate: got "Bearer `},
		{"MCP server requires DPoP, client has none", "-once -dpop", func(s *servers) { s.dpop = false }, `step 1: WWW-Authenticate: got "DPoP `},
		{"authorization server ignores the proof", "-once -dpop", answer("Bearer", resourcetest.Token{}), "step 8: got POST "},
		{"token is bound to another key", "-once -dpop", answer("DPoP", resourcetest.Token{ProofKey: resourcetest.NewProofKey("")}), "step 8: got POST "},
	} {
		t.Run(row.name, func(t *testing.T) {
			checkDemoFailure(t, strings.Fields(row.flags), row.prepare, row.want)
		})
	}
}

// The instructions have no command with a token. The other commands work.
func TestDPoPInstructions(t *testing.T) {
	export, curls := printedCommands(t, []string{"-dpop"}, "instructions-dpop.txt")
	checkCommands(t, export, curls, []string{
		`^HTTP/1.1 401 Unauthorized\r\n(.*\r\n)*Www-Authenticate: DPoP resource_metadata="http://127.0.0.1:\d+/.well-known/oauth-protected-resource/mcp", scope="mcp:tools", algs="ES256 `,
		`^\{"resource":"http://127.0.0.1:\d+/mcp",.*"dpop_bound_access_tokens_required":true`,
		// The demo's seven requests to the MCP endpoint and the one above.
		`^warder_decisions_total\{reason="",resource="http://127.0.0.1:\d+/mcp",result="accepted"\} 3\n` +
			`warder_decisions_total\{reason="dpop_replayed",resource="http://127.0.0.1:\d+/mcp",result="denied"\} 1\n` +
			`warder_decisions_total\{reason="dpop_scheme",resource="http://127.0.0.1:\d+/mcp",result="denied"\} 1\n` +
			`warder_decisions_total\{reason="insufficient_scope",resource="http://127.0.0.1:\d+/mcp",result="denied"\} 1\n` +
			`warder_decisions_total\{reason="missing_credentials",resource="http://127.0.0.1:\d+/mcp",result="denied"\} 2\n$`,
	})
}

// roundTrip is a RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// RFC 9449 §5 and §7.1: token requests have a proof, and requests with a token have the scheme
// DPoP and a proof. Other requests are unchanged.
func TestProofTransport(t *testing.T) {
	for _, row := range []struct {
		name, method, contentType, authorization string
		want                                     string // Authorization, and whether there is a proof
	}{
		{"request with a token", "POST", "application/json", "Bearer t", "DPoP t true"},
		{"GET with a token", "GET", "", "Bearer t", "DPoP t true"},
		{"token request", "POST", "application/x-www-form-urlencoded", "", " true"},
		{"token request with a client secret", "POST", "application/x-www-form-urlencoded", "Basic Og==", "Basic Og== true"},
		{"registration", "POST", "application/json", "", " false"},
		{"metadata", "GET", "", "", " false"},
	} {
		got := ""
		response := &http.Response{Header: http.Header{"Www-Authenticate": {`DPoP scope="a"`, "Basic", "DPoPx"}}}
		transport := newProofTransport(roundTrip(func(req *http.Request) (*http.Response, error) {
			got = fmt.Sprint(req.Header.Get("Authorization"), " ", req.Header.Get("DPoP") != "")
			return response, nil
		}))
		req := &http.Request{Method: row.method, URL: &url.URL{Scheme: "http", Host: "h", Path: "/p"}, Header: http.Header{"Authorization": {row.authorization}, "Content-Type": {row.contentType}}}
		returned, err := transport.RoundTrip(req)
		if err != nil || returned != response || got != row.want {
			t.Errorf("%s: got %q and %v, want %q", row.name, got, err, row.want)
		}
		if got := strings.Join(response.Header["Www-Authenticate"], "|"); got != `Bearer scope="a"|Basic|DPoPx` {
			t.Errorf("%s: challenges: got %q", row.name, got)
		}
		if req.Header.Get("Authorization") != row.authorization || req.Header.Get("DPoP") != "" {
			t.Errorf("%s: the client's request was modified: %v", row.name, req.Header)
		}
	}
}

func TestProofTransportError(t *testing.T) {
	want := errors.New("no connection")
	response, err := newProofTransport(roundTrip(func(*http.Request) (*http.Response, error) { return nil, want })).RoundTrip(&http.Request{Header: http.Header{}})
	if response != nil || !errors.Is(err, want) {
		t.Errorf("got %v and %v, want %v", response, err, want)
	}
}

// Without a successful request there is nothing to steal.
func TestRepeatWithoutRequest(t *testing.T) {
	traffic := recorder{exchanges: []*exchange{{method: "GET", url: &url.URL{}, status: http.StatusUnauthorized}}}
	if err := traffic.repeat(func(http.Header) {})(t.Context()); err == nil || err.Error() != "no request to repeat" {
		t.Errorf("got %v", err)
	}
}
