package claimset_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/claimpath"
	"github.com/warder-go/warder/internal/claimset"
)

func TestAudienceFrom(t *testing.T) {
	for _, row := range []struct {
		name   string
		claims []string
		object string
		want   string
	}{
		{"no claim at all", []string{"resource"}, `{}`, "[]string(nil)"},
		{"aud counts only if it is named", []string{"resource"}, `{"aud":"a"}`, "[]string{}"},
		{"two claims", []string{"aud", "resource"}, `{"aud":"a","resource":["b","c"]}`, `[]string{"a", "b", "c"}`},
		{"a resource of another type names nothing, but is present", []string{"resource"}, `{"resource":1}`, "[]string{}"},
		{"a client", []string{"client_id", "azp"}, `{"azp":"c"}`, `[]string{"c"}`},
		{"a client in a token with aud, OpenID Connect Core §2", []string{"client_id"}, `{"aud":"a","client_id":"c"}`, "[]string{}"},
	} {
		var claims []claimset.AudienceClaim
		for _, name := range row.claims {
			claim, ok := claimset.AudienceClaimOf(name)
			if !ok || claim.Name != name {
				t.Fatalf("%s: got %+v, %v", row.name, claim, ok)
			}
			claims = append(claims, claim)
		}
		set, err := claimset.Parse([]byte(row.object))
		if err != nil {
			t.Fatal(err)
		}
		find := func(p claimpath.Path) (jsontext.Value, error) { return p.Find([]byte(row.object)) }
		if got := fmt.Sprintf("%#v", claimset.AudienceFrom(claims, set.Audience, find)); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

func TestAudienceClaimNames(t *testing.T) {
	if got, want := claimset.AudienceClaimNames(), []string{"appid", "aud", "azp", "cid", "client_id", "resource"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, ok := claimset.AudienceClaimOf("sub"); ok {
		t.Error("sub can hold the audience")
	}
}

func TestPatternCharacter(t *testing.T) {
	for _, row := range []struct {
		name, audience string
		want           rune
	}{
		{"a URI", "https://mcp.example.com/mcp?a=b", 0},
		{"a wildcard", "https://*.example.com", '*'},
		{"the first of two characters", "https://{a}*", '{'},
		{"white space outside of ASCII", "a\u00a0b", '\u00a0'},
		{"a control character", "a\x00", 0},
	} {
		got, ok := claimset.PatternCharacter(row.audience)
		if want := row.want != 0 || row.audience == "a\x00"; got != row.want || ok != want {
			t.Errorf("%s: got %q, %v", row.name, got, ok)
		}
	}
}
