package resource_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// caller returns the caller of an accepted token.
func (f *fixture) caller(token resourcetest.Token) *resource.Caller {
	f.t.Helper()
	req := httptest.NewRequest(http.MethodGet, identifier, nil)
	req.Header.Set("Authorization", "Bearer "+f.token(token))
	decision, refusal := f.res.Authenticate(req)
	if refusal != nil {
		f.t.Fatal(refusal.Err)
	}
	decision.Done()
	return decision.Caller
}

// answerOfRefusal returns a refusal as the client sees it. Nil means accepted.
func answerOfRefusal(refusal *resource.Refusal) answer {
	if refusal == nil {
		return accepted
	}
	return answer{refusal.Status, strings.Join(refusal.Challenges, "|"), string(refusal.Body)}.withObject()
}

// Permit decides about an operation as Authenticate decides about a body with it.
func TestPermitMatchesAuthenticate(t *testing.T) {
	rules := testRules
	rules.Rule = func(ctx context.Context, o resource.Operation, c *resource.Caller) (scopes []string, err error) {
		if known, _ := resource.FromContext(ctx); known != c {
			t.Errorf("%s: the context has caller %v, the rule got %v", o.Method, known, c)
		}
		switch {
		case string(o.Arguments) == `{"all": true}`:
			scopes = []string{"all"}
		case o.Name == "broken":
			err = errors.New("cannot decide")
		case o.Name == "panics":
			panic("no")
		case o.Name == "malformed":
			scopes = []string{"two words"}
		}
		return scopes, err
	}
	denied := rules
	denied.Undeclared = resource.DenyUndeclared
	for _, undeclared := range []resource.Operations{rules, denied} {
		var caller *resource.Caller // also a caller without the base scope, which no handler gets
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Scopes, c.Operations = []string{"base"}, undeclared
			c.Hooks.Revocations = resource.RevocationFunc(func(_ context.Context, c *resource.Caller) (bool, error) { caller = c; return false, nil })
		})
		for _, scope := range []string{"base", "base call", "base list call admin prompt secret private db all", "call admin"} {
			token := resourcetest.Token{Scope: scope}
			for _, row := range []struct {
				op     resource.Operation
				params string
			}{
				{resource.Operation{Method: "tools/list"}, `{}`},
				{resource.Operation{Method: "prompts/list"}, `{}`},
				{resource.Operation{Method: "initialize"}, `{}`},
				{resource.Operation{Method: "tools/call", Name: "delete"}, `{"name":"delete"}`},
				{resource.Operation{Method: "tools/call", Name: "echo"}, `{"name":"echo"}`},
				{resource.Operation{Method: "tools/call", Name: "other"}, `{"name":"other"}`},
				{resource.Operation{Method: "tools/call", Name: "echo", Arguments: []byte(`{"all": true}`)}, `{"name":"echo","arguments":{"all": true}}`},
				{resource.Operation{Method: "tools/call", Name: "broken"}, `{"name":"broken"}`},
				{resource.Operation{Method: "tools/call", Name: "panics"}, `{"name":"panics"}`},
				{resource.Operation{Method: "tools/call", Name: "malformed"}, `{"name":"malformed"}`},
				{resource.Operation{Method: "tools/call"}, `{"name":""}`},
				{resource.Operation{Method: "prompts/get", Name: "greet"}, `{"name":"greet"}`},
				{resource.Operation{Method: "prompts/get", Name: "other"}, `{"name":"other"}`},
				{resource.Operation{Method: "resources/read", Name: "file:///secret"}, `{"uri":"file:///secret"}`},
				{resource.Operation{Method: "resources/read", Name: "file:///x/%2e%2e/SECRET"}, `{"uri":"file:///x/%2e%2e/SECRET"}`},
				{resource.Operation{Method: "resources/read", Name: "file:///private/a"}, `{"uri":"file:///private/a"}`},
				{resource.Operation{Method: "resources/read", Name: "db://users/1"}, `{"uri":"db://users/1"}`},
				{resource.Operation{Method: "resources/read", Name: "file:///a"}, `{"uri":"file:///a"}`},
				{resource.Operation{Method: "resources/subscribe", Name: "file:///secret"}, `{"uri":"file:///secret"}`},
				{resource.Operation{Method: "resources/subscribe"}, `{}`},
				{resource.Operation{Method: "resources/unsubscribe"}, `{"uri":""}`},
				{resource.Operation{Method: "resources/unsubscribe", Name: "file:///secret"}, `{"uri":"file:///secret"}`},
				{resource.Operation{Method: "completion/complete", Name: "greet", Ref: "ref/prompt"}, `{"ref":{"type":"ref/prompt","name":"greet"}}`},
				{resource.Operation{Method: "completion/complete", Name: "file:///secret", Ref: "ref/resource"}, `{"ref":{"type":"ref/resource","uri":"file:///secret"}}`},
				{resource.Operation{Method: "completion/complete", Name: "db://{table}/{id}", Ref: "ref/resource"}, `{"ref":{"type":"ref/resource","uri":"db://{table}/{id}"}}`},
				{resource.Operation{Method: "subscriptions/listen", Name: "file:///secret"}, `{"notifications":{"resourceSubscriptions":["file:///secret"]}}`},
				{resource.Operation{Method: "subscriptions/listen"}, `{"notifications":{"toolsListChanged":true}}`},
				{resource.Operation{Method: "tasks/get", Name: "7"}, `{"taskId":"7"}`},
				{resource.Operation{Method: "acme/run"}, `{}`},
				{resource.Operation{}, ``},
			} {
				want := f.post(f.token(token), rpcCall(row.op.Method, row.params))
				if want == badMessage("1") || want == badBody { // an operation has no body
					want = badOperation
				}
				got := answerOfRefusal(f.res.Permit(t.Context(), caller, row.op))
				f.expect(scope+": "+row.op.Method+" "+row.op.Name, got, want)
				if offers := f.res.Offers(t.Context(), caller, row.op); offers != (want == accepted) {
					t.Errorf("%s: %+v: Offers: got %v, Permit %+v", scope, row.op, offers, want)
				}
			}
		}
	}
}

// Permit requires the scopes of the resource, those of the rules and the further ones.
func TestPermitFurtherScopes(t *testing.T) {
	for _, rules := range []resource.Operations{{}, {Tools: map[string][]string{"delete": {"admin"}}}} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Scopes, c.Operations, c.ScopeOptions.Implies = []string{"base"}, rules, map[string][]string{"root": {"admin", "row:7"}}
		})
		own := "base"
		if rules.Tools != nil {
			own = "base admin"
		}
		for _, row := range []struct {
			name, scopes string
			further      []string
			want         answer
		}{
			{"no further scopes", "base admin", nil, accepted},
			{"a permission scope", "base admin row:7", []string{"row:7"}, accepted},
			{"an implied scope", "base root", []string{"row:7"}, accepted},
			{"a missing scope", "base admin", []string{"row:7"}, insufficient(own + " row:7")},
			{"a scope that the resource requires too", "base", []string{"base", "x"}, insufficient(own + " x")},
			{"a malformed scope", "base root", []string{"row:7", "two words"}, failed},
			{"an empty scope", "base root", []string{""}, failed},
		} {
			op := resource.Operation{Method: "tools/call", Name: "delete"}
			f.expect(row.name, answerOfRefusal(f.res.Permit(t.Context(), f.caller(resourcetest.Token{Scope: row.scopes}), op, row.further...)), row.want)
		}
	}
}

// A nil caller, a caller of another resource and a decoded caller are not accepted callers.
func TestPermitWithoutAcceptedCaller(t *testing.T) {
	rules := resource.Operations{Public: []string{"tools/list"}}
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations = rules })
	other := newFixtureWith(t, f.issuer, nil)
	text, err := f.caller(resourcetest.Token{}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	decoded := new(resource.Caller)
	if err := decoded.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	list, ping := resource.Operation{Method: "tools/list"}, resource.Operation{Method: "ping"}
	for _, row := range []struct {
		name   string
		caller *resource.Caller
		op     resource.Operation
		want   answer
	}{
		{"nil caller, public operation", nil, list, accepted},
		{"nil caller, another operation", nil, ping, noCredentials},
		{"a caller of another resource", other.caller(resourcetest.Token{}), list, noCredentials},
		{"a decoded caller", decoded, list, noCredentials},
		{"a zero Caller", new(resource.Caller), list, noCredentials},
		{"an accepted caller", f.caller(resourcetest.Token{}), ping, accepted},
	} {
		f.expect(row.name, answerOfRefusal(f.res.Permit(t.Context(), row.caller, row.op)), row.want)
		if offers := f.res.Offers(t.Context(), row.caller, row.op); offers != (row.want == accepted) {
			t.Errorf("%s: Offers: got %v", row.name, offers)
		}
	}
	f.expect("nil caller, public operation, further scope", answerOfRefusal(f.res.Permit(t.Context(), nil, list, "x")), noCredentials)
	for _, none := range []*resource.Resource{nil, new(resource.Resource)} {
		if got := none.Permit(t.Context(), f.caller(resourcetest.Token{}), ping); got == nil || got.Status != 500 || none.Offers(t.Context(), nil, list) {
			t.Errorf("a Resource not made by New: got %+v, want status 500", got)
		}
	}
}

// Permit checks expiry and revocation again for an accepted caller.
func TestPermitAfterExpiryOrRevocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		revoked := false
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Hooks.Revocations = resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { return revoked, nil })
			c.Limits.Leeway = 10 * time.Second
		})
		ping := resource.Operation{Method: "ping"}
		caller := f.caller(resourcetest.Token{IssuedAt: time.Now(), Lifetime: time.Minute})
		time.Sleep(time.Minute + 9*time.Second)
		f.expect("within the leeway", answerOfRefusal(f.res.Permit(t.Context(), caller, ping)), accepted)
		revoked = true
		f.expect("revoked", answerOfRefusal(f.res.Permit(t.Context(), caller, ping)), invalid)
		if !f.res.Offers(t.Context(), caller, ping) {
			t.Error("Offers called Revoked")
		}
		time.Sleep(time.Second)
		f.expect("expired", answerOfRefusal(f.res.Permit(t.Context(), caller, ping)), expired)
		if f.res.Offers(t.Context(), caller, ping) {
			t.Error("Offers: got true for an expired token")
		}
	})
}

// A rejection by Permit is logged. Offers logs nothing.
func TestPermitIsLogged(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations = testRules })
	caller, op := f.caller(resourcetest.Token{}), resource.Operation{Method: "tools/call", Name: "delete"}
	f.log.take()
	f.res.Offers(t.Context(), caller, op)
	if log := f.log.take(); log != "" {
		t.Errorf("Offers logged %s", log)
	}
	f.res.Permit(t.Context(), caller, op)
	if log := f.log.take(); !strings.Contains(log, `"reason":"insufficient_scope","status":403`) || strings.Count(log, "\n") != 1 {
		t.Errorf("Permit logged %s", log)
	}
}

// Permit rejects a caller whose verification was invalidated since the request was accepted, for
// example because its key was withdrawn.
func TestPermitAfterInvalidation(t *testing.T) {
	var valid atomic.Bool
	valid.Store(true)
	v := new(scriptedVerifier)
	f := newFixture(t, useScriptedVerifier(v, nil))
	v.set(func() (*resource.Claims, error) {
		claims := validClaims("alice", "a")
		claims.StillValid = func(time.Time) bool { return valid.Load() }
		return claims, nil
	})
	decision, refusal := f.res.Authenticate(rpcRequest(rpcMessage("tools/call", "x"), "opaque"))
	if refusal != nil {
		t.Fatal(refusal)
	}
	defer decision.Done()
	op := resource.Operation{Method: "tools/call", Name: "x"}
	if refusal := f.res.Permit(t.Context(), decision.Caller, op); refusal != nil || !f.res.Offers(t.Context(), decision.Caller, op) {
		t.Errorf("before: got %v, want the operation to be permitted and offered", refusal)
	}
	valid.Store(false)
	if refusal := f.res.Permit(t.Context(), decision.Caller, op); refusal == nil || refusal.Reason != resource.ReasonTokenInvalid || f.res.Offers(t.Context(), decision.Caller, op) {
		t.Errorf("after: got %v, want token_invalid and no offer", refusal)
	}
}
