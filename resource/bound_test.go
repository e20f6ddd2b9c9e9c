package resource_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// boundFixture has a tool, a prompt, a method and a resource that need a bound token.
func boundFixture(t *testing.T, change func(*resource.Config)) *fixture {
	return newFixture(t, func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Operations.Tools, c.Operations.Methods = map[string][]string{"read": {"read"}}, map[string][]string{"tasks/cancel": nil}
		c.Operations.Bound = resource.BoundOperations{Tools: []string{"delete", "read"}, Prompts: []string{"secret"},
			Methods: []string{"logging/setLevel"}, Resources: []resource.ResourcePattern{{Prefix: "file:///secret/"}}}
		if change != nil {
			change(c)
		}
	})
}

// calling returns a POST of a JSON-RPC request.
func calling(method, params string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":`+params+`}`))
	req.Header.Set("Content-Type", "application/json")
	return req
}

func TestBoundOperations(t *testing.T) {
	f := boundFixture(t, nil)
	key := resourcetest.NewProofKey("")
	bound, unbound := f.token(resourcetest.Token{ProofKey: key, Scope: "read"}), f.token(resourcetest.Token{Scope: "read"})
	noScope := f.token(resourcetest.Token{})
	for _, row := range []struct {
		name, method, params, token string
		bound                       bool
		want                        proven
	}{
		{"another tool", "tools/call", `{"name":"other"}`, unbound, false, provenAccepted},
		{"a bound tool", "tools/call", `{"name":"delete"}`, unbound, false, onlyDPoP(notBound)},
		{"a bound tool, bound token", "tools/call", `{"name":"delete"}`, bound, true, provenAccepted},
		{"a bound prompt", "prompts/get", `{"name":"secret"}`, unbound, false, onlyDPoP(notBound)},
		{"a bound method", "logging/setLevel", `{"level":"debug"}`, unbound, false, onlyDPoP(notBound)},
		{"a bound resource", "resources/read", `{"uri":"file:///secret/a"}`, unbound, false, onlyDPoP(notBound)},
		{"another resource", "resources/read", `{"uri":"file:///open/a"}`, unbound, false, provenAccepted},
		{"a resource in another spelling", "resources/read", `{"uri":"file:///open/../secret/a"}`, unbound, false, onlyDPoP(notBound)},
		{"a task can be of any tool", "tasks/get", `{"taskId":"1"}`, unbound, false, onlyDPoP(notBound)},
		{"a task, and a rule for scopes names the method", "tasks/cancel", `{"taskId":"1"}`, unbound, false, onlyDPoP(notBound)},
		{"a scope is missing too: one challenge names it", "tools/call", `{"name":"read"}`, noScope, false,
			proven{401, []string{`DPoP ` + pointer + `, scope="read"` + notBound + algs}, ""}},
		{"a batch with a bound tool", "", `[]`, unbound, false, onlyDPoP(notBound)},
	} {
		req := calling(row.method, row.params)
		if row.method == "" {
			req = httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(
				`[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"delete"}}]`))
			req.Header.Set("Content-Type", "application/json")
		}
		req.Header.Set("Authorization", "Bearer "+row.token)
		if row.bound {
			key.SetProof(req, row.token)
		}
		f.expectProof(row.name, f.sendProof(req), row.want)
	}
	f.expectProof("GET needs no bound token", f.sendProof(withBearer(http.MethodGet, unbound)), provenAccepted)
}

func withBearer(method, token string) *http.Request {
	req := httptest.NewRequest(method, identifier, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	return req
}

// A scope that no login can add comes first.
func TestBoundOperationWithUnavailableScope(t *testing.T) {
	f := boundFixture(t, func(c *resource.Config) { c.Issuers[0].UnavailableScopes = []string{"read"} })
	req := calling("tools/call", `{"name":"read"}`)
	req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{}))
	f.expectProof("unavailable", f.sendProof(req), proven{403, nil, ""})
	f.expectProofReason("unavailable", resource.ReasonScopeUnavailable)
}

// Permit and Offers know the same rules.
func TestPermitBoundOperations(t *testing.T) {
	f := boundFixture(t, nil)
	key := resourcetest.NewProofKey("")
	for _, bound := range []bool{false, true} {
		req := withBearer(http.MethodGet, f.token(resourcetest.Token{}))
		if bound {
			req = httptest.NewRequest(http.MethodGet, identifier, nil)
			key.SetProof(req, f.token(resourcetest.Token{ProofKey: key}))
		}
		decision, refusal := f.res.Authenticate(req)
		if refusal != nil {
			t.Fatal(refusal.Err)
		}
		decision.Done()
		op, want := resource.Operation{Method: "tools/call", Name: "delete"}, resource.ReasonBindingRequired
		if got := f.res.Offers(t.Context(), decision.Caller, op); got != bound {
			t.Errorf("bound %v: offered %v", bound, got)
		}
		if refusal := f.res.Permit(t.Context(), decision.Caller, op); (refusal == nil) != bound || !bound && refusal.Reason != want {
			t.Errorf("bound %v: got %+v", bound, refusal)
		}
	}
}

func TestBoundOperationMistakes(t *testing.T) {
	const noBinding = `Operations.Bound.Methods, Tools, Prompts, Resources: the tokens of no issuer can be bound, so nobody could use these operations; set dpop or client_certificates (in Go: Credentials.DPoP, Credentials.Certificates)`
	for _, row := range []struct {
		name   string
		change func(*resource.Config)
		want   string
	}{
		{"no issuer accepts bound tokens", func(c *resource.Config) {
			c.Credentials.DPoP.Tokens, c.Operations.Bound.Tools = resource.BindingOff, []string{"a"}
		}, noBinding},
		{"an empty name", func(c *resource.Config) { c.Operations.Bound.Prompts = []string{""} }, `Operations.Bound.Prompts: empty name`},
		{"a duplicate", func(c *resource.Config) { c.Operations.Bound.Tools = []string{"a", "a"} }, `Operations.Bound.Tools[1]: duplicate name "a"`},
		{"a public method", func(c *resource.Config) {
			c.Operations.Bound.Methods, c.Operations.Public = []string{"tools/list"}, []string{"tools/list"}
		}, `Operations.Public: "tools/list" needs a bound token; an operation cannot need one and be public`},
		{"a public tool", func(c *resource.Config) {
			c.Operations.Bound.Tools, c.Operations.PublicTools = []string{"a"}, []string{"a"}
		}, `Operations.PublicTools[0]: "a" needs a bound token; an operation cannot need one and be public`},
		{"a resource without a pattern", func(c *resource.Config) { c.Operations.Bound.Resources = []resource.ResourcePattern{{}} },
			`Operations.Bound.Resources[0]: set exactly one of URI, Prefix and Template`},
	} {
		c := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: &scriptedVerifier{}}}}
		c.Credentials.DPoP.Tokens = resource.BindingAccepted
		row.change(&c)
		_, err := resource.New(c)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s:\n got %v\nwant %s", row.name, err, row.want)
		}
	}
}

// A challenge would not help a client whose credential cannot be bound.
func TestBoundOperationOfOtherCredentials(t *testing.T) {
	f := boundFixture(t, func(c *resource.Config) {
		c.Issuers[0].DPoP = resource.BindingOff
		c.Opaque = &resource.Issuer{Verifier: &scriptedVerifier{}} // its tokens can be bound
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Api-Key": keywordVerifier{issuer: "keys"}}
	})
	req := calling("tools/call", `{"name":"delete"}`)
	req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{}))
	f.expectProof("an issuer without bound tokens", f.sendProof(req), proven{403, nil, ""})
	f.expectProofReason("an issuer without bound tokens", resource.ReasonBindingUnavailable)
	req = calling("tools/call", `{"name":"delete"}`)
	req.Header.Set("X-Api-Key", "secret")
	f.expectProof("an API key", f.sendProof(req), proven{403, nil, ""})
	f.expectProofReason("an API key", resource.ReasonBindingUnavailable)
}
