package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

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
			t.Fatalf("the program exited; output %q", text)
		}
		if found := regexp.MustCompile(`(?s)client:\n\n  (\S+)\n.*: http://(\S+)/metrics .*\n$`).FindStringSubmatch(text); found != nil {
			go io.Copy(io.Discard, out)
			return strings.Replace(found[1], "https://mcp.example", "http://"+found[2], 1)
		}
	}
}

// get returns the status and the body of a GET request. With a token it calls the tool
// whoami instead.
func get(t *testing.T, url, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Method = "POST"
		req.Body = io.NopCloser(strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}`))
		req.Header = http.Header{
			"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"},
		}
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestServer(t *testing.T) {
	issuer := resourcetest.Start(t)
	_, keys := get(t, issuer.URL(resourcetest.JWKS), "")
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, []byte(keys), 0o600); err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name   string
		flags  []string
		token  resourcetest.Token // default audience: the printed URL
		status int
	}{
		{"keys from discovery", nil, resourcetest.Token{}, 200},
		{"keys from a URL", []string{"-jwks", issuer.URL(resourcetest.JWKS)}, resourcetest.Token{}, 200},
		{"keys from a file", []string{"-jwks", file}, resourcetest.Token{}, 200},
		{"token for another server", nil, resourcetest.Token{Audience: "https://other.example/mcp"}, 401},
		{"public URL, token for it", []string{"-resource", public}, resourcetest.Token{Audience: public}, 200},
		{"public URL, token for the listener's address", []string{"-resource", public}, resourcetest.Token{}, 401},
		{"token for an additional audience", []string{"-audience", "api://one,api://two"}, resourcetest.Token{Audience: "api://two"}, 200},
		{"token with all scopes", []string{"-scopes", "mcp:tools mcp:more"}, resourcetest.Token{Scope: "mcp:more mcp:tools"}, 200},
		{"token with all scopes of the tool", []string{"-tool-scopes", "whoami=mcp:who,whoami=mcp:me"}, resourcetest.Token{Scope: "mcp:me mcp:who"}, 200},
		{"token with one scope of the tool", []string{"-tool-scopes", "whoami=mcp:who,whoami=mcp:me"}, resourcetest.Token{Scope: "mcp:me"}, 403},
		{"token with one of the scopes", []string{"-scopes", "mcp:tools,mcp:more"}, resourcetest.Token{Scope: "mcp:tools"}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url := start(t, append(tt.flags, "-issuer", issuer.Identifier())...)
			if tt.token.Audience == "" {
				tt.token.Audience = url
			}
			status, body := get(t, url, issuer.Token(tt.token))
			if status != tt.status || status == 200 != strings.Contains(body, "You are alice of "+issuer.Identifier()) {
				t.Errorf("got status %d and %q, want status %d", status, body, tt.status)
			}
		})
	}
}

func TestOperatorEndpoints(t *testing.T) {
	issuer := resourcetest.Start(t)
	url := start(t, "-issuer", issuer.Identifier())
	origin := strings.TrimSuffix(url, "/mcp")
	valid := issuer.Token(resourcetest.Token{Audience: url})
	for token, want := range map[string]int{"": 401, valid: 200, issuer.Token(resourcetest.Token{Audience: "other"}): 401} {
		if status, _ := get(t, url, token); status != want {
			t.Fatalf("got status %d, want %d", status, want)
		}
	}
	status, body := get(t, origin+"/metrics", "")
	if status != 200 {
		t.Errorf("/metrics: got status %d, want 200", status)
	}
	for _, want := range []string{
		`warder_decisions_total{reason="",resource="` + url + `",result="accepted"} 1`,
		`warder_decisions_total{reason="missing_credentials",resource="` + url + `",result="denied"} 1`,
		`warder_decisions_total{reason="audience",resource="` + url + `",result="denied"} 1`,
		`warder_keyset_fetches_total{issuer="` + issuer.Identifier() + `",outcome="ok",resource="` + url + `"} 1`,
	} {
		if !strings.Contains(body, "\n"+want+"\n") {
			t.Errorf("/metrics: got\n%s\nwant a line %s", body, want)
		}
	}
	for _, page := range []string{"/healthz", "/readyz"} {
		if status, body := get(t, origin+page, ""); status != 200 || body != "ok\n" {
			t.Errorf("%s: got %d %q, want 200 and ok", page, status, body)
		}
	}
}

// If the authorization server is down, the server starts and is not ready.
func TestNotReady(t *testing.T) {
	issuer := resourcetest.Start(t)
	issuer.Fail(resourcetest.Any, resourcetest.Failure{Status: 500})
	url := start(t, "-issuer", issuer.Identifier())
	for page, want := range map[string]int{"/healthz": 200, "/readyz": 503} {
		if status, body := get(t, strings.TrimSuffix(url, "/mcp")+page, ""); status != want || strings.Contains(body, issuer.Identifier()) {
			t.Errorf("%s: got %d %q, want %d and no address", page, status, body, want)
		}
	}
}

func TestInvalidFlags(t *testing.T) {
	const issuer = "https://auth.example"
	tests := []struct {
		name string
		args []string
		want string // prefix of the error output
	}{
		{"missing issuer", nil, "server: -issuer is missing: set the URL of your authorization server, equal to iss in its tokens"},
		{"issuer is not a URL", []string{"-issuer", "auth"}, `server: -issuer, -jwks: jwks: configuration: metadata: `},
		{"http issuer", []string{"-issuer", "http://auth.example"}, `server: -issuer, -jwks: jwks: configuration: metadata: `},
		{"resource is not a URL", []string{"-issuer", issuer, "-resource", "mcp"}, "server: -resource, -scopes, -tool-scopes, -audience, -allow-origin: resource: configuration: Identifier: "},
		{"address that is not loopback, without -resource", []string{"-issuer", issuer, "-listen", ":0"}, "server: -resource is missing: "},
		{"invalid scope", []string{"-issuer", issuer, "-scopes", `a"b`}, `server: -resource, -scopes, -tool-scopes, -audience, -allow-origin: resource: configuration: Scopes: "a\"b" is not a scope: `},
		{"origin with a path", []string{"-issuer", issuer, "-allow-origin", "http://localhost:6274/"}, `server: -resource, -scopes, -tool-scopes, -audience, -allow-origin: resource: configuration: HTTP.Origins[0]: `},
		{"tool without a scope", []string{"-issuer", issuer, "-tool-scopes", "whoami"}, `server: -tool-scopes: "whoami" is not of the form TOOL=SCOPE`},
		{"unknown tool", []string{"-issuer", issuer, "-tool-scopes", "whoareyou=a whoami=a"}, `server: -tool-scopes, -config: mcpsdk: check: Operations.Tools["whoareyou"]: the server has no such tool`},
		{"unknown flag", []string{"-port", "1"}, "flag provided but not defined: -port"},
		{"argument that is not a flag", []string{"-issuer", issuer, "serve"}, `server: unexpected argument "serve": only flags are accepted`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			status := run(t.Context(), append([]string{"-listen", "127.0.0.1:0"}, tt.args...), &out, &errs)
			if status != 2 || out.Len() > 0 || !strings.HasPrefix(errs.String(), tt.want) {
				t.Errorf("got status %d, output %q and error output\n     %s\nwant status 2, no output and error output\n     %s...", status, &out, &errs, tt.want)
			}
		})
	}
}
