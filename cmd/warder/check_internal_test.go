package main

import (
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
		if got.status != 0 || !strings.Contains(got.out, "token             token: accepted for tools/list\n") || strings.Contains(got.out, token) {
			t.Errorf("%s: got %+v, want that the token is accepted", from, got)
		}
	}
}

var reportForTest = check.Report{File: "a.yaml", Findings: []check.Finding{
	{ID: "issuer_tls", Severity: check.SeverityError, Subject: "https://a.example", Seen: "a certificate of another CA than this machine trusts, which is a long text that does not fit into one line", Meaning: "m", Fix: "set ca_file"},
	{ID: "login_pkce", Severity: check.SeverityWarning, Subject: "https://b.example", Seen: "s", Meaning: "m", Fix: "f"},
	{ID: "not_checked", Severity: check.SeverityNotChecked, Subject: "tools", Seen: "no token"},
	{ID: "keys", Severity: check.SeverityOK, Subject: "https://b.example", Seen: "2 usable keys"},
}}

const plainText = `error issuer_tls: https://a.example
    seen     a certificate of another CA than this machine trusts, which is a long text that
             does not fit into one line
    meaning  m
    fix      set ca_file

warning login_pkce: https://b.example
    seen     s
    meaning  m
    fix      f

not checked       tools: no token
keys              https://b.example: 2 usable keys

1 error, 1 warning, 1 not checked, 1 right
`

func TestReportText(t *testing.T) {
	if got := reportText(reportForTest, false); got != plainText {
		t.Errorf("(-want +got)\n- %s\n+ %s", plainText, got)
	}
	colored := strings.NewReplacer("error issuer", "\x1b[31merror\x1b[0m issuer", "warning login", "\x1b[33mwarning\x1b[0m login",
		"not checked       tools", "\x1b[36mnot checked       \x1b[0mtools", "keys              h", "\x1b[32mkeys              \x1b[0mh").Replace(plainText)
	if got := reportText(reportForTest, true); got != colored {
		t.Errorf("with colors (-want +got)\n- %q\n+ %q", colored, got)
	}
}

// Only a terminal gets colors. The null device has the mode of one, so it stands for one here.
func TestIsTerminal(t *testing.T) {
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
	if !isTerminal(device) || isTerminal(file) || isTerminal(new(strings.Builder)) {
		t.Error("a device is a terminal, a file and another writer are not")
	}
	t.Setenv("NO_COLOR", "1")
	if isTerminal(device) {
		t.Error("NO_COLOR switches colors off")
	}
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	if isTerminal(device) {
		t.Error("a dumb terminal has no colors")
	}
}
