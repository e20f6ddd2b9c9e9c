package onbehalf_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Two Resources share an exchanger. What one of them forgets is not used by it again, however often
// the other one has forgotten something.
func TestForgetWithTwoResources(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		other, err := resource.New(resource.Config{
			Identifier: "https://other.example.test/mcp", Credentials: resource.Credentials{HoldTokens: true},
			Issuers: []resource.Issuer{{Verifier: f.verifier(false, nil)}},
		})
		if err != nil {
			f.Fatal(err)
		}
		token := f.issuer.Token(resourcetest.Token{Subject: "alice", Claims: map[string]any{"aud": []string{identifier, "https://other.example.test/mcp"}}})
		ofOther := func() *resource.Caller {
			req := httptest.NewRequest(http.MethodPost, "https://other.example.test/mcp", nil)
			req.Header.Set("Authorization", "Bearer "+token)
			d, refusal := other.Authenticate(req)
			if refusal != nil {
				f.Fatalf("the request was rejected: %+v", refusal)
			}
			return d.Caller
		}
		other.Forget("another token")
		f.must(ofOther())
		f.res.Forget(token)
		if _, n := f.must(f.caller(token)); n != 2 {
			f.Errorf("got %d exchanges, want 2: the token was forgotten after the first one", n)
		}
		other.Forget("another token")
		for range 3 { // neither removes what was found out for the other
			f.must(ofOther())
			f.must(f.caller(token))
		}
		if n := f.exchanges(); n > 4 {
			f.Errorf("got %d exchanges, want at most one for each resource after a Forget", n)
		}
	})
}

// marking is a verifier whose claims refer to a marker, so that a test sees whether they are still in
// memory.
type marking struct {
	resource.Verifier
	markers *[]weak.Pointer[[1 << 10]byte]
}

func (m marking) Verify(ctx context.Context, token *resource.Token) (*resource.Claims, error) {
	claims, err := m.Verifier.Verify(ctx, token)
	if err == nil {
		marker := new([1 << 10]byte)
		*m.markers = append(*m.markers, weak.Make(marker))
		claims.StillValid = func(time.Time) bool { return marker[0] == 0 }
	}
	return claims, err
}

// A cached token keeps nothing of its caller in memory, because the claims, which can be large, do not
// count as bytes of the cache.
func TestCacheKeepsNoClaims(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		var markers []weak.Pointer[[1 << 10]byte]
		res, err := resource.New(resource.Config{
			Identifier: identifier, Credentials: resource.Credentials{HoldTokens: true}, Limits: resource.Limits{CacheTTL: -1},
			Issuers: []resource.Issuer{{Verifier: marking{f.verifier(false, nil), &markers}}},
		})
		if err != nil {
			f.Fatal(err)
		}
		for range 3 {
			req := httptest.NewRequest(http.MethodPost, identifier, nil)
			req.Header.Set("Authorization", "Bearer "+f.token("alice"))
			d, refusal := res.Authenticate(req)
			if refusal != nil {
				f.Fatalf("the request was rejected: %+v", refusal)
			}
			f.must(d.Caller)
		}
		runtime.GC()
		runtime.GC()
		for n, marker := range markers {
			if marker.Value() != nil {
				f.Errorf("the claims of verification %d of %d are still in memory", n, len(markers))
			}
		}
		if !strings.Contains(f.metrics(), `warder_onbehalf_cached_tokens{issuer="https://auth.example.test"} 3`) {
			f.Error("want 3 cached tokens")
		}
	})
}

// A Forget of another token removes nothing, also after Resource.Replace: a client that logs out must
// not cause an exchange for every other caller.
func TestForgetOfAnotherTokenAfterReplace(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		verifier := f.verifier(false, nil)
		build := func(scopes ...string) *resource.Resource {
			res, err := resource.New(resource.Config{
				Identifier: identifier, Credentials: resource.Credentials{HoldTokens: true}, Scopes: scopes,
				Issuers: []resource.Issuer{{Verifier: verifier}},
			})
			if err != nil {
				f.Fatal(err)
			}
			return res
		}
		f.res = build("mcp:read")
		token := f.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "mcp:read"})
		f.caller(token)
		if err := f.res.Replace(build()); err != nil {
			f.Fatal(err)
		}
		for range 3 {
			f.must(f.caller(token))
			f.res.Forget(f.token("bob"))
		}
		if n := f.exchanges(); n != 1 {
			f.Errorf("got %d exchanges, want 1", n)
		}
		f.res.Forget(token)
		if _, n := f.must(f.caller(token)); n != 2 {
			f.Errorf("got %d exchanges, want 2: the token was forgotten", n)
		}
	})
}
