package resource_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// refusing is a Verifier that verifies no token. It is compared as a pointer.
type refusing struct{ verifierFunc }

// flood is a resolver fixture that also knows issuers whose tokens never verify.
type flood struct {
	*resolverFixture
	made map[string]*refusing // by issuer
	used map[*refusing]string // those that were called, with their issuers
}

// newFlood returns a flood. If fresh is set, each result of ResolveIssuer has a new verifier.
func newFlood(t *testing.T, fresh bool, names ...string) (f *flood, resolve func(string) (*resource.Issuer, bool)) {
	f = &flood{made: map[string]*refusing{}, used: map[*refusing]string{}}
	f.resolverFixture = newResolverFixture(t, func(c *resource.Config) {
		known := c.Hooks.ResolveIssuer
		resolve = func(iss string) (*resource.Issuer, bool) {
			if i, ok := known(iss); ok {
				return i, ok
			}
			if f.made[iss] == nil || fresh {
				v := new(refusing)
				v.verifierFunc = verifierFunc{iss, func() (*resource.Claims, error) {
					f.used[v] = iss
					return nil, errors.New("no")
				}}
				f.made[iss] = v
			}
			return &resource.Issuer{Verifier: f.made[iss]}, true
		}
		c.Hooks.ResolveIssuer, c.Limits.CacheTTL = resolve, -1
	}, names...)
	return f, resolve
}

// unsigned sends a token of one of many known issuers, and returns the status.
func (f *flood) unsigned(n int) int {
	return f.bearer(f.token(resourcetest.Token{Claims: map[string]any{"iss": fmt.Sprintf("https://t%d.example", n)}})).status
}

// An issuer of which no token has been verified is accepted in a flood of unsigned tokens of 300
// others once their verifiers have been seen, because only new verifiers are rationed. Before,
// almost every one of its requests got 503.
func TestNewIssuerIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFlood(t, false, "a")
		for n := range 1500 { // 100 a second
			f.unsigned(n % 300)
			time.Sleep(10 * time.Millisecond)
		}
		f.log.take()
		for n := range 300 {
			if status := f.unsigned(n); status != 401 {
				t.Fatalf("a known verifier: got %d, want 401", status)
			}
		}
		f.expect("a new issuer", f.bearer(f.tokenOf("a")), accepted)
		f.expect("again", f.bearer(f.tokenOf("a")), accepted)
	})
}

// New verifiers are rationed over all issuers, and for each of them, however many names a flood
// has.
func TestNewVerifiersAreRationed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFlood(t, true)
		ofOne := func() (n int) {
			for _, iss := range f.used {
				if iss == "https://t0.example" {
					n++
				}
			}
			return n
		}
		for n := range 4000 { // 20 seconds
			f.unsigned(n % 2000)
			if n%10 == 0 {
				f.unsigned(0)
			}
			time.Sleep(5 * time.Millisecond)
		}
		if got := len(f.used); got < 400 || got > 100+20*20 {
			t.Errorf("%d new verifiers in 20 seconds, want at most 500", got)
		}
		if got := ofOne(); got < 1 || got > 3+20/5 {
			t.Errorf("%d new verifiers of one issuer in 20 seconds, want at most 7", got)
		}
	})
}

// Replace keeps which issuers are proven. So a flood after it does not make their tokens wait.
func TestReplaceKeepsProvenIssuers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, resolve := newFlood(t, true, "a")
		f.expect("before", f.bearer(f.tokenOf("a")), accepted)
		next, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier(t)}},
			Hooks: resource.Hooks{ResolveIssuer: resolve}, Limits: resource.Limits{CacheTTL: -1}})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.res.Replace(next); err != nil {
			t.Fatal(err)
		}
		for n := range 200 {
			f.unsigned(n)
		}
		if status := f.unsigned(200); status != 503 {
			t.Errorf("a new issuer: got %d, want 503", status)
		}
		iss := f.servers["a"].Identifier()
		f.known[iss] = &resource.Issuer{Verifier: &refusing{verifierFunc{iss, func() (*resource.Claims, error) { return nil, errors.New("no") }}}}
		f.expect("a proven issuer with a new verifier", f.bearer(f.tokenOf("a")), invalid)
	})
}

// The log record about a rationed issuer has its name, and says that it is not verified.
func TestRationedIssuerIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFlood(t, true)
		for n := range 101 {
			f.log.take()
			f.unsigned(n)
		}
		log := f.log.take()
		for _, want := range []string{`"reason":"key_pending"`, `"got":"https://t100.example"`, `"unverified":true`, "too many issuers of which no token has been verified yet; this token will be checked soon"} {
			if !strings.Contains(log, want) {
				t.Errorf("no %s in %s", want, log)
			}
		}
	})
}
