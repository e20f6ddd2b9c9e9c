package config_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
)

// New keys take effect without a restart, for revocations, responses and nonces. A revocation and
// a response that were stored with the new key count from then on.
func TestReloadReplacesSharedKeys(t *testing.T) {
	const lines = "  client_id: test-client\n  client_secret: " + resourcetest.DefaultClientSecret + "\n  dpop_tokens: accepted\n  dpop_require_nonce: true\n"
	withReplicas(t, func(t *testing.T, r *replicas) {
		s := completedServer(t, r.issuer, map[string]string{"one": sharedKey, "two": strings.ToUpper(otherKey)}, func(c *config.Config) { c.OpenStore = r.store.open },
			lines+strings.Replace(shared(), "keys: ["+sharedKey+"]", "key_files: [one, two]", 1))
		go s.live.Run(r.ctx)
		rotated := r.start(lines + strings.Replace(shared(), sharedKey, otherKey, 1))
		b, key := boundTokens{issuer: r.issuer}, resourcetest.NewProofKey("")
		_, header := rotated.status(b.proven(key, resourcetest.Proof{}))
		proven := b.proven(key, resourcetest.Proof{Nonce: header.Get("DPoP-Nonce")})
		alice, bob := bearer(r.issuer.Token(resourcetest.Token{})), bearer(r.issuer.OpaqueToken(resourcetest.Token{Subject: "bob"}))
		revoke := func(list *revocation.List, id string) {
			t.Helper()
			if err := list.Add(t.Context(), revocation.Entry{Issuer: r.issuer.Identifier(), TokenID: id, Until: time.Now().Add(time.Hour)}); err != nil {
				t.Error(err)
			}
		}
		old := bearer(r.issuer.Token(resourcetest.Token{Claims: map[string]any{"jti": "old"}}))
		revoke(s.live.Revocations(), "old")
		if got := statuses(bob, rotated); got != "200" {
			t.Fatalf("got %s", got)
		}
		calls := func() int { return r.issuer.Count(resourcetest.Introspection) }
		before := calls()
		if got := statuses(alice, s) + " " + statuses(proven, s); got != "200 401" {
			t.Errorf("before: got %s, want 200 and 401 for the nonce", got)
		}
		s.write("two", otherKey) // Run notices the content of the file
		s.waitForReload(1)
		if got := statuses(proven, s) + " " + statuses(bob, s); got != "200 200" || calls() != before {
			t.Errorf("after: got %s with %d calls, want 200 200 without a call; log: %s", got, calls()-before, s.log)
		}
		s.write("a.yaml", s.settings(lines+strings.Replace(shared(), "keys: ["+sharedKey+"]", "key_files: [two]", 1)))
		const inUse = ":8: shared_state: revocation: Keys: entries that were added with a removed key have not ended: keep the key until then"
		if err := s.live.Reload(t.Context()); err == nil || !strings.HasSuffix(err.Error(), inUse) || statuses(old, s) != "401" {
			t.Errorf("without the key of an entry: got %v and %s, want %s and 401", err, statuses(old, s), inUse)
		}
		if err := r.revoke(rotated.live.Revocations()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := statuses(alice, s); got != "401" {
			t.Errorf("an entry with the new key: got %s, want 401", got)
		}
		if len(r.store.opened) != 2 || r.store.closed != 0 {
			t.Errorf("the store was opened %d times by two servers, and closed %d times", len(r.store.opened), r.store.closed)
		}
	})
}

// A change of another key of the block needs a restart. Until then, the previous configuration
// stays in use, with its revocations.
func TestReloadOfSharedStateNeedsARestart(t *testing.T) {
	dir := t.TempDir()
	password := write(t, dir, "password", "p\n")
	chain, key := clientCertificate(t, "c")
	pair := []string{"tls_client_certificate_file: " + write(t, dir, "chain", chain), "tls_client_key_file: " + write(t, dir, "key", key)}
	const other, restart = "has another value; a change needs a restart", "a change needs a restart"
	base := []string{"timeout_milliseconds: 20", "tls: true", "ca_file: ca.pem", "mode: cluster"}
	with := func(lines ...string) string { return shared(slices.Concat(base, lines)...) }
	for _, row := range []struct{ lines, want string }{
		{with(), ""},
		{with() + "\n  required_scopes: [a]", ""},
		{strings.Replace(with(), sharedKey, otherKey, 1), ""},
		{"", "1: shared_state: was added or removed; " + restart},
		{strings.Replace(with(), "store.example.com", "b.example.com", 1), "5: shared_state.addresses: " + other},
		{shared(base[1:]...), "4: shared_state.timeout_milliseconds: " + other},
		{shared(slices.Replace(slices.Clone(base), 0, 1, "timeout_milliseconds: 21")...), "7: shared_state.timeout_milliseconds: " + other},
		{shared(base[:3]...), "4: shared_state.mode: " + other},
		{strings.Replace(with(), "cluster", "standalone", 1), "10: shared_state.mode: " + other},
		{with("username: u", "password_file: "+password), "11: shared_state.username: " + other},
		{with("password_file: " + password), "11: shared_state.password_file: " + other},
		{with("server_name: a"), "11: shared_state.server_name: " + other},
		{with(pair...), "11: shared_state.tls_client_certificate_file: " + other},
		{with("prefix: p"), "11: shared_state.prefix: " + other},
		{with("database: 0"), "11: shared_state.database: " + other},
		{with("max_calls: 1"), "11: shared_state.max_calls: " + other},
		{with("revocations: false"), "11: shared_state.revocations: " + other},
		{with("replays: false"), "11: shared_state.replays: " + other},
		{with("introspection_answers: false"), "11: shared_state.introspection_answers: " + other},
		{with("max_revocations: 1"), "11: shared_state.max_revocations: " + other},
		{with("max_revocation_age_seconds: 6"), "11: shared_state.max_revocation_age_seconds: " + other},
		{with("max_proofs_per_key: 1"), "11: shared_state.max_proofs_per_key: " + other},
		{with("accept_outdated_revocations: true"), "11: shared_state.accept_outdated_revocations: " + other},
		{strings.Replace(with(), sharedKey, "short", 1), "6: shared_state.keys: key 1 has 5 bytes; want at least 32 random bytes"},
	} {
		withReplicas(t, func(t *testing.T, r *replicas) {
			s := completedServer(t, r.issuer, map[string]string{"ca.pem": certificate}, func(c *config.Config) { c.OpenStore = r.store.open }, with())
			go s.live.Run(r.ctx)
			synctest.Wait()
			s.write("a.yaml", s.settings(row.lines))
			got := ""
			if err := s.live.Reload(t.Context()); err != nil {
				got = strings.TrimPrefix(err.Error(), "config: "+filepath.Join(s.dir, "a.yaml")+":")
			}
			if got != row.want {
				t.Errorf("%s\n got %s\nwant %s", row.lines, got, row.want)
			}
			if err := r.revoke(s.live.Revocations()); err != nil {
				t.Fatal(err)
			}
			if got := statuses(bearer(r.issuer.Token(resourcetest.Token{Scope: "a"})), s); got != "401" || len(r.store.opened) != 1 || r.store.closed != 0 {
				t.Errorf("%s: got %s, opened %d times, closed %d times; want 401, 1 and 0", row.lines, got, len(r.store.opened), r.store.closed)
			}
		})
	}
}

// Revocations survive a reload. Other files of the block: a new password is not a change, other
// certificates are one that needs a restart, and a block cannot be added.
func TestReloadKeepsRevocations(t *testing.T) {
	withReplicas(t, func(t *testing.T, r *replicas) {
		lines := shared("tls: true", "ca_file: ca.pem", "password_file: password")
		s := completedServer(t, r.issuer, map[string]string{"ca.pem": certificate, "password": "p1"}, func(c *config.Config) { c.OpenStore = r.store.open }, lines)
		go s.live.Run(r.ctx)
		synctest.Wait()
		token, list := bearer(r.issuer.Token(resourcetest.Token{Scope: "a"})), s.live.Revocations()
		if err := r.revoke(list); err != nil {
			t.Fatal(err)
		}
		s.write("password", "p2")
		s.write("a.yaml", s.settings(lines, "  required_scopes: [a]"))
		if err := s.live.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := statuses(token, s); got != "401" || s.live.Revocations() != list {
			t.Errorf("after a reload: got %s, same list %v", got, s.live.Revocations() == list)
		}
		for file, want := range map[string]string{"ca.pem": ":8: shared_state.ca_file: the certificates are other ones; a change needs a restart", "password": `:9: shared_state.password_file: secret file "` + filepath.Join(s.dir, "password") + `": has more than one line`} {
			s.write("ca.pem", certificate)
			s.write("password", "p2")
			s.write(file, certificate+certificate)
			if err := s.live.Reload(t.Context()); err == nil || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("%s: got %v, want %s", file, err, want)
			}
		}
		without := newTestServer(t, r.issuer, nil)
		without.write("a.yaml", without.settings(shared()))
		if err := without.live.Reload(t.Context()); err == nil || !strings.HasSuffix(err.Error(), ":4: shared_state: was added or removed; a change needs a restart") {
			t.Errorf("a block was added: %v", err)
		}
	})
}

// The series of the store have the label of the resource, so that a process can have several.
func TestMetricsOfTheStore(t *testing.T) {
	withReplicas(t, func(t *testing.T, r *replicas) {
		series := prometheus.NewGauge(prometheus.GaugeOpts{Name: "store_series", Help: "A series."})
		series.Set(7)
		complete := func(c *config.Config) {
			c.OpenStore = func(settings config.StoreSettings) (config.Stores, error) {
				stores, err := r.store.open(settings)
				stores.Metrics = series
				return stores, err
			}
		}
		s := completedServer(t, r.issuer, nil, complete, shared())
		if got := s.metric("store_series"); got != "7" {
			t.Errorf("got %q, want 7", got)
		}
		c := textConfig(block(shared()))
		complete(&c)
		other, err := config.New(c)
		if err != nil {
			t.Fatal(err)
		}
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(s.live, other)
		if _, err := registry.Gather(); err != nil {
			t.Error(err)
		}
	})
}
