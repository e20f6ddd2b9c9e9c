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

func TestTools(t *testing.T) {
	issuer := resourcetest.Start(t)
	keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier()})
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example/mcp",
		Issuers:    []resource.Issuer{{Verifier: keys}},
		Implies:    map[string][]string{"root": {mcpserver.AdminScope}},
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(mcpserver.Handler(res))
	defer web.Close()
	tests := []struct {
		name  string
		tool  string
		token resourcetest.Token
		want  string // text and isError, as JSON
	}{
		{"a user asks for a name", "whoami", resourcetest.Token{Scope: "a b"}, `"text":"You are alice of ` + issuer.Identifier() + `; your token grants a b."}]`},
		{"a client without a subject asks for a name", "whoami", resourcetest.Token{ClientID: "robot", Claims: map[string]any{"sub": resourcetest.Remove}}, `"text":"You are the client robot of ` + issuer.Identifier() + `; your token grants no scope."}]`},
		{"deleting without the scope", "delete_everything", resourcetest.Token{Scope: "a"}, `"text":"delete_everything needs the scope mcp:admin; your token grants a"}],"isError":true`},
		{"deleting with the scope", "delete_everything", resourcetest.Token{Scope: "mcp:admin"}, `"text":"Everything is deleted. (Not really.)"}]`},
		{"deleting with a scope that implies it", "delete_everything", resourcetest.Token{Scope: "root"}, `"text":"Everything is deleted. (Not really.)"}]`},
		{"deleting with a scope that looks like it", "delete_everything", resourcetest.Token{Scope: "mcp:admin2 MCP:ADMIN"}, `"text":"delete_everything needs the scope mcp:admin; your token grants mcp:admin2 MCP:ADMIN"}],"isError":true`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.token.Audience = "https://mcp.example/mcp"
			body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tt.tool + `"}}`
			req, err := http.NewRequestWithContext(t.Context(), "POST", web.URL+"/mcp", strings.NewReader(body))
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
			if err != nil || response.StatusCode != 200 || !strings.Contains(string(got), tt.want) ||
				strings.Contains(string(got), "isError") != strings.Contains(tt.want, "isError") {
				t.Errorf("got %d %s, %v\nwant 200 and %s", response.StatusCode, got, err, tt.want)
			}
		})
	}
}

// What is under way when the end comes is answered; what comes later is not.
func TestServeEndsInOrder(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	arrived, goOn := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-goOn
		io.WriteString(w, "done")
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mcpserver.Serve(ctx, listener, handler) }()
	answered := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answered <- string(body)
	}()
	<-arrived
	cancel()
	for { // until the port is closed
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			break
		}
		conn.Close()
	}
	close(goOn)
	if got := <-answered; got != "done" {
		t.Errorf("the request under way: got %q, want %q", got, "done")
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

func TestServeFails(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if err := mcpserver.Serve(t.Context(), listener, http.NotFoundHandler()); err == nil {
		t.Error("Serve on a closed listener: got nil, want an error")
	}
}
