package mcpserver_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/examples/internal/mcpserver"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func protect(t *testing.T, rules resource.Operations) (*resourcetest.Issuer, *resource.Resource) {
	t.Helper()
	issuer := resourcetest.Start(t)
	keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier()})
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier:   "https://mcp.example/mcp",
		Issuers:      []resource.Issuer{{Verifier: keys}},
		ScopeOptions: resource.ScopeOptions{Implies: map[string][]string{"root": {mcpserver.AdminScope}}},
		Operations:   rules,
	})
	if err != nil {
		t.Fatal(err)
	}
	return issuer, res
}

func TestTools(t *testing.T) {
	issuer, res := protect(t, mcpserver.Rules())
	handler, err := mcpserver.Handler(t.Context(), res)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(handler)
	defer web.Close()
	const (
		whoami  = `"method":"tools/call","params":{"name":"whoami"}`
		removal = `"method":"tools/call","params":{"name":"delete_everything"}`
		list    = `"method":"tools/list"`
		lacks   = `"message":"The access token lacks a scope that this request needs. Log in again and grant all of these scopes: mcp:admin"`
		deleted = `"text":"Everything is deleted. (Not really.)"}]`
	)
	tests := []struct {
		name   string
		body   string
		token  resourcetest.Token
		status int
		want   string // part of the response body
	}{
		{"whoami with a subject", whoami, resourcetest.Token{Scope: "a b"}, 200, `"text":"You are alice of ` + issuer.Identifier() + `; your token grants a b."}]`},
		{"whoami without a subject", whoami, resourcetest.Token{ClientID: "robot", Claims: map[string]any{"sub": resourcetest.Remove}}, 200, `"text":"You are the client robot of ` + issuer.Identifier() + `; your token grants no scope."}]`},
		{"delete_everything without the scope", removal, resourcetest.Token{Scope: "a"}, 403, lacks},
		{"delete_everything with the scope", removal, resourcetest.Token{Scope: "mcp:admin"}, 200, deleted},
		{"delete_everything with a scope that implies it", removal, resourcetest.Token{Scope: "root"}, 200, deleted},
		{"delete_everything with similar scopes", removal, resourcetest.Token{Scope: "mcp:admin2 MCP:ADMIN"}, 403, lacks},
		{"tools/list without the scope", list, resourcetest.Token{Scope: "a"}, 200, `"tools":[{"description":"Returns the identity of the caller, as stated in the access token.","inputSchema":{"type":"object","additionalProperties":false},"name":"whoami"}]`},
		{"tools/list with the scope", list, resourcetest.Token{Scope: "mcp:admin"}, 200, `"name":"delete_everything"},{`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.token.Audience = "https://mcp.example/mcp"
			req, err := http.NewRequestWithContext(t.Context(), "POST", web.URL+"/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,`+tt.body+`}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header = http.Header{
				"Authorization": {"Bearer " + issuer.Token(tt.token)}, "Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"},
			}
			response, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			got, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != tt.status || !strings.Contains(string(got), tt.want) {
				t.Errorf("got %d %s, %v\nwant %d and %s", response.StatusCode, got, err, tt.status, tt.want)
			}
		})
	}
}

// A rule for a tool that the server does not have is reported at start.
func TestRuleForUnknownTool(t *testing.T) {
	_, res := protect(t, resource.Operations{Tools: map[string][]string{"delete_anything": {mcpserver.AdminScope}}})
	const want = `mcpsdk: check: Operations.Tools["delete_anything"]: the server has no such tool`
	if handler, err := mcpserver.Handler(t.Context(), res); handler != nil || err == nil || err.Error() != want {
		t.Errorf("got %v, %v, want %s", handler, err, want)
	}
}

// On shutdown, requests in flight are completed and new connections are rejected.
func TestGracefulShutdown(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	received, proceed := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(received)
		<-proceed
		io.WriteString(w, "done")
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mcpserver.Serve(ctx, listener, handler) }()
	responses := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			responses <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		responses <- string(body)
	}()
	<-received
	cancel()
	for { // wait until the port is closed
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			break
		}
		conn.Close()
	}
	close(proceed)
	if got := <-responses; got != "done" {
		t.Errorf("request in flight: got %q, want %q", got, "done")
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

func TestServeOnClosedListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if err := mcpserver.Serve(t.Context(), listener, http.NotFoundHandler()); err == nil {
		t.Error("Serve on a closed listener: got nil, want an error")
	}
}
