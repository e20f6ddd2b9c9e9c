package config_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

const identifier = "https://mcp.example.test/mcp"

// Documented limits of the package.
const (
	maxFileBytes = 1 << 20
	maxNodes     = 20_000
	settleTime   = time.Second
)

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// textConfig returns a Config with a text and exactly the given environment variables.
func textConfig(text string, vars ...string) config.Config {
	return config.Config{Text: []byte(text), Environ: append([]string{}, vars...)}
}

// block returns a block with the required keys and additional lines, which begin at line 4.
func block(lines ...string) string {
	return "authorization:\n  issuer_url: https://auth.example.com\n  resource_server_url: https://mcp.example.com/mcp\n" +
		strings.Join(append(lines, ""), "\n")
}

// mistakesOf returns the mistakes of a configuration, one per line, without the prefix.
func mistakesOf(t testing.TB, c config.Config) string {
	t.Helper()
	live, err := config.New(c)
	if (err == nil) != (live != nil) {
		t.Errorf("got %v and error %v, want exactly one of them", live, err)
	}
	if err == nil {
		return ""
	}
	return strings.TrimPrefix(err.Error(), "config: ")
}

// A testServer is an MCP server with a configuration in a temporary directory.
type testServer struct {
	t       testing.TB
	dir     string
	issuer  *resourcetest.Issuer
	live    *config.Live
	log     *bytes.Buffer
	handler http.Handler
}

// settings returns a configuration file for the issuer, with additional lines.
func (s *testServer) settings(lines ...string) string {
	return "authorization:\n  issuer_url: " + s.issuer.Identifier() + "\n  resource_server_url: " + identifier + "\n" + strings.Join(append(lines, ""), "\n")
}

// write replaces a file atomically.
func (s *testServer) write(name, text string) {
	s.t.Helper()
	temporary := write(s.t, s.dir, name+".new", text)
	if err := os.Rename(temporary, filepath.Join(s.dir, name)); err != nil {
		s.t.Fatal(err)
	}
}

func newTestServer(t testing.TB, issuer *resourcetest.Issuer, files map[string]string, lines ...string) *testServer {
	t.Helper()
	return completedServer(t, issuer, files, func(*config.Config) {}, lines...)
}

// completedServer returns a server whose program sets further fields of its Config.
func completedServer(t testing.TB, issuer *resourcetest.Issuer, files map[string]string, complete func(*config.Config), lines ...string) *testServer {
	t.Helper()
	s := &testServer{t: t, dir: t.TempDir(), issuer: issuer, log: new(bytes.Buffer)}
	for name, text := range files {
		s.write(name, text)
	}
	s.write("a.yaml", s.settings(lines...))
	logger := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c := config.Config{File: filepath.Join(s.dir, "a.yaml"), Environ: []string{}, Transport: issuer.Transport(), Logger: logger}
	complete(&c)
	var err error
	if s.live, err = config.New(c); err != nil {
		t.Fatal(err)
	}
	s.use(s.live)
	return s
}

// use makes the server use a configuration.
func (s *testServer) use(live *config.Live) {
	s.live = live
	s.handler = nethttp.Handler(live.Resource(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
}

func (s *testServer) send(token string) (status int, challenge string) {
	w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, identifier, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	s.handler.ServeHTTP(w, req)
	return w.Code, w.Header().Get("WWW-Authenticate")
}

func (s *testServer) metric(name string) string {
	s.t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s.live)
	families, err := registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, family := range families {
		if family.GetName() == name {
			for _, m := range family.GetMetric() {
				out = append(out, fmt.Sprint(m.GetCounter().GetValue()+m.GetGauge().GetValue()))
			}
		}
	}
	return strings.Join(out, " ")
}

// withServer runs test with a server and its Run method in a synctest bubble.
func withServer(t *testing.T, files map[string]string, lines []string, test func(t *testing.T, s *testServer)) {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Lifetime: 10 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	synctest.Test(t, func(t *testing.T) {
		s := newTestServer(t, issuer, files, lines...)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.live.Run(ctx)
		test(t, s)
	})
}

// waitForReload waits until Run has checked the files n times and applied changes.
func (s *testServer) waitForReload(n int) {
	time.Sleep(time.Duration(n)*config.DefaultInterval + settleTime + time.Millisecond)
	synctest.Wait()
}

// certificate is the certificate of a CA whose private key does not exist any more.
const certificate = `-----BEGIN CERTIFICATE-----
MIIBiTCCAS+gAwIBAgIUA+/s1hpktrUpAao3aN77xsjUi/swCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOd2FyZGVyIHRlc3QgQ0EwIBcNMjYxMTIxMTM1NjUzWhgPMjEy
NjEwMjgxMzU2NTNaMBkxFzAVBgNVBAMMDndhcmRlciB0ZXN0IENBMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEGWinKL1I1CS8PpfmmrkJOWacxk/+j2iozoeFHb7d
cuYQg3Vui0RaCCyUVF+SbafI81dbhUe/AOh9/nQAh1Qq9qNTMFEwHQYDVR0OBBYE
FAGSK2F9dvJe7VwsUGFaeYT+S8hNMB8GA1UdIwQYMBaAFAGSK2F9dvJe7VwsUGFa
eYT+S8hNMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAJOgx86D
7uHlUzgPj+s6J2oQr7s28JuxaUTrD0cvjmCnAiAxKQPr+faM/CFgCeAtS345twqd
h4+Jg1aWyW9/ULNP1A==
-----END CERTIFICATE-----
`
