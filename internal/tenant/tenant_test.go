package tenant_test

import (
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/tenant"
)

func TestCheck(t *testing.T) {
	const exactlyOnce, wholeSegment = "must have {tenantid} exactly once, and no other braces", "{tenantid} must be a whole segment of the path"
	for _, row := range []struct{ name, pattern, want string }{
		{"a slot in the middle", "https://h/{tenantid}/v2.0", ""},
		{"a slot at the end", "https://h/t/{tenantid}", ""},
		{"a slot before a terminal slash", "https://h/{tenantid}/", ""},
		{"no slot", "https://h/v2.0", exactlyOnce},
		{"two slots", "https://h/{tenantid}/{tenantid}", exactlyOnce},
		{"another placeholder", "https://h/{tenant}", exactlyOnce},
		{"an additional brace", "https://h/{tenantid}/}", exactlyOnce},
		{"a slot as the host", "https://{tenantid}/v2.0", wholeSegment},
		{"a slot in the host", "https://{tenantid}.h/v2.0", wholeSegment},
		{"a slot at the end of a segment", "https://h/t-{tenantid}/v2.0", wholeSegment},
		{"a slot at the beginning of a segment", "https://h/{tenantid}-t/v2.0", wholeSegment},
		{"a slot in the query", "https://h/a?t={tenantid}", wholeSegment},
	} {
		got := ""
		if err := tenant.Check(row.pattern); err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, row.want, got)
		}
	}
}

func TestIsName(t *testing.T) {
	for text, want := range map[string]bool{
		"72f988bf-86f1-41af-91ab-2d7cd011db47": true, "contoso.example": true, "A_1": true, strings.Repeat("a", tenant.MaxBytes): true,
		"": false, ".": false, "..": false, "-a": false, "_a": false, "a/b": false, "a b": false, "a%62": false, "é": false, "a\x00": false,
		"{tenantid}": false, "a?b": false, "a#b": false, "a;b": false, "a@b": false, strings.Repeat("a", tenant.MaxBytes+1): false,
	} {
		if got := tenant.IsName(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, row := range []struct {
		name, a, b string
		want       bool
	}{
		{"equal patterns", "https://h/{tenantid}/v2.0", "https://h/{tenantid}/v2.0", true},
		{"slots in different segments", "https://h/{tenantid}/v2", "https://h/x/{tenantid}", true},
		{"different hosts", "https://h/{tenantid}", "https://i/{tenantid}", false},
		{"different numbers of segments", "https://h/{tenantid}", "https://h/{tenantid}/", false},
		{"different last segments", "https://h/{tenantid}/v1", "https://h/{tenantid}/v2", false},
		{"a slot and a segment that cannot be a tenant", "https://h/{tenantid}/-/x", "https://h/y/{tenantid}/x", false},
	} {
		if got := tenant.Overlap(row.a, row.b); got != row.want || tenant.Overlap(row.b, row.a) != got {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}

func TestFill(t *testing.T) {
	if got := tenant.Fill("https://h/{tenantid}/v2.0", "a"); got != "https://h/a/v2.0" {
		t.Errorf("got %q, want %q", got, "https://h/a/v2.0")
	}
}
