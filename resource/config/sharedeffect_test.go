package config_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
)

// replicas makes servers that share a store.
type replicas struct {
	t      *testing.T
	store  *memory
	issuer *resourcetest.Issuer
	ctx    context.Context
}

// withReplicas runs a test in a synctest bubble.
func withReplicas(t *testing.T, test func(t *testing.T, r *replicas)) {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Lifetime: 10 * time.Hour, Audience: identifier})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		test(t, &replicas{t: t, store: new(memory), issuer: issuer, ctx: ctx})
	})
}

// stopped returns a server whose method Run does not run.
func (r *replicas) stopped(lines ...string) *testServer {
	r.t.Helper()
	return completedServer(r.t, r.issuer, nil, func(c *config.Config) { c.OpenStore = r.store.open }, lines...)
}

// start returns a running server.
func (r *replicas) start(lines ...string) *testServer {
	r.t.Helper()
	s := r.stopped(lines...)
	go s.live.Run(r.ctx)
	synctest.Wait()
	return s
}

// statuses sends a request to each server and returns the statuses.
func statuses(change func(*http.Request), servers ...*testServer) string {
	var all []string
	for _, s := range servers {
		status, _ := s.status(change)
		all = append(all, fmt.Sprint(status))
	}
	return strings.Join(all, " ")
}

func bearer(token string) func(*http.Request) {
	return func(req *http.Request) { req.Header.Set("Authorization", "Bearer "+token) }
}

const otherKey = "another-key-of-at-least-32-bytes-"

// revoke revokes all tokens of alice.
func (r *replicas) revoke(list *revocation.List) error {
	return list.Add(r.t.Context(), revocation.Entry{Issuer: r.issuer.Identifier(), Subject: "alice", Until: time.Now().Add(time.Hour)})
}

// A token that is revoked in one process is rejected in all that share revocations and have the
// key, within a second.
func TestRevocationsAreShared(t *testing.T) {
	withReplicas(t, func(t *testing.T, r *replicas) {
		token := bearer(r.issuer.Token(resourcetest.Token{}))
		waiting := r.stopped(shared())
		if got, err := statuses(token, waiting), waiting.live.Resource().Ready(t.Context()); got != "503" || err == nil || !strings.Contains(err.Error(), "revocations: ") {
			t.Errorf("before Run: got %s, ready %v; want 503 and not ready", got, err)
		}
		one, two, off, stranger := r.start(shared()), r.start(shared()), r.start(shared("revocations: false")), r.start(strings.Replace(shared(), sharedKey, otherKey, 1))
		if got, err := statuses(token, one, two, off, stranger), one.live.Resource().Ready(t.Context()); got != "200 200 200 200" || err != nil {
			t.Fatalf("got %s, ready %v", got, err)
		}
		if off.live.Revocations() != nil {
			t.Error("with revocations: false, there is a list")
		}
		if err := r.revoke(one.live.Revocations()); err != nil {
			t.Fatal(err)
		}
		if got := statuses(token, one); got != "401" {
			t.Errorf("where it was revoked: got %s", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := statuses(token, one, two, off, stranger); got != "401 401 200 200" {
			t.Errorf("a second later: got %s, want 401 with the key and revocations, 200 without one of them", got)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := statuses(token, one, two, off, stranger); got != "401 401 200 503" {
			t.Errorf("six seconds later: got %s, want 503 without the key", got)
		}
	})
}

// Without the store, requests are rejected when the copy of the revocations is too old.
func TestRevocationAge(t *testing.T) {
	withReplicas(t, func(t *testing.T, r *replicas) {
		token := bearer(r.issuer.Token(resourcetest.Token{}))
		servers := []*testServer{r.start(shared()), r.start(shared("max_revocation_age_seconds: 20")), r.start(shared("accept_outdated_revocations: true")), r.start(shared("revocations: false"))}
		r.store.fail(true)
		for _, row := range []struct {
			after time.Duration
			want  string
		}{{4 * time.Second, "200 200 200 200"}, {3 * time.Second, "503 200 200 200"}, {20 * time.Second, "503 503 200 200"}} {
			time.Sleep(row.after)
			synctest.Wait()
			if got := statuses(token, servers...); got != row.want {
				t.Errorf("%s later: got %s, want %s", row.after, got, row.want)
			}
		}
		r.store.fail(false)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := statuses(token, servers...); got != "200 200 200 200" {
			t.Errorf("with the store again: got %s", got)
		}
	})
}

func TestMaxRevocations(t *testing.T) {
	withReplicas(t, func(t *testing.T, r *replicas) {
		list := r.start(shared("max_revocations: 1")).live.Revocations()
		add := func(id string) error {
			return list.Add(t.Context(), revocation.Entry{Issuer: r.issuer.Identifier(), TokenID: id, Until: time.Now().Add(time.Hour)})
		}
		if first, second := add("a"), add("b"); first != nil || second == nil {
			t.Errorf("got errors %v and %v, want one for the second entry", first, second)
		}
	})
}

// A proof is accepted once by all processes that share proofs. If the store fails, it is not accepted.
func TestReplaysAreShared(t *testing.T) {
	const all, own = "  dpop_tokens: accepted", "  dpop: accepted"
	const opaque = "  client_id: test-client\n  client_secret: " + resourcetest.DefaultClientSecret
	const other = "\n  additional_issuers: [{issuer_url: 'https://b.example', jwks_uri: 'https://b.example/k'}]"
	for _, row := range []struct {
		lines, line string
		opaque      bool // the token
		complete    func(*resource.Config)
		want        string
	}{
		{all, "", false, nil, "200 401, 503"},
		{all, "replays: true", false, nil, "200 401, 503"},
		{own, "", false, nil, "200 401, 503"},
		{own, "replays: false", false, nil, "200 200, 200"},
		{"", "", false, func(c *resource.Config) { c.Credentials.DPoP.Tokens = resource.BindingAccepted }, "200 401, 503"},
		{opaque, "", true, func(c *resource.Config) { c.Opaque.DPoP = resource.BindingAccepted }, "200 401, 503"},
		{own + "\n" + opaque + "\n  token_prefix: PREFIX" + other, "", true, nil, "200 401, 503"},
	} {
		withReplicas(t, func(t *testing.T, r *replicas) {
			key := resourcetest.NewProofKey("")
			token := r.issuer.Token(resourcetest.Token{ProofKey: key})
			if row.opaque {
				token = r.issuer.OpaqueToken(resourcetest.Token{ProofKey: key})
			}
			proven := func() func(*http.Request) {
				proof := key.Proof(resourcetest.Proof{Token: token})
				return func(req *http.Request) {
					req.Header.Set("Authorization", "DPoP "+token)
					req.Header.Set("DPoP", proof)
				}
			}
			start := func() *testServer {
				s := completedServer(t, r.issuer, nil, func(c *config.Config) { c.OpenStore, c.Complete = r.store.open, row.complete },
					strings.Replace(row.lines, "PREFIX", token[:5], 1), shared(row.line))
				go s.live.Run(r.ctx)
				synctest.Wait()
				return s
			}
			one, two, once := start(), start(), proven()
			got := statuses(once, one, two)
			r.store.fail(true)
			if got += ", " + statuses(proven(), one); got != row.want {
				t.Errorf("%q %q: got %s, want %s; log: %s%s", row.lines, row.line, got, row.want, one.log, two.log)
			}
		})
	}
}

// Usually one process calls the introspection endpoint about a token, for all that share answers
// and have the key.
func TestAnswersAreShared(t *testing.T) {
	const introspection = "  client_id: test-client\n  client_secret: " + resourcetest.DefaultClientSecret + "\n"
	for _, row := range []struct {
		name, lines string
		wait        time.Duration
		want        int // calls for one token at the second server
	}{
		{"shared", introspection + shared(), 0, 0},
		{"not shared", introspection + shared("introspection_answers: false"), 0, 1},
		{"another key", introspection + strings.Replace(shared(), sharedKey, otherKey, 1), 0, 1},
		{"within the default time", introspection + shared(), 200 * time.Second, 0},
		{"after the default time", introspection + shared(), 301 * time.Second, 1},
		{"after introspection_answer_ttl_seconds", introspection + "  introspection_answer_ttl_seconds: 100\n" + shared(), 101 * time.Second, 1},
		{"after token_cache_ttl_seconds", introspection + "  token_cache_ttl_seconds: 100\n" + shared(), 101 * time.Second, 1},
		{"not cached", introspection + "  token_cache_ttl_seconds: 0\n" + shared(), time.Second, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			withReplicas(t, func(t *testing.T, r *replicas) {
				one, two := r.start(introspection+shared()), r.start(row.lines)
				token := r.issuer.OpaqueToken(resourcetest.Token{})
				if got := statuses(bearer(token), one); got != "200" {
					t.Fatalf("got %s; log: %s", got, one.log)
				}
				synctest.Wait()
				time.Sleep(row.wait)
				before := r.issuer.Count(resourcetest.Introspection)
				if got := statuses(bearer(token), two); got != "200" {
					t.Errorf("got %s; log: %s", got, two.log)
				}
				if got := r.issuer.Count(resourcetest.Introspection) - before; got != row.want {
					t.Errorf("got %d calls, want %d", got, row.want)
				}
			})
		})
	}
}

// Without keys of their own, nonces have those of shared_state.
func TestNoncesHaveTheSharedKeys(t *testing.T) {
	const required = "  dpop_tokens: accepted\n  dpop_require_nonce: true\n"
	withReplicas(t, func(t *testing.T, r *replicas) {
		b, key := boundTokens{issuer: r.issuer}, resourcetest.NewProofKey("")
		_, header := r.start(required + shared()).status(b.proven(key, resourcetest.Proof{}))
		nonce := header.Get("DPoP-Nonce")
		for lines, want := range map[string]string{
			required + shared(): "200",
			required + strings.Replace(shared(), sharedKey, otherKey+", "+sharedKey, 1): "200",
			required + strings.Replace(shared(), sharedKey, otherKey, 1):                "401",
			required + "  dpop_nonce_keys: [" + sharedKey + "]":                         "200",
			required + "  dpop_nonce_keys: [" + otherKey + "]\n" + shared():             "401",
			required: "401",
		} {
			s := r.start(lines)
			if got := statuses(b.proven(key, resourcetest.Proof{Nonce: nonce}), s); got != want {
				t.Errorf("%s: got %s, want %s; log: %s", lines, got, want, s.log)
			}
		}
	})
}
