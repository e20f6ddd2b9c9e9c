package resource_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func TestForget(t *testing.T) {
	v, f := newCounting(t, func(c *resource.Config) { c.MemoryEntries = 512 }) // two shards
	tokens := []string{"alice", "bob", "carol", "dave"}
	for _, row := range []struct {
		name   string
		forget func(*resource.Resource)
		asked  int64 // of the four
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
		v.asked.Store(0)
		row.forget(f.res)
		for _, token := range tokens {
			f.expect("after "+row.name, f.bearer(token), accepted)
		}
		if n := v.asked.Load(); n != row.asked {
			t.Errorf("%s: %d of the tokens were verified anew, want %d", row.name, n, row.asked)
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
		v, f := newCounting(t, nil)
		v.claims = func(*resource.Claims) {
			if v.asked.Load() == 1 {
				forget(f.res)
			}
		}
		for i, asked := range []int64{1, 2, 2} {
			f.expect(name, f.bearer("alice"), accepted)
			if n := v.asked.Load(); n != asked {
				t.Errorf("%s: request %d: asked %d times, want %d", name, i, n, asked)
			}
		}
	}
}

// replacing does something while it is told to forget, once.
type replacing struct {
	*counting
	meanwhile func()
}

func (r *replacing) Forget() {
	if meanwhile := r.meanwhile; meanwhile != nil {
		r.meanwhile = nil
		meanwhile()
	}
}

// What the memory of a configuration that comes meanwhile took in is forgotten too.
func TestForgetDuringReplace(t *testing.T) {
	v := &replacing{counting: new(counting)}
	v.live.Store(true)
	config := resource.Config{Identifier: identifier, Opaque: &resource.Issuer{Verifier: v}}
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Opaque = config.Opaque })
	config.Leeway = time.Second // another memory
	v.meanwhile = func() {
		if err := f.res.Replace(newFor(t, config)); err != nil {
			t.Error(err)
		}
		f.expect("meanwhile", f.bearer("alice"), accepted)
	}
	f.res.Forget("alice")
	for i, asked := range []int64{2, 2} {
		f.expect("after", f.bearer("alice"), accepted)
		if n := v.asked.Load(); n != asked {
			t.Errorf("request %d: asked %d times, want %d", i, n, asked)
		}
	}
}

// A verifier says how long its word holds; the memory may hold it for less.
func TestRememberFor(t *testing.T) {
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
			v, f := newCounting(t, nil)
			v.claims = func(c *resource.Claims) { c.RememberFor = row.most }
			f.bearer("alice")
			if row.want > 0 {
				time.Sleep(row.want - 1)
				f.bearer("alice")
				if n := v.asked.Load(); n != 1 {
					t.Errorf("%s: asked %d times within %s, want 1", row.name, n, row.want)
				}
				time.Sleep(1)
			}
			f.bearer("alice")
			if n := v.asked.Load(); n != 2 {
				t.Errorf("%s: asked %d times after %s, want 2", row.name, n, row.want)
			}
		})
	}
}

func TestRevocationList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := new(resource.RevocationList)
		f := newFixture(t, nil)
		iss, now := f.issuer.Identifier(), time.Now()
		// caller is whom a token stands for, without asking the list.
		caller := func(token resourcetest.Token) *resource.Caller {
			return f.accept(f.issuer.Token(token)).Caller
		}
		jti := func(id string) map[string]any { return map[string]any{"jti": id} }
		one, other := caller(resourcetest.Token{Claims: jti("one")}), caller(resourcetest.Token{Claims: jti("two"), Subject: "bob"})
		nameless := caller(resourcetest.Token{Claims: map[string]any{"jti": resourcetest.Remove, "iat": resourcetest.Remove, "sub": resourcetest.Remove}, ClientID: "robot"})
		check := func(what string, c *resource.Caller, want bool) {
			t.Helper()
			if got := list.Revoked(context.Background(), c); got != want {
				t.Errorf("%s: revoked is %v, want %v", what, got, want)
			}
		}
		add := func(r resource.Revocation) {
			t.Helper()
			if err := list.Add(r); err != nil {
				t.Error(err)
			}
		}
		until := now.Add(time.Minute)
		check("empty list", one, false)
		add(resource.Revocation{Issuer: iss, TokenID: "one", Until: until})
		add(resource.Revocation{Issuer: iss + "/", TokenID: "two", Until: until})
		add(resource.Revocation{Issuer: iss, Subject: "two", Until: until})
		check("its jti", one, true)
		check("jti of another issuer, or as a subject", other, false)
		check("no jti", nameless, false)
		add(resource.Revocation{Issuer: iss, Subject: "robot", Until: until})
		check("client in place of a subject", nameless, true)

		// A subject's tokens up to a moment, and those of a new login.
		add(resource.Revocation{Issuer: iss, Subject: "bob", IssuedBy: now, Until: until})
		check("issued in that second", other, true)
		time.Sleep(time.Second)
		later := caller(resourcetest.Token{Subject: "bob"})
		check("issued in the next", later, false)
		check("still, the older", other, true)
		add(resource.Revocation{Issuer: iss, Subject: "bob", IssuedBy: now.Add(-time.Hour), Until: until})
		check("an earlier revocation takes nothing back", other, true)
		check("nor adds anything", later, false)
		add(resource.Revocation{Issuer: iss, Subject: "bob", Until: now.Add(time.Second)})
		check("all of them", later, true)
		add(resource.Revocation{Issuer: iss, Subject: "robot", IssuedBy: now, Until: until})
		check("without iat nothing spares it", nameless, true)

		// Until the token expires, and its leeway at the most lenient.
		time.Sleep(time.Until(until.Add(resource.MaxLeeway)) - 1)
		check("just before the end", one, true)
		time.Sleep(1)
		check("in the end", one, false)
		add(resource.Revocation{Issuer: iss, TokenID: "one", Until: until})
		check("what is over is not taken up", one, false)
	})
}

func TestRevocationListMistakes(t *testing.T) {
	until := time.Now().Add(time.Hour)
	for _, row := range []struct {
		name string
		r    resource.Revocation
	}{
		{"nothing", resource.Revocation{}},
		{"no issuer", resource.Revocation{TokenID: "x", Until: until}},
		{"neither", resource.Revocation{Issuer: "x", Until: until}},
		{"both", resource.Revocation{Issuer: "x", TokenID: "x", Subject: "x", Until: until}},
		{"for ever", resource.Revocation{Issuer: "x", TokenID: "x"}},
		{"a token by time", resource.Revocation{Issuer: "x", TokenID: "x", IssuedBy: until, Until: until}},
	} {
		list := new(resource.RevocationList)
		if err := list.Add(row.r); err == nil || list.Len() != 0 {
			t.Errorf("%s: taken, want an error", row.name)
		}
	}
}

// A full list refuses; it never drops what still counts.
func TestRevocationListIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := &resource.RevocationList{MaxEntries: 100}
		add := func(id string, lifetime time.Duration) error {
			return list.Add(resource.Revocation{Issuer: "x", TokenID: id, Until: time.Now().Add(lifetime)})
		}
		for i := range 100 {
			if err := add(string(rune('A'+i)), time.Duration(i+1)*time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		if add("one more", time.Hour) == nil || list.Len() != 100 {
			t.Errorf("a full list took one more: %d", list.Len())
		}
		if err := add("A", time.Hour); err != nil { // it is there already
			t.Error(err)
		}
		time.Sleep(2*time.Minute + resource.MaxLeeway)
		if err := add("one more", time.Hour); err != nil { // the second has ended
			t.Error(err)
		}
		if add("and another", time.Hour) == nil {
			t.Error("a full list took one more")
		}
		large := new(resource.RevocationList)
		for i := range 100_000 { // a minute each, of a thousand: it must not keep what is over
			if err := large.Add(resource.Revocation{Issuer: "x", TokenID: string(rune(i)) + "-" + string(rune(i/0xd000)), Until: time.Now()}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if n := large.Len(); n > 2100 {
			t.Errorf("%d entries, most of which are over", n)
		}
	})
}
