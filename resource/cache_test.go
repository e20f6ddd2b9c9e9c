package resource_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// subjectVerifier is a verifier for opaque tokens that counts its calls. A token is its own
// subject. Tokens that begin with "bad" are rejected.
type subjectVerifier struct {
	calls  atomic.Int64
	live   atomic.Bool
	claims func(*resource.Claims)
}

func (*subjectVerifier) Issuer() string { return "https://opaque.example.test" }

func (v *subjectVerifier) Verify(_ context.Context, token *resource.Token) (*resource.Claims, error) {
	v.calls.Add(1)
	if strings.HasPrefix(token.Raw(), "bad") {
		return nil, &resource.Error{Reason: resource.ReasonInactive}
	}
	c := &resource.Claims{Issuer: v.Issuer(), Subject: token.Raw(), Audience: []string{identifier}}
	c.StillValid = func(time.Time) bool { return v.live.Load() }
	if v.claims != nil {
		v.claims(c)
	}
	return c, nil
}

func newSubjectVerifier(t testing.TB, change func(*resource.Config)) (*subjectVerifier, *fixture) {
	v := new(subjectVerifier)
	v.live.Store(true)
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Opaque = &resource.Issuer{Verifier: v}
		if change != nil {
			change(c)
		}
	})
	f.unexplained = true // the tests count calls
	return v, f
}

func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, f := newSubjectVerifier(t, nil)
		check := func(name, token string, want answer, calls int64) {
			t.Helper()
			f.expect(name, f.bearer(token), want)
			if n := v.calls.Load(); n != calls {
				t.Errorf("%s: verifier called %d times, want %d", name, n, calls)
			}
		}
		check("first", "alice", accepted, 1)
		check("again", "alice", accepted, 1)
		check("a third time", "alice", accepted, 1)
		check("another token", "Alice", accepted, 2)
		check("a prefix of the token", "alic", accepted, 3)
		check("rejected", "bad", invalid, 4)
		check("a rejection is not cached", "bad", invalid, 5)
		time.Sleep(5*time.Minute - 1)
		check("one nanosecond before the TTL ends", "alice", accepted, 5)
		time.Sleep(1)
		check("at the end of the TTL", "alice", accepted, 6)
		v.live.Store(false)
		check("StillValid returns false: verified again", "alice", accepted, 7)
	})
}

func TestCacheDisabled(t *testing.T) {
	v, f := newSubjectVerifier(t, func(c *resource.Config) { c.Limits.CacheTTL = -1 })
	f.bearer("alice")
	f.bearer("alice")
	if n := v.calls.Load(); n != 2 {
		t.Errorf("verifier called %d times, want 2", n)
	}
}

// The cache holds identity, not permission.
func TestCacheHoldsIdentityOnly(t *testing.T) {
	v, f := newSubjectVerifier(t, func(c *resource.Config) { c.Scopes = []string{"a"} })
	f.expect("first", f.bearer("alice"), insufficient("a"))
	f.expect("cached", f.bearer("alice"), insufficient("a"))
	if n := v.calls.Load(); n != 1 {
		t.Errorf("verifier called %d times, want 1", n)
	}
}

func TestCacheIsBounded(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*resource.Config)
		limit  int64 // largest number of tokens that may be cached
	}{
		{"by entries", func(c *resource.Config) { c.Limits.CacheEntries = 10 }, 10},
		{"by bytes", func(c *resource.Config) { c.Limits.CacheEntries, c.Limits.CacheBytes = 200, 10_000 }, 20},
		{"by entries, several shards", func(c *resource.Config) { c.Limits.CacheEntries = 512 }, 512},
	} {
		t.Run(row.name, func(t *testing.T) {
			v, f := newSubjectVerifier(t, row.change)
			const tokens = 2000
			for range 2 {
				for i := range tokens {
					f.bearer(fmt.Sprint("user-", i))
				}
			}
			v.calls.Store(0)
			for i := range tokens {
				f.bearer(fmt.Sprint("user-", tokens-1-i)) // the newest first
			}
			if kept := tokens - v.calls.Load(); kept > row.limit || kept < row.limit/4 {
				t.Errorf("%d of %d tokens were cached, want at most %d", kept, tokens, row.limit)
			}
		})
	}
}

func TestInvalidTokensEvictNothing(t *testing.T) {
	v, f := newSubjectVerifier(t, func(c *resource.Config) { c.Limits.CacheEntries = 2 })
	f.bearer("alice")
	for i := range 1000 {
		f.bearer(fmt.Sprint("bad-", i))
	}
	before := v.calls.Load()
	f.bearer("alice")
	if v.calls.Load() != before {
		t.Error("invalid tokens evicted a valid one")
	}
}

// A token whose claims are too large for the cache is accepted, but not cached.
func TestClaimsLargerThanCache(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Limits.CacheBytes = 1000 })
	token := f.token(resourcetest.Token{Claims: map[string]any{"filler": strings.Repeat("x", 4000)}})
	f.expect("first", f.bearer(token), accepted)
	f.expect("again", f.bearer(token), accepted)
}

func TestConcurrentUseOfOneToken(t *testing.T) { // run with -race
	f := newFixture(t, nil)
	token := f.token(resourcetest.Token{Scope: "a"})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				req, _ := http.NewRequest(http.MethodPost, identifier, nil)
				req.Header.Set("Authorization", "Bearer "+token)
				decision, refusal := f.res.Authenticate(req)
				if refusal != nil {
					t.Errorf("got %v", refusal.Err)
					return
				}
				scopes := decision.Caller.Scopes()
				scopes[0] = "changed" // must be a copy
				if !decision.Caller.Has("a") {
					t.Error("another request changed the caller")
				}
			}
		})
	}
	all.Wait()
}
