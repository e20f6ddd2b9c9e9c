package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/check"
	"github.com/warder-go/warder/resource/resourcetest"
)

// configFile writes a configuration for an issuer, with additional lines.
func configFile(t *testing.T, issuer *resourcetest.Issuer, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a.yaml")
	text := "authorization:\n  issuer_url: " + issuer.Identifier() + "\n  resource_server_url: https://mcp.example/mcp\n" + strings.Join(lines, "\n")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// The exit status is 0 without errors, 1 with an error, and 2 for an invalid file. With -strict, it
// is 1 for a warning too.
func TestCheckStatus(t *testing.T) {
	issuer := resourcetest.Start(t, resourcetest.Config{ScopesSupported: []string{"mcp:read"}})
	warning := configFile(t, issuer, "  required_scopes: [mcp:other]")
	for _, row := range []struct {
		name string
		args []string
		want int
	}{
		{"right", []string{"-config", configFile(t, issuer)}, 0},
		{"right, strict", []string{"-config", configFile(t, issuer), "-strict"}, 0},
		{"a warning", []string{"-config", warning}, 0},
		{"a warning, strict", []string{"-config", warning, "-strict"}, 1},
		{"an error", []string{"-config", configFile(t, issuer, "  algorithms: [RS256]")}, 1},
		{"an error, as JSON", []string{"-config", configFile(t, issuer, "  algorithms: [RS256]"), "-json"}, 1},
		{"switched off", []string{"-config", configFile(t, issuer, "  enabled: false")}, 1},
		{"invalid", []string{"-config", configFile(t, issuer, "  x: y")}, 2},
		{"missing", []string{"-config", filepath.Join(t.TempDir(), "missing.yaml")}, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := runWith(t, "", append([]string{"check"}, row.args...)...)
			if got.status != row.want || got.out == "" || got.errs != "" {
				t.Errorf("got %+v, want status %d and a report on standard output", got, row.want)
			}
		})
	}
}

// A mistake in the arguments has no report.
func TestCheckArguments(t *testing.T) {
	file := configFile(t, resourcetest.Start(t))
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, in string
		args     []string
		want     string
	}{
		{"no file", "", nil, `Required flag "config" not set`},
		{"an empty token", "\n", []string{"-config", file, "-token", "-"}, "check: -token: standard input is empty"},
		{"a long token", strings.Repeat("a", 70_000), []string{"-config", file, "-token", "-"}, "check: -token: standard input has more than 65536 bytes"},
		{"a token with its scheme", "Bearer abc", []string{"-config", file, "-token", "-"}, "check: Token: is not one access token: write the token alone, without Bearer and white space"},
		{"no file of the token", "", []string{"-config", file, "-token", empty}, `check: -token: secret file "` + empty + `": is empty`},
		{"no certificates", "", []string{"-config", file, "-public-ca", empty}, `check: -public-ca: file "` + empty + `": has no certificate in PEM`},
		{"no time", "", []string{"-config", file, "-timeout", "0s"}, "check: -timeout: must be positive"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := runWith(t, row.in, append([]string{"check"}, row.args...)...); got != (ran{2, "", "warder: " + row.want + "\n"}) {
				t.Errorf("got %+v, want status 2 and %q", got, row.want)
			}
		})
	}
}

// The token can come from standard input or a file, with a line break at its end.
func TestCheckToken(t *testing.T) {
	issuer := resourcetest.Start(t)
	token := issuer.Token(resourcetest.Token{Audience: "https://mcp.example/mcp"})
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"-", name} {
		got := runWith(t, token+"\r\n", "check", "-config", configFile(t, issuer), "-token", from)
		if got.status != 0 || !strings.Contains(got.out, "token             accepted for tools/list\n") || strings.Contains(got.out, token) {
			t.Errorf("%s: got %+v, want that the token is accepted", from, got)
		}
	}
}

// documentedReport is the report in docs/check.md. The test of resource/check has the same one.
func documentedReport() check.Report {
	report := check.Report{File: "authorization.yaml"}
	for _, f := range []check.Finding{
		{ID: check.IDIssuerMismatch, Subject: "https://auth.example.com/", Seen: `the document has issuer "https://auth.example.com"`, Fix: "set issuer_url to the issuer in the document, byte for byte"},
		{ID: check.IDToolUnknown, Subject: "tool_scopes.ehco", Seen: "the server lists 2 tools, and not ehco, which this token may use", Fix: "correct the name in tool_scopes, or remove the rule; the server has echo"},
		{ID: check.IDNotChecked, Subject: "web pages (CORS)", Seen: "allowed_origins is empty"},
		{ID: check.IDClock, Subject: "https://auth.example.com", Seen: "the difference is 0s; leeway_seconds allows 30s"},
	} {
		f.Severity, f.Meaning = f.ID.Severity(), f.ID.Meaning()
		report.Findings = append(report.Findings, f)
	}
	return report
}

const plainText = `error issuer_mismatch: https://auth.example.com/
    seen     the document has issuer "https://auth.example.com"
    meaning  The metadata is that of another issuer than issuer_url. The server does not use it,
             and rejects the tokens with 503.
    fix      set issuer_url to the issuer in the document, byte for byte

warning tool_unknown: tool_scopes.ehco
    seen     the server lists 2 tools, and not ehco, which this token may use
    meaning  A rule names a tool that the server does not list. If the name is misspelled, the
             rule does not protect the tool that it is meant for.
    fix      correct the name in tool_scopes, or remove the rule; the server has echo

not checked       web pages (CORS): allowed_origins is empty
clock             https://auth.example.com: the difference is 0s; leeway_seconds allows 30s

1 error, 1 warning, 1 not checked, 1 right
`

// docs/check.md has the text of a report.
func TestReportText(t *testing.T) {
	if got := checkText(documentedReport(), palette{}); got != plainText {
		t.Errorf("(-want +got)\n- %s\n+ %s", plainText, got)
	}
	docs, err := os.ReadFile("../../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "```text\n" + plainText + "```"; !strings.Contains(string(docs), want) {
		t.Errorf("docs/check.md does not have\n%s", want)
	}
	colored := strings.NewReplacer("error issuer", "\x1b[31merror\x1b[0m issuer", "warning tool", "\x1b[33mwarning\x1b[0m tool",
		"not checked       web", "\x1b[90mnot checked       \x1b[0mweb", "clock             h", "\x1b[32mclock             \x1b[0mh").Replace(plainText)
	if got := checkText(documentedReport(), palette{true}); got != colored {
		t.Errorf("with colors (-want +got)\n- %q\n+ %q", colored, got)
	}
}

// colored reports whether text for a writer has colors.
func colored(w io.Writer) bool { return paletteFor(w).colored }

// Only a terminal gets colors. The null device has the mode of one, so it stands for one here.
func TestColors(t *testing.T) {
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	if !colored(device) || colored(file) || colored(new(strings.Builder)) {
		t.Error("a device is a terminal, a file and another writer are not")
	}
	t.Setenv("NO_COLOR", "1")
	if colored(device) {
		t.Error("NO_COLOR switches colors off")
	}
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	if colored(device) {
		t.Error("a dumb terminal has no colors")
	}
}
