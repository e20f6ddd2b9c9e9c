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
		calls  int64 // of the four
	}{
		{"nothing", func(*resource.Resource) {}, 0},
		{"a token", func(r *resource.Resource) { r.Forget("alice") }, 1},
		{"a token as it stands in the header", func(r *resource.Resource) { r.Forget("bearer bob") }, 1},
		{"a token that is not remembered", func(r *resource.Resource) { r.Forget("zoe") }, 0},
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
			t.Errorf("%s: %d of the tokens were verified anew, want %d", row.name, n, row.calls)
		}
	}
	new(resource.Resource).Forget("x") // does nothing, as all that the zero value does
	(*resource.Resource)(nil).ForgetSubject("x", "y")
}

// The results of a verification that began before a purge are used, not kept.
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
				t.Errorf("%s: request %d: asked %d times, want %d", name, i, n, calls)
			}
		}
	}
}

// replacing does something while it is told to forget, once.
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

// What the memory of a configuration that comes meanwhile took in is forgotten too.
func TestForgetDuringReplace(t *testing.T) {
	v := &replacingVerifier{subjectVerifier: new(subjectVerifier)}
	v.live.Store(true)
	config := resource.Config{Identifier: identifier, Opaque: &resource.Issuer{Verifier: v}}
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Opaque = config.Opaque })
	config.Limits.Leeway = time.Second // another memory
	v.onForget = func() {
		if err := f.res.Replace(newResource(t, config)); err != nil {
			t.Error(err)
		}
		f.expect("meanwhile", f.bearer("alice"), accepted)
	}
	f.res.Forget("alice")
	for i, calls := range []int64{2, 2} {
		f.expect("after", f.bearer("alice"), accepted)
		if n := v.calls.Load(); n != calls {
			t.Errorf("request %d: asked %d times, want %d", i, n, calls)
		}
	}
}

// A verifier says how long its word holds; the memory may hold it for less.
func TestCacheFor(t *testing.T) {
	for _, row := range []struct {
		name string
		most time.Duration
		want time.Duration // until it is asked again
	}{
		{"nothing said", 0, 5 * time.Minute},
		{"less than the TTL", time.Second, time.Second},
		{"more than the TTL", time.Hour, 5 * time.Minute},
		{"not at all", -1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			v, f := newSubjectVerifier(t, nil)
			v.claims = func(c *resource.Claims) { c.CacheFor = row.most }
			f.bearer("alice")
			if row.want > 0 {
				time.Sleep(row.want - 1)
				f.bearer("alice")
				if n := v.calls.Load(); n != 1 {
					t.Errorf("%s: asked %d times within %s, want 1", row.name, n, row.want)
				}
				time.Sleep(1)
			}
			f.bearer("alice")
			if n := v.calls.Load(); n != 2 {
				t.Errorf("%s: asked %d times after %s, want 2", row.name, n, row.want)
			}
		})
	}
}
