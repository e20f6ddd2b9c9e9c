package mcpsdk_test

import (
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

func toolName(t *mcp.Tool) string                 { return t.Name }
func promptName(p *mcp.Prompt) string             { return p.Name }
func resourceURI(r *mcp.Resource) string          { return r.URI }
func templateText(r *mcp.ResourceTemplate) string { return r.URITemplate }

func names[T any](t *testing.T, pages iter.Seq2[*T, error], name func(*T) string) (all []string) {
	t.Helper()
	for item, err := range pages {
		if err != nil {
			t.Errorf("listing: %v", err)
			return nil
		}
		all = append(all, name(item))
	}
	return all
}

// eventData returns the data of an event stream with one event, or the whole body if it is not an
// event stream.
func eventData(body string) string {
	if _, data, ok := strings.Cut(body, "data: "); ok {
		return strings.TrimSpace(data)
	}
	return strings.TrimSpace(body)
}

// MCP 2026-07-28: lists can depend on the scopes of the caller. They contain the items that the
// caller can use.
func TestLockFiltersLists(t *testing.T) {
	const all = "base admin prompts secret db acme all"
	deny := testRules
	deny.Undeclared = resource.DenyUndeclared
	deny.Methods = map[string][]string{"tools/list": {}, "prompts/list": {}, "resources/list": {}, "resources/templates/list": {}}
	otherVariables := deny
	otherVariables.Resources = []resource.ResourceRule{{Template: "db://{t}/{i}", Scopes: []string{"db"}}, {URI: "file:///logs/today"}, {Template: "file:///logs/{a}/{b}", Scopes: []string{"logs"}}}
	tests := []struct {
		name, scopes                         string
		rules                                resource.Operations
		tools, prompts, resources, templates []string
	}{
		{"all scopes", all, testRules,
			[]string{"delete", "echo", "open"}, []string{"greet", "other", "secret"},
			[]string{"file:///a", "file:///b", "file:///secret"}, []string{"db://{table}/{id}", "file:///logs/{day}", "file:///logs/{day}/{hour}"}},
		{"the base scope", "base", testRules,
			[]string{"echo", "open"}, []string{"greet", "other"},
			[]string{"file:///a", "file:///b"}, []string{"file:///logs/{day}", "file:///logs/{day}/{hour}"}},
		{"one more scope", "base db", testRules,
			[]string{"echo", "open"}, []string{"greet", "other"},
			[]string{"file:///a", "file:///b"}, []string{"db://{table}/{id}", "file:///logs/{day}", "file:///logs/{day}/{hour}"}},
		{"all scopes, undeclared features are denied", all, deny,
			[]string{"delete", "echo"}, []string{"secret"}, []string{"file:///secret"}, []string{"db://{table}/{id}"}},
		{"the base scope, undeclared features are denied", "base", deny, []string{"echo"}, nil, nil, nil},
		{"templates with other variable names, and a rule for one URI of a template", all, otherVariables, []string{"delete", "echo"}, []string{"secret"}, nil, []string{"db://{table}/{id}"}},
		{"no rules", "base", resource.Operations{},
			[]string{"broken", "delete", "echo", "open", "panics"}, []string{"greet", "other", "secret"},
			[]string{"file:///a", "file:///b", "file:///secret"}, []string{"db://{table}/{id}", "file:///logs/{day}", "file:///logs/{day}/{hour}"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newTestServer(t, tt.rules)
			h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
			for _, m := range modes() {
				s, err := h.connect(t, m, h.withoutRules, h.token(tt.scopes))
				if err != nil {
					t.Fatal(err)
				}
				equal(t, m.String()+", tools", names(t, s.Tools(t.Context(), nil), toolName), tt.tools)
				equal(t, m.String()+", prompts", names(t, s.Prompts(t.Context(), nil), promptName), tt.prompts)
				equal(t, m.String()+", resources", names(t, s.Resources(t.Context(), nil), resourceURI), tt.resources)
				equal(t, m.String()+", templates", names(t, s.ResourceTemplates(t.Context(), nil), templateText), tt.templates)
			}
		})
	}
}

// Two of five tools on three pages are listed. A page can be short or empty, and its cursor
// continues the list.
func TestFilteredPagesCanBeShort(t *testing.T) {
	h := newTestServer(t, resource.Operations{Tools: map[string][]string{"broken": {"x"}, "delete": {"x"}, "echo": {"x"}}})
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
	s, err := h.connect(t, modes()[0], h.withoutRules, h.token("base"))
	if err != nil {
		t.Fatal(err)
	}
	var pages [][]string
	for params := (&mcp.ListToolsParams{}); ; {
		page, err := s.ListTools(t.Context(), params)
		if err != nil {
			t.Fatal(err)
		}
		listed := []string{}
		for _, tool := range page.Tools {
			listed = append(listed, tool.Name)
		}
		pages = append(pages, listed)
		if page.NextCursor == "" {
			break
		}
		params.Cursor = page.NextCursor
	}
	if want := [][]string{{}, {"open"}, {"panics"}}; !slices.EqualFunc(pages, want, slices.Equal) {
		t.Errorf("pages: got %q, want %q", pages, want)
	}
}

// MCP 2026-07-28, cacheScope: results that depend on the caller are private. Earlier protocol
// versions do not have cacheScope. Lists in Operations.Public are the same for all callers.
func TestFilteredListsArePrivate(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		h := newTestServer(t, resource.Operations{Public: []string{"prompts/list"}})
		h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
		s, err := h.connect(t, m, h.withoutRules, h.token("base"))
		if err != nil {
			t.Fatal(err)
		}
		scope := "public"
		if m.negotiated >= "2026-07-28" {
			scope = "private"
		}
		tools, err1 := s.ListTools(t.Context(), &mcp.ListToolsParams{})
		prompts, err2 := s.ListPrompts(t.Context(), &mcp.ListPromptsParams{})
		resources, err3 := s.ListResources(t.Context(), &mcp.ListResourcesParams{})
		templates, err4 := s.ListResourceTemplates(t.Context(), &mcp.ListResourceTemplatesParams{})
		content, err5 := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "file:///a"})
		for _, err := range []error{err1, err2, err3, err4, err5} {
			if err != nil {
				t.Fatal(err)
			}
		}
		got := []string{tools.CacheScope, prompts.CacheScope, resources.CacheScope, templates.CacheScope, content.CacheScope}
		equal(t, "tools, prompts (public), resources, templates, content", got, []string{scope, "public", scope, scope, scope})
	})
}

// Lock filters a copy of a list, because another middleware can have stored the original.
func TestLockDoesNotModifyLists(t *testing.T) {
	h := newTestServer(t, testRules)
	stored := &mcp.ListToolsResult{Tools: []*mcp.Tool{{Name: "delete", InputSchema: map[string]any{"type": "object"}}, {Name: "echo", InputSchema: map[string]any{"type": "object"}}}}
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res), fixedResult("tools/list", stored))
	s, err := h.connect(t, modes()[0], h.withoutRules, h.token("base"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		equal(t, "listed", names(t, s.Tools(t.Context(), nil), toolName), []string{"echo"})
	}
	if len(stored.Tools) != 2 || stored.Tools[0].Name != "delete" || stored.CacheScope != "" {
		t.Errorf("the stored list was modified: got %+v", stored)
	}
}

// Lock and Bridge use the new rules after Resource.Replace, also in an open session.
func TestLockUsesReplacedRules(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		h := newTestServer(t, testRules)
		h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
		s, err := h.connect(t, m, h.withoutRules, h.token("base admin"))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "tools before", names(t, s.Tools(t.Context(), nil), toolName), []string{"delete", "echo", "open"})
		if err := h.res.Replace(newResource(t, resource.Config{
			Identifier: h.url, Scopes: []string{"base"}, Issuers: []resource.Issuer{{Verifier: verifier(t, h.issuer)}},
			Operations: resource.Operations{Tools: map[string][]string{"echo": {"admin"}, "delete": {"more"}}, Undeclared: resource.DenyUndeclared,
				Methods: map[string][]string{"tools/list": {}}},
		})); err != nil {
			t.Fatal(err)
		}
		equal(t, "tools after", names(t, s.Tools(t.Context(), nil), toolName), []string{"echo"})
		if _, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "echo"}); err != nil {
			t.Errorf("echo: %v", err)
		}
		if _, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "open"}); err == nil {
			t.Error("the tool open was called, although no rule names it any more")
		}
		equal(t, "executed", h.takeExecuted(), []string{"tool echo"})
	})
}
