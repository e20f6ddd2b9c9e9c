package resource_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Operations returns a copy of the configured rules.
func TestOperationsAreCopied(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations = testRules })
	got := f.res.Operations()
	if len(got.Tools) != 2 || len(got.Methods) != 3 || len(got.Prompts) != 1 || !slices.EqualFunc(got.Resources, testRules.Resources, func(a, b resource.ResourceRule) bool {
		return a.URI == b.URI && a.Prefix == b.Prefix && a.Template == b.Template && slices.Equal(a.Scopes, b.Scopes)
	}) {
		t.Errorf("got %+v, want %+v", got, testRules)
	}
	clear(got.Tools)
	clear(got.Methods)
	clear(got.Prompts)
	clear(got.Resources)
	f.expect("after changes to the copy", f.post(f.token(resourcetest.Token{}), rpcCall("tools/call", `{"name":"delete"}`)), insufficient("call admin"))
	if none := newFixture(t, nil).res.Operations(); none.Tools != nil || none.Resources != nil {
		t.Errorf("without rules: got %+v", none)
	}
}

func TestResourceRuleApplies(t *testing.T) {
	for _, row := range []struct {
		rule resource.ResourceRule
		uri  string
		want bool
	}{
		{resource.ResourceRule{URI: "file:///a"}, "file:///a", true},
		{resource.ResourceRule{URI: "file:///a"}, "file:///A", true},
		{resource.ResourceRule{URI: "file:///a"}, "FILE:///%41", false},
		{resource.ResourceRule{URI: "file:///a"}, "file:///x/../b", false}, // ambiguous, but never file:///a
		{resource.ResourceRule{URI: "file:///a"}, "file:///ab", false},
		{resource.ResourceRule{Prefix: "file:///a"}, "file:///ab", true},
		{resource.ResourceRule{Template: "db://{t}/{id}"}, "db://x/1", true},
		{resource.ResourceRule{Template: "db://{t}/{id}"}, "db://x", false},
		{resource.ResourceRule{Template: "db://{t}/{id}"}, "db://{t}/{id}", false},
		{resource.ResourceRule{}, "", false},
		{resource.ResourceRule{URI: "a", Prefix: "a"}, "a", false},
		{resource.ResourceRule{Template: "{"}, "{", false},
	} {
		if got := row.rule.Applies(row.uri); got != row.want {
			t.Errorf("%+v applies to %q: got %v, want %v", row.rule, row.uri, got, row.want)
		}
	}
}

// A public operation without credentials satisfies a Requirement without scopes, so that
// handlers can verify that the middleware has accepted the request.
func TestRequirementForPublicOperation(t *testing.T) {
	issuer := newFixture(t, nil).issuer
	public := func(c *resource.Config, _ *jwks.Config) { c.Operations = resource.Operations{Public: []string{"ping"}} }
	f, other := newFixtureWith(t, issuer, public), newFixtureWith(t, issuer, public)
	for _, row := range []struct {
		name string
		res  *resource.Resource
		body string
		all  []string
		want answer
	}{
		{"no scopes", f.res, rpcCall("ping", `{}`), nil, accepted},
		{"scopes", f.res, rpcCall("ping", `{}`), []string{"x"}, answer{401, noCredentials.challenge, noCredentials.body}},
		{"requirement of another resource", other.res, rpcCall("ping", `{}`), nil, noCredentials},
		{"not public", f.res, rpcCall("tools/list", `{}`), nil, noCredentials},
	} {
		req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(row.body))
		req.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
		nethttp.Middleware(f.res)(nethttp.Require(row.res, row.all...)(ok)).ServeHTTP(recorder, req)
		f.expect(row.name, answerOf(t, recorder.Result()), row.want)
	}
}
