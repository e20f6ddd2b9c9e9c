package resource_test

import (
	"context"
	"net/http"
	"slices"
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

// Everything that depends on a token is marked if the token is not verified, and nothing is if it is.
func TestExplainMarksUnverified(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		acceptCertificates(c, k)
		c.Scopes, c.Operations.Tools = []string{"a"}, map[string][]string{"t": {"b"}}
		c.Credentials.Conditions = []resource.Condition{{Claim: "org", Equals: "acme"}}
	})
	key := resourcetest.NewProofKey("ES256")
	withProof := func(token string) *http.Request { return proof(key, token) }
	withBearer := func(token string) *http.Request { return rpcRequest(rpcCall("ping", `{}`), token) }
	bound := resourcetest.Token{ProofKey: key}
	certified := resourcetest.Token{Claims: claims{"cnf": claims{"x5t#S256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}}
	for _, row := range []struct {
		name     string
		token    resourcetest.Token
		request  func(string) *http.Request
		unmarked []string // of a forged token
	}{
		{"a token", resourcetest.Token{}, withBearer, []string{"path", "origin", "credential", "authenticity", "operation"}},
		{"a token with a proof", bound, withProof, []string{"path", "origin", "credential", "authenticity", "proof used once", "operation"}},
		{"a token with a certificate", certified, withBearer, []string{"path", "origin", "credential", "authenticity", "operation"}},
	} {
		marks := func(token string) (marked, unmarked []string) {
			for _, c := range f.res.Explain(row.request(token)).Checks {
				if c.Unverified {
					marked = append(marked, c.Name)
				} else {
					unmarked = append(unmarked, c.Name)
				}
			}
			return marked, unmarked
		}
		if marked, _ := marks(f.token(row.token)); marked != nil {
			t.Errorf("%s: marked in a verified token: %q", row.name, marked)
		}
		row.token.Fault = resourcetest.WrongSignature
		if _, unmarked := marks(f.token(row.token)); !slices.Equal(unmarked, row.unmarked) {
			t.Errorf("%s: not marked in a forged token: %q, want %q", row.name, unmarked, row.unmarked)
		}
	}
}
