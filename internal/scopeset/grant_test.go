package scopeset_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/warder-go/warder/internal/scopeset"
)

func TestGrant(t *testing.T) {
	roleScopes := map[string][]string{"admin": {"write", "delete"}}
	h, other := scopeset.NewHierarchy(map[string][]string{"write": {"read"}}), scopeset.NewHierarchy(map[string][]string{"delete": {"purge"}})
	for _, row := range []struct {
		name          string
		scopes, roles []string
		all, allOther string
	}{
		{"nothing", nil, nil, "[]", "[]"},
		{"scopes that imply nothing", []string{"b", "a"}, nil, "[b a]", "[b a]"},
		{"a scope that implies another", []string{"write"}, nil, "[write read]", "[write]"},
		{"a role that counts as no scope", []string{"a"}, []string{"user"}, "[a]", "[a]"},
		{"a role that counts as scopes", []string{"a", "write"}, []string{"admin"}, "[a write delete read]", "[a write delete purge]"},
	} {
		g := scopeset.NewGrant(row.scopes, row.roles, roleScopes, h)
		for _, got := range []scopeset.Grant{g, g.WithHierarchy(other).WithHierarchy(h), scopeset.RestoreGrant(g.Scopes(), g.Roles(), g.All())} {
			if fmt.Sprint(got.All()) != row.all || !slices.Equal(got.Scopes(), row.scopes) || !slices.Equal(got.Roles(), row.roles) {
				t.Errorf("%s: got %v, %v, %v", row.name, got.Scopes(), got.Roles(), got.All())
			}
			if !got.Has(got.All()...) || got.Has("x") {
				t.Errorf("%s: Has does not agree with All", row.name)
			}
		}
		if got := fmt.Sprint(g.WithHierarchy(other).All()); got != row.allOther {
			t.Errorf("%s: with another hierarchy: got %s, want %s", row.name, got, row.allOther)
		}
	}
}

func TestAddPrefix(t *testing.T) {
	if got, want := fmt.Sprint(scopeset.AddPrefix("api://mcp/", []string{"read", "", `a"b`, "api://mcp/x"})), "[api://mcp/read api://mcp/api://mcp/x]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBytesOfGrant(t *testing.T) {
	h := scopeset.NewHierarchy(map[string][]string{"write": {"read"}})
	for _, row := range []struct {
		name          string
		scopes, roles []string
		want          int
	}{
		{"nothing", nil, nil, 0},
		{"a scope", []string{"a"}, nil, 2*32 + 1},
		{"a scope that implies another, and a role", []string{"write"}, []string{"admin"}, 4*32 + 5},
	} {
		if got := scopeset.NewGrant(row.scopes, row.roles, nil, h).Bytes(); got != row.want {
			t.Errorf("%s: got %d, want %d", row.name, got, row.want)
		}
	}
}
