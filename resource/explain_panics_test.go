package resource_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// expectSame compares what Explain says about a request with what Authenticate decides about it.
func expectSame(t *testing.T, name string, res *resource.Resource, newRequest func() *http.Request) *resource.Explanation {
	t.Helper()
	req := newRequest()
	e := res.Explain(req)
	checkExplanation(t, e, req)
	_, refusal := res.Authenticate(newRequest())
	if refusal == nil || e.Accepted {
		if e.Accepted != (refusal == nil) {
			t.Errorf("%s: Explain says %q, Authenticate %+v", name, e.Reason, refusal)
		}
		return e
	}
	if got, want := explainedRefusal(e.Refusal()), explainedRefusal(refusal); e.Reason != refusal.Reason || got != want {
		t.Errorf("%s: Explain says %q %+v\nAuthenticate %q %+v", name, e.Reason, got, refusal.Reason, want)
	}
	return e
}

// A verifier that panics does not change a decision that was made before. The answer about a token
// in a header field is that for such a token.
func TestExplainVerifierPanics(t *testing.T) {
	panics := stubVerifier{"https://auth.example.test", func(context.Context, *resource.Token) (*resource.Claims, error) { panic("x") }}
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers[0].Verifier = panics
		c.Credentials.TokenHeaders = map[string]resource.Issuer{"X-Token": {Verifier: stubVerifier{"https://proxy.example.test", panics.verify}}}
	})
	token := func(iss string, at time.Time) string {
		return f.token(resourcetest.Token{IssuedAt: at, Claims: claims{"iss": iss}})
	}
	now, past := time.Now(), time.Now().Add(-24*time.Hour)
	for _, row := range []struct {
		name, field, value string
		reason             resource.Reason
	}{
		{"valid", "Authorization", "Bearer " + token("https://auth.example.test", now), resource.ReasonInternalError},
		{"expired", "Authorization", "Bearer " + token("https://auth.example.test", past), resource.ReasonExpired},
		{"valid, in a field", "X-Token", token("https://proxy.example.test", now), resource.ReasonInternalError},
		{"expired, in a field", "X-Token", token("https://proxy.example.test", past), resource.ReasonExpired},
	} {
		e := expectSame(t, row.name, f.res, func() *http.Request {
			req := post(identifier)
			req.Header.Set(row.field, row.value)
			return req
		})
		if e.Reason != row.reason {
			t.Errorf("%s: got %q, want %q", row.name, e.Reason, row.reason)
		}
	}
}

// A function that panics after another rejection does not change the answer for an API key.
func TestExplainRulePanics(t *testing.T) {
	rule := func(context.Context, resource.Operation, *resource.Caller) ([]string, error) { panic("x") }
	for name, change := range map[string]func(*resource.Config){
		"Rule panics": func(*resource.Config) {},
		"revoked, and Rule panics": func(c *resource.Config) {
			c.Hooks.Revocations = resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { return true, nil })
		},
		"revocations are not known, and Rule panics": func(c *resource.Config) {
			c.Hooks.Revocations = resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { return false, errors.New("down") })
		},
		"Revoked panics": func(c *resource.Config) {
			c.Hooks.Revocations = resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { panic("x") })
		},
		"a condition, and Rule panics": func(c *resource.Config) {
			c.Credentials.Conditions = []resource.Condition{{Claim: "org", Equals: "acme"}}
		},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Api-Key": keywordVerifier{issuer: "https://keys.example.test"}}
			c.Operations.Rule = rule
			change(c)
		})
		expectSame(t, name, f.res, func() *http.Request {
			req := rpcRequest(rpcCall("ping", `{}`), "")
			req.Header.Set("X-Api-Key", "secret-0123456789")
			return req
		})
	}
}
