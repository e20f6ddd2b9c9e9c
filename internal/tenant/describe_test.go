package tenant_test

import (
	"testing"

	"github.com/warder-go/warder/internal/tenant"
)

func TestDescribe(t *testing.T) {
	many := []string{"https://1", "https://2", "https://3", "https://4", "https://5", "https://6/{tenantid}", "https://7"}
	for _, row := range []struct {
		name   string
		ids    []string
		issuer string
		want   string
	}{
		{"no issuer", nil, "https://a", ""},
		{"two issuers", many[:2], "https://a", "https://1 or https://2"},
		{"more than five issuers", many, "https://a", "https://1 or https://2 or https://3 or https://4 or https://5 or 2 more"},
		{"a slash that is too many", many, "https://7/", "https://7 (it differs in the slash at the end, which counts)"},
		{"a slash that is too many for a tenant", many, "https://6/a/", "https://6/{tenantid} (it differs in the slash at the end, which counts)"},
	} {
		if got := tenant.Describe(row.ids, row.issuer); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}
