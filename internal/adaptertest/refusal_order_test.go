package adaptertest_test

import (
	"context"
	"crypto/fips140"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/warder-go/warder/internal/refusaltest"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// TestOrderOfRefusals sends requests to which several refusals apply. The client gets the one
// that comes first in the table of docs/architecture.md, in every way to become known to the
// Resource and with every adapter.
func TestOrderOfRefusals(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		testOrder(t, 2, func(res *resource.Resource, scopes []string, next http.Handler) http.Handler {
			if scopes == nil {
				return a.handler(res, next)
			}
			protected := route{[]guard{{res: res}, {res, scopes}}, next}
			return a.routes(nil, map[string]route{"/mcp": protected, "/MCP": protected}) // the latter is of no identifier
		})
	})
	t.Run("net/http, three refusals", func(t *testing.T) {
		testOrder(t, 3, func(res *resource.Resource, scopes []string, next http.Handler) http.Handler {
			return nethttp.Handler(res, requireAll(res, scopes, next))
		})
	})
	t.Run("net/http, Middleware twice", func(t *testing.T) {
		testOrder(t, 2, func(res *resource.Resource, scopes []string, next http.Handler) http.Handler {
			return nethttp.Middleware(res)(nethttp.Middleware(res)(requireAll(res, scopes, next)))
		})
	})
}

func requireAll(res *resource.Resource, scopes []string, next http.Handler) http.Handler {
	if scopes == nil {
		return next
	}
	return nethttp.Require(res, scopes...)(next)
}

// tripleSample is how many cases with three refusals there are for each that runs. All pairs run
// unless -short is set, so that these only show that a third refusal changes nothing.
const tripleSample = 5

// testOrder runs the cases with up to n refusals.
func testOrder(t *testing.T, n int, adapter refusaltest.Adapter) {
	t.Helper()
	if fips140.Enforced() {
		t.Skip("synctest bubbles gather no entropy in FIPS mode")
	}
	for i, c := range refusaltest.Cases(n) {
		if (n > 2 || testing.Short()) && i%tripleSample != 0 {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			if err := c.Run(adapter); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		})
	}
}

// TestOrderOfRefusalsByPermit checks that Permit, which a second check inside a server calls,
// has the order of the table.
func TestOrderOfRefusalsByPermit(t *testing.T) {
	issuer, revoked := newIssuer(t), false
	res := newResource(t, issuer, func(c *resource.Config) {
		c.Scopes = []string{"base"}
		c.Hooks.Revocations = resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { return revoked, nil })
		gold := resource.Authentication{ACRValues: []string{"gold"}}
		never := []resource.Condition{{Claim: "groups", Contains: "ops"}}
		c.Operations = resource.Operations{Tools: map[string][]string{"delete": {"admin"}, "purge": {"admin"}, "archive": {"rare"}, "pay": {"admin"}}, Undeclared: resource.DenyUndeclared,
			Conditions:     resource.OperationConditions{Tools: map[string][]resource.Condition{"purge": never}},
			Authentication: resource.OperationAuthentication{Tools: map[string]resource.Authentication{"purge": gold, "archive": gold, "pay": gold}}}
		c.Issuers[0].UnavailableScopes = []string{"rare"}
	})
	decision, refusal := res.Authenticate(request(t, "HEAD", identifier, issuer.Token(resourcetest.Token{Audience: identifier, Scope: "base"}), nil))
	if refusal != nil {
		t.Fatal(refusal.Err)
	}
	malformed := resource.Operation{Method: "completion/complete"}
	undeclared, protected := resource.Operation{Method: "tools/call", Name: "other"}, resource.Operation{Method: "tools/call", Name: "delete"}
	conditional := resource.Operation{Method: "tools/call", Name: "purge"}
	unavailable, pay := resource.Operation{Method: "tools/call", Name: "archive"}, resource.Operation{Method: "tools/call", Name: "pay"}
	for _, row := range []struct {
		name    string
		caller  *resource.Caller
		revoked bool
		op      resource.Operation
		want    resource.Reason
	}{
		{"no caller and a malformed operation", nil, false, malformed, resource.ReasonMissingCredentials},
		{"no caller and a missing scope", nil, false, protected, resource.ReasonMissingCredentials},
		{"revoked and a malformed operation", decision.Caller, true, malformed, resource.ReasonRevoked},
		{"revoked and an undeclared operation", decision.Caller, true, undeclared, resource.ReasonRevoked},
		{"revoked and a missing scope", decision.Caller, true, protected, resource.ReasonRevoked},
		{"a malformed operation and a missing scope", decision.Caller, false, malformed, resource.ReasonBodyMalformed},
		{"an undeclared operation and a missing scope", decision.Caller, false, undeclared, resource.ReasonOperationUndeclared},
		{"a condition and a missing scope", decision.Caller, false, conditional, resource.ReasonCondition},
		{"revoked and a condition", decision.Caller, true, conditional, resource.ReasonRevoked},
		{"a scope that cannot be requested and a login", decision.Caller, false, unavailable, resource.ReasonScopeUnavailable},
		{"a login and a missing scope", decision.Caller, false, pay, resource.ReasonInsufficientAuthentication},
		{"missing scopes", decision.Caller, false, protected, resource.ReasonInsufficientScope},
	} {
		revoked = row.revoked
		if refusal := res.Permit(t.Context(), row.caller, row.op, "extra"); refusal == nil || refusal.Reason != row.want {
			t.Errorf("%s: got %v, want %s", row.name, refusal, row.want)
		}
	}
}
