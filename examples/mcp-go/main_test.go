package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/warder-go/warder/resource/resourcetest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // many tests cause rejections
	os.Exit(m.Run())
}

// start runs the program on a free port and returns the URL that it prints. At the end
// of the test it interrupts the program and checks the exit status.
func start(t *testing.T, flags ...string) (url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	var errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		status := run(ctx, append([]string{"-listen", "127.0.0.1:0"}, flags...), in, &errs)
		in.Close()
		ended <- status
	}()
	t.Cleanup(func() {
		cancel()
		if status := <-ended; status != 0 {
			t.Errorf("after Ctrl-C: got status %d, want 0; %s", status, &errs)
		}
	})
	printed := make([]byte, 4096)
	for text := ""; ; {
		n, err := out.Read(printed)
		if text += string(printed[:n]); err != nil {
			t.Fatalf("the program exited; output %q, error output %q", text, &errs)
		}
		if found := regexp.MustCompile(`client:\n\n  (\S+)\n\n$`).FindStringSubmatch(text); found != nil {
			go io.Copy(io.Discard, out)
			return found[1]
		}
	}
}

// connect returns an mcp-go client with a new session.
func connect(t *testing.T, url, token string) *client.Client {
	t.Helper()
	c, err := client.NewStreamableHttpClient(url, transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + token}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	var initialize mcp.InitializeRequest
	initialize.Params.ProtocolVersion = "2025-11-25"
	initialize.Params.ClientInfo = mcp.Implementation{Name: "test", Version: "1"}
	if _, err := c.Initialize(t.Context(), initialize); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTools(t *testing.T) {
	issuer := resourcetest.Start(t)
	url := start(t, "-issuer", issuer.Identifier())
	call := func(c *client.Client, tool string) string {
		var req mcp.CallToolRequest
		req.Params.Name = tool
		result, err := c.CallTool(t.Context(), req)
		if err != nil {
			return "error"
		}
		return result.Content[0].(mcp.TextContent).Text
	}
	for _, row := range []struct {
		name   string
		token  resourcetest.Token
		tools  string // names in tools/list
		delete string // result of delete_everything
	}{
		{"user", resourcetest.Token{}, "whoami", "error"},
		{"administrator", resourcetest.Token{Subject: "root", Scope: "mcp:admin"}, "delete_everything whoami", "Everything is deleted. (Not really.)"},
	} {
		row.token.Audience = url
		c := connect(t, url, issuer.Token(row.token))
		want := "You are alice of " + issuer.Identifier() + "."
		if row.token.Subject != "" {
			want = strings.Replace(want, "alice", row.token.Subject, 1)
		}
		if got := call(c, "whoami"); got != want {
			t.Errorf("%s: whoami: got %q, want %q", row.name, got, want)
		}
		if got := call(c, "delete_everything"); got != row.delete {
			t.Errorf("%s: delete_everything: got %q, want %q", row.name, got, row.delete)
		}
		listed, err := c.ListTools(t.Context(), mcp.ListToolsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, tool := range listed.Tools {
			names = append(names, tool.Name)
		}
		if got := strings.Join(names, " "); got != row.tools {
			t.Errorf("%s: got tools %q, want %q", row.name, got, row.tools)
		}
	}
}

// A stolen session ID is useless to another user (MCP security best practices, "Session
// Hijacking").
func TestSessionOfAnotherUser(t *testing.T) {
	issuer := resourcetest.Start(t)
	url := start(t, "-issuer", issuer.Identifier())
	token := func(subject, scope string) string {
		return issuer.Token(resourcetest.Token{Audience: url, Subject: subject, Scope: scope})
	}
	alice := token("alice", "")
	session := connect(t, url, alice).GetSessionId()
	const (
		whoami   = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}`
		notFound = `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}` + "\n"
		missing  = `{"jsonrpc":"2.0","id":null,"error":{"code":401,"message":"Authorization is required. Log in, or configure the client with an access token for this server","data":{"error_description":"Authorization is required"}}}` + "\n"

		// GET and DELETE have no JSON-RPC error.
		notFoundObject = `{"error_description":"Session not found"}` + "\n"
		missingObject  = `{"error_description":"Authorization is required"}` + "\n"
	)
	isAlice := `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"You are alice of ` + issuer.Identifier() + `."}]}}` + "\n"
	for _, row := range []struct {
		name, method, token, session string
		status                       int
		body                         string
	}{
		{"tool call by another user", "POST", token("mallory", ""), session, 404, notFound},
		{"tool call by another user with every scope", "POST", token("mallory", "mcp:admin"), session, 404, notFound},
		{"stream by another user", "GET", token("mallory", ""), session, 404, notFoundObject},
		{"deletion by another user", "DELETE", token("mallory", ""), session, 404, notFoundObject},
		{"tool call without a token", "POST", "", session, 401, missing},
		{"deletion without a token", "DELETE", "", session, 401, missingObject},
		{"unknown session, same response", "POST", token("mallory", ""), "mcp-session-00000000-0000-0000-0000-000000000000", 404, notFound},
		{"owner with the same token", "POST", alice, session, 200, isAlice},
		{"owner with a new token", "POST", token("alice", "more"), session, 200, isAlice},
		{"deletion by the owner", "DELETE", alice, session, 200, ""},
		{"owner after deletion", "POST", alice, session, 404, notFound},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // ends a stream that should not have started
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, row.method, url, strings.NewReader(whoami))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{
			"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}, "Mcp-Session-Id": {row.session}, "Mcp-Protocol-Version": {"2025-11-25"},
		}
		if row.token != "" {
			req.Header.Set("Authorization", "Bearer "+row.token)
		}
		response, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != row.status || string(body) != row.body {
			t.Errorf("%s:\n got %d %q, %v\nwant %d %q", row.name, response.StatusCode, body, err, row.status, row.body)
		}
	}
}

func TestInvalidFlags(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		want string // prefix of the error output
	}{
		{"missing issuer", nil, "mcp-go: -resource, -issuer: jwks: configuration: "},
		{"resource is not a URL", []string{"-issuer", "https://auth.example", "-resource", "mcp"}, "mcp-go: -resource, -issuer: resource: configuration: Identifier: "},
		{"unknown flag", []string{"-port", "1"}, "flag provided but not defined: -port"},
	} {
		var out, errs bytes.Buffer
		status := run(t.Context(), append([]string{"-listen", "127.0.0.1:0"}, row.args...), &out, &errs)
		if status != 2 || out.Len() > 0 || !strings.HasPrefix(errs.String(), row.want) {
			t.Errorf("%s: got status %d, output %q and error output\n     %s\nwant status 2, no output and error output\n     %s...", row.name, status, &out, &errs, row.want)
		}
	}
}
