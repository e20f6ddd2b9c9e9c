package resource_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// audienceVerifier verifies credentials that consist of their audiences: m, a and b for the
// members of a family, x for another audience, and - for no audience.
type audienceVerifier struct {
	issuer string
	calls  *atomic.Int64
}

func newAudienceVerifier(issuer string) audienceVerifier {
	return audienceVerifier{issuer, new(atomic.Int64)}
}

func (v audienceVerifier) Issuer() string { return v.issuer }

func (v audienceVerifier) Verify(_ context.Context, t *resource.Token) (*resource.Claims, error) {
	return v.verify(t.Raw())
}

func (v audienceVerifier) VerifyHeader(_ context.Context, value string, _ *http.Request) (*resource.Claims, error) {
	return v.verify(value)
}

func (v audienceVerifier) verify(credential string) (*resource.Claims, error) {
	v.calls.Add(1)
	c := &resource.Claims{Issuer: v.issuer, Subject: "alice", Scopes: []string{"base"}}
	for _, letter := range strings.TrimPrefix(credential, "pre_") {
		if audience := map[rune]string{'m': identifier, 'a': memberA, 'b': memberB, 'x': "api://x"}[letter]; audience != "" {
			c.Audience = append(c.Audience, audience)
		}
	}
	return c, nil
}

// Every way of acceptance compares the audience with the identifier of the request, also if the
// credential was accepted for another identifier just before (RFC 8707 §2).
func TestCredentialsOfMembers(t *testing.T) {
	const opaque, keys, prefixed = "https://opaque.example.test", "keys", "prefixed"
	f := newFamily(t, func(c *resource.Config, _ *jwks.Config) {
		c.Opaque = &resource.Issuer{Verifier: newAudienceVerifier(opaque), Audiences: []string{"api://x"}}
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Key": newAudienceVerifier(keys)}
		c.Credentials.Prefixed = map[string]resource.Issuer{"pre_": {Verifier: newAudienceVerifier(prefixed), TrustAnswersWithoutAudience: true}}
	})
	const bearer, key = "Authorization", "X-Key"
	f.inner = writeResource
	for _, row := range []struct {
		field, value, at string
		ok               bool
	}{
		{bearer, "Bearer a", memberA, true},
		{bearer, "Bearer a", memberB, false},
		{bearer, "Bearer a", identifier, false},
		{bearer, "Bearer ab", memberA, true},
		{bearer, "Bearer ab", memberB, true},
		{bearer, "Bearer ab", identifier, false},
		{bearer, "Bearer x", memberA, true}, // Issuer.Audiences are accepted at all identifiers
		{bearer, "Bearer x", identifier, true},
		{bearer, "Bearer --", memberA, false},
		{bearer, "Bearer pre_a", memberA, true},
		{bearer, "Bearer pre_a", memberB, false},
		{bearer, "Bearer pre_-", memberB, true}, // TrustAnswersWithoutAudience is for all identifiers
		{bearer, "Bearer pre_x", memberA, false},
		{key, "a", memberA, true},
		{key, "a", memberB, false},
		{key, "a", identifier, false},
		{key, "mb", identifier, true},
		{key, "mb", memberB, true},
		{key, "mb", memberA, false},
		{key, "x", memberA, false},
	} {
		for range 2 {
			req := httptest.NewRequest(http.MethodPost, row.at, nil)
			req.Header.Set(row.field, row.value)
			want := acceptedFor(row.at)
			if !row.ok {
				want = invalid.of(row.at)
				if row.field == key || strings.Contains(row.value, "pre_") {
					want.challenge = strings.Replace(want.challenge, "access token", "credential", 1)
					want.body = strings.Replace(want.body, "access token", "credential", 1)
				}
			}
			f.expect(row.value+" at "+row.at, f.send(req), want)
		}
	}
}

// The cache has an entry for each identifier that accepted a token. Forget removes all of them.
func TestCacheOfMembers(t *testing.T) {
	v := newAudienceVerifier("https://opaque.example.test")
	f := newFamily(t, func(c *resource.Config, _ *jwks.Config) { c.Opaque = &resource.Issuer{Verifier: v} })
	f.unexplained = true // the test counts calls
	use := func(name, token string, calls int64, urls ...string) {
		t.Helper()
		before := v.calls.Load()
		for _, url := range urls {
			f.expect(name+" at "+url, f.at(url, token), acceptedFor(url))
		}
		if n := v.calls.Load() - before; n != calls {
			t.Errorf("%s: %d calls of the verifier, want %d", name, n, calls)
		}
	}
	all := []string{identifier, memberA, memberB}
	use("the first time", "mab", 3, all...)
	use("cached", "mab", 0, append(all, all...)...)
	f.res.Forget("other")
	use("after Forget of another token", "mab", 0, all...)
	for name, forget := range map[string]func(){
		"Forget":        func() { f.res.Forget("Bearer mab") },
		"ForgetSubject": func() { f.res.ForgetSubject("https://opaque.example.test", "alice") },
	} {
		forget()
		use("after "+name, "mab", 3, all...)
	}
	for range 2 { // a rejection is not cached, and does not remove what is
		f.expect("another member", f.at(memberB, "a"), invalid.of(memberB))
		use("its member", "a", 1, memberA)
		f.res.Forget("a")
	}
}

// AudienceClaims that name a client accept its tokens at all identifiers, and never compare the
// client with an identifier, which a client could choose as its own.
func TestClientAudiencesOfMembers(t *testing.T) {
	f := newFamily(t, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers[0].AudienceClaims, c.Issuers[0].Audiences = []string{"client_id"}, []string{"app"}
	})
	for client, want := range map[string]answer{"app": acceptedFor(memberA), memberA: invalid.of(memberA)} {
		token := f.token(resourcetest.Token{ClientID: client, Claims: map[string]any{"aud": resourcetest.Remove}})
		f.expect(client, f.at(memberA, token), want)
	}
}

// Issuers of Hooks.ResolveIssuer are issuers like others.
func TestResolvedIssuerOfMembers(t *testing.T) {
	other, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://other.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	keys, err := jwks.New(jwks.Config{Issuer: other.Identifier(), Transport: other.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		audiences []string
		a, b      answer
	}{
		"no further audience":      {nil, acceptedFor(memberA), invalid.of(memberB)},
		"a member as its audience": {[]string{memberA}, failed, failed},
	} {
		f := newFamily(t, func(c *resource.Config, _ *jwks.Config) {
			c.Hooks.ResolveIssuer = func(string) (*resource.Issuer, bool) {
				return &resource.Issuer{Verifier: keys, Audiences: row.audiences}, true
			}
		})
		token := other.Token(resourcetest.Token{Audience: memberA})
		f.expect(name+", its member", f.at(memberA, token), row.a)
		f.expect(name+", another member", f.at(memberB, token), row.b)
	}
}

// Everything that decides after Authenticate has the challenge of the caller's identifier.
func TestChallengesOfMembers(t *testing.T) {
	f := newFamily(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations = resource.Operations{Tools: map[string][]string{"delete": {"admin"}}, Public: []string{"tools/list"}, LateChallenges: true}
	})
	insufficient := func(scope string) answer {
		return answer{status: 403, challenge: `Bearer resource_metadata="` + metadataURL + `", scope="` + scope + `", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`}.of(memberA)
	}
	token := f.tokenFor(memberA)
	request := func(token, body string) *http.Request {
		req := httptest.NewRequest(http.MethodPost, memberA, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		return req
	}
	send := func(h http.Handler, req *http.Request) answer {
		recorder := httptest.NewRecorder()
		nethttp.Middleware(f.res)(h).ServeHTTP(recorder, req)
		return answerOf(t, recorder.Result())
	}
	same := func(name string, got, want answer) {
		t.Helper()
		got.body, want.body = "", "" // the body does not depend on the identifier
		f.expect(name, got, want)
	}
	same("a rule", send(http.NotFoundHandler(), request(token, rpcMessage("tools/call", "delete"))), insufficient("admin"))
	same("Require", send(nethttp.Require(f.res, "more")(http.NotFoundHandler()), request(token, rpcMessage("tools/call", "echo"))), insufficient("more"))
	same("Require for a public operation", send(nethttp.Require(f.res, "more")(http.NotFoundHandler()), request("", rpcMessage("tools/list", ""))), noCredentials.of(memberA))
	same("Challenge", send(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { resource.Challenge(req.Context(), "late") }),
		request(token, rpcMessage("tools/call", "echo"))), insufficient("late"))
	recorder := httptest.NewRecorder()
	nethttp.Require(f.res)(http.NotFoundHandler()).ServeHTTP(recorder, request("", ""))
	same("Require without Middleware", answerOf(t, recorder.Result()), noCredentials.of(memberA))

	caller := f.callerAt(memberA, token)
	remove := resource.Operation{Method: "tools/call", Name: "delete"}
	same("Permit", answerOfRefusal(f.res.Permit(t.Context(), caller, remove)), insufficient("admin"))
	if f.res.Offers(t.Context(), caller, remove) || !f.res.Offers(t.Context(), caller, resource.Operation{Method: "tools/call", Name: "echo"}) {
		t.Error("Offers does not agree with Permit")
	}
	same("Permit without a caller", answerOfRefusal(f.res.Permit(t.Context(), nil, remove)), noCredentials)
	send(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		same("Permit without a caller in a public operation", answerOfRefusal(f.res.Permit(req.Context(), nil, remove)), noCredentials.of(memberA))
	}), request("", rpcMessage("tools/list", "")))
}

// An open stream is checked for the identifier that it was opened at, also if its token has left
// the cache.
func TestStreamOfMember(t *testing.T) {
	inBubble(t, func(c *resource.Config, _ *jwks.Config) { c.Identifiers = []string{memberA, memberB} }, func(t *testing.T, f *fixture) {
		token := f.tokenFor(memberA)
		s := f.open(httptest.NewRequest(http.MethodGet, memberA, nil), token)
		for range 4 {
			f.res.Forget(token)
			time.Sleep(30 * time.Second)
			synctest.Wait()
		}
		if s.ended() {
			t.Errorf("the stream ended: %v", s.cause)
		}
		s.disconnect()
		synctest.Wait()
	})
}

// Replace keeps the identifiers, because routes and the handlers of metadata depend on them, and
// so the cached tokens of all of them.
func TestReplaceIdentifiers(t *testing.T) {
	v := newAudienceVerifier("https://opaque.example.test")
	config := resource.Config{Identifier: identifier, Identifiers: []string{memberA, memberB}, Opaque: &resource.Issuer{Verifier: v}, Logger: slog.New(slog.DiscardHandler)}
	for name, identifiers := range map[string][]string{"fewer": {memberA}, "more": {memberA, memberB, identifier + "/x/c"}, "another order": {memberB, memberA}, "none": nil} {
		next := config
		next.Identifiers = identifiers
		err := newResource(t, config).Replace(newResource(t, next))
		if want := "resource: replace: Identifiers: the list is another one: a change needs a restart, because clients and routes depend on it"; text(err) != want {
			t.Errorf("%s: got %v", name, err)
		}
	}
	f := &fixture{t: t, res: newResource(t, config), unexplained: true} // the test counts calls
	use := func(calls int64) {
		t.Helper()
		f.expect("its member", f.at(memberA, "a"), acceptedFor(memberA))
		f.expect("another member", f.at(memberB, "a"), invalid.of(memberB))
		if n := v.calls.Swap(0); n != calls {
			t.Errorf("%d calls of the verifier, want %d", n, calls)
		}
	}
	use(2)
	if err := f.res.Replace(newResource(t, config)); err != nil {
		t.Fatal(err)
	}
	use(1)
	caller := f.callerAt(memberA, "a")
	if caller.Resource() != memberA || !strings.HasPrefix(caller.Owner(), "/mcp/x/a/ ") {
		t.Errorf("got %s of %s", caller.Owner(), caller.Resource())
	}
}

// manyIdentifiers returns identifiers of a family.
func manyIdentifiers(n int) (all []string) {
	for n := range n {
		all = append(all, fmt.Sprintf("https://mcp.example.test/v1/deployments/application-%04d/mcp", n))
	}
	return all
}

// A request costs the same allocations with one identifier and with a thousand others.
func TestAllocationsOfIdentifiers(t *testing.T) {
	allocations := func(identifiers []string, url, audience string) float64 {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Identifiers = identifiers })
		req := httptest.NewRequest(http.MethodPost, url, nil)
		req.Header.Set("Authorization", "Bearer "+f.tokenFor(audience))
		return testing.AllocsPerRun(100, func() {
			if _, refusal := f.res.Authenticate(req); refusal != nil {
				t.Fatal(refusal.Err)
			}
		})
	}
	family := manyIdentifiers(1000)
	one := allocations(nil, identifier, identifier)
	for name, n := range map[string]float64{
		"the first":              allocations(family, identifier, identifier),
		"the last":               allocations(family, family[999], family[999]),
		"below the last":         allocations(family, family[999]+"/messages", family[999]),
		"one of several origins": allocations([]string{originB}, originB, originB),
	} {
		if n > one+1 { // some room, because the race detector allocates too
			t.Errorf("%s: %v allocations, want %v", name, n, one)
		}
	}
}

// An identifier takes less than a kilobyte.
func TestMemoryOfIdentifiers(t *testing.T) {
	const count = 1000
	identifiers, keys := manyIdentifiers(count), verifier(t)
	var before, after runtime.MemStats
	build := func(identifiers []string) *resource.Resource {
		return newResource(t, resource.Config{Identifier: identifier, Identifiers: identifiers, Issuers: []resource.Issuer{{Verifier: keys}}})
	}
	small := build(nil)
	runtime.GC()
	runtime.ReadMemStats(&before)
	large := build(identifiers)
	runtime.GC()
	runtime.ReadMemStats(&after)
	one := build(nil)
	var last runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&last)
	each := (int64(after.HeapAlloc-before.HeapAlloc) - int64(last.HeapAlloc-after.HeapAlloc)) / count
	if t.Logf("%d bytes for each identifier", each); each > 1024 {
		t.Errorf("an identifier takes %d bytes", each)
	}
	runtime.KeepAlive([]*resource.Resource{small, large, one})
}
