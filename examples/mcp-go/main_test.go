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
	slog.SetDefault(slog.New(slog.DiscardHandler)) // refusals are what the tests are about
	os.Exit(m.Run())
}

// start runs the program on a free port and returns the URL that it prints.
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
	for seen := ""; ; {
		n, err := out.Read(printed)
		if seen += string(printed[:n]); err != nil {
			t.Fatalf("it printed %q and ended; %s", seen, &errs)
		}
		if found := regexp.MustCompile(`client:\n\n  (\S+)\n\n$`).FindStringSubmatch(seen); found != nil {
			go io.Copy(io.Discard, out)
			return found[1]
		}
	}
}

// connect is a client of mcp-go's, in a session of its own.
func connect(t *testing.T, url, token string) *client.Client {
	t.Helper()
	c, err := client.NewStreamableHttpClient(url, transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + token}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	var hello mcp.InitializeRequest
	hello.Params.ProtocolVersion = "2025-11-25"
	hello.Params.ClientInfo = mcp.Implementation{Name: "test", Version: "1"}
	if _, err := c.Initialize(t.Context(), hello); err != nil {
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
		tools  string // that are listed
		delete string // what comes of that
	}{
		{"a user", resourcetest.Token{}, "whoami", "error"},
		{"an administrator", resourcetest.Token{Subject: "root", Scope: "mcp:admin"}, "delete_everything whoami", "Everything is deleted. (Not really.)"},
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

// MCP, security best practices, "Session Hijacking": whoever has learned the id of a
// session can do nothing with it.
func TestStolenSession(t *testing.T) {
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
		missing  = `{"error_description":"Authorization is required"}` + "\n"
	)
	isAlice := `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"You are alice of ` + issuer.Identifier() + `."}]}}` + "\n"
	for _, row := range []struct {
		name, method, token, session string
		status                       int
		body                         string
	}{
		{"a tool call by another", "POST", token("mallory", ""), session, 404, notFound},
		{"a tool call by another with every scope", "POST", token("mallory", "mcp:admin"), session, 404, notFound},
		{"the stream by another", "GET", token("mallory", ""), session, 404, notFound},
		{"the end of it by another", "DELETE", token("mallory", ""), session, 404, notFound},
		{"without a token", "POST", "", session, 401, missing},
		{"the end of it without a token", "DELETE", "", session, 401, missing},
		{"a session that is none looks the same", "POST", token("mallory", ""), "mcp-session-00000000-0000-0000-0000-000000000000", 404, notFound},
		{"the owner, with the same token", "POST", alice, session, 200, isAlice},
		{"the owner, with a new token", "POST", token("alice", "more"), session, 200, isAlice},
		{"the end of it by the owner", "DELETE", alice, session, 200, ""},
		{"then it is gone", "POST", alice, session, 404, notFound},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // for a stream that should not have begun
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

func TestWrongFlags(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		want string // the first line begins so
	}{
		{"no issuer", nil, "mcp-go: -resource, -issuer: jwks: configuration: "},
		{"a resource that is no URL", []string{"-issuer", "https://auth.example", "-resource", "mcp"}, "mcp-go: -resource, -issuer: resource: configuration: Identifier: "},
		{"an unknown flag", []string{"-port", "1"}, "flag provided but not defined: -port"},
	} {
		var out, errs bytes.Buffer
		status := run(t.Context(), append([]string{"-listen", "127.0.0.1:0"}, row.args...), &out, &errs)
		if status != 2 || out.Len() > 0 || !strings.HasPrefix(errs.String(), row.want) {
			t.Errorf("%s: got status %d, output %q and\n     %s\nwant status 2, none and\n     %s...", row.name, status, &out, &errs, row.want)
		}
	}
}
