package mcpsdk_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// newProofServer is a callerServer whose tokens are bound to a key, with nonces, sessions and
// bound operations.
func newProofServer(t *testing.T) *callerServer {
	t.Helper()
	s := &callerServer{issuer: resourcetest.Start(t)}
	server := httptest.NewUnstartedServer(nil)
	s.url = "http://" + server.Listener.Addr().String() + "/mcp"
	s.res = newResource(t, resource.Config{
		Identifier:  s.url,
		Issuers:     []resource.Issuer{{Verifier: verifier(t, s.issuer)}},
		Credentials: resource.Credentials{DPoP: resource.DPoP{Tokens: resource.BindingAccepted, RequireNonce: true}},
		Operations:  resource.Operations{Bound: resource.BoundOperations{Tools: []string{"whoami"}}},
	})
	bound := nethttp.BindSessions(s.res, nethttp.SessionConfig{})
	server.Config.Handler = mcpsdk.Handler(s.res, bound(s.mcpHandler(mcp.StreamableHTTPOptions{})))
	server.Start()
	t.Cleanup(server.Close)
	return s
}

// The SDK's client needs only a transport that adds proofs. Sessions and streams work with it, and
// another key of the same user continues the session (MCP binds it to the user, not to the token).
func TestBridgeWithProofs(t *testing.T) {
	s := newProofServer(t)
	key, other := resourcetest.NewProofKey("ES256"), resourcetest.NewProofKey("EdDSA")
	token := func(k *resourcetest.ProofKey) string {
		return s.issuer.Token(resourcetest.Token{Audience: s.url, ProofKey: k})
	}
	first := token(key)
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: s.url,
		HTTPClient: &http.Client{Transport: key.Transport(http.DefaultTransport, func() string { return first })}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	for range 3 {
		caller := callWhoami(t, session)
		if caller.Subject != "alice" || caller.Header.Get("Authorization") != "" || caller.Header.Get("DPoP") != "" {
			t.Errorf("got %+v", caller)
		}
	}

	post := func(k *resourcetest.ProofKey, token string) reply {
		t.Helper()
		return sendWith(t, k.Transport(http.DefaultTransport, func() string { return token }), s.url, callTool, session.ID())
	}
	if got := post(other, token(other)); got.status != http.StatusOK {
		t.Errorf("another key of the same user: got %d %s", got.status, got.body)
	}
	if got := post(other, first); got.status != http.StatusUnauthorized || !strings.Contains(got.body, "bound to another key") {
		t.Errorf("the token with another key: got %d %s", got.status, got.body)
	}
	if got := send(t, http.MethodPost, s.url, callTool, bearer(token(nil))); got.status != http.StatusUnauthorized ||
		!strings.HasPrefix(got.header.Get("WWW-Authenticate"), "DPoP ") || !strings.Contains(got.body, "not bound to its client") {
		t.Errorf("a token that is not bound: got %d %s %s", got.status, got.header, got.body)
	}
}

// sendWith is send with a session and another transport.
func sendWith(t *testing.T, transport http.RoundTripper, url, body, session string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}, "Mcp-Session-Id": {session}}
	response, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(text)}
}

// Check reports bound operations that the server does not have.
func TestCheckReportsUnusedBoundOperations(t *testing.T) {
	issuer := resourcetest.Start(t)
	res := newResource(t, resource.Config{
		Identifier:  "http://127.0.0.1/mcp",
		Issuers:     []resource.Issuer{{Verifier: verifier(t, issuer)}},
		Credentials: resource.Credentials{DPoP: resource.DPoP{Tokens: resource.BindingAccepted}},
		Operations: resource.Operations{Bound: resource.BoundOperations{Tools: []string{"whoami", "whoamy"}, Prompts: []string{"p"},
			Methods: []string{"tools/cal"}, Resources: []resource.ResourcePattern{{URI: "file:///a"}}}},
	})
	server := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "whoami"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		return nil, nil, nil
	})
	const want = `mcpsdk: check: Operations.Bound.Methods["tools/cal"]: MCP has no such method; did you mean "tools/call"?
Operations.Bound.Tools[1]: the server has no such tool; did you mean "whoami"?
Operations.Bound.Prompts[0]: the server has no such prompt
Operations.Bound.Resources[0]: the server has no resource and no template that URI "file:///a" applies to`
	if err := mcpsdk.Check(t.Context(), res, server); err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// A bound operation counts as named by a rule, also if it is a template.
func TestCheckKnowsBoundTemplates(t *testing.T) {
	issuer := resourcetest.Start(t)
	res := newResource(t, resource.Config{
		Identifier:  "http://127.0.0.1/mcp",
		Issuers:     []resource.Issuer{{Verifier: verifier(t, issuer)}},
		Credentials: resource.Credentials{DPoP: resource.DPoP{Tokens: resource.BindingAccepted}},
		Operations: resource.Operations{Undeclared: resource.DenyUndeclared,
			Bound: resource.BoundOperations{Resources: []resource.ResourcePattern{{Template: "db://{table}/{id}"}}}},
	})
	server := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	server.AddResourceTemplate(&mcp.ResourceTemplate{Name: "row", URITemplate: "db://{table}/{id}"},
		func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) { return nil, nil })
	if err := mcpsdk.Check(t.Context(), res, server); err != nil {
		t.Error(err)
	}
}
