package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/resource/resourcetest"
)

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
		if found := regexp.MustCompile(`(?s)client:\n\n  (\S+)\n\n$`).FindStringSubmatch(text); found != nil {
			go io.Copy(io.Discard, out)
			return found[1]
		}
	}
}

// bearer is a RoundTripper that adds the token to every request. An empty token is not
// added.
type bearer string

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	if b != "" {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+string(b))
	}
	return http.DefaultTransport.RoundTrip(req)
}

func get(t *testing.T, url, token string) (status int, challenge, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := bearer(token).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("WWW-Authenticate"), string(text)
}

func TestProgram(t *testing.T) {
	issuer := resourcetest.Start(t)
	url := start(t, "-issuer", issuer.Identifier())
	origin := strings.TrimSuffix(url, "/mcp")
	user := issuer.Token(resourcetest.Token{Audience: url})
	admin := issuer.Token(resourcetest.Token{Audience: url, Subject: "root", Scope: "mcp:admin"})

	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: url, HTTPClient: &http.Client{Transport: bearer(user)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := result.Content[0].(*mcp.TextContent).Text, "You are alice of "+issuer.Identifier()+"."; got != want {
		t.Errorf("whoami: got %q, want %q", got, want)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}

	bare := `Bearer resource_metadata="` + origin + `/.well-known/oauth-protected-resource/mcp"`
	const (
		missing = `{"error_description":"Authorization is required"}` + "\n"
		lacking = `"insufficient_scope", error_description="The access token lacks a scope that this request needs"`
		denied  = `{"error":"insufficient_scope","error_description":"The access token lacks a scope that this request needs"}` + "\n"
	)
	document := `{"resource":"` + url + `","authorization_servers":["` + issuer.Identifier() + `"],"scopes_supported":["mcp:admin"],"bearer_methods_supported":["header"]}`
	for _, row := range []struct {
		name, url, token string
		status           int
		challenge, body  string
	}{
		{"MCP server without a token", url, "", 401, bare, missing},
		{"admin route without a token", origin + "/admin/calls", "", 401, bare, missing},
		{"admin route without the scope", origin + "/admin/calls", user, 403, bare + `, scope="mcp:admin", error=` + lacking, denied},
		{"admin route with the scope", origin + "/admin/calls", admin, 200, "", `{"for":"root","whoami":1}` + "\n"},
		{"metadata", origin + "/.well-known/oauth-protected-resource/mcp", "", 200, "", document},
		{"metadata at the root", origin + "/.well-known/oauth-protected-resource", "", 200, "", document},
		{"route without a token", origin + "/healthz", "", 200, "", "ok\n"},
		{"unknown route", origin + "/x", "", 404, "", `{"message":"Not Found"}` + "\n"},
	} {
		status, challenge, body := get(t, row.url, row.token)
		if status != row.status || challenge != row.challenge || body != row.body {
			t.Errorf("%s:\n got %d %s %q\nwant %d %s %q", row.name, status, challenge, body, row.status, row.challenge, row.body)
		}
	}
}

func TestInvalidFlags(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		want string // prefix of the error output
	}{
		{"missing issuer", nil, "echo: -resource, -issuer, -allow-origin: jwks: configuration: "},
		{"issuer is not a URL", []string{"-issuer", "auth"}, "echo: -resource, -issuer, -allow-origin: jwks: configuration: "},
		{"resource is not a URL", []string{"-issuer", "https://auth.example", "-resource", "mcp"}, "echo: -resource, -issuer, -allow-origin: resource: configuration: Identifier: "},
		{"unknown flag", []string{"-port", "1"}, "flag provided but not defined: -port"},
	} {
		var out, errs bytes.Buffer
		status := run(t.Context(), append([]string{"-listen", "127.0.0.1:0"}, row.args...), &out, &errs)
		if status != 2 || out.Len() > 0 || !strings.HasPrefix(errs.String(), row.want) {
			t.Errorf("%s: got status %d, output %q and error output\n     %s\nwant status 2, no output and error output\n     %s...", row.name, status, &out, &errs, row.want)
		}
	}
}
