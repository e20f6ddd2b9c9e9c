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

// counting is a verifier for opaque tokens that counts how often it is asked. The
// token is the subject, those that begin with "bad" are refused.
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
	return v, newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Opaque = &resource.Issuer{Verifier: v}
		if change != nil {
			change(c)
		}
	})
}

func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, f := newSubjectVerifier(t, nil)
		check := func(name, token string, want answer, calls int64) {
			t.Helper()
			f.expect(name, f.bearer(token), want)
			if n := v.calls.Load(); n != calls {
				t.Errorf("%s: verifier asked %d times, want %d", name, n, calls)
			}
		}
		check("first", "alice", accepted, 1)
		check("again", "alice", accepted, 1)
		check("in other case of the scheme", "alice", accepted, 1)
		check("another token", "Alice", accepted, 2)
		check("a prefix of it", "alic", accepted, 3)
		check("refused", "bad", invalid, 4)
		check("a refusal is not remembered", "bad", invalid, 5)
		time.Sleep(5*time.Minute - 1)
		check("just within the TTL", "alice", accepted, 5)
		time.Sleep(1)
		check("TTL over", "alice", accepted, 6)
		v.live.Store(false)
		check("no longer live: asked again", "alice", accepted, 7)
	})
}

func TestCacheDisabled(t *testing.T) {
	v, f := newSubjectVerifier(t, func(c *resource.Config) { c.Limits.CacheTTL = -1 })
	f.bearer("alice")
	f.bearer("alice")
	if n := v.calls.Load(); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
}

// Permission is not remembered, identity is: bad-inputs 221.
func TestCacheHoldsIdentityOnly(t *testing.T) {
	v, f := newSubjectVerifier(t, func(c *resource.Config) { c.Scopes = []string{"a"} })
	f.expect("first", f.bearer("alice"), insufficient("a"))
	f.expect("remembered", f.bearer("alice"), insufficient("a"))
	if n := v.calls.Load(); n != 1 {
		t.Errorf("asked %d times, want 1", n)
	}
}

func TestCacheIsBounded(t *testing.T) { // bad-inputs 225, 226
	for _, row := range []struct {
		name   string
		change func(*resource.Config)
		most   int64 // tokens that may still be remembered
	}{
		{"in entries", func(c *resource.Config) { c.Limits.CacheEntries = 10 }, 10},
		{"in bytes", func(c *resource.Config) { c.Limits.CacheEntries, c.Limits.CacheBytes = 200, 10_000 }, 20},
		{"in entries, sharded", func(c *resource.Config) { c.Limits.CacheEntries = 512 }, 512},
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
				f.bearer(fmt.Sprint("user-", tokens-1-i)) // the youngest first
			}
			if kept := tokens - v.calls.Load(); kept > row.most || kept < row.most/4 {
				t.Errorf("%d of %d tokens were remembered, want at most %d", kept, tokens, row.most)
			}
		})
	}
}

func TestInvalidTokensEvictNothing(t *testing.T) { // bad-inputs 225
	v, f := newSubjectVerifier(t, func(c *resource.Config) { c.Limits.CacheEntries = 2 })
	f.bearer("alice")
	for i := range 1000 {
		f.bearer(fmt.Sprint("bad-", i))
	}
	before := v.calls.Load()
	f.bearer("alice")
	if v.calls.Load() != before {
		t.Error("a good token was forgotten because of bad ones")
	}
}

// A claims object too large for the memory is served all the same.
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
				scopes[0] = "changed" // a copy: nobody else sees it
				if !decision.Caller.Has("a") {
					t.Error("the caller was changed by another request")
				}
			}
		})
	}
	all.Wait()
}
