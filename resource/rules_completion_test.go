package resource_test

import (
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A completion for a template needs the scopes of every rule that an expansion of the template
// could match, and of no other rule.
func TestCompletionForTemplate(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Resources = []resource.ResourceRule{
			{URI: "file:///secret", Scopes: []string{"secret"}},
			{Prefix: "file:///private/", Scopes: []string{"private"}},
			{Template: "db://users/{id}", Scopes: []string{"users"}},
			{URI: "db://users/1", Scopes: []string{"one"}},
		}
	})
	const anyRule = "secret private users one"
	token := f.token(resourcetest.Token{})
	for _, row := range []struct{ uri, needs string }{
		{"note://{id}", ""},
		{"file:///{+path}", "secret private"},
		{"file:///s{x}", "secret"},
		{"file:///S{x}", "secret"},
		{"file:///private/a/{x}", "private"},
		{"file:///open/{x}", ""},
		{"db://{table}/{id}", "users one"},
		{"db://users/{id}", "users"}, // the template of the rule
		{"db://users/{x}", "users one"},
		{"db://orders/{id}", ""},
		{"note://1", ""},

		// Expansions are not plain, or it is not a template.
		{"{+uri}", anyRule},
		{"FILE:///{+path}", anyRule},
		{"db://users/{id", anyRule},
		{"db://users/{}", anyRule},
		{"note://{id}/../secret", anyRule},
		{"note://{id/../secret}", anyRule},
		{"note://{id%2f..%2fsecret}", anyRule},
		{"note://{}", anyRule},
		{"note://{+}", anyRule},
		{"note://{id}?{q}", anyRule},
		{"note://a%2e{id}", anyRule},
	} {
		want := accepted
		if row.needs != "" {
			want = insufficient(row.needs)
		}
		body := rpcCall("completion/complete", `{"ref":{"type":"ref/resource","uri":"`+row.uri+`"},"argument":{"name":"a","value":"b"}}`)
		f.expect(row.uri, f.post(token, body), want)
	}
	f.expect("the same text as a URI", f.post(token, rpcCall("resources/read", `{"uri":"note://{id}"}`)), insufficient(anyRule))
}
