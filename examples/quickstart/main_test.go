package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// With QUICKSTART_MAIN set, the test binary runs the program itself.
func TestMain(m *testing.M) {
	if os.Getenv("QUICKSTART_MAIN") != "" {
		main()
	}
	slog.SetDefault(slog.New(slog.DiscardHandler)) // many tests cause rejections
	os.Exit(m.Run())
}

// The output is compared with testdata/transcript.txt, with placeholders for values that
// differ between runs.
func TestDemo(t *testing.T) {
	var out, errs bytes.Buffer
	var s *servers
	if status := run(t.Context(), []string{"-once"}, &out, &errs, func(given *servers) { s = given }); status != 0 || errs.Len() > 0 {
		t.Fatalf("got status %d and %q, want 0 and no error output\n%s", status, &errs, &out)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "transcript.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if got := withPlaceholders(out.String(), s); got != string(want) {
		t.Errorf("transcript: got\n%s\nwant\n%s", got, want)
	}
}

// withPlaceholders replaces the values that differ between runs.
func withPlaceholders(output string, s *servers) string {
	output = strings.NewReplacer(s.issuer.Identifier(), "http://AUTH", s.origin, "http://MCP").Replace(output)
	for _, r := range []struct{ pattern, with string }{
		{`http://127\.0\.0\.1:\d+/callback`, "http://CLIENT/callback"},
		{`iss=http%3A%2F%2F127.0.0.1%3A\d+`, "iss=AUTH"},
		{`client-\w{26}`, "client-ID"},
		{`state=\w{26}`, "state=STATE"},
		{`code_challenge = [\w-]{43}`, "code_challenge = CHALLENGE"},
		{`[\w-]{6}\.\.\.[\w-]{4}`, "SHORT"},
		{`scope = mcp:admin mcp:tools`, "scope = mcp:tools mcp:admin"}, // the SDK does not keep the order
		{`TOKEN=[\w-]+\.[\w-]+\.[\w-]+`, "TOKEN=JWT"},
	} {
		output = regexp.MustCompile(r.pattern).ReplaceAllString(output, r.with)
	}
	return output
}

// With -once the exit status reports a failed step, and the error names the step.
func TestDemoFailures(t *testing.T) {
	answer := func(scope string, token resourcetest.Token) func(*servers) {
		return func(s *servers) {
			if token.Audience == "" {
				token.Audience = s.url
			}
			body := `{"access_token":"` + s.issuer.Token(token) + `","token_type":"Bearer","expires_in":300,"scope":"` + scope + `"}`
			s.issuer.Fail(resourcetest.TokenEndpoint, resourcetest.Failure{Body: []byte(body)})
		}
	}
	status := func(endpoint resourcetest.Endpoint, code int) func(*servers) {
		return func(s *servers) { s.issuer.Fail(endpoint, resourcetest.Failure{Status: code}) }
	}
	tests := []struct {
		name    string
		prepare func(*servers)
		want    string // prefix of the error
	}{
		{"MCP server is stopped", func(s *servers) { s.stop(); s.served <- <-s.served }, "step 1: the client sent no request; the client reports: "},
		{"challenge names another URL", func(s *servers) { s.origin = "http://127.0.0.1:1" }, "step 1: WWW-Authenticate: got "},
		{"authorization server has no metadata", status(resourcetest.Metadata, 404), "step 3: got GET "},
		{"registration is forbidden", status(resourcetest.Registration, 403), "step 4: got POST "},
		{"authorization fails", status(resourcetest.Authorization, 500), "step 5: got GET "},
		{"token endpoint fails", status(resourcetest.TokenEndpoint, 500), "step 7: got POST "},
		{"token response grants more scopes", answer("mcp:tools mcp:admin", resourcetest.Token{Scope: "mcp:admin"}), `step 7: scope: got "mcp:tools mcp:admin", want "mcp:tools"`},
		{"token is for another server", answer("mcp:tools", resourcetest.Token{Audience: "https://other.example", Scope: "mcp:tools"}), "step 8: got POST "},
		{"keys are unavailable", status(resourcetest.JWKS, 500), "step 8: got POST "},
		{"token is for another user", answer("mcp:tools", resourcetest.Token{Subject: "bob", Scope: "mcp:tools"}), `step 9: tool result: got "You are bob of `},
		{"additional scope is not granted", answer("mcp:tools", resourcetest.Token{Scope: "mcp:tools"}), `step 16: scope: got "mcp:tools", want "mcp:admin mcp:tools"`},
		{"token has more scopes than the token response", answer("mcp:tools", resourcetest.Token{Scope: "mcp:tools mcp:admin"}), `step 9: tool result: got "You are alice of `},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkDemoFailure(t, []string{"-once"}, tt.prepare, tt.want)
		})
	}
}

// checkDemoFailure runs the program and compares the error with the prefix want.
func checkDemoFailure(t *testing.T, args []string, prepare func(*servers), want string) {
	t.Helper()
	var errs bytes.Buffer
	if status := run(t.Context(), args, io.Discard, &errs, prepare); status != 1 {
		t.Errorf("got status %d, want 1", status)
	}
	if got := strings.TrimPrefix(errs.String(), "\nquickstart: the demo failed: "); !strings.HasPrefix(got, want) {
		t.Errorf("error output:\n got %s\nwant %s...", got, want)
	}
}

func TestFlags(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		status int
	}{
		{"unknown flag", []string{"-twice"}, 2},
		{"argument that is not a flag", []string{"once"}, 2},
		{"help", []string{"-h"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if got := run(t.Context(), tt.args, &out, &errs, func(*servers) {}); got != tt.status || out.Len() > 0 || errs.Len() == 0 {
				t.Errorf("got status %d, output %q and error output %q, want status %d, no output and some error output", got, &out, &errs, tt.status)
			}
		})
	}
}

// The program is run as a separate process.
func TestExitStatus(t *testing.T) {
	for args, want := range map[string]int{"-once": 0, "-twice": 2} {
		command := exec.CommandContext(t.Context(), os.Args[0], args)
		command.Env = append(os.Environ(), "QUICKSTART_MAIN=1")
		if output, err := command.CombinedOutput(); command.ProcessState == nil || command.ProcessState.ExitCode() != want {
			t.Errorf("quickstart %s: got %v, want exit status %d\n%s", args, err, want, output)
		}
	}
}

// Ctrl-C during the demo is a failure of the demo.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var errs bytes.Buffer
	if status := run(ctx, []string{"-once"}, io.Discard, &errs, func(*servers) { cancel() }); status != 1 {
		t.Errorf("got status %d, want 1; %s", status, &errs)
	}
}
