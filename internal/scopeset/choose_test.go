package scopeset_test

import (
	"fmt"
	"testing"

	"github.com/warder-go/warder/internal/scopeset"
)

func TestNames(t *testing.T) {
	entra := scopeset.NewNames("api://app/", map[string]string{"mcp:read": "api://app/mcp.read"}, []string{"mcp:run"})
	swapped := scopeset.NewNames("", map[string]string{"a": "b", "b": "a"}, []string{"c"})
	for _, row := range []struct {
		name                string
		names               *scopeset.Names
		token               []string
		granted, challenged string // the latter for a, b, c, mcp:read, mcp:run
	}{
		{"the names of the configuration", nil, []string{"a", "mcp:read"}, "[a mcp:read]", "[a b c mcp:read mcp:run]"},
		{"a prefix and a name", entra, []string{"mcp.read", "other"}, "[mcp:read api://app/other]", "[a b c api://app/mcp.read]"},
		{"the name of the configuration grants nothing", entra, []string{"mcp:read", "mcp:run", "api://app/mcp.read"}, "[api://app/mcp:read api://app/mcp:run api://app/api://app/mcp.read]", "[a b c api://app/mcp.read]"},
		{"swapped names, and one that is unavailable", swapped, []string{"c", "b", "mcp:run"}, "[a mcp:run]", "[b a mcp:read mcp:run]"},
	} {
		if got := fmt.Sprint(row.names.OfToken(row.token)); got != row.granted {
			t.Errorf("%s: got %s, want %s", row.name, got, row.granted)
		}
		if got := fmt.Sprint(row.names.AtIssuer([]string{"a", "b", "c", "mcp:read", "mcp:run"})); got != row.challenged {
			t.Errorf("%s: got %s, want %s", row.name, got, row.challenged)
		}
	}
	if scopeset.NewNames("", nil, nil) != nil {
		t.Error("names that change nothing cost something")
	}
}

func TestChoose(t *testing.T) {
	implies := map[string][]string{"admin": {"read", "ops"}, "owner": {"admin"}, "super": {"ops"}}
	withoutOps := scopeset.NewNames("", nil, []string{"ops"})
	withoutReadOps := scopeset.NewNames("", map[string]string{"x": "taken"}, []string{"ops", "read"})
	for _, row := range []struct {
		name    string
		names   *scopeset.Names
		entries []string
		scopes  []string // of the caller
		role    string   // a scope that a role of the caller counts as
		chosen  string
		lacking string
	}{
		{"nothing", nil, nil, nil, "", "[]", "[]"},
		{"scopes", nil, []string{"b", "a"}, []string{"a"}, "", "[b a]", "[]"},
		{"nobody: the fewest scopes", nil, []string{"a b | c | d"}, nil, "", "[c]", "[]"},
		{"the fewest scopes that the caller lacks", nil, []string{"c d | a b | e f"}, []string{"b"}, "", "[a b]", "[]"},
		{"the first of several", nil, []string{"a b | b c"}, []string{"a", "c"}, "", "[a b]", "[]"},
		{"a satisfied entry names its alternative", nil, []string{"a | b c", "z"}, []string{"b", "c"}, "", "[b c z]", "[]"},
		{"a scope of another entry costs nothing", nil, []string{"a | b", "b"}, nil, "", "[b]", "[]"},
		{"a scope that was chosen before costs nothing", nil, []string{"a | b", "b | a"}, nil, "", "[a]", "[]"},
		{"what a chosen scope implies costs nothing", nil, []string{"x | read", "owner"}, nil, "", "[read owner]", "[]"},
		{"what the caller's scope implies costs nothing", nil, []string{"x | read", "z"}, []string{"admin"}, "", "[read z]", "[]"},
		{"in the order of the entries", nil, []string{"x | y", "b", "c | d", "a"}, nil, "", "[x b c a]", "[]"},
		{"an alternative that the issuer does not have", withoutReadOps, []string{"taken x | a b"}, nil, "", "[a b]", "[]"},
		{"only a broader scope exists", withoutOps, []string{"ops"}, nil, "", "[admin]", "[]"},
		{"a broader scope that the caller has", withoutOps, []string{"ops", "z"}, []string{"super"}, "", "[super z]", "[]"},
		{"a broader scope that another entry needs", withoutOps, []string{"super", "ops"}, nil, "", "[super]", "[]"},
		{"no alternative exists", withoutReadOps, []string{"gone", "taken | taken gone", "a"}, nil, "", "[gone a]", "[taken | taken gone]"},
		{"a role has what the issuer does not have", scopeset.NewNames("", nil, []string{"r"}), []string{"r", "z"}, nil, "r", "[z]", "[]"},
		{"without the role", scopeset.NewNames("", nil, []string{"r"}), []string{"r", "z"}, nil, "", "[z]", "[r]"},
		{"an alternative that a role satisfies", scopeset.NewNames("", nil, []string{"r"}), []string{"r | a", "z"}, nil, "r", "[z]", "[]"},
		{"scopes without the prefix", scopeset.NewNames("p/", nil, nil), []string{"read | p/read", "p/a"}, nil, "", "[p/read p/a]", "[]"},
	} {
		h := scopeset.NewHierarchy(implies)
		var roles []string
		if row.role != "" {
			roles = []string{"role"}
		}
		g := scopeset.NewGrant(row.scopes, roles, map[string][]string{"role": {row.role}}, h)
		chosen, lacking := row.names.Choose(row.entries, g, h)
		if fmt.Sprint(chosen) != row.chosen || fmt.Sprint(lacking) != row.lacking {
			t.Errorf("%s: got %v, lacking %v; want %s, lacking %s", row.name, chosen, lacking, row.chosen, row.lacking)
		}
	}
}
