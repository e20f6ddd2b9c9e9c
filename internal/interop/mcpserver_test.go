package interop_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

// A home is an MCP server, made with the official Go SDK, behind warder: what a client
// is pointed at with nothing but its URL. Its tool whoami takes mcp:read, write takes
// mcp:write as well.
type home struct {
	t      *testing.T
	url    string
	target target // as the provider knows it
	logged *lockedBuffer

	mu      sync.Mutex
	last    *resource.Caller // who called a tool last
	came    time.Time        // when
	refused map[string]bool  // ids of tokens that are good no more
}

// newHome starts one for the situation.
func (p *provider) newHome(t *testing.T, s situation) *home {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &home{t: t, url: "http://" + listener.Addr().String() + s.path, target: s.target, logged: &lockedBuffer{}, refused: map[string]bool{}}
	h.target.ID = h.url
	p.resource(h.target)
	c := resource.Config{
		Identifier: h.url,
		Scopes:     []string{"mcp:read"},
		Operations: resource.Operations{Tools: map[string][]string{"write": {"mcp:write"}}},
		Revoked:    h.isRefused,

		ChallengeScopes: s.scopes,
		ScopesSupported: s.scopes,
		Leeway:          -1,
		Logger:          slog.New(slog.NewJSONHandler(h.logged, nil)),
	}
	if s.target.Format == "opaque" {
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
	res, err := resource.New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "home", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "whoami", Description: "Tells who calls."}, h.tool)
	mcp.AddTool(server, &mcp.Tool{Name: "write", Description: "Takes more."}, h.tool)
	streamable := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: s.stateless})
	web := &httptest.Server{Listener: listener, Config: &http.Server{Handler: mcpsdk.Handler(res, streamable), ReadHeaderTimeout: patience}}
	web.Start()
	t.Cleanup(func() {
		web.CloseClientConnections() // streams of clients that were killed
		web.Close()
		if t.Failed() {
			t.Logf("warder wrote:\n%s", h.logged)
		}
	})
	return h
}

// tool is both tools: it says who calls it.
func (h *home) tool(_ context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
	caller, ok := mcpsdk.CallerFrom(req.Extra)
	if !ok {
		return nil, nil, errors.New("no caller")
	}
	h.mu.Lock()
	h.last, h.came = caller, time.Now()
	h.mu.Unlock()
	text := req.Params.Name + " for " + caller.Subject() + " with " + strings.Join(caller.Scopes(), " ")
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
}

// refuse makes the token that came last one that is good no more, before its time.
func (h *home) refuse() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused[h.last.TokenID()] = true
}

func (h *home) isRefused(_ context.Context, caller *resource.Caller) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.refused[caller.TokenID()]
}

// waitForEnd waits until the token that came last has expired, also by the clock of a
// client that counts from when it got it.
func (h *home) waitForEnd() {
	h.mu.Lock()
	end := h.came.Add(time.Duration(h.target.TTL) * time.Second)
	h.mu.Unlock()
	pause(h.t.Context(), end)
}
