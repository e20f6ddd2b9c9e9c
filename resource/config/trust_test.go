package config_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The certificates of ca_file count over a real connection, and so do those that take
// their place: a key that came over one which is trusted no more is not used further.
func TestCAFileIsWhatCounts(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		keys := httptest.NewRequest(http.MethodGet, issuer.URL(resourcetest.JWKS), nil)
		issuer.ServeHTTP(w, keys.WithContext(req.Context()))
	}))
	server.Config.ErrorLog = log.New(new(bytes.Buffer), "", 0) // handshakes that fail are to be expected
	server.StartTLS()
	defer server.Close()
	own := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))

	s := &site{t: t, dir: t.TempDir(), issuer: issuer, log: new(bytes.Buffer)}
	s.write("ca.pem", certificate)
	s.write("a.yaml", s.settings("  jwks_uri: "+server.URL+"/keys", "  ca_file: ca.pem"))
	s.live, err = config.New(config.Config{File: filepath.Join(s.dir, "a.yaml"), Environ: []string{}, Logger: slog.New(slog.NewTextHandler(s.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.door = nethttp.Handler(s.live.Resource(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	token := issuer.Token(resourcetest.Token{Audience: identifier})
	for _, row := range []struct {
		name, ca string
		status   int
	}{
		{"of somebody else", certificate, 503},
		{"the server's own", own, 200},
		{"both", certificate + own, 200},
		{"of somebody else again", certificate, 503},
	} {
		s.write("ca.pem", row.ca)
		if err := s.live.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if status, _ := s.ask(token); status != row.status {
			t.Errorf("%s: got %d, want %d; log: %s", row.name, status, row.status, s.log)
		}
	}
}

// Whoever is no issuer any more vouches for nobody from the reload on: not for tokens
// that are remembered, and not for open streams at their next check. The issuer that
// stays keeps its own.
func TestReloadTakesTrustAway(t *testing.T) {
	const other = "https://other.example.test"
	second, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: other, Lifetime: 10 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	answer := httptest.NewRecorder()
	second.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, second.URL(resourcetest.JWKS), nil))
	further := "  additional_issuers: [{issuer_url: '" + other + "', jwks_file: other.json}]"
	inBubble(t, map[string]string{"other.json": answer.Body.String()}, []string{further}, func(t *testing.T, s *site) {
		ofFirst := s.issuer.Token(resourcetest.Token{Audience: identifier})
		ofSecond := second.Token(resourcetest.Token{Audience: identifier})
		for range 2 { // the second time they are remembered
			if a, _ := s.ask(ofFirst); a != 200 {
				t.Errorf("the first issuer's: %d", a)
			}
			if b, _ := s.ask(ofSecond); b != 200 {
				t.Errorf("the second issuer's: %d; log: %s", b, s.log)
			}
		}
		open := func(token string) context.Context {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, identifier, nil)
			req.Header.Set("Authorization", "Bearer "+token)
			decision, refusal := s.live.Resource().Authenticate(req)
			if refusal != nil {
				t.Fatal(refusal.Err)
			}
			t.Cleanup(decision.Done)
			return decision.Request.Context()
		}
		first, second := open(ofFirst), open(ofSecond)
		s.write("a.yaml", s.settings())
		if err := s.live.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a, _ := s.ask(ofFirst); a != 200 {
			t.Errorf("the first issuer's after the reload: %d", a)
		}
		if b, _ := s.ask(ofSecond); b != 401 {
			t.Errorf("the second issuer's after the reload: got %d, want 401", b)
		}
		time.Sleep(30*time.Second + time.Millisecond)
		synctest.Wait()
		if first.Err() != nil || !errors.Is(context.Cause(second), resource.ErrStreamEnded) {
			t.Errorf("streams: %v of the first issuer, %v of the second; want none and ErrStreamEnded", context.Cause(first), context.Cause(second))
		}
	})
}

// What is asked of an issuer's tokens changes with a reload, and its keys are fetched
// once for each way to verify them: not again when something else changes.
func TestReloadChangesAlgorithms(t *testing.T) {
	inBubble(t, nil, nil, func(t *testing.T, s *site) {
		began, token := time.Now(), s.issuer.Token(resourcetest.Token{Audience: identifier})
		s.ask(token)
		time.Sleep(time.Hour)
		for n, row := range []struct {
			line            string
			status, fetched int
		}{
			{"  algorithms: [RS256]", 401, 2},
			{"  algorithms: [RS256, ES256]", 200, 3},
			{"  algorithms: [RS256, ES256]\n  resource_name: x", 200, 3},
		} {
			s.write("a.yaml", s.settings(row.line))
			if err := s.live.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			status, _ := s.ask(token)
			if fetched := s.issuer.Count(resourcetest.JWKS); status != row.status || fetched != row.fetched {
				t.Errorf("%d: got %d, keys fetched %d times, want %d, %d; log: %s", n, status, fetched, row.status, row.fetched, s.log)
			}
		}
		if got, want := s.metric("warder_config_applied_timestamp_seconds"), fmt.Sprint(float64(began.Add(time.Hour).Unix())); got != want {
			t.Errorf("taken over at %s, want %s", got, want)
		}
	})
}
