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

// serveKeys serves the keys of an issuer over TLS. It returns their URL and the certificate of the CA.
func serveKeys(t *testing.T, issuer *resourcetest.Issuer) (url, ca string) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		keys := httptest.NewRequest(http.MethodGet, issuer.URL(resourcetest.JWKS), nil)
		issuer.ServeHTTP(w, keys.WithContext(req.Context()))
	}))
	server.Config.ErrorLog = log.New(new(bytes.Buffer), "", 0) // some handshakes fail on purpose
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL + "/keys", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

// Connections to an issuer are trusted according to the current ca_file. Keys that were
// fetched with a CA certificate that is not trusted any more are not used.
func TestCAFileDecidesTrust(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	url, own := serveKeys(t, issuer)
	s := &testServer{t: t, dir: t.TempDir(), issuer: issuer, log: new(bytes.Buffer)}
	s.write("ca.pem", certificate)
	s.write("a.yaml", s.settings("  jwks_uri: "+url, "  ca_file: ca.pem"))
	s.live, err = config.New(config.Config{File: filepath.Join(s.dir, "a.yaml"), Environ: []string{}, Logger: slog.New(slog.NewTextHandler(s.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.handler = nethttp.Handler(s.live.Resource(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	token := issuer.Token(resourcetest.Token{Audience: identifier})
	for _, row := range []struct {
		name, ca string
		status   int
	}{
		{"another CA", certificate, 503},
		{"the CA of the server", own, 200},
		{"both CAs", certificate + own, 200},
		{"another CA again", certificate, 503},
	} {
		s.write("ca.pem", row.ca)
		if err := s.live.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if status, _ := s.send(token); status != row.status {
			t.Errorf("%s: got %d, want %d; log: %s", row.name, status, row.status, s.log)
		}
	}
}

// After a reload without an issuer, its tokens are rejected, including cached ones, and its
// open streams end at their next check. Other issuers are not affected.
func TestReloadRemovesIssuer(t *testing.T) {
	const other = "https://other.example.test"
	second, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: other, Lifetime: 10 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	answer := httptest.NewRecorder()
	second.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, second.URL(resourcetest.JWKS), nil))
	additional := "  additional_issuers: [{issuer_url: '" + other + "', jwks_file: other.json}]"
	withServer(t, map[string]string{"other.json": answer.Body.String()}, []string{additional}, func(t *testing.T, s *testServer) {
		firstToken := s.issuer.Token(resourcetest.Token{Audience: identifier})
		secondToken := second.Token(resourcetest.Token{Audience: identifier})
		for range 2 { // the second time they are cached
			if a, _ := s.send(firstToken); a != 200 {
				t.Errorf("first issuer: got %d, want 200", a)
			}
			if b, _ := s.send(secondToken); b != 200 {
				t.Errorf("second issuer: got %d, want 200; log: %s", b, s.log)
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
		first, second := open(firstToken), open(secondToken)
		s.write("a.yaml", s.settings())
		if err := s.live.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a, _ := s.send(firstToken); a != 200 {
			t.Errorf("first issuer after the reload: got %d, want 200", a)
		}
		if b, _ := s.send(secondToken); b != 401 {
			t.Errorf("second issuer after the reload: got %d, want 401", b)
		}
		time.Sleep(30*time.Second + time.Millisecond)
		synctest.Wait()
		if first.Err() != nil || !errors.Is(context.Cause(second), resource.ErrStreamEnded) {
			t.Errorf("streams: got %v for the first issuer and %v for the second, want nil and ErrStreamEnded", context.Cause(first), context.Cause(second))
		}
	})
}

// A reload changes the accepted algorithms. The keys are fetched once for each set of
// algorithms, and not again if another setting changes.
func TestReloadChangesAlgorithms(t *testing.T) {
	withServer(t, nil, nil, func(t *testing.T, s *testServer) {
		start, token := time.Now(), s.issuer.Token(resourcetest.Token{Audience: identifier})
		s.send(token)
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
			status, _ := s.send(token)
			if fetched := s.issuer.Count(resourcetest.JWKS); status != row.status || fetched != row.fetched {
				t.Errorf("row %d: got %d and %d fetches of keys, want %d and %d; log: %s", n, status, fetched, row.status, row.fetched, s.log)
			}
		}
		if got, want := s.metric("warder_config_applied_timestamp_seconds"), fmt.Sprint(float64(start.Add(time.Hour).Unix())); got != want {
			t.Errorf("got timestamp %s, want %s", got, want)
		}
	})
}
