package config_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A protectedIssuer answers requests for its metadata and keys with 401, unless they have the
// token.
type protectedIssuer struct {
	*resourcetest.Issuer
	token string
}

func (p *protectedIssuer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Authorization") != "Bearer "+p.token {
		recorder := httptest.NewRecorder()
		recorder.WriteHeader(http.StatusUnauthorized)
		return recorder.Result(), nil
	}
	return p.Transport().RoundTrip(r)
}

// withProtectedIssuer runs a test with a server whose issuer needs the token "first".
func withProtectedIssuer(t *testing.T, line string, test func(t *testing.T, s *testServer, p *protectedIssuer)) {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Lifetime: 10 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	synctest.Test(t, func(t *testing.T) {
		p := &protectedIssuer{issuer, "first"}
		s := &testServer{t: t, dir: t.TempDir(), issuer: issuer}
		s.write("token", "first\n")
		s.write("a.yaml", s.settings(line))
		s.live, err = config.New(config.Config{File: filepath.Join(s.dir, "a.yaml"), Environ: []string{}, Transport: p, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		s.handler = nethttp.Handler(s.live.Resource(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		test(t, s, p)
		time.Sleep(5 * time.Second)
	})
}

func TestBearerTokenForKeys(t *testing.T) {
	for line, want := range map[string]int{"": 503, "  jwks_bearer_token: first": 200, "  jwks_bearer_token: other": 503, "  jwks_bearer_token_file: token": 200} {
		withProtectedIssuer(t, line, func(t *testing.T, s *testServer, _ *protectedIssuer) {
			if got, _ := s.send(s.issuer.Token(resourcetest.Token{Audience: identifier})); got != want {
				t.Errorf("%q: got %d, want %d", line, got, want)
			}
		})
	}
}

// A rotated token takes effect without a reload. A file that cannot be read any more makes a
// reload fail, until it can be read.
func TestBearerTokenFileForKeysRotates(t *testing.T) {
	withProtectedIssuer(t, "  jwks_bearer_token_file: token", func(t *testing.T, s *testServer, p *protectedIssuer) {
		token := s.issuer.Token(resourcetest.Token{Audience: identifier})
		if got, _ := s.send(token); got != 200 {
			t.Fatalf("got %d", got)
		}
		s.write("token", "second\n")
		p.token = "second"
		fetched := s.issuer.Count(resourcetest.JWKS)
		if err := s.live.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(16 * time.Minute)
		s.send(token)
		synctest.Wait()
		if n := s.issuer.Count(resourcetest.JWKS) - fetched; n != 1 {
			t.Errorf("%d fetches of keys after the rotation, want the one that was due", n)
		}
		if err := os.Remove(filepath.Join(s.dir, "token")); err != nil {
			t.Fatal(err)
		}
		if err := s.live.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("without the file: %v", err)
		}
		s.write("token", "third\n")
		if err := s.live.Reload(t.Context()); err != nil {
			t.Errorf("with the file again: %v", err)
		}
	})
}

// A reload with another token or interval makes a new verifier.
func TestReloadAppliesSettingsOfKeys(t *testing.T) {
	for _, line := range []string{"  jwks_bearer_token: second", "  jwks_refresh_seconds: 60"} {
		withProtectedIssuer(t, "  jwks_bearer_token: first", func(t *testing.T, s *testServer, p *protectedIssuer) {
			if got, _ := s.send(s.issuer.Token(resourcetest.Token{Audience: identifier})); got != 200 {
				t.Fatalf("got %d", got)
			}
			fetched := s.issuer.Count(resourcetest.JWKS)
			lines := []string{"  jwks_bearer_token: first", line}
			if strings.Contains(line, "token") {
				lines, p.token = lines[1:], "second"
			}
			s.write("a.yaml", s.settings(lines...))
			if err := s.live.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := s.issuer.Count(resourcetest.JWKS) - fetched; n != 1 {
				t.Errorf("%s: %d fetches of keys, want 1", line, n)
			}
		})
	}
}

// Keys are fetched at the latest after jwks_refresh_seconds, whatever the server says.
func TestJWKSRefreshSeconds(t *testing.T) {
	for line, most := range map[string]time.Duration{"": time.Hour, "  jwks_refresh_seconds: 60": time.Minute} {
		withServer(t, nil, []string{line}, func(t *testing.T, s *testServer) {
			s.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Header: http.Header{"Cache-Control": {"max-age=3600"}}})
			token := s.issuer.Token(resourcetest.Token{Audience: identifier})
			for s.issuer.Count(resourcetest.JWKS) < 2 {
				s.send(token)
				synctest.Wait()
				time.Sleep(time.Second)
			}
			times := s.issuer.Times(resourcetest.JWKS)
			if gap := times[1].Sub(times[0]); gap < most*8/10 || gap > most+time.Second {
				t.Errorf("%q: the second fetch after %s, want about %s", line, gap, most)
			}
		})
	}
}
