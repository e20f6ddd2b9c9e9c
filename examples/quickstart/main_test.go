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

// The test binary is the program itself when it is told so.
func TestMain(m *testing.M) {
	if os.Getenv("QUICKSTART_MAIN") != "" {
		main()
	}
	slog.SetDefault(slog.New(slog.DiscardHandler)) // refusals are what some tests are about
	os.Exit(m.Run())
}

func untouched(*stage) {}

// The whole transcript, with what differs from run to run replaced.
func TestStory(t *testing.T) {
	var out, errs bytes.Buffer
	var s *stage
	if status := run(t.Context(), []string{"-once"}, &out, &errs, func(given *stage) { s = given }); status != 0 || errs.Len() > 0 {
		t.Fatalf("got status %d and %q, want 0 and nothing\n%s", status, &errs, &out)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "transcript.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if got := steady(out.String(), s); got != string(want) {
		t.Errorf("transcript: got\n%s\nwant\n%s", got, want)
	}
}

func steady(transcript string, s *stage) string {
	transcript = strings.NewReplacer(s.issuer.Identifier(), "http://AUTH", s.origin, "http://MCP").Replace(transcript)
	for _, r := range []struct{ pattern, with string }{
		{`http://127\.0\.0\.1:\d+/callback`, "http://CLIENT/callback"},
		{`iss=http%3A%2F%2F127.0.0.1%3A\d+`, "iss=AUTH"},
		{`client-\w{26}`, "client-ID"},
		{`state=\w{26}`, "state=STATE"},
		{`code_challenge = [\w-]{43}`, "code_challenge = CHALLENGE"},
		{`[\w-]{6}\.\.\.[\w-]{4}`, "SHORT"},
		{`scope = mcp:admin mcp:tools`, "scope = mcp:tools mcp:admin"}, // the SDK's order changes
		{`TOKEN=[\w-]+\.[\w-]+\.[\w-]+`, "TOKEN=JWT"},
	} {
		transcript = regexp.MustCompile(r.pattern).ReplaceAllString(transcript, r.with)
	}
	return transcript
}

// -once must tell by its exit status that a step went otherwise, and say which.
func TestStoryGoesOtherwise(t *testing.T) {
	answer := func(scope string, token resourcetest.Token) func(*stage) {
		return func(s *stage) {
			if token.Audience == "" {
				token.Audience = s.url
			}
			body := `{"access_token":"` + s.issuer.Token(token) + `","token_type":"Bearer","expires_in":300,"scope":"` + scope + `"}`
			s.issuer.Fail(resourcetest.TokenEndpoint, resourcetest.Failure{Body: []byte(body)})
		}
	}
	status := func(endpoint resourcetest.Endpoint, code int) func(*stage) {
		return func(s *stage) { s.issuer.Fail(endpoint, resourcetest.Failure{Status: code}) }
	}
	tests := []struct {
		name  string
		spoil func(*stage)
		want  string // beginning of what it says
	}{
		{"the MCP server is gone", func(s *stage) { s.end(); s.ended <- <-s.ended }, "step 1: nothing was sent; the client says: "},
		{"the challenge names another place", func(s *stage) { s.origin = "http://127.0.0.1:1" }, "step 1: WWW-Authenticate: got "},
		{"no metadata at the authorization server", status(resourcetest.Metadata, 404), "step 3: got GET "},
		{"registration is closed", status(resourcetest.Registration, 403), "step 4: got POST "},
		{"the user does not get in", status(resourcetest.Authorization, 500), "step 5: got GET "},
		{"no token is issued", status(resourcetest.TokenEndpoint, 500), "step 7: got POST "},
		{"the token grants more", answer("mcp:tools mcp:admin", resourcetest.Token{Scope: "mcp:admin"}), `step 7: scope: got "mcp:tools mcp:admin", want "mcp:tools"`},
		{"the token is for another server", answer("mcp:tools", resourcetest.Token{Audience: "https://other.example", Scope: "mcp:tools"}), "step 8: got POST "},
		{"the keys can't be had", status(resourcetest.JWKS, 500), "step 8: got POST "},
		{"the token is another user's", answer("mcp:tools", resourcetest.Token{Subject: "bob", Scope: "mcp:tools"}), `step 9: tool answer: got "You are bob of `},
		{"the user does not grant more", answer("mcp:tools", resourcetest.Token{Scope: "mcp:tools"}), `step 16: scope: got "mcp:tools", want "mcp:admin mcp:tools"`},
		{"the token grants more than it says", answer("mcp:tools", resourcetest.Token{Scope: "mcp:tools mcp:admin"}), `step 9: tool answer: got "You are alice of `},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var errs bytes.Buffer
			if status := run(t.Context(), []string{"-once"}, io.Discard, &errs, tt.spoil); status != 1 {
				t.Errorf("got status %d, want 1", status)
			}
			if said := strings.TrimPrefix(errs.String(), "\nquickstart: the story went otherwise than told: "); !strings.HasPrefix(said, tt.want) {
				t.Errorf("it says\n got %s\nwant %s...", said, tt.want)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		status int
	}{
		{"an unknown flag", []string{"-twice"}, 2},
		{"a word", []string{"once"}, 2},
		{"help", []string{"-h"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if got := run(t.Context(), tt.args, &out, &errs, untouched); got != tt.status || out.Len() > 0 || errs.Len() == 0 {
				t.Errorf("got status %d, output %q and %q, want status %d, none and some", got, &out, &errs, tt.status)
			}
		})
	}
}

// The program, as started from a shell.
func TestExitStatus(t *testing.T) {
	for args, want := range map[string]int{"-once": 0, "-twice": 2} {
		command := exec.CommandContext(t.Context(), os.Args[0], args)
		command.Env = append(os.Environ(), "QUICKSTART_MAIN=1")
		if output, err := command.CombinedOutput(); command.ProcessState == nil || command.ProcessState.ExitCode() != want {
			t.Errorf("quickstart %s: got %v, want exit status %d\n%s", args, err, want, output)
		}
	}
}

// Ctrl-C in the middle of the story is not the story as told.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var errs bytes.Buffer
	if status := run(ctx, []string{"-once"}, io.Discard, &errs, func(*stage) { cancel() }); status != 1 {
		t.Errorf("got status %d, want 1; %s", status, &errs)
	}
}
