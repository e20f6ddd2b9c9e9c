package config_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A site is a server whose configuration is in a folder of its own.
type site struct {
	t      testing.TB
	dir    string
	issuer *resourcetest.Issuer
	live   *config.Live
	log    *bytes.Buffer
	door   http.Handler
}

const identifier = "https://mcp.example.test/mcp"

// settings is a file for the issuer, with more lines.
func (s *site) settings(lines ...string) string {
	return "authorization:\n  issuer_url: " + s.issuer.Identifier() + "\n  resource_server_url: " + identifier + "\n" + strings.Join(append(lines, ""), "\n")
}

// write replaces a file at once, as whoever means well does.
func (s *site) write(name, text string) {
	s.t.Helper()
	temporary := write(s.t, s.dir, name+".new", text)
	if err := os.Rename(temporary, filepath.Join(s.dir, name)); err != nil {
		s.t.Fatal(err)
	}
}

func newSite(t testing.TB, issuer *resourcetest.Issuer, files map[string]string, lines ...string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), issuer: issuer, log: new(bytes.Buffer)}
	for name, text := range files {
		s.write(name, text)
	}
	s.write("a.yaml", s.settings(lines...))
	logger := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var err error
	s.live, err = config.New(config.Config{File: filepath.Join(s.dir, "a.yaml"), Environ: []string{}, Transport: issuer.Transport(), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	s.door = nethttp.Handler(s.live.Resource(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	return s
}

func (s *site) ask(token string) (status int, challenge string) {
	w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, identifier, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	s.door.ServeHTTP(w, req)
	return w.Code, w.Header().Get("WWW-Authenticate")
}

func (s *site) metric(name string) string {
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

// inBubble runs a test with an issuer; the one with the site runs in a bubble, whose
// Run ends with it.
func inBubble(t *testing.T, files map[string]string, lines []string, test func(t *testing.T, s *site)) {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Lifetime: 10 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, issuer, files, lines...)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.live.Run(ctx)
		test(t, s)
	})
}

func (s *site) wait(n int) {
	time.Sleep(time.Duration(n)*config.DefaultInterval + config.SettleTime + time.Millisecond)
	synctest.Wait()
}

func TestRunTakesOver(t *testing.T) {
	inBubble(t, nil, []string{"  required_scopes: [old]"}, func(t *testing.T, s *site) {
		old := s.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "old"})
		fresh := s.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "new"})
		expect := func(when string, forOld, forNew int) {
			t.Helper()
			gotOld, _ := s.ask(old)
			if gotNew, _ := s.ask(fresh); gotOld != forOld || gotNew != forNew {
				t.Errorf("%s: got %d, %d, want %d, %d; log: %s", when, gotOld, gotNew, forOld, forNew, s.log)
			}
		}
		expect("at first", 200, 403)
		fetched := s.issuer.Count(resourcetest.JWKS)
		s.write("a.yaml", s.settings("  required_scopes: [new]"))
		expect("before it is looked at", 200, 403)
		s.wait(1)
		expect("after", 403, 200)
		s.write("a.yaml", s.settings("  required_scope: [old]"))
		s.wait(5)
		expect("when broken", 403, 200)
		if n := strings.Count(s.log.String(), "configuration refused"); n != 1 {
			t.Errorf("refused %d times in the log, want once: %s", n, s.log)
		}
		if got := s.metric("warder_config_broken") + ", " + s.metric("warder_config_reloads_total"); got != "1, 1 1" {
			t.Errorf("got %s, want 1, 1 1", got)
		}
		s.write("a.yaml", s.settings("  required_scopes: [new]"))
		s.wait(1)
		expect("when mended", 403, 200)
		if got := s.metric("warder_config_broken") + ", " + s.metric("warder_config_reloads_total"); got != "0, 1 1" {
			t.Errorf("got %s, want 0, 1 1: nothing new was taken over", got)
		}
		if n := s.issuer.Count(resourcetest.JWKS); n != fetched {
			t.Errorf("the keys were fetched %d times more", n-fetched)
		}
	})
}

// A file that is looked at while somebody writes it may be a good configuration, with
// fewer rules than all of it. What is broken for that moment is no news either.
func TestRunWaitsForTheWholeFile(t *testing.T) {
	for name, half := range map[string]func(s *site) string{
		"without its last line":      func(s *site) string { return s.settings() },
		"in the middle of the block": func(s *site) string { return "authorization:\n  issuer_url: https" },
		"empty":                      func(*site) string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, []string{"  required_scopes: [old]"}, func(t *testing.T, s *site) {
				none := s.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "none"})
				fresh := s.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "new"})
				time.Sleep(config.DefaultInterval - time.Millisecond)
				s.write("a.yaml", half(s))
				time.Sleep(config.SettleTime - time.Millisecond)
				synctest.Wait()
				if status, _ := s.ask(none); status != 403 {
					t.Errorf("half of a file counts: %d", status)
				}
				s.write("a.yaml", s.settings("  required_scopes: [new]"))
				s.wait(1)
				if without, _ := s.ask(none); without != 403 {
					t.Errorf("got %d, want 403", without)
				}
				if with, _ := s.ask(fresh); with != 200 {
					t.Errorf("the whole file does not count: %d; log: %s", with, s.log)
				}
				if got := s.metric("warder_config_reloads_total"); got != "1 0" || s.log.Len() > 0 {
					t.Errorf("got %s reloads, want 1 0; log: %s", got, s.log)
				}
			})
		})
	}
}

// Each of these leaves the old configuration in force.
func TestReloadRefuses(t *testing.T) {
	for _, row := range []struct {
		name   string
		breaks func(s *site)
		want   string // after the folder's name is cut out
	}{
		{"disabled", func(s *site) { s.write("a.yaml", s.settings("  enabled: false")) }, "config: authorization is disabled (enabled: false)"},
		{"gone", func(s *site) { _ = os.Remove(filepath.Join(s.dir, "a.yaml")) }, "config: a.yaml: no such file or directory"},
		{"empty", func(s *site) { s.write("a.yaml", "") }, "config: a.yaml: is empty"},
		{"cut short", func(s *site) { s.write("a.yaml", s.settings("  required_scopes: [a")) }, "config: a.yaml:5: is no YAML: did not find expected ',' or ']'"},
		{"without the block", func(s *site) { s.write("a.yaml", "a: 1\n") }, "config: a.yaml: has no block authorization:"},
		{"another resource", func(s *site) {
			s.write("a.yaml", strings.Replace(s.settings("  client_id: test-client", "  client_secret_file: secret", "  ca_file: ca.pem"), "/mcp\n", "/other\n", 1))
		}, `config: a.yaml:3: resource_server_url: resource: replace: Identifier: "https://mcp.example.test/other" is not "https://mcp.example.test/mcp": a new identifier needs a restart, because clients and routes depend on it`},
		{"the secret is empty", func(s *site) { s.write("secret", "\n") }, "config: a.yaml:5: client_secret_file: the file is empty"},
		{"the secret is gone", func(s *site) { _ = os.Remove(filepath.Join(s.dir, "secret")) }, "config: a.yaml:5: client_secret_file: no such file or directory"},
		{"the certificates are none", func(s *site) { s.write("ca.pem", "x") }, "config: a.yaml:6: ca_file: has no certificate in PEM form"},
	} {
		t.Run(row.name, func(t *testing.T) {
			files := map[string]string{"secret": resourcetest.DefaultClientSecret + "\n", "ca.pem": certificate}
			inBubble(t, files, []string{"  client_id: test-client", "  client_secret_file: secret", "  ca_file: ca.pem"}, func(t *testing.T, s *site) {
				opaque := s.issuer.OpaqueToken(resourcetest.Token{Audience: identifier})
				row.breaks(s)
				for range 2 {
					err := s.live.Reload(t.Context())
					if err == nil || strings.ReplaceAll(err.Error(), s.dir+string(filepath.Separator), "") != row.want {
						t.Errorf("\n got %v\nwant %s", err, row.want)
					}
					if disabled := errors.Is(err, config.ErrDisabled); disabled != (row.name == "disabled") {
						t.Errorf("ErrDisabled: %t", disabled)
					}
				}
				s.wait(3)
				if status, _ := s.ask(opaque); status != 200 {
					t.Errorf("the old one does not count any more: %d; log: %s", status, s.log)
				}
				if status, _ := s.ask("nobody"); status != 401 {
					t.Errorf("somebody got in: %d", status)
				}
				if got := s.metric("warder_config_broken") + ", " + s.metric("warder_config_reloads_total"); got != "1, 0 2" {
					t.Errorf("got %s, want 1, 0 2", got)
				}
				if strings.Contains(s.log.String(), resourcetest.DefaultClientSecret) {
					t.Error("the secret is in the log")
				}
			})
		})
	}
}

// A secret and certificates are taken over by their contents, also through links that
// are switched as Kubernetes does it. What an issuer is asked anew tells that they were.
func TestRunFollowsFiles(t *testing.T) {
	files := map[string]string{"one/secret": "wrong", "two/secret": resourcetest.DefaultClientSecret, "ca.pem": certificate}
	lines := []string{"  client_id: test-client", "  client_secret_file: now/secret", "  ca_file: ca.pem", "  token_cache_ttl_seconds: 0"}
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Lifetime: 10 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := &site{t: t, dir: dir, issuer: issuer}
		for name, text := range files {
			s.write(name, text)
		}
		link := func(to string) {
			t.Helper()
			if err := errors.Join(os.Symlink(to, filepath.Join(dir, "next")), os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "now"))); err != nil {
				t.Fatal(err)
			}
		}
		link("one")
		s.write("a.yaml", s.settings(lines...))
		s.log = new(bytes.Buffer)
		s.live, err = config.New(config.Config{File: filepath.Join(dir, "a.yaml"), Environ: []string{}, Transport: issuer.Transport(), Logger: slog.New(slog.NewTextHandler(s.log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		s.door = nethttp.Handler(s.live.Resource(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.live.Run(ctx)
		opaque := issuer.OpaqueToken(resourcetest.Token{Audience: identifier})
		if status, _ := s.ask(opaque); status != 503 {
			t.Errorf("with a wrong secret: %d, want 503", status)
		}
		link("two")
		s.wait(1)
		if status, _ := s.ask(opaque); status != 200 {
			t.Errorf("with the right one: %d, want 200; log: %s", status, s.log)
		}
		jwt := issuer.Token(resourcetest.Token{Audience: identifier})
		if status, _ := s.ask(jwt); status != 200 {
			t.Errorf("a JWT: %d", status)
		}
		fetched := issuer.Count(resourcetest.JWKS)
		s.write("ca.pem", certificate+certificate)
		s.wait(1)
		if n := issuer.Count(resourcetest.JWKS); n != fetched+1 {
			t.Errorf("with other certificates the keys were fetched %d times more, want once, ahead of need", n-fetched)
		}
		if got := s.metric("warder_config_reloads_total"); got != "2 0" {
			t.Errorf("got %s reloads, want 2 0", got)
		}
	})
}

// An issuer that is new, and can't be reached, takes nothing from the others.
func TestReloadWithAnIssuerThatIsDown(t *testing.T) {
	inBubble(t, nil, nil, func(t *testing.T, s *site) {
		s.write("a.yaml", s.settings("  additional_issuers: [{issuer_url: 'https://down.example.test'}]"))
		s.wait(1)
		if got := s.metric("warder_config_reloads_total"); got != "1 0" {
			t.Errorf("got %s reloads, want 1 0; log: %s", got, s.log)
		}
		if !strings.Contains(s.log.String(), `msg="tokens of an issuer cannot be checked yet" issuer=https://down.example.test`) {
			t.Errorf("the log does not say so: %s", s.log)
		}
		if status, _ := s.ask(s.issuer.Token(resourcetest.Token{Audience: identifier})); status != 200 {
			t.Errorf("got %d, want 200", status)
		}
	})
}

// What the program adds and checks is asked of each configuration.
func TestReloadAsksTheProgram(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	s := &site{t: t, dir: t.TempDir(), issuer: issuer}
	s.write("a.yaml", s.settings("  tool_scopes: {whoami: [a]}"))
	var revoked, panics atomic.Bool
	live, err := config.New(config.Config{File: filepath.Join(s.dir, "a.yaml"), Environ: []string{}, Transport: issuer.Transport(), Logger: slog.New(slog.DiscardHandler),
		Complete: func(c *resource.Config) {
			c.Operations.Tools = map[string][]string{}
			c.Hooks.Revoked = func(context.Context, *resource.Caller) bool { return revoked.Load() }
		},
		Check: func(res *resource.Resource) error {
			if panics.Load() {
				panic("a check")
			}
			if res.Metadata().ResourceName == "odd" {
				return errors.New("odd")
			}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	s.write("a.yaml", s.settings("  resource_name: odd"))
	if err := live.Reload(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "a.yaml:1: odd") {
		t.Errorf("got %v", err)
	}
	s.write("a.yaml", s.settings("  resource_name: even"))
	if err := live.Reload(t.Context()); err != nil || live.Resource().Metadata().ResourceName != "even" {
		t.Errorf("got %v, %q", err, live.Resource().Metadata().ResourceName)
	}
	panics.Store(true)
	if err := live.Reload(t.Context()); err == nil || err.Error() != "config: a function that was called for the configuration panicked with a string" {
		t.Errorf("got %v", err)
	}
	panics.Store(false)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := live.Reload(done); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	s.live = live
	s.door = nethttp.Handler(live.Resource(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	revoked.Store(true)
	if status, _ := s.ask(issuer.Token(resourcetest.Token{Audience: identifier})); status != 401 {
		t.Errorf("got %d, want 401", status)
	}
	if problems, err := testutil.CollectAndLint(live); err != nil || len(problems) > 0 {
		t.Errorf("got %v, %v", problems, err)
	}
}

// A thousand reloads under load, of which every tenth is broken: no answer is wrong, no
// key is fetched again, and the counts are right.
func TestAThousandReloads(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	lines := func(mark string) []string {
		return []string{"  required_scopes: [" + mark + "]", "  implied_scopes: {all: [" + mark + "]}", "  leeway_seconds: " + fmt.Sprint(10*len(mark))}
	}
	s := newSite(t, issuer, nil, lines("even")...)
	s.log = new(bytes.Buffer)
	good := issuer.Token(resourcetest.Token{Audience: identifier, Scope: "all"})
	poor := issuer.Token(resourcetest.Token{Audience: identifier, Scope: "none"})
	bad := issuer.Token(resourcetest.Token{Audience: "https://other.example.test", Scope: "all"})
	s.ask(good)
	var group sync.WaitGroup
	var wrong, asked atomic.Int64
	done := make(chan struct{})
	for range 3 {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				asked.Add(3)
				a, _ := s.ask(good)
				b, challenge := s.ask(poor)
				c, _ := s.ask(bad)
				if a != 200 || b != 403 || c != 401 || strings.Contains(challenge, "even") == strings.Contains(challenge, "odd") {
					wrong.Add(1)
				}
				runtime.Gosched() // so that reloads come as often as requests
			}
		})
	}
	for n := range 1000 {
		text, broken := s.settings(lines([]string{"odd", "even"}[(n-n/10)%2])...), n%10 == 9
		if broken {
			text = "authorization: {enabled: false, n: " + fmt.Sprint(n) + "}"
		}
		s.write("a.yaml", text)
		if err := s.live.Reload(t.Context()); (err != nil) != broken {
			t.Fatalf("%d: %v", n, err)
		}
	}
	close(done)
	group.Wait()
	if wrong.Load() > 0 || asked.Load() == 0 {
		t.Errorf("%d wrong answers in %d requests", wrong.Load(), asked.Load())
	}
	if got := s.metric("warder_config_reloads_total"); got != "900 100" {
		t.Errorf("got %s reloads, want 900 100", got)
	}
	if n := issuer.Count(resourcetest.JWKS); n != 1 {
		t.Errorf("the keys were fetched %d times, want once", n)
	}
	t.Logf("%d requests", asked.Load())
}

// certificate is of some authority; its key was thrown away.
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
