package resource_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// manyValues returns n different acr values of this length.
func manyValues(n, length int) (values []string) {
	for i := range n {
		values = append(values, fmt.Sprintf("%0*d", length, i))
	}
	return values
}

// New rejects what no token could meet, and what a challenge could not name (RFC 9470 §3, RFC 6750
// §3).
func TestAuthenticationMistakes(t *testing.T) {
	const where = "Credentials.Authentication: "
	const characters = ": use printable ASCII without space, quote and backslash, because challenges separate the values by spaces (RFC 9470 §3)"
	const ages = "; use whole seconds, from 1s to 87600h0m0s, or 0 for no limit"
	for _, row := range []struct {
		given authentication
		want  string // "": valid
	}{
		{authentication{}, ""},
		{acr("urn:mace:incommon:iap:silver", "0", "a'b!~"), ""},
		{acr(manyValues(64, 31)...), ""},
		{acr(strings.Repeat("a", 2048)), ""},
		{maxAge(time.Second), ""},
		{maxAge(10 * 365 * 24 * time.Hour), ""},
		{authentication{ACRValues: []string{}}, "no acr values, which accepts no token; name one, or omit the list to accept every token"},
		{acr(""), `acr value ""` + characters},
		{acr("a b"), `acr value "a b"` + characters},
		{acr(`a"b`), `acr value "a\"b"` + characters},
		{acr(`a\b`), `acr value "a\\b"` + characters},
		{acr("a\tb"), `acr value "a\tb"` + characters},
		{acr("é"), `acr value "é"` + characters},
		{acr("a", "b", "a"), `duplicate acr value "a"`},
		{acr(manyValues(65, 4)...), "65 acr values; use at most 64"},
		{acr(strings.Repeat("a", 2049)), "the acr values have 2049 bytes; use at most 2048, because challenges have them all"},
		{acr(strings.Repeat("a", 1024), strings.Repeat("b", 1024)), "the acr values have 2049 bytes; use at most 2048, because challenges have them all"},
		{maxAge(-time.Second), "max age -1s" + ages},
		{maxAge(time.Nanosecond), "max age 1ns" + ages},
		{maxAge(time.Second - 1), "max age 999.999999ms" + ages},
		{maxAge(1500 * time.Millisecond), "max age 1.5s" + ages},
		{maxAge(10*365*24*time.Hour + time.Second), "max age 87600h0m1s" + ages},
		{maxAge(math.MaxInt64), "max age 2562047h47m16.854775807s" + ages},
	} {
		checkMistakes(t, func(c *resource.Config) { c.Credentials.Authentication = row.given }, where, row.want)
	}
	for want, change := range map[string]func(*resource.Config){
		`Operations.Authentication.Methods["ping"]: acr value ""` + characters: func(c *resource.Config) {
			c.Operations.Authentication.Methods = map[string]authentication{"ping": acr("")}
		},
		`Operations.Authentication.Tools["x"]: acr value ""` + characters: func(c *resource.Config) { c.Operations.Authentication.Tools = map[string]authentication{"x": acr("")} },
		"Operations.Authentication.Prompts: empty name":                   func(c *resource.Config) { c.Operations.Authentication.Prompts = map[string]authentication{"": {}} },
		"Operations.Authentication.Resources[0]: acr value \"\"" + characters + "\nOperations.Authentication.Resources[1]: set exactly one of URI, Prefix and Template": func(c *resource.Config) {
			c.Operations.Authentication.Resources = []resource.ResourceAuthentication{{URI: "doc://a", Authentication: acr("")}, {URI: "a", Prefix: "b"}}
		},
		`Operations.Authentication.Tools["x"]: none of the acr values is in required_authentication (in Go: Credentials.Authentication), so no login is enough for both; add one there, or remove these`: func(c *resource.Config) {
			c.Credentials.Authentication = acr("gold")
			c.Operations.Authentication.Tools = map[string]authentication{"x": acr("silver"), "y": acr("gold", "silver")}
		},
		`Operations.Public: "ping" needs a login of a user; an operation cannot need a login and be public`: func(c *resource.Config) {
			c.Operations.Public, c.Operations.Authentication.Methods = []string{"ping"}, map[string]authentication{"ping": acr("a")}
		},
		`Operations.PublicTools[0]: "x" needs a login of a user; an operation cannot need a login and be public`: func(c *resource.Config) {
			c.Operations.PublicTools, c.Operations.Authentication.Tools = []string{"x", "y"}, map[string]authentication{"x": maxAge(time.Minute), "y": {}}
		},
		`Operations.PublicResources[0]: "doc://private/a" needs a login of a user; an operation cannot need a login and be public`: func(c *resource.Config) {
			c.Operations.PublicResources, c.Operations.Authentication = []string{"doc://private/a"}, forGold
		},
	} {
		checkMistakes(t, change, "", want)
	}
}

// checkMistakes checks the error of New; "" is none.
func checkMistakes(t *testing.T, change func(*resource.Config), where, want string) {
	t.Helper()
	config := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: keywordVerifier{issuer: "https://as.example.test"}}}}
	change(&config)
	if want != "" {
		want = "resource: configuration: " + where + want
	}
	got := ""
	if _, err := resource.New(config); err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// A login makes an operation known, like a rule with scopes, even the zero value. One for a method
// does not for its tools.
func TestLoginsDeclareOperations(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations = resource.Operations{Undeclared: resource.DenyUndeclared, Authentication: forGold}
		c.Operations.Authentication.Methods = map[string]authentication{"tools/call": {}}
	})
	token := f.tokenWithClaims(claims{"acr": "gold"})
	for tool, want := range map[string]answer{"deploy": accepted, "echo": accepted, "other": undeclared} {
		f.expect(tool, f.post(token, rpcCall("tools/call", `{"name":"`+tool+`"}`)), want)
		if f.res.Declares(resource.Operation{Method: "tools/call", Name: tool}) != (want == accepted) {
			t.Errorf("%s: Declares differs", tool)
		}
	}
	copied := f.res.Operations()
	clear(copied.Authentication.Tools)
	clear(copied.Authentication.Resources)
	f.expect("after changes to the copy", f.post(f.token(resourcetest.Token{}), rpcCall("tools/call", `{"name":"deploy"}`)), needsLogin("", "gold", 0))
}

// Logins of every request alone do not make bodies be read. They are checked before the body of a
// request without rules, and after it is read with rules.
func TestLoginsDoNotReadBodies(t *testing.T) {
	f := newFixture(t, requireLogin(acr("gold")))
	f.expect("a body that is not JSON", f.post(f.tokenWithClaims(claims{"acr": "gold"}), "not JSON"), accepted)
	f.expect("another login", f.post(f.token(resourcetest.Token{}), "not JSON"), needsLogin("", "gold", 0))
	if !(resource.Operations{}).IsZero() || (resource.Operations{Authentication: forGold}).IsZero() {
		t.Error("IsZero differs")
	}
}
