package mcpsdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// callerServer is an MCP server behind warder that accepts tokens of two authorization servers.
// Its tool returns the caller.
type callerServer struct {
	issuer, second *resourcetest.Issuer
	url            string // of the MCP endpoint, and the identifier
	res            *resource.Resource
	calls          atomic.Int64 // executed tool calls
}

// observedCaller contains the caller's data as a tool receives it.
type observedCaller struct {
	Present    bool
	ID         string
	Subject    string
	ClientID   string
	TokenID    string
	Granted    []string
	UserID     string // this and the next two are from the TokenInfo
	Scopes     []string
	Expiration time.Time
	Header     http.Header // from the RequestExtra
}

func newCallerServer(t *testing.T, options mcp.StreamableHTTPOptions) *callerServer {
	t.Helper()
	s := &callerServer{issuer: resourcetest.Start(t), second: resourcetest.Start(t)}
	server := httptest.NewUnstartedServer(nil)
	s.url = "http://" + server.Listener.Addr().String() + "/mcp"
	s.res = newResource(t, resource.Config{
		Identifier:   s.url,
		Issuers:      []resource.Issuer{{Verifier: verifier(t, s.issuer)}, {Verifier: verifier(t, s.second)}},
		Scopes:       []string{"mcp:read"},
		ScopeOptions: resource.ScopeOptions{Implies: map[string][]string{"mcp:admin": {"mcp:read", "mcp:write"}}},
	})
	server.Config.Handler = mcpsdk.Handler(s.res, s.mcpHandler(options))
	server.Start()
	t.Cleanup(server.Close)
	return s
}

func newResource(t *testing.T, config resource.Config) *resource.Resource {
	t.Helper()
	config.Logger = slog.New(slog.DiscardHandler)
	res, err := resource.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func verifier(t *testing.T, issuer *resourcetest.Issuer) *jwks.Verifier {
	t.Helper()
	v, err := jwks.New(jwks.Config{Issuer: issuer.Identifier()})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// mcpHandler serves one tool, whoami, which returns an observedCaller as JSON.
func (s *callerServer) mcpHandler(options mcp.StreamableHTTPOptions) http.Handler {
	server := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "whoami"}, func(_ context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
		s.calls.Add(1)
		text, err := json.Marshal(observe(req.Extra))
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(text)}}}, nil, err
	})
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &options)
}

func observe(extra *mcp.RequestExtra) observedCaller {
	caller, ok := mcpsdk.CallerFrom(extra)
	if !ok {
		return observedCaller{}
	}
	info := extra.TokenInfo
	return observedCaller{
		Present: true, ID: caller.ID(), Subject: caller.Subject(), ClientID: caller.ClientID(), TokenID: caller.TokenID(),
		Granted: caller.Scopes(), UserID: info.UserID, Scopes: info.Scopes, Expiration: info.Expiration, Header: extra.Header,
	}
}

// tokenTransport is an http.RoundTripper that adds the current token to each request.
type tokenTransport struct{ token atomic.Value }

func (w *tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+w.token.Load().(string))
	return http.DefaultTransport.RoundTrip(req)
}

// connect opens a session with the SDK's client.
func (s *callerServer) connect(t *testing.T, w *tokenTransport) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: s.url, HTTPClient: &http.Client{Transport: w},
	}, nil)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _ = session.Close() }) // the server can already be closed
	return session
}

func callWhoami(t *testing.T, session *mcp.ClientSession) (caller observedCaller) {
	t.Helper()
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"})
	if err != nil {
		t.Fatalf("calling the tool: %v", err)
	}
	if err := json.Unmarshal([]byte(result.Content[0].(*mcp.TextContent).Text), &caller); err != nil {
		t.Fatal(err)
	}
	return caller
}

const (
	initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}`
	callTool   = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"whoami","arguments":{}}}`
)

// reply is a response whose body was read.
type reply struct {
	status int
	header http.Header
	body   string
}

// send sends a request without the SDK's client. header overrides the default headers.
func send(t *testing.T, method, url, body string, header http.Header) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for name, values := range header {
		req.Header[name] = values
	}
	client := http.Client{Timeout: 10 * time.Second} // for a stream that should have been rejected
	response, err := client.Do(req)
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

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
