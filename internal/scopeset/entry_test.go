package scopeset_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/scopeset"
)

// maxEntryScopes is a limit of package scopeset.
const maxEntryScopes = 64

func alternatives(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("s%d", i)
	}
	return strings.Join(all, " | ")
}

func TestCheckEntry(t *testing.T) {
	const separator = `write exactly " | " between alternatives; if the issuer's scope has this character, give it another name by ScopeNames`
	for entry, want := range map[string]string{
		"a":                          "",
		"https://a.example/b:c.d!'*": "",
		"a | b":                      "",
		"a | b c | d e f":            "",
		"a b | a c":                  "",
		alternatives(maxEntryScopes): "",

		"":                      `"" is not a scope: use printable ASCII without space, quote and backslash (RFC 6749 §3.3)`,
		`a"`:                    `"a\"" is not a scope: use printable ASCII without space, quote and backslash (RFC 6749 §3.3)`,
		"a b":                   `"a b" is not a scope: write each scope as an entry of its own, or write " | " between alternatives (RFC 6749 §3.3)`,
		" a":                    `" a" is not a scope: write each scope as an entry of its own, or write " | " between alternatives (RFC 6749 §3.3)`,
		"|":                     `"|" is not a scope here: ` + separator,
		"a|b":                   `"a|b" is not a scope here: ` + separator,
		"a |b":                  `alternatives "a |b": "|b" is not a scope here: ` + separator,
		"a| b":                  `alternatives "a| b": "a|" is not a scope here: ` + separator,
		"a | | b":               `alternatives "a | | b": "|" is not a scope here: ` + separator,
		"a |":                   `alternatives "a |": "|" is not a scope here: ` + separator,
		"a | ":                  `alternatives "a | ": a space too many`,
		" | a":                  `alternatives " | a": a space too many`,
		"a |  b":                `alternatives "a |  b": a space too many`,
		"a | b  c":              `alternatives "a | b  c": a space too many`,
		"a | b\tc":              `alternatives "a | b\tc": "b\tc" is not a scope: use printable ASCII without space, quote and backslash (RFC 6749 §3.3)`,
		"a | ü":                 `alternatives "a | ü": "ü" is not a scope: use printable ASCII without space, quote and backslash (RFC 6749 §3.3)`,
		"a | b | a":             `alternatives "a | b | a": remove "a", because "a" is enough`,
		"a b | c | b a":         `alternatives "a b | c | b a": remove "a b", because "b a" is enough`,
		"a | b a":               `alternatives "a | b a": remove "b a", because "a" is enough`,
		"a | b b":               `alternatives "a | b b": "b b" has a duplicate scope`,
		alternatives(64) + " x": "alternatives with 65 scopes; at most 64 are possible: use ScopeOptions.Implies, with one broader scope",
		alternatives(65):        "alternatives with 65 scopes; at most 64 are possible: use ScopeOptions.Implies, with one broader scope",
	} {
		got := ""
		if err := scopeset.CheckEntry(entry); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q (-want +got)\n- %s\n+ %s", entry, want, got)
		}
	}
}

func TestCheckPlain(t *testing.T) {
	for scope, want := range map[string]string{
		"a":     "",
		"a | b": `"a | b": alternatives are possible only where needed scopes are listed; write each scope as an entry of its own`,
		"a b":   `"a b" is not a scope: use printable ASCII without space, quote and backslash (RFC 6749 §3.3)`,
	} {
		got := ""
		if err := scopeset.CheckPlain(scope); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q (-want +got)\n- %s\n+ %s", scope, want, got)
		}
	}
}

func TestNamed(t *testing.T) {
	if got, want := fmt.Sprint(scopeset.Named([]string{"c", "a | b c | d", "b"})), "[c a b d]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A scope of a token that has the text of an entry is not an alternative.
func TestGrantHasAlternatives(t *testing.T) {
	h := scopeset.NewHierarchy(map[string][]string{"admin": {"b"}})
	for _, row := range []struct {
		scopes []string
		entry  string
		want   bool
	}{
		{[]string{"a"}, "a | b c", true},
		{[]string{"b"}, "a | b c", false},
		{[]string{"c", "b"}, "a | b c", true},
		{[]string{"admin", "c"}, "a | b c", true}, // admin implies b
		{nil, "a | b", false},
		{[]string{"|", "x"}, "a | b", false},
		{[]string{"a | b"}, "a | b", false},
		{[]string{"a b"}, "a b | c", false},
		{[]string{""}, " ", false},
		{[]string{""}, "a | ", false},
	} {
		g := scopeset.NewGrant(row.scopes, nil, nil, h)
		if got := g.Has(row.entry); got != row.want {
			t.Errorf("%q with %q: got %v", row.scopes, row.entry, got)
		}
	}
}

// Alternatives cost no allocation when a token is checked.
func TestHasDoesNotAllocate(t *testing.T) {
	g := scopeset.NewGrant([]string{"x", "b", "c"}, nil, nil, nil)
	if n := testing.AllocsPerRun(100, func() {
		if !g.Has("x", "a | b d | b c") || scopeset.CheckEntry("x") != nil {
			t.Error("not satisfied")
		}
	}); n != 0 {
		t.Errorf("got %v allocations", n)
	}
}
