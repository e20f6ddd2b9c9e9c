package resource_test

import (
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// otherRules have URIs that are not plain. A reader could take them for a plain URI.
var otherRules = []resource.ResourceRule{
	{Prefix: "note://h/secret/", Scopes: []string{"secret"}},
	{URI: "note://h/secret/a?b=1", Scopes: []string{"query"}},
	{URI: "note://h/secret/a?b=2", Scopes: []string{"query2"}},
	{Template: "note://h/{name}", Scopes: []string{"name"}},
	{URI: "note://h/a@b", Scopes: []string{"at"}},
	{URI: "note://h/c++", Scopes: []string{"plus"}},
	{URI: "note://h/d+e", Scopes: []string{"form"}},
	{URI: "note://h/p;v=1", Scopes: []string{"parameter"}},
	{URI: "https://h:8443/secret", Scopes: []string{"port"}},
	{URI: "memo:///Insights", Scopes: []string{"memo"}},
	{URI: "db:users", Scopes: []string{"db"}},
	{Prefix: "db://users/", Scopes: []string{"rows"}},
	{URI: "file:///C:/a?b", Scopes: []string{"drive"}},
	{Prefix: "file:///c:/", Scopes: []string{"files"}},
}

// A rule whose URI is not plain does not free that URI from the rules around it, and no plain
// spelling of it avoids the rule.
func TestRulesThatAreNotPlain(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations.Resources = otherRules })
	var every []string
	for _, rule := range otherRules {
		every = append(every, rule.Scopes...)
	}
	anyRule := strings.Join(every, " ")
	token := f.token(resourcetest.Token{})
	for _, row := range []struct{ name, uri, needs string }{
		{"a query below a prefix", "note://h/secret/a?b=1", "secret query"},
		{"another query", "note://h/secret/a?b=2", "secret query2"},
		{"a query without a rule", "note://h/secret/a?b=3", anyRule},
		{"upper case in a query", "note://h/secret/a?B=1", anyRule},
		{"the same without its query", "note://h/secret/a", "secret query query2"},
		{"the same in upper case without its query", "note://h/secret/A", "secret query query2"},
		{"another resource below the prefix", "note://h/secret/b", "secret"},
		{"a character that a variable matches only encoded", "note://h/a@b", "name at"},
		{"the same with another character", "note://h/a-b", "name"},
		{"plus signs", "note://h/c++", "name plus"},
		{"a plus sign", "note://h/d+e", "name form"},
		{"a space for the plus sign", "note://h/d%20e", "name form"},
		{"a parameter", "note://h/p;v=1", "name parameter"},
		{"the same without the parameter", "note://h/p", "name parameter"},
		{"a port", "https://h:8443/secret", "port"},
		{"the same without its port", "https://h/secret", "port"},
		{"another port", "https://h:443/secret", anyRule},
		{"a port with a zero", "https://h:08443/secret", anyRule},
		{"an empty host", "memo:///Insights", "memo"},
		{"the same with two slashes", "memo://insights", "memo"},
		{"the same with one slash", "memo:/Insights", anyRule},
		{"the same with four slashes", "memo:////Insights", anyRule},
		{"the same in lower case", "memo:///insights", anyRule},
		{"another memo", "memo://other", ""},
		{"no slashes, and a prefix below", "db:users", "db rows"},
		{"the same with two slashes", "db://users", "db rows"},
		{"the same in upper case", "DB:users", anyRule},
		{"a resource below", "db://users/1", "rows"},
		{"a drive", "file:///C:/a?b", "drive files"},
		{"the same without its query", "file:///c:/a", "drive files"},
		{"the text of a template", "note://h/{name}", anyRule},
	} {
		want := accepted
		if row.needs != "" {
			want = insufficient(row.needs)
		}
		f.expect(row.name+": "+row.uri, f.post(token, rpcCall("resources/read", `{"uri":"`+row.uri+`"}`)), want)
	}
}

// With DenyUndeclared, a rule that is not plain declares its own spelling only.
func TestRulesThatAreNotPlainDeclareThemselves(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations = resource.Operations{Resources: []resource.ResourceRule{{URI: "memo:///insights"}, {URI: "note://h/a?b"}}, Undeclared: resource.DenyUndeclared}
	})
	for _, row := range []struct {
		uri  string
		want bool
	}{
		{"memo:///insights", true},
		{"memo://insights", false},
		{"note://h/a?b", true},
		{"note://h/a", false},
		{"note://h/a?c", false},
	} {
		if got := f.res.Declares(resource.Operation{Method: "resources/read", Name: row.uri}); got != row.want {
			t.Errorf("%s: got %t, want %t", row.uri, got, row.want)
		}
	}
}

// A rule that cannot match is a mistake. The error has the spelling to use if there is one for
// the same resource, and otherwise the reason.
func TestSpellingsInMistakes(t *testing.T) {
	const (
		onlyURI = ": only the URI of a rule can have"
		none    = ": it cannot be a rule: "
	)
	uri := func(text string) resource.Operations {
		return resource.Operations{Resources: []resource.ResourceRule{{URI: text}}}
	}
	prefix := func(text string) resource.Operations {
		return resource.Operations{Resources: []resource.ResourceRule{{Prefix: text}}}
	}
	template := func(text string) resource.Operations {
		return resource.Operations{Resources: []resource.ResourceRule{{Template: text}}}
	}
	public := func(text string) resource.Operations { return resource.Operations{PublicResources: []string{text}} }
	for _, row := range []struct {
		name string
		o    resource.Operations
		want string // "": valid
	}{
		{"an upper-case scheme", uri("NOTE://h/a"), `write "note://h/a"`},
		{"an upper-case host", uri("note://H/a"), `write "note://h/a"`},
		{"an upper-case host and a query", uri("note://H/a?b"), `write "note://h/a?b"`},
		{"a slash at the end", uri("note://h/a/"), `write "note://h/a"`},
		{"a slash instead of a path", uri("https://h/"), `write "https://h"`},
		{"a dot segment", uri("https://h/a/../b"), `write "https://h/b"`},
		{"an encoded letter", uri("note://h/%61"), `write "note://h/a"`},
		{"an encoded slash is another resource", uri("note://h/a%2Fb"), none},
		{"an encoded plus sign is another resource", uri("note://h/a%2Bb"), none},
		{"a default port", uri("https://h:443/secret"), `write "https://h/secret"`},
		{"a default port of http", uri("http://h:80/secret?a"), `write "http://h/secret?a"`},
		{"another port", uri("https://h:8443/secret"), ""},
		{"a port of a scheme without a default", uri("note://h:80/a"), ""},
		{"a query", uri("note://h/a?b=c"), ""},
		{"an empty host", uri("memo:///insights"), ""},
		{"no host", uri("urn:isbn:0486"), ""},
		{"sub-delimiters", uri("note://h/a+b=c,d;e:f@g~h!$&'()*"), ""},
		{"a fragment", uri("note://h/a#b"), none},
		{"user information", uri("postgres://user@db/x"), none},
		{"a file on a host", uri("file://host/a"), none},
		{"a character outside ASCII", uri("note://h/ä"), none},
		{"no URI", uri("a"), none},
		{"a prefix with an upper-case scheme keeps its slash", prefix("NOTE://h/"), `write "note://h/"`},
		{"a prefix with an encoded letter", prefix("note://h/%61"), `write "note://h/a"`},
		{"a prefix with a default port", prefix("https://h:443/"), `write "https://h/"`},
		{"a prefix with a port", prefix("note://h:80/"), onlyURI},
		{"a prefix with a query", prefix("note://h/a?"), onlyURI},
		{"a prefix without a host", prefix("note:"), onlyURI},
		{"a scheme as a prefix", prefix("note://"), ""},
		{"a template with a query is another resource", template("note://h/a{?q}"), onlyURI},
		{"a template with a literal that is not plain", template("note://h/{a}@{b}"), onlyURI},
		{"a template with an upper-case host", template("note://H/{a}"), `write "note://h/a"`},
		{"a public resource with an upper-case scheme", public("NOTE://h/a"), `Operations.PublicResources[0]: "NOTE://h/a" is not a plain URI: write "note://h/a"`},
		{"a public resource with a query", public("note://h/a?b"), onlyURI},
		{"a plain public resource", public("note://h/a"), ""},
	} {
		_, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier(t)}}, Operations: row.o})
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %q", row.name, err, row.want)
		}
	}
}
