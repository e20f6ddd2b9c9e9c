package config_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// reload replaces the file and applies it. It returns the error without the path.
func (s *testServer) reload(lines ...string) string {
	s.t.Helper()
	s.write("a.yaml", s.settings(lines...))
	if err := s.live.Reload(s.t.Context()); err != nil {
		return strings.TrimPrefix(err.Error(), "config: "+filepath.Join(s.dir, "a.yaml")+":")
	}
	return ""
}

// A reload applies new settings to the same handler and the same list, so earlier revocations
// stay. A rejected reload changes nothing.
func TestReloadOfSecurityEvents(t *testing.T) {
	withReplicas(t, func(t *testing.T, r *replicas) {
		s := completedServer(t, r.issuer, nil, func(*config.Config) {}, events())
		handler, list := s.live.SecurityEvents(), s.live.Revocations()
		alice, bob := bearer(r.issuer.Token(resourcetest.Token{Scope: "a"})), bearer(r.issuer.Token(resourcetest.Token{Subject: "bob", Scope: "a"}))
		if got := s.push(r.issuer, resourcetest.SecurityEvent{}, ""); got != 202 {
			t.Fatalf("got %d", got)
		}
		if got := s.reload(events("authorization: Bearer x"), "  required_scopes: [a]"); got != "" {
			t.Fatal(got)
		}
		if got := statuses(alice, s) + " " + statuses(bob, s); got != "401 200" {
			t.Errorf("after a reload: got %s, want 401 200", got)
		}
		if got := s.reload(events("authorization: Bearer y", "max_age_seconds: 1")); got != "7: security_events.max_age_seconds: must be a whole number from 60 to 2592000" {
			t.Errorf("an invalid file: got %s", got)
		}
		about := resourcetest.SecurityEvent{Subject: r.issuer.SubjectID("bob")}
		if without, old, fresh := s.push(r.issuer, about, ""), s.push(r.issuer, about, "Bearer y"), s.push(r.issuer, about, "Bearer x"); without != 401 || old != 401 || fresh != 202 {
			t.Errorf("authorization: got %d, %d, %d, want 401, 401, 202", without, old, fresh)
		}
		if got := statuses(bob, s); got != "401" || s.live.SecurityEvents() != handler || s.live.Revocations() != list || list.Len() != 2 {
			t.Errorf("got %s, %d entries, the same handler %t, the same list %t", got, list.Len(), s.live.SecurityEvents() == handler, s.live.Revocations() == list)
		}
	})
}

// The program has mounted the handler, or has not, so the block cannot be added or removed.
func TestSecurityEventsCannotBeAddedOrRemoved(t *testing.T) {
	withReplicas(t, func(t *testing.T, r *replicas) {
		with, without := completedServer(t, r.issuer, nil, func(*config.Config) {}, events()), newTestServer(t, r.issuer, nil)
		const want = ": security_events: was added or removed; a change needs a restart"
		if got := with.reload(); got != "1"+want {
			t.Errorf("removed: got %s", got)
		}
		if got := without.reload(events()); got != "4"+want || without.live.SecurityEvents() != nil {
			t.Errorf("added: got %s", got)
		}
		if got := with.push(r.issuer, resourcetest.SecurityEvent{}, ""); got != 202 {
			t.Errorf("after a rejected reload: got %d", got)
		}
	})
}

// A reload that does not change the settings of the events keeps the memory of what was received,
// and the counters.
func TestReloadKeepsReceivedEvents(t *testing.T) {
	for _, row := range []struct {
		name   string
		after  []string
		result string // of the second delivery
	}{
		{"nothing changes", []string{events()}, "duplicate 1, accepted 1"},
		{"another key changes", []string{events(), "  required_scopes: [a]"}, "duplicate 1, accepted 1"},
		{"the block is written differently", []string{"  security_events: {leeway_seconds: 300, audience: [" + stream + "]}"}, "duplicate 0, accepted 1"},
		{"audience", []string{strings.Replace(events(), stream, "x, "+stream, 1)}, "duplicate 0, accepted 1"},
		{"authorization", []string{events("authorization: Bearer x")}, "duplicate 0, accepted 1"},
		{"authorization_file", []string{events("authorization_file: secret")}, "duplicate 0, accepted 1"},
		{"token_lifetime_seconds", []string{events("token_lifetime_seconds: 5000")}, "duplicate 0, accepted 1"},
		{"max_token_lifetime_seconds", []string{events(), "  max_token_lifetime_seconds: 5000"}, "duplicate 0, accepted 1"},
		{"tokens_have_session", []string{events("tokens_have_session: true")}, "duplicate 0, accepted 1"},
		{"max_age_seconds", []string{events("max_age_seconds: 5000")}, "duplicate 0, accepted 1"},
		{"leeway_seconds", []string{events("leeway_seconds: 200")}, "duplicate 0, accepted 1"},
		{"keys of the issuer", []string{events(), "  jwks_refresh_seconds: 60"}, "duplicate 0, accepted 1"},
		{"jwks_uri", []string{events("jwks_uri: https://auth.example.test/jwks")}, "duplicate 0, accepted 1"},
	} {
		withReplicas(t, func(t *testing.T, r *replicas) {
			s := completedServer(t, r.issuer, map[string]string{"secret": "Bearer x"}, func(*config.Config) {}, events())
			token := r.issuer.SecurityEvent(resourcetest.SecurityEvent{Audience: stream})
			deliver := func() int {
				w := httptest.NewRecorder()
				s.live.SecurityEvents().ServeHTTP(w, resourcetest.PushRequest(t.Context(), "https://mcp.example.test/e", token, "Bearer x"))
				return w.Code
			}
			if first, reloaded, second := deliver(), s.reload(row.after...), deliver(); first != 202 || reloaded != "" || second != 202 {
				t.Errorf("%s: got %d, %s, %d", row.name, first, reloaded, second)
			}
			if got := fmt.Sprintf("duplicate %s, accepted %s", s.count("duplicate"), s.count("accepted")); got != row.result {
				t.Errorf("%s: got %s, want %s", row.name, got, row.result)
			}
		})
	}
}

// A rotated authorization takes effect without a reload. While the file is missing, events are
// rejected with 503, and Run reports it.
func TestAuthorizationFileOfEventsRotates(t *testing.T) {
	withReplicas(t, func(t *testing.T, r *replicas) {
		s := completedServer(t, r.issuer, map[string]string{"secret": "Bearer one\n"}, func(*config.Config) {}, events("authorization_file: secret"))
		go s.live.Run(r.ctx)
		push := func(authorization string, want int) {
			t.Helper()
			if got := s.push(r.issuer, resourcetest.SecurityEvent{}, authorization); got != want {
				t.Errorf("%s: got %d, want %d", authorization, got, want)
			}
		}
		push("Bearer one", 202)
		s.write("secret", "Bearer two\n")
		time.Sleep(time.Second)
		push("Bearer one", 401)
		push("Bearer two", 202)
		s.waitForReload(2)
		if got := s.metric("warder_config_reloads_total"); got != "0 0" {
			t.Errorf("a rotation: got %s reloads, want 0 0", got)
		}
		if err := os.Remove(filepath.Join(s.dir, "secret")); err != nil {
			t.Fatal(err)
		}
		s.waitForReload(1)
		push("Bearer two", 503)
		if got := s.metric("warder_config_broken"); got != "1" || !strings.Contains(s.log.String(), "security_events.authorization_file: secret file ") {
			t.Errorf("a missing file: got %s; log: %s", got, s.log)
		}
		s.write("secret", "Bearer three\n")
		s.waitForReload(1)
		push("Bearer three", 202)
		if got := s.metric("warder_config_broken"); got != "0" {
			t.Errorf("with the file again: got %s", got)
		}
	})
}

// While the configuration is reloaded, events are received by one of the two receivers.
func TestEventsDuringReloads(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Audience: identifier})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	s := newTestServer(t, issuer, nil, events())
	handler := s.live.SecurityEvents()
	token := issuer.SecurityEvent(resourcetest.SecurityEvent{Audience: stream})
	statuses := make(chan int, 300)
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			for range 100 {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, resourcetest.PushRequest(t.Context(), "https://mcp.example.test/e", token, ""))
				statuses <- w.Code
				s.live.Collect(make(chan prometheus.Metric, 100))
			}
		})
	}
	for n := range 50 {
		if got := s.reload(events(fmt.Sprint("leeway_seconds: ", 200+n))); got != "" {
			t.Error(got)
		}
	}
	group.Wait()
	close(statuses)
	for status := range statuses {
		if status != http.StatusAccepted {
			t.Fatalf("got %d, want 202", status)
		}
	}
}
