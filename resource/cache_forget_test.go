package resource_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

func TestForget(t *testing.T) {
	v, f := newSubjectVerifier(t, func(c *resource.Config) { c.Limits.CacheEntries = 512 }) // two shards
	tokens := []string{"alice", "bob", "carol", "dave"}
	for _, row := range []struct {
		name   string
		forget func(*resource.Resource)
		calls  int64 // verifications of the four tokens afterwards
	}{
		{"nothing", func(*resource.Resource) {}, 0},
		{"a token", func(r *resource.Resource) { r.Forget("alice") }, 1},
		{"a token with the scheme", func(r *resource.Resource) { r.Forget("bearer bob") }, 1},
		{"a token that is not cached", func(r *resource.Resource) { r.Forget("zoe") }, 0},
		{"a part of a token", func(r *resource.Resource) { r.Forget("ali"); r.Forget(""); r.Forget("alice ") }, 0},
		{"a subject", func(r *resource.Resource) { r.ForgetSubject("https://opaque.example.test", "dave") }, 1},
		{"a subject of another issuer", func(r *resource.Resource) { r.ForgetSubject("https://opaque.example.test/", "dave") }, 0},
		{"no subject", func(r *resource.Resource) { r.ForgetSubject("https://opaque.example.test", "") }, 0},
	} {
		for _, token := range tokens {
			f.expect("before "+row.name, f.bearer(token), accepted)
		}
		v.calls.Store(0)
		row.forget(f.res)
		for _, token := range tokens {
			f.expect("after "+row.name, f.bearer(token), accepted)
		}
		if n := v.calls.Load(); n != row.calls {
			t.Errorf("%s: %d of the tokens were verified again, want %d", row.name, n, row.calls)
		}
	}
	new(resource.Resource).Forget("x") // the zero value has no cache
	(*resource.Resource)(nil).ForgetSubject("x", "y")
}

// The result of a verification that began before Forget is used but not cached.
func TestForgetDuringVerification(t *testing.T) {
	for name, forget := range map[string]func(*resource.Resource){
		"a token":   func(r *resource.Resource) { r.Forget("alice") },
		"a subject": func(r *resource.Resource) { r.ForgetSubject("https://opaque.example.test", "alice") },
	} {
		v, f := newSubjectVerifier(t, nil)
		v.claims = func(*resource.Claims) {
			if v.calls.Load() == 1 {
				forget(f.res)
			}
		}
		for i, calls := range []int64{1, 2, 2} {
			f.expect(name, f.bearer("alice"), accepted)
			if n := v.calls.Load(); n != calls {
				t.Errorf("%s: request %d: verifier called %d times, want %d", name, i, n, calls)
			}
		}
	}
}

// replacingVerifier calls onForget during the first call of Forget.
type replacingVerifier struct {
	*subjectVerifier
	onForget func()
}

func (r *replacingVerifier) Forget() {
	if onForget := r.onForget; onForget != nil {
		r.onForget = nil
		onForget()
	}
}

// If the configuration is replaced during Forget, tokens are removed from the cache of the
// new configuration too.
func TestForgetDuringReplace(t *testing.T) {
	v := &replacingVerifier{subjectVerifier: new(subjectVerifier)}
	v.live.Store(true)
	config := resource.Config{Identifier: identifier, Opaque: &resource.Issuer{Verifier: v}}
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Opaque = config.Opaque })
	f.unexplained = true               // the test counts calls
	config.Limits.Leeway = time.Second // needs a new cache
	v.onForget = func() {
		if err := f.res.Replace(newResource(t, config)); err != nil {
			t.Error(err)
		}
		f.expect("during Forget", f.bearer("alice"), accepted)
	}
	f.res.Forget("alice")
	for i, calls := range []int64{2, 2} {
		f.expect("after", f.bearer("alice"), accepted)
		if n := v.calls.Load(); n != calls {
			t.Errorf("request %d: verifier called %d times, want %d", i, n, calls)
		}
	}
}

// Claims.CacheFor can shorten the time in the cache, but not extend it.
func TestCacheFor(t *testing.T) {
	for _, row := range []struct {
		name string
		max  time.Duration
		want time.Duration // until the token is verified again
	}{
		{"zero", 0, 5 * time.Minute},
		{"less than the TTL", time.Second, time.Second},
		{"more than the TTL", time.Hour, 5 * time.Minute},
		{"negative", -1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			v, f := newSubjectVerifier(t, nil)
			v.claims = func(c *resource.Claims) { c.CacheFor = row.max }
			f.bearer("alice")
			if row.want > 0 {
				time.Sleep(row.want - 1)
				f.bearer("alice")
				if n := v.calls.Load(); n != 1 {
					t.Errorf("%s: verifier called %d times within %s, want 1", row.name, n, row.want)
				}
				time.Sleep(1)
			}
			f.bearer("alice")
			if n := v.calls.Load(); n != 2 {
				t.Errorf("%s: verifier called %d times after %s, want 2", row.name, n, row.want)
			}
		})
	}
}

// ForgetSubject finds a principal by each of its names: the claim sub, the claim of SubjectClaim,
// and for tokens that belong to no user the client.
func TestForgetSubjectFollowsThePrincipal(t *testing.T) {
	user, client := `{"username":"alice","sub":"8f3a","client_id":"c1"}`, `{"sub":"svc","client_id":"c1","gty":"cc"}`
	for _, row := range []struct {
		name, claims, forget string
		forgotten            bool
	}{
		{"the username of a user", user, "alice", true},
		{"the sub of a user", user, "8f3a", true},
		{"the client of a user", user, "c1", false},
		{"a client", client, "c1", true},
		{"the sub of a client", client, "svc", true},
		{"the client of a token without a subject", `{"client_id":"c1"}`, "c1", true},
		{"the sub of a token without the claim of SubjectClaim", `{"sub":"7c","client_id":"c1"}`, "7c", true},
		{"an empty subject", `{}`, "", false},
	} {
		calls := 0
		v := verifierFunc{"https://opaque.example.test", func() (*resource.Claims, error) {
			calls++
			claims, err := resource.ParseClaims([]byte(row.claims))
			claims.Issuer, claims.Audience = "https://opaque.example.test", []string{identifier}
			return claims, err
		}}
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Opaque = &resource.Issuer{Verifier: v, SubjectClaim: "username", ClientTokens: &resource.ClientTokens{Claim: "gty", Value: "cc"}}
		})
		f.unexplained = true // the test counts calls
		f.expect(row.name, f.bearer("opaque"), accepted)
		f.res.ForgetSubject("https://opaque.example.test", row.forget)
		f.expect(row.name, f.bearer("opaque"), accepted)
		if forgotten := calls == 2; forgotten != row.forgotten {
			t.Errorf("%s: verified %d times, want forgotten: %v", row.name, calls, row.forgotten)
		}
	}
}
