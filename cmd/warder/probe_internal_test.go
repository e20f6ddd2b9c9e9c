package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/probe"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// startProtected starts a server behind warder. wrong, if not nil, is called before warder; if it
// returns true, it has answered.
func startProtected(t *testing.T, wrong http.HandlerFunc) (url string, issuer *resourcetest.Issuer) {
	t.Helper()
	issuer = resourcetest.Start(t)
	verifier, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(nil)
	url = "http://" + web.Listener.Addr().String() + "/mcp"
	res, err := resource.New(resource.Config{Identifier: url, Issuers: []resource.Issuer{{Verifier: verifier}}, Scopes: []string{"tools"}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	web.Config.Handler = nethttp.Handler(res, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":{}}`)
	}))
	if wrong != nil {
		web.Config.Handler = wrong
	}
	web.Start()
	t.Cleanup(web.Close)
	return url, issuer
}

var update = flag.Bool("update", false, "write the expected reports in testdata")

// compareFile compares a text with a file in testdata.
func compareFile(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the report differs from %s; go test ./cmd/warder -update writes the file:\n%s", path, got)
	}
}

// The whole report about a server that warder protects, without colours. The exit status is 0.
func TestProbe(t *testing.T) {
	url, _ := startProtected(t, nil)
	got := runWith(t, "", "probe", url)
	if got.status != 0 || got.errs != "" {
		t.Errorf("status %d, %q", got.status, got.errs)
	}
	compareFile(t, "probe.txt", strings.ReplaceAll(got.out, url, "http://127.0.0.1/mcp"))
}

// The whole report about a server that is not protected. The exit status is 1.
func TestProbeOfAnOpenServer(t *testing.T) {
	url, _ := startProtected(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "\x1b[31mhello") })
	got := runWith(t, "", "probe", url)
	if got.status != 1 || got.errs != "" {
		t.Errorf("status %d, %q", got.status, got.errs)
	}
	compareFile(t, "probe-open.txt", strings.ReplaceAll(got.out, url, "http://127.0.0.1/mcp"))
}

// A token from a file and one from standard input have the same effect, and are not printed.
func TestProbeWithToken(t *testing.T) {
	url, issuer := startProtected(t, nil)
	token := issuer.Token(resourcetest.Token{Audience: url, Scope: "tools"})
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, in, path string }{{"a file", "", file}, {"standard input", token + "\n", "-"}} {
		t.Run(row.name, func(t *testing.T) {
			got := runWith(t, row.in, "probe", "-json", "-token", row.path, url)
			var report probe.Report
			if err := json.Unmarshal([]byte(got.out), &report); err != nil || got.status != 0 {
				t.Fatalf("status %d, %v\n%s", got.status, err, got.errs)
			}
			for _, r := range report.Results {
				if r.ID == "valid-token" && r.Outcome != probe.Pass {
					t.Errorf("valid-token: %s: %s", r.Outcome, r.Seen)
				}
			}
			if strings.Contains(got.out+got.errs, token[len(token)-20:]) {
				t.Error("the output contains a part of the token")
			}
		})
	}
}

// With the key of a test issuer, all rows about tokens are checked.
func TestProbeWithIssuerKey(t *testing.T) {
	url, issuer := startProtected(t, nil)
	key, file := newKeyFile(t)
	issuer.SetJWKS(key)
	got := runWith(t, "", "probe", "-json", "-issuer", issuer.Identifier(), "-issuer-key", file, url)
	var report probe.Report
	if err := json.Unmarshal([]byte(got.out), &report); err != nil || got.status != 0 {
		t.Fatalf("status %d, %v\n%s", got.status, err, got.errs)
	}
	if ids := report.IDs(probe.Fail, probe.Warn); len(ids) > 0 {
		t.Errorf("violated: %q", ids)
	}
	if ids := report.IDs(probe.NotChecked); len(ids) != 1 || ids[0] != "session-delete" { // the server has no sessions
		t.Errorf("not checked: %q", ids)
	}
}

// newKeyFile makes a key, and returns its JWK Set and a file with the private key in PEM.
func newKeyFile(t *testing.T) (set []byte, path string) {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, `{"keys":[%s]}`, resourcetest.JWK(signer.Public(), map[string]any{"kid": "k1"})), path
}

// Mistakes have exit status 2 and no report; a server that cannot be reached has exit status 1.
func TestProbeMistakes(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	missing := filepath.Join(t.TempDir(), "missing")
	for _, row := range []struct {
		name   string
		args   []string
		status int
		text   string
	}{
		{"no URL", nil, 2, "warder: probe: need exactly one URL\n"},
		{"two URLs", []string{"https://a.example", "https://b.example"}, 2, "warder: probe: need exactly one URL\n"},
		{"a flag after the URL", []string{"http://mcp.example.com", "-x"}, 2, "warder: flag provided but not defined: -x\n"},
		{"http", []string{"http://mcp.example.com"}, 2, "warder: probe: http is for loopback hosts only: use https, or allow http, which sends tokens unencrypted\n"},
		{"no file", []string{"-token", missing, "https://mcp.example.com"}, 2, "warder: probe: "},
		{"an empty token", []string{"-token", "-", "https://mcp.example.com"}, 2, "warder: probe: -token: standard input is empty\n"},
		{"an issuer without a key", []string{"-issuer", "https://as.example.com", "https://mcp.example.com"}, 2, "warder: probe: -issuer needs -issuer-key\n"},
		{"no server", []string{closed.URL}, 1, "warder: probe: the server cannot be reached: outbound: connect: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := runWith(t, "", append([]string{"probe"}, row.args...)...)
			if got.status != row.status || got.out != "" || !strings.HasPrefix(got.errs, row.text) {
				t.Errorf("got %+v, want status %d and %q", got, row.status, row.text)
			}
		})
	}
}

// Colours are for terminals. A file is not a terminal.
func TestColours(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if paletteFor(file).colored || paletteFor(&strings.Builder{}).colored {
		t.Error("colours without a terminal")
	}
	terminal, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, like a terminal
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	t.Setenv("NO_COLOR", "")
	coloured := probeText(&probe.Report{Results: []probe.Result{{ID: "x", Section: "S", Level: probe.Must, Outcome: probe.Fail, Wanted: "w", Seen: "s"}}}, palette{true})
	want := "\n\n\x1b[1mS\x1b[0m\n  \x1b[31mFAIL\x1b[0m x                            MUST: w\n                                    seen: s\n\n\x1b[31mFAIL\x1b[0m x\n0 passed, 1 failed, 0 warnings, 0 not applicable, 0 not checked; 0 requests\n"
	if coloured != want {
		t.Errorf("got %q, want %q", coloured, want)
	}
	if t.Setenv("NO_COLOR", "1"); paletteFor(terminal).colored {
		t.Error("colours in spite of NO_COLOR")
	}
}
