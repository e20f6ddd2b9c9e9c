package config_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

func TestRunAppliesChanges(t *testing.T) {
	withServer(t, nil, []string{"  required_scopes: [old]"}, func(t *testing.T, s *testServer) {
		old := s.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "old"})
		fresh := s.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "new"})
		expect := func(when string, forOld, forNew int) {
			t.Helper()
			gotOld, _ := s.send(old)
			if gotNew, _ := s.send(fresh); gotOld != forOld || gotNew != forNew {
				t.Errorf("%s: got %d, %d, want %d, %d; log: %s", when, gotOld, gotNew, forOld, forNew, s.log)
			}
		}
		expect("initially", 200, 403)
		fetched := s.issuer.Count(resourcetest.JWKS)
		s.write("a.yaml", s.settings("  required_scopes: [new]"))
		expect("before the check", 200, 403)
		s.waitForReload(1)
		expect("after the check", 403, 200)
		s.write("a.yaml", s.settings("  required_scope: [old]"))
		s.waitForReload(5)
		expect("with an invalid file", 403, 200)
		if n := strings.Count(s.log.String(), "configuration rejected"); n != 1 {
			t.Errorf("got %d log records of a rejection, want 1: %s", n, s.log)
		}
		if got := s.metric("warder_config_broken") + ", " + s.metric("warder_config_reloads_total"); got != "1, 1 1" {
			t.Errorf("got %s, want 1, 1 1", got)
		}
		s.write("a.yaml", s.settings("  required_scopes: [new]"))
		s.waitForReload(1)
		expect("with a valid file again", 403, 200)
		if got := s.metric("warder_config_broken") + ", " + s.metric("warder_config_reloads_total"); got != "0, 1 1" {
			t.Errorf("got %s, want 0, 1 1: there is no change to apply", got)
		}
		if n := s.issuer.Count(resourcetest.JWKS); n != fetched {
			t.Errorf("got %d additional fetches of keys, want 0", n-fetched)
		}
	})
}

// Other names of scopes apply to cached tokens too.
func TestReloadScopeNames(t *testing.T) {
	withServer(t, nil, []string{"  required_scopes: [a | b]"}, func(t *testing.T, s *testServer) {
		token := s.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "a"})
		for _, row := range []struct {
			lines []string
			want  int
		}{
			{nil, 200},
			{[]string{"  scope_names: {a: x}"}, 403},
			{[]string{"  scope_names: {b: x}"}, 200},
			{[]string{"  unavailable_scopes: [a]"}, 403},
		} {
			s.write("a.yaml", s.settings(append([]string{"  required_scopes: [a | b]"}, row.lines...)...))
			if err := s.live.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, challenge := s.send(token); got != row.want {
				t.Errorf("%q: got %d %s, want %d", row.lines, got, challenge, row.want)
			}
		}
	})
}

// A partially written file is not applied, even if it is valid, and not reported.
func TestRunWaitsForCompleteFile(t *testing.T) {
	for name, half := range map[string]func(s *testServer) string{
		"without its last line": func(s *testServer) string { return s.settings() },
		"cut within the block":  func(s *testServer) string { return "authorization:\n  issuer_url: https" },
		"empty":                 func(*testServer) string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			withServer(t, nil, []string{"  required_scopes: [old]"}, func(t *testing.T, s *testServer) {
				none := s.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "none"})
				fresh := s.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "new"})
				time.Sleep(config.DefaultInterval - time.Millisecond)
				s.write("a.yaml", half(s))
				time.Sleep(settleTime - time.Millisecond)
				synctest.Wait()
				if status, _ := s.send(none); status != 403 {
					t.Errorf("with a partial file: got %d, want 403", status)
				}
				s.write("a.yaml", s.settings("  required_scopes: [new]"))
				s.waitForReload(1)
				if without, _ := s.send(none); without != 403 {
					t.Errorf("without the new scope: got %d, want 403", without)
				}
				if with, _ := s.send(fresh); with != 200 {
					t.Errorf("with the complete file: got %d, want 200; log: %s", with, s.log)
				}
				if got := s.metric("warder_config_reloads_total"); got != "1 0" || s.log.Len() > 0 {
					t.Errorf("got %s reloads, want 1 0; log: %s", got, s.log)
				}
			})
		})
	}
}

// The error of a rejected reload names the key that has changed, not one that is the same.
func TestReloadNamesTheChangedKey(t *testing.T) {
	const paths = `: resource: replace: HTTP.MetadataPaths: `
	withServer(t, nil, []string{"  base_path: /mcp"}, func(t *testing.T, s *testServer) {
		for _, row := range []struct {
			name, want string
			settings   []string
		}{
			{"metadata paths added", "config: a.yaml:5: resource_metadata_paths" + paths, []string{"  base_path: /mcp", "  resource_metadata_paths: [/m]"}},
			{"base path removed", "config: a.yaml:1: base_path" + paths, nil},
		} {
			s.write("a.yaml", s.settings(row.settings...))
			err := s.live.Reload(t.Context())
			if got := strings.ReplaceAll(fmt.Sprint(err), s.dir+string(filepath.Separator), ""); !strings.HasPrefix(got, row.want) {
				t.Errorf("%s: got %s, want %s...", row.name, got, row.want)
			}
		}
	})
}

// After an invalid change, the previous configuration stays in use.
func TestReloadRejects(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(s *testServer)
		want   string // without the path of the directory
	}{
		{"disabled", func(s *testServer) { s.write("a.yaml", s.settings("  enabled: false")) }, "config: authorization is disabled (enabled: false)"},
		{"missing", func(s *testServer) { _ = os.Remove(filepath.Join(s.dir, "a.yaml")) }, "config: a.yaml: no such file or directory"},
		{"empty", func(s *testServer) { s.write("a.yaml", "") }, "config: a.yaml: is empty"},
		{"truncated", func(s *testServer) { s.write("a.yaml", s.settings("  required_scopes: [a")) }, "config: a.yaml:5: is not valid YAML: did not find expected ',' or ']'"},
		{"without the block", func(s *testServer) { s.write("a.yaml", "a: 1\n") }, "config: a.yaml: has no block authorization:"},
		{"different resource", func(s *testServer) {
			s.write("a.yaml", strings.Replace(s.settings("  client_id: test-client", "  client_secret_file: secret", "  ca_file: ca.pem"), "/mcp\n", "/other\n", 1))
		}, `config: a.yaml:3: resource_server_url: resource: replace: Identifier: "https://mcp.example.test/other" is not "https://mcp.example.test/mcp": a new identifier needs a restart, because clients and routes depend on it`},
		{"different base path", func(s *testServer) {
			s.write("a.yaml", s.settings("  client_id: test-client", "  client_secret_file: secret", "  ca_file: ca.pem", "  base_path: /mcp"))
		}, `config: a.yaml:7: base_path: resource: replace: HTTP.MetadataPaths: the metadata is served at the further paths [], not at ["/.well-known/oauth-protected-resource" "/mcp/.well-known/oauth-protected-resource"]: new paths and a new HTTP.BasePath need a restart, because routes depend on them`},
		{"different metadata paths", func(s *testServer) {
			s.write("a.yaml", s.settings("  client_id: test-client", "  client_secret_file: secret", "  ca_file: ca.pem", "  resource_metadata_paths: [/m]"))
		}, `config: a.yaml:7: resource_metadata_paths: resource: replace: HTTP.MetadataPaths: the metadata is served at the further paths [], not at ["/m"]: new paths and a new HTTP.BasePath need a restart, because routes depend on them`},
		{"different URLs of the resource", func(s *testServer) {
			s.write("a.yaml", s.settings("  client_id: test-client", "  client_secret_file: secret", "  ca_file: ca.pem", "  additional_resource_server_urls: [https://b.example.test/mcp]"))
		}, `config: a.yaml:7: additional_resource_server_urls: resource: replace: Identifiers: the list is another one: a change needs a restart, because clients and routes depend on it`},
		{"invalid certificates", func(s *testServer) { s.write("ca.pem", "x") }, "config: a.yaml:6: ca_file: file \"ca.pem\": has no PEM certificate"},
	} {
		t.Run(row.name, func(t *testing.T) {
			files := map[string]string{"secret": resourcetest.DefaultClientSecret + "\n", "ca.pem": certificate}
			withServer(t, files, []string{"  client_id: test-client", "  client_secret_file: secret", "  ca_file: ca.pem"}, func(t *testing.T, s *testServer) {
				opaque := s.issuer.OpaqueToken(resourcetest.Token{Audience: identifier})
				row.change(s)
				for range 2 {
					err := s.live.Reload(t.Context())
					if err == nil || strings.ReplaceAll(err.Error(), s.dir+string(filepath.Separator), "") != row.want {
						t.Errorf("\n got %v\nwant %s", err, row.want)
					}
					if disabled := errors.Is(err, config.ErrDisabled); disabled != (row.name == "disabled") {
						t.Errorf("got ErrDisabled: %t", disabled)
					}
				}
				s.waitForReload(3)
				if status, _ := s.send(opaque); status != 200 {
					t.Errorf("previous configuration: got %d, want 200; log: %s", status, s.log)
				}
				if status, _ := s.send("invalid"); status != 401 {
					t.Errorf("invalid token: got %d, want 401", status)
				}
				if got := s.metric("warder_config_broken") + ", " + s.metric("warder_config_reloads_total"); got != "1, 0 2" {
					t.Errorf("got %s, want 1, 0 2", got)
				}
				if strings.Contains(s.log.String(), resourcetest.DefaultClientSecret) {
					t.Error("the log contains the secret")
				}
			})
		})
	}
}

// A secret file that cannot be read makes the calls to the issuer fail, which the log explains. A
// reload reports it too, until the file is complete again.
func TestReloadReportsSecretFile(t *testing.T) {
	for name, change := range map[string]func(s *testServer){
		"is empty":                  func(s *testServer) { s.write("secret", "\n") },
		"no such file or directory": func(s *testServer) { _ = os.Remove(filepath.Join(s.dir, "secret")) },
	} {
		files := map[string]string{"secret": resourcetest.DefaultClientSecret + "\n"}
		withServer(t, files, []string{"  client_id: test-client", "  client_secret_file: secret"}, func(t *testing.T, s *testServer) {
			want := fmt.Sprintf("secret file %q: %s", filepath.Join(s.dir, "secret"), name)
			opaque := s.issuer.OpaqueToken(resourcetest.Token{Audience: identifier})
			change(s)
			if err := s.live.Reload(t.Context()); err == nil || err.Error() != fmt.Sprintf("config: %s:5: client_secret_file: %s", filepath.Join(s.dir, "a.yaml"), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			s.waitForReload(3)
			if status, _ := s.send(opaque); status != 503 || !strings.Contains(strings.ReplaceAll(s.log.String(), `\"`, `"`), "our credentials are not available: "+want) {
				t.Errorf("got %d, log %s", status, s.log)
			}
			if got := s.metric("warder_config_broken") + ", " + s.metric("warder_config_reloads_total"); got != "1, 0 1" {
				t.Errorf("got %s, want 1, 0 1", got)
			}
			s.write("secret", resourcetest.DefaultClientSecret)
			s.waitForReload(3)
			if status, _ := s.send(opaque); status != 200 || s.metric("warder_config_broken") != "0" {
				t.Errorf("complete again: got %d, want 200; log: %s", status, s.log)
			}
		})
	}
}

// Changes of a secret and of certificates are detected by content, also through symbolic
// links that are switched as Kubernetes does. Calls to the issuer show that they are applied. A
// changed secret takes effect without a reload.
func TestRunDetectsContentChanges(t *testing.T) {
	files := map[string]string{"one/secret": "wrong", "two/secret": resourcetest.DefaultClientSecret, "ca.pem": certificate}
	lines := []string{"  client_id: test-client", "  client_secret_file: current/secret", "  ca_file: ca.pem", "  token_cache_ttl_seconds: 0"}
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Lifetime: 10 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := &testServer{t: t, dir: dir, issuer: issuer}
		for name, text := range files {
			s.write(name, text)
		}
		link := func(to string) {
			t.Helper()
			if err := errors.Join(os.Symlink(to, filepath.Join(dir, "next")), os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "current"))); err != nil {
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
		s.handler = nethttp.Handler(s.live.Resource(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.live.Run(ctx)
		opaque := issuer.OpaqueToken(resourcetest.Token{Audience: identifier})
		if status, _ := s.send(opaque); status != 503 {
			t.Errorf("wrong secret: got %d, want 503", status)
		}
		link("two")
		time.Sleep(time.Second) // after rejected credentials, one call in a second is permitted
		if status, _ := s.send(opaque); status != 200 {
			t.Errorf("correct secret: got %d, want 200; log: %s", status, s.log)
		}
		jwt := issuer.Token(resourcetest.Token{Audience: identifier})
		if status, _ := s.send(jwt); status != 200 {
			t.Errorf("JWT: got %d, want 200", status)
		}
		fetched := issuer.Count(resourcetest.JWKS)
		s.write("ca.pem", certificate+certificate)
		s.waitForReload(1)
		if n := issuer.Count(resourcetest.JWKS); n != fetched+1 {
			t.Errorf("other certificates: got %d additional fetches of keys, want 1 before the first request", n-fetched)
		}
		if got := s.metric("warder_config_reloads_total"); got != "1 0" {
			t.Errorf("got %s reloads, want 1 0", got)
		}
	})
}

// A new issuer that cannot be reached does not affect other issuers.
func TestReloadWithUnreachableIssuer(t *testing.T) {
	withServer(t, nil, nil, func(t *testing.T, s *testServer) {
		s.write("a.yaml", s.settings("  additional_issuers: [{issuer_url: 'https://down.example.test'}]"))
		s.waitForReload(1)
		if got := s.metric("warder_config_reloads_total"); got != "1 0" {
			t.Errorf("got %s reloads, want 1 0; log: %s", got, s.log)
		}
		if !strings.Contains(s.log.String(), `msg="cannot verify tokens of a new issuer yet" issuer=https://down.example.test`) {
			t.Errorf("the log has no record of the unreachable issuer: %s", s.log)
		}
		if status, _ := s.send(s.issuer.Token(resourcetest.Token{Audience: identifier})); status != 200 {
			t.Errorf("got %d, want 200", status)
		}
	})
}

// Complete and Check are called for each configuration.
func TestReloadCallsProgramFunctions(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	s := &testServer{t: t, dir: t.TempDir(), issuer: issuer}
	s.write("a.yaml", s.settings("  tool_scopes: {whoami: [a]}"))
	var revoked, panics atomic.Bool
	live, err := config.New(config.Config{File: filepath.Join(s.dir, "a.yaml"), Environ: []string{}, Transport: issuer.Transport(), Logger: slog.New(slog.DiscardHandler),
		Complete: func(c *resource.Config) {
			c.Operations.Tools = map[string][]string{}
			c.Hooks.Revocations = resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { return revoked.Load(), nil })
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
	if err := live.Reload(t.Context()); err == nil || err.Error() != "config: a function of the program, such as Complete or Check, panicked with a value of type string" {
		t.Errorf("got %v", err)
	}
	panics.Store(false)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := live.Reload(done); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	s.live = live
	s.handler = nethttp.Handler(live.Resource(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	revoked.Store(true)
	if status, _ := s.send(issuer.Token(resourcetest.Token{Audience: identifier})); status != 401 {
		t.Errorf("got %d, want 401", status)
	}
	if problems, err := testutil.CollectAndLint(live); err != nil || len(problems) > 0 {
		t.Errorf("got %v, %v", problems, err)
	}
}

// During a thousand reloads under load, of which every tenth is invalid, all responses are
// correct, no key is fetched again, and the metrics are correct.
func TestReloadsUnderLoad(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	lines := func(scope string) []string {
		return []string{"  required_scopes: [" + scope + "]", "  implied_scopes: {all: [" + scope + "]}", "  leeway_seconds: " + fmt.Sprint(10*len(scope))}
	}
	s := newTestServer(t, issuer, nil, lines("even")...)
	s.log = new(bytes.Buffer)
	valid := issuer.Token(resourcetest.Token{Audience: identifier, Scope: "all"})
	insufficient := issuer.Token(resourcetest.Token{Audience: identifier, Scope: "none"})
	invalid := issuer.Token(resourcetest.Token{Audience: "https://other.example.test", Scope: "all"})
	s.send(valid)
	var group sync.WaitGroup
	var wrong, sent atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 3 {
		group.Go(func() {
			for ctx.Err() == nil {
				sent.Add(3)
				a, _ := s.send(valid)
				b, challenge := s.send(insufficient)
				c, _ := s.send(invalid)
				if a != 200 || b != 403 || c != 401 || strings.Contains(challenge, "even") == strings.Contains(challenge, "odd") {
					wrong.Add(1)
				}
				runtime.Gosched() // so that reloads are as frequent as requests
			}
		})
	}
	reloads := map[bool]int{false: 1000, true: 200}[testing.Short()]
	for n := range reloads {
		text, invalidFile := s.settings(lines([]string{"odd", "even"}[(n-n/10)%2])...), n%10 == 9
		if invalidFile {
			text = "authorization: {enabled: false, n: " + fmt.Sprint(n) + "}"
		}
		s.write("a.yaml", text)
		if err := s.live.Reload(t.Context()); (err != nil) != invalidFile {
			t.Fatalf("reload %d: got error %v", n, err)
		}
	}
	cancel()
	group.Wait()
	if wrong.Load() > 0 || sent.Load() == 0 {
		t.Errorf("got %d wrong responses in %d requests", wrong.Load(), sent.Load())
	}
	if got, want := s.metric("warder_config_reloads_total"), fmt.Sprint(reloads-reloads/10, reloads/10); got != want {
		t.Errorf("got %s reloads, want %s", got, want)
	}
	if n := issuer.Count(resourcetest.JWKS); n != 1 {
		t.Errorf("got %d fetches of keys, want 1", n)
	}
	t.Logf("%d requests", sent.Load())
}
