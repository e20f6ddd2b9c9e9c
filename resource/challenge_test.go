package resource_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// decide returns the decision on a request with the token and the body.
func (f *fixture) decide(ctx context.Context, token, body string) resource.Decision {
	f.t.Helper()
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, identifier, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	decision, refusal := f.res.Authenticate(req)
	if refusal != nil {
		f.t.Fatal(refusal.Err)
	}
	f.t.Cleanup(decision.Done)
	return decision
}

// newChallengeFixture returns a fixture with late challenges, a token and a body that it accepts.
func newChallengeFixture(t *testing.T) (f *fixture, token, body string) {
	f = newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Scopes, c.Operations = []string{"base"}, testRules
		c.Operations.LateChallenges = true
	})
	return f, f.token(resourcetest.Token{Scope: "base admin call"}), rpcCall("tools/call", `{"name":"delete"}`)
}

// Challenge works from HoldResponse to ReviewResponse, and only in the context of its request.
func TestDeferredChallenge(t *testing.T) {
	f, token, body := newChallengeFixture(t)

	unarmed := f.decide(t.Context(), token, body)
	if resource.Challenge(unarmed.Request.Context(), "x") || unarmed.ReviewResponse(200, nil, nil) != nil {
		t.Error("without HoldResponse: got a challenge that no adapter will send")
	}

	d, other := f.decide(t.Context(), token, body), f.decide(t.Context(), token, body)
	first, again := d.HoldResponse(), d.HoldResponse()
	if !first || !again || !other.HoldResponse() {
		t.Fatal("HoldResponse: got false")
	}
	if resource.Challenge(t.Context(), "x") {
		t.Error("another context: got true")
	}
	if resource.Challenge(d.Request.Context()) || resource.Challenge(d.Request.Context(), "admin", "base") {
		t.Error("scopes that the caller has: got true")
	}
	if !resource.Challenge(d.Request.Context(), "x") || !resource.Challenge(d.Request.Context(), "y", "x") {
		t.Error("between HoldResponse and ReviewResponse: got false")
	}
	f.log.take()
	f.expect("ReviewResponse", answerOfRefusal(d.ReviewResponse(200, nil, nil)), insufficient("base call admin x y"))
	if log := f.log.take(); strings.Count(log, `"reason":"insufficient_scope"`) != 1 {
		t.Errorf("ReviewResponse logged %s", log)
	}
	if again := d.ReviewResponse(200, nil, nil); again != nil || resource.Challenge(d.Request.Context(), "x") {
		t.Errorf("after ReviewResponse: got %v or another challenge", again)
	}
	if got := other.ReviewResponse(200, nil, nil); got != nil {
		t.Errorf("the other request: got %+v", got)
	}
}

// Only a single request or notification can be challenged, because other parts of a batch may
// have run.
func TestDeferredChallengeOfSingleMessage(t *testing.T) {
	f, token, body := newChallengeFixture(t)
	for name, body := range map[string]string{
		"a batch": `[` + body + `,` + body + `]`, "a batch of one": `[` + body + `]`, "a response": `{"jsonrpc":"2.0","id":1,"result":{}}`,
	} {
		if got := f.decide(t.Context(), token, body).HoldResponse(); got != (name == "a batch of one") {
			t.Errorf("%s: HoldResponse: got %v", name, got)
		}
	}
	if new(resource.Decision).HoldResponse() || new(resource.Decision).ReviewResponse(200, nil, nil) != nil {
		t.Error("the zero Decision may challenge")
	}
}

// Inside another resource, a challenge of the outer resource would be wrong.
func TestDeferredChallengeOfOuterResource(t *testing.T) {
	outer := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations.LateChallenges = true })
	inner := newFixtureWith(t, outer.issuer, nil)
	token := outer.token(resourcetest.Token{})
	first := outer.decide(t.Context(), token, rpcCall("ping", `{}`))
	first.HoldResponse()
	second := inner.decide(first.Request.Context(), token, rpcCall("ping", `{}`))
	if second.HoldResponse() || resource.Challenge(second.Request.Context(), "x") {
		t.Error("context of the inner resource, which has no late challenges: got true")
	}
	if !resource.Challenge(first.Request.Context(), "x") {
		t.Error("context of the outer resource: got false")
	}
}

// If Challenge returns true, the challenge names its scope, also if ReviewResponse runs at the
// same time.
func TestConcurrentChallenges(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations.LateChallenges = true })
	token := f.token(resourcetest.Token{})
	for range 50 {
		d := f.decide(t.Context(), token, rpcCall("ping", `{}`))
		d.HoldResponse()
		var callers sync.WaitGroup
		returned := make([]bool, 4)
		for n, scope := range []string{"a", "b", "c", "d"} {
			callers.Go(func() { returned[n] = resource.Challenge(d.Request.Context(), scope) })
		}
		refusal := d.ReviewResponse(200, nil, nil)
		callers.Wait()
		for n, scope := range []string{"a", "b", "c", "d"} {
			named := refusal != nil && strings.Contains(strings.SplitAfter(refusal.Challenges[0], `", error`)[0], scope+" ") ||
				refusal != nil && strings.Contains(refusal.Challenges[0], scope+`", error`)
			if returned[n] != named {
				t.Fatalf("%s: Challenge returned %v, but the scope is named: %v, in %+v", scope, returned[n], named, refusal)
			}
		}
	}
}
