package resource_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
)

// fakeRevocations are Revocations whose results a test sets. They count their calls.
type fakeRevocations struct {
	prometheus.Collector

	mu                    sync.Mutex
	subjects              map[string]bool // whose tokens are revoked
	err                   error
	revision              uint64
	inRevoked, inRevision func()
	afterRevoked          func() // when the result is determined
	inWatch               func() // before Watch stores changed
	ready                 error
	calls, watches, stops int
	watching              map[int]func()
}

func newRevocations() *fakeRevocations {
	return &fakeRevocations{
		subjects: map[string]bool{}, revision: 1, watching: map[int]func(){},
		Collector: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "fake_revocations", Help: "Of a test."}, func() float64 { return 7 }),
	}
}

func (r *fakeRevocations) use(c *resource.Config, _ *jwks.Config) { c.Hooks.Revocations = r }

// set changes the fields under the lock.
func (r *fakeRevocations) set(change func(*fakeRevocations)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}

// revoke revokes the tokens of a subject and notifies the watchers.
func (r *fakeRevocations) revoke(subject string) {
	var all []func()
	r.set(func(r *fakeRevocations) {
		r.subjects[subject] = true
		if r.revision != 0 {
			r.revision++
		}
		for _, changed := range r.watching {
			all = append(all, changed)
		}
	})
	for _, changed := range all {
		changed()
	}
}

// takeCalls returns the number of calls of Revoked since the previous call.
func (r *fakeRevocations) takeCalls() (n int) {
	r.set(func(r *fakeRevocations) { n, r.calls = r.calls, 0 })
	return n
}

func (r *fakeRevocations) Revoked(_ context.Context, c *resource.Caller) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.inRevoked != nil {
		r.inRevoked()
	}
	revoked, err := r.subjects[c.Subject()], r.err
	if r.afterRevoked != nil {
		r.afterRevoked()
	}
	return revoked, err
}

func (r *fakeRevocations) Revision(time.Time) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inRevision != nil {
		r.inRevision()
	}
	return r.revision
}

func (r *fakeRevocations) Watch(changed func()) (stop func()) {
	if r.inWatch != nil {
		r.inWatch()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watches++
	number := r.watches
	r.watching[number] = changed
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.stops++
		delete(r.watching, number)
	}
}

func (r *fakeRevocations) Ready(context.Context) error { return r.ready }

// While the revision is the same, a cached caller that was not revoked is not checked again.
func TestRevokedIsCalledAfterChanges(t *testing.T) {
	for _, row := range []struct {
		name     string
		change   func(*resource.Config)
		prepare  func(*fakeRevocations)
		each     bool // Revoked is called in each request
		expected answer
	}{
		{"a revision", nil, nil, false, accepted},
		{"revision 0", nil, func(r *fakeRevocations) { r.revision = 0 }, true, accepted},
		{"no cache", func(c *resource.Config) { c.Limits.CacheTTL = -1 }, nil, true, accepted},
		{"a revoked token", nil, func(r *fakeRevocations) { r.subjects["alice"] = true }, true, invalid},
		{"an error", nil, func(r *fakeRevocations) { r.err = errors.New("down") }, true, unavailable},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRevocations()
			f := newFixture(t, func(c *resource.Config, keys *jwks.Config) {
				r.use(c, keys)
				if row.change != nil {
					row.change(c)
				}
			})
			f.unexplained = true // the test counts calls
			if row.prepare != nil {
				r.set(row.prepare)
			}
			token := f.token(resourcetest.Token{})
			send := func(what string, n, want int) {
				t.Helper()
				for range n {
					f.expect(what, f.bearer(token), row.expected)
				}
				if row.each {
					want = n
				}
				if got := r.takeCalls(); got != want {
					t.Errorf("%s: Revoked was called %d times for %d requests, want %d", what, got, n, want)
				}
			}
			send("at first", 5, 1)
			send("nothing changed", 5, 0)
			r.revoke("mallory")
			send("another subject was revoked", 5, 1)
			token = f.token(resourcetest.Token{Scope: "other"})
			send("another token", 5, 1)
		})
	}
}

// A token that is revoked during a request is rejected in the next one.
func TestRevokedDuringRequest(t *testing.T) {
	r := newRevocations()
	r.afterRevoked = func() {
		r.subjects["alice"] = true
		r.revision++
	}
	f := newFixture(t, r.use)
	f.unexplained = true // a revocation follows the decision
	token := f.token(resourcetest.Token{})
	f.expect("during the request", f.bearer(token), accepted)
	f.expect("the next request", f.bearer(token), invalid)
}

// A RevocationFunc is called in each request.
func TestRevocationFuncIsCalledEachTime(t *testing.T) {
	calls := 0
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Hooks.Revocations = resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { calls++; return calls > 3, nil })
	})
	f.unexplained = true // the function gives another result each time
	token := f.token(resourcetest.Token{})
	for i, want := range []answer{accepted, accepted, accepted, invalid} {
		f.expect(fmt.Sprint("request ", i), f.bearer(token), want)
	}
}

// A token that is revoked is rejected with 401, and if that is not known with 503, whatever a later step
// would decide.
func TestRevocationResults(t *testing.T) {
	outage := errors.New("down")
	for _, row := range []struct {
		name    string
		prepare func(*fakeRevocations)
		ended   bool // the context of the request
		want    answer
		reason  resource.Reason
	}{
		{"revoked", func(r *fakeRevocations) { r.subjects["alice"] = true }, false, invalid, resource.ReasonRevoked},
		{"revoked, and an error", func(r *fakeRevocations) { r.subjects["alice"], r.err = true, outage }, false, invalid, resource.ReasonRevoked},
		{"an error", func(r *fakeRevocations) { r.err = outage }, false, unavailable, resource.ReasonRevocationsUnavailable},
		{"a timeout of their own", func(r *fakeRevocations) { r.err = context.DeadlineExceeded }, false, unavailable, resource.ReasonRevocationsUnavailable},
		{"their own context ended", func(r *fakeRevocations) { r.err = context.Canceled }, false, unavailable, resource.ReasonRevocationsUnavailable},
		{"the request was canceled", func(r *fakeRevocations) { r.err = fmt.Errorf("asking: %w", context.Canceled) }, true, unavailable, resource.ReasonRequestCanceled},
		{"the request was canceled, and the token is revoked", func(r *fakeRevocations) { r.subjects["alice"] = true }, true, invalid, resource.ReasonRevoked},
		{"Revoked panics", func(r *fakeRevocations) { r.inRevoked = func() { panic("no") } }, false, failed, resource.ReasonInternalError},
		{"Revision panics", func(r *fakeRevocations) { r.inRevision = func() { panic("no") } }, false, failed, resource.ReasonInternalError},
	} {
		r, observer := newRevocations(), new(eventRecorder)
		f := newFixture(t, func(c *resource.Config, keys *jwks.Config) {
			r.use(c, keys)
			c.Hooks.Observers, c.Scopes = []resource.Observer{observer}, []string{"a"}
		})
		r.set(row.prepare)
		token := f.token(resourcetest.Token{}) // the scope is missing
		ctx, cancel := context.WithCancel(t.Context())
		if row.ended {
			f.bearer(token) // so that the token is cached, and its keys are
			observer.take()
			cancel()
		}
		req := httptest.NewRequestWithContext(ctx, http.MethodPost, identifier, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		recorder := httptest.NewRecorder()
		nethttp.Middleware(f.res)(f.inner).ServeHTTP(recorder, req)
		cancel()
		got := answerOf(t, recorder.Result())
		got.challenge = strings.Replace(got.challenge, `, scope="a"`, "", 1)
		f.expect(row.name, got, row.want)
		if after := recorder.Header().Get("Retry-After"); (after == "1") != (got.status == 503) {
			t.Errorf("%s: got Retry-After %q", row.name, after)
		}
		if events := observer.take(); len(events) != 1 || events[0].Reason != row.reason {
			t.Errorf("%s: got %+v, want the reason %s", row.name, events, row.reason)
		}
	}
}

// The credential is checked before the revocation.
func TestRevocationFollowsVerification(t *testing.T) {
	r := newRevocations()
	r.subjects["alice"], r.err = true, errors.New("down")
	f := newFixture(t, r.use)
	for _, token := range []string{
		f.token(resourcetest.Token{Fault: resourcetest.WrongSignature}),
		f.token(resourcetest.Token{Lifetime: -time.Hour}),
		f.token(resourcetest.Token{Audience: "https://other.example.test"}),
		"opaque",
	} {
		if got := f.bearer(token); got.status != 401 || r.takeCalls() != 0 {
			t.Errorf("got %+v, want 401 without a call of Revoked", got)
		}
	}
	f.expect("no credentials", f.authorize(), noCredentials)
}

// The revisions of two Revocations are not comparable: after Replace, each cached caller is checked again.
func TestReplaceRevocations(t *testing.T) {
	add := func(list *revocation.List, issuer, subject string) *revocation.List {
		t.Helper()
		if err := list.Add(t.Context(), revocation.Entry{Issuer: issuer, Subject: subject, Until: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		return list
	}
	newList := func() *revocation.List {
		list, err := revocation.New(revocation.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	verifier, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	with := func(r resource.Revocations) *fixture {
		return newFixtureWith(t, issuer, func(c *resource.Config, _ *jwks.Config) {
			c.Issuers[0].Verifier = verifier // so that the cache is kept
			c.Hooks.Revocations = r
		})
	}
	before, after := add(newList(), issuer.Identifier(), "bob"), add(newList(), issuer.Identifier(), "alice")
	if one, other := before.Revision(time.Now()), after.Revision(time.Now()); one != other {
		t.Fatalf("revisions %d and %d, want the same", one, other)
	}
	f := with(before)
	alice, bob := f.token(resourcetest.Token{}), f.token(resourcetest.Token{Subject: "bob"})
	f.expect("alice, by the first list", f.bearer(alice), accepted)
	f.expect("bob, by the first list", f.bearer(bob), invalid)
	old := f.caller(resourcetest.Token{Subject: "carol"}) // a request that is in progress
	if err := f.res.Replace(with(after).res); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f.expect("alice, by the second list", f.bearer(alice), invalid)
		f.expect("bob, by the second list", f.bearer(bob), accepted)
	}
	add(before, issuer.Identifier(), "carol")
	if refusal := f.res.Permit(t.Context(), old, resource.Operation{Method: "tools/list"}); refusal == nil || refusal.Status != 401 {
		t.Errorf("carol, in a request that began before Replace: got %v, want a rejection by the first list", refusal)
	}
	if err := f.res.Replace(with(nil).res); err != nil {
		t.Fatal(err)
	}
	f.expect("alice, without a list", f.bearer(alice), accepted)
	digests := newList()
	if err := digests.Add(t.Context(), revocation.Entry{Issuer: issuer.Identifier(), Token: bob, Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	dave := f.token(resourcetest.Token{Subject: "dave"})
	f.expect("dave, without a list", f.bearer(dave), accepted)
	if err := digests.Add(t.Context(), revocation.Entry{Issuer: issuer.Identifier(), Token: dave, Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := f.res.Replace(with(digests).res); err != nil {
		t.Fatal(err)
	}
	f.expect("dave, whose caller was cached without a list", f.bearer(dave), invalid)
}

// After Replace with the same Revocations, cached callers are not checked again.
func TestReplaceKeepsRevocations(t *testing.T) {
	r := newRevocations()
	opaque, jwts := &keywordVerifier{issuer: "https://opaque.example.test"}, &keywordVerifier{issuer: "https://auth.example.test"}
	config := func(c *resource.Config, _ *jwks.Config) { // with the same verifiers, so that the cache is kept
		c.Opaque, c.Issuers[0].Verifier, c.Hooks.Revocations = &resource.Issuer{Verifier: opaque}, jwts, r
	}
	f := newFixture(t, config)
	f.unexplained = true // the test counts calls
	f.expect("before", f.bearer("secret"), accepted)
	next := newFixtureWith(t, f.issuer, config)
	if err := f.res.Replace(next.res); err != nil {
		t.Fatal(err)
	}
	r.takeCalls()
	for range 3 {
		f.expect("after", f.bearer("secret"), accepted)
	}
	if n := r.takeCalls(); n != 0 {
		t.Errorf("Revoked was called %d times after Replace with the same Revocations", n)
	}
	r.revoke("robot")
	f.expect("revoked", f.bearer("secret"), invalid)
}

// The digest of an API key is not that of a token.
func TestTokenDigestOfHeaderCredential(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-API-Key": keywordVerifier{issuer: "keys"}}
		c.Hooks.Revocations = resource.RevocationFunc(func(_ context.Context, c *resource.Caller) (bool, error) {
			if c.TokenDigest() != [32]byte{} {
				t.Errorf("%s has a token digest", c)
			}
			return false, nil
		})
	})
	f.expect("a key", f.with("X-API-Key", "secret"), accepted)
}

// Permit checks the revocation like a request, and Offers does not.
func TestPermitChecksRevocations(t *testing.T) {
	r := newRevocations()
	f := newFixture(t, r.use)
	c, op := f.caller(resourcetest.Token{}), resource.Operation{Method: "tools/list"}
	r.takeCalls()
	permit := func(what string, want answer, calls int) {
		t.Helper()
		f.expect(what, answerOfRefusal(f.res.Permit(t.Context(), c, op)), want)
		if n := r.takeCalls(); n != calls {
			t.Errorf("%s: Revoked was called %d times, want %d", what, n, calls)
		}
	}
	permit("nothing changed", accepted, 0)
	r.revoke("bob")
	permit("another subject was revoked", accepted, 1)
	r.revoke("alice")
	permit("revoked", invalid, 1)
	if !f.res.Offers(t.Context(), c, op) || r.takeCalls() != 0 {
		t.Error("Offers called Revoked")
	}
}

// Credentials in other header fields are checked in each request, because they are not cached.
func TestHeaderCredentialRevoked(t *testing.T) {
	r := newRevocations()
	f := newFixture(t, func(c *resource.Config, keys *jwks.Config) {
		r.use(c, keys)
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-API-Key": keywordVerifier{issuer: "keys"}}
	})
	f.unexplained = true // the test counts calls
	for range 3 {
		f.expect("a key", f.with("X-API-Key", "secret"), accepted)
	}
	if n := r.takeCalls(); n != 3 {
		t.Errorf("Revoked was called %d times for 3 requests", n)
	}
	r.revoke("robot")
	f.expect("a revoked key", f.with("X-API-Key", "secret"), ofOtherCredential(invalid))
}

func TestNilRevocations(t *testing.T) {
	for name, r := range map[string]resource.Revocations{
		"a nil function": resource.RevocationFunc(nil), "a nil pointer": (*revocation.List)(nil),
	} {
		_, err := resource.New(resource.Config{
			Identifier: identifier, Issuers: []resource.Issuer{{Verifier: keywordVerifier{issuer: "https://a.example.test"}}},
			Hooks: resource.Hooks{Revocations: r},
		})
		const want = "resource: configuration: Hooks.Revocations: a nil pointer or function; leave it out to revoke nothing"
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

func TestRevocationsReadyAndMetrics(t *testing.T) {
	r := newRevocations()
	f := newFixture(t, r.use)
	f.bearer(f.token(resourcetest.Token{})) // fetches the keys
	if err := f.res.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	r.ready = errors.New("not read yet")
	if err := f.res.Ready(t.Context()); err == nil || err.Error() != "resource: not ready: revocations: not read yet" {
		t.Errorf("Ready: got %v", err)
	}
	f.expectSeries(map[string]string{"fake_revocations": "7"})
	r.revoke("alice")
	f.bearer(f.token(resourcetest.Token{}))
	r.set(func(r *fakeRevocations) { r.err = errors.New("down") })
	f.bearer(f.token(resourcetest.Token{Subject: "bob"}))
	f.expectSeries(map[string]string{
		`warder_decisions_total{reason="revoked",result="denied"}`:                      "1",
		`warder_decisions_total{reason="revocations_unavailable",result="unavailable"}`: "1",
	})
}
