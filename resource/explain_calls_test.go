package resource_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Operations.Rule never gets a caller that Authenticate would not give to it: one that is revoked, that
// does not meet a condition, that a header field contradicts, or that has not shown its key.
func TestExplainCallsRule(t *testing.T) {
	rules := 0
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Credentials.Conditions = []resource.Condition{{Claim: "org", Equals: "acme"}}
		c.Credentials.HeaderClaims = map[string]resource.HeaderClaim{"X-Tenant": {Claim: "tenant"}}
		c.Hooks.Revocations = denyID("revoked")
		c.Operations.Rule = func(context.Context, resource.Operation, *resource.Caller) ([]string, error) {
			rules++
			return nil, nil
		}
	})
	key := resourcetest.NewProofKey("ES256")
	for _, row := range []struct {
		name   string
		token  resourcetest.Token
		change func(*http.Request)
		reason resource.Reason
		calls  int
	}{
		{"accepted", resourcetest.Token{Claims: claims{"org": "acme"}}, nil, "", 1},
		{"a page of another origin", resourcetest.Token{Claims: claims{"org": "acme"}}, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, resource.ReasonOrigin, 1},
		{"revoked", resourcetest.Token{Claims: claims{"org": "acme", "jti": "revoked"}}, nil, resource.ReasonRevoked, 0},
		{"without the condition", resourcetest.Token{}, nil, resource.ReasonCondition, 0},
		{"another header field", resourcetest.Token{Claims: claims{"org": "acme", "tenant": "a"}}, func(r *http.Request) { r.Header.Set("X-Tenant", "b") }, resource.ReasonHeaderClaim, 0},
		{"bound, with Bearer", resourcetest.Token{Claims: claims{"org": "acme"}, ProofKey: key}, nil, resource.ReasonDPoPScheme, 0},
	} {
		newRequest := func() *http.Request {
			req := rpcRequest(rpcCall("ping", `{}`), f.token(row.token))
			if row.change != nil {
				row.change(req)
			}
			return req
		}
		rules = 0
		e := f.res.Explain(newRequest())
		if e.Reason != row.reason || rules != row.calls {
			t.Errorf("%s: got %q and %d calls of Rule, want %q and %d", row.name, e.Reason, rules, row.reason, row.calls)
		}
		expectSame(t, row.name, f.res, newRequest)
	}
}
