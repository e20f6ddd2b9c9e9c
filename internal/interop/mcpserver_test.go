package interop_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

// An mcpServer is an MCP server, built with the official Go SDK and protected by warder.
// Clients get nothing but its URL. The tool whoami requires mcp:read; the tool write
// requires mcp:write too.
type mcpServer struct {
	t        *testing.T
	url      string
	resource providerResource // as registered at the provider
	http     resource.HTTPOptions
	logged   *lockedBuffer

	document   atomic.Pointer[metadata.Document]
	mu         sync.Mutex
	lastCaller *resource.Caller // of the last tool call
	lastCall   time.Time
	revoked    map[string]bool // by token ID
}

// newMCPServer starts a server for the scenario and registers it at the provider.
func (p *provider) newMCPServer(t *testing.T, s scenario) *mcpServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mcpServer{t: t, url: "http://" + listener.Addr().String() + s.path, resource: s.resource, logged: &lockedBuffer{}, revoked: map[string]bool{}}
	m.place(s, p.issuer, "http://"+listener.Addr().String())
	m.resource.ID = m.url
	p.registerResource(m.resource)
	res := p.protectMCPServer(t, m, s)
	m.document.Store(new(res.Metadata()))
	server := mcp.NewServer(&mcp.Implementation{Name: "interop", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "whoami", Description: "Returns the caller."}, m.tool)
	mcp.AddTool(server, &mcp.Tool{Name: "write", Description: "Requires a further scope."}, m.tool)
	mcp.AddTool(server, &mcp.Tool{Name: "search", Description: "Does not need a caller."}, m.tool)
	streamable := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: s.stateless})
	web := &httptest.Server{Listener: listener, Config: &http.Server{Handler: m.withoutMetadata(s, mcpsdk.Handler(res, streamable)), ReadHeaderTimeout: timeout}}
	web.Start()
	t.Cleanup(func() {
		web.CloseClientConnections() // streams of killed clients
		web.Close()
		if t.Failed() {
			t.Logf("log of warder:\n%s", m.logged)
		}
	})
	return m
}

// place starts the proxy or the server for the metadata that the scenario needs. backend is the
// URL at which the MCP server listens.
func (m *mcpServer) place(s scenario, issuer, backend string) {
	m.t.Helper()
	switch s.name {
	case serverMetadataOnly:
		m.resource.DefaultFor = clientIDFor(m.url)
		var err error
		if m.http.ServerMetadata, err = metadata.NewServerHandler(metadata.ServerHandlerConfig{Issuer: issuer, Identifiers: []string{m.url}}); err != nil {
			m.t.Fatal(err)
		}
	case basePathRemoved:
		proxy := freeAddress(m.t)
		m.url, m.http.BasePath = proxy+s.path, basePath
		anyProxy(m.t, proxy, backend, true)
	case otherOrigin:
		elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(m.document.Load())
		}))
		m.t.Cleanup(elsewhere.Close)
		m.http.MetadataURL = elsewhere.URL + "/metadata.json"
	}
}

// withoutMetadata makes the metadata unavailable at the well-known path if clients should not
// find it there.
func (m *mcpServer) withoutMetadata(s scenario, next http.Handler) http.Handler {
	if s.name != otherOrigin && s.name != serverMetadataOnly {
		return next
	}
	mux := http.NewServeMux()
	mux.Handle("/.well-known/oauth-protected-resource/", http.NotFoundHandler())
	mux.Handle("/.well-known/oauth-protected-resource", http.NotFoundHandler())
	mux.Handle("/", next)
	return mux
}

// protectMCPServer returns the Resource of the server, with a verifier for the format of
// the provider's tokens.
func (p *provider) protectMCPServer(t *testing.T, m *mcpServer, s scenario) *resource.Resource {
	t.Helper()
	c := resource.Config{
		Identifier: m.url,
		HTTP:       m.http,
		Scopes:     []string{"mcp:read"},
		Operations: resource.Operations{Tools: map[string][]string{"write": {"mcp:write"}}},
		Hooks:      resource.Hooks{Revocations: resource.RevocationFunc(m.isRevoked)},

		ScopeOptions: resource.ScopeOptions{Challenge: s.scopes},
		Metadata:     metadata.Document{ScopesSupported: s.scopes},
		Credentials:  resource.Credentials{DPoP: s.dpop},
		Limits:       resource.Limits{Leeway: -1},
		Logger:       slog.New(slog.NewJSONHandler(m.logged, nil)),
	}
	if s.resource.Format == "opaque" {
		v, err := introspect.New(introspect.Config{Issuer: p.issuer, Auth: introspect.ClientAuth{ClientID: appID, ClientSecret: appSecret}, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		c.Opaque = &resource.Issuer{Verifier: v}
	} else {
		v, err := jwks.New(jwks.Config{Issuer: p.issuer, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		c.Issuers = []resource.Issuer{{Verifier: v}}
	}
	if s.name == publicTool {
		c.Operations.Stateless = true
		c.Operations.Public, c.Operations.PublicTools = []string{"initialize", "tools/list"}, []string{"search"}
	}
	res, err := resource.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// tool implements the tools. It returns the tool's name, the subject and the scopes.
func (m *mcpServer) tool(_ context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
	if req.Params.Name == "search" {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "search for anybody with "}}}, nil, nil
	}
	caller, ok := mcpsdk.CallerFrom(req.Extra)
	if !ok {
		return nil, nil, errors.New("no caller in the request")
	}
	m.mu.Lock()
	m.lastCaller, m.lastCall = caller, time.Now()
	m.mu.Unlock()
	text := req.Params.Name + " for " + caller.Subject() + " with " + strings.Join(caller.Scopes(), " ")
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
}

// revokeLast revokes the token of the last tool call before it expires.
func (m *mcpServer) revokeLast() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.revoked[m.lastCaller.TokenID()] = true
}

func (m *mcpServer) isRevoked(_ context.Context, caller *resource.Caller) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.revoked[caller.TokenID()], nil
}

// waitForExpiry waits until the token of the last tool call has expired, even for a client
// that measures the lifetime from the time it received the token.
func (m *mcpServer) waitForExpiry() {
	m.mu.Lock()
	end := m.lastCall.Add(time.Duration(m.resource.TTL) * time.Second)
	m.mu.Unlock()
	waitUntil(m.t.Context(), end)
}
