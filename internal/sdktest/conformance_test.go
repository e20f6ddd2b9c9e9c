package sdktest_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
)

// scopeChallenges is the configuration of the conformance suite's fixture for scope challenges
// (SEP-2350). Config.Scopes must be empty: each challenge would contain the scopes for every
// request, which are not in the challenges of the fixture.
var scopeChallenges = resource.Operations{
	Methods: map[string][]string{
		"tools/call":     {"mcp:conformance:tools:call"},
		"resources/read": {"mcp:conformance:resources:read"},
		"prompts/get":    {"mcp:conformance:prompts:get"},
	},
	Tools:   map[string][]string{"test_simple_text": {"mcp:conformance:tools:test_simple_text"}},
	Prompts: map[string][]string{"test_simple_prompt": {"mcp:conformance:prompts:test_simple_prompt"}},
	Resources: []resource.ResourceRule{
		{URI: "test://static-text", Scopes: []string{"mcp:conformance:resources:static"}},
		{URI: "test://template/123/data", Scopes: []string{"mcp:conformance:resources:template:123"}},
	},
}

func TestScopeChallengeFixture(t *testing.T) {
	res, err := resource.New(resource.Config{
		Identifier: identifier,
		Opaque: &resource.Issuer{Verifier: static{
			"mcp-conformance-scope-low": "mcp:conformance:baseline",
			"mcp-conformance-scope-full": "mcp:conformance:baseline mcp:conformance:tools:call mcp:conformance:tools:test_simple_text mcp:conformance:resources:read " +
				"mcp:conformance:resources:static mcp:conformance:resources:template:123 mcp:conformance:prompts:get mcp:conformance:prompts:test_simple_prompt",
		}},
		ScopeOptions: resource.ScopeOptions{Challenge: []string{"mcp:conformance:baseline"}},
		Operations:   scopeChallenges,
		Logger:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ method, params, needs string }{
		{"tools/call", `{"name":"test_simple_text"}`, "mcp:conformance:tools:call mcp:conformance:tools:test_simple_text"},
		{"resources/read", `{"uri":"test://static-text"}`, "mcp:conformance:resources:read mcp:conformance:resources:static"},
		{"resources/read", `{"uri":"test://template/123/data"}`, "mcp:conformance:resources:read mcp:conformance:resources:template:123"},
		{"prompts/get", `{"name":"test_simple_prompt"}`, "mcp:conformance:prompts:get mcp:conformance:prompts:test_simple_prompt"},
		{"tools/list", `{}`, ""},
	} {
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, row.method, row.params)
		_, refusal := res.Authenticate(post("mcp-conformance-scope-low", body))
		var got []string
		if refusal != nil {
			got = refusal.Challenges
		}
		if want := insufficient(row.needs).challenge; row.needs != "" && (len(got) != 1 || got[0] != want) || row.needs == "" && refusal != nil {
			t.Errorf("%s %s: got %q, want %q", row.method, row.params, got, want)
		}
		if _, refusal := res.Authenticate(post("mcp-conformance-scope-full", body)); refusal != nil {
			t.Errorf("%s %s with the full token: %v", row.method, row.params, refusal.Err)
		}
	}
}

func post(token, body string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	return req
}

// authenticate returns the reason for which a resource with these rules rejects a request, or "".
func authenticate(t *testing.T, rules resource.Operations, token, body string) resource.Reason {
	t.Helper()
	res, err := resource.New(resource.Config{Identifier: identifier, Opaque: &resource.Issuer{Verifier: static(tokens)}, Operations: rules, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, refusal := res.Authenticate(post(token, body)); refusal != nil {
		return refusal.Reason
	}
	return ""
}
