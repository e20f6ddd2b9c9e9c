package resource_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Explain takes nothing from the budgets for new issuers of Hooks.ResolveIssuer, and reports when
// they are spent.
func TestExplainKeepsBudgetOfIssuers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFlood(t, true, "a", "b")
		f.unexplained = true
		token := func(n int) string {
			return f.token(resourcetest.Token{Claims: claims{"iss": fmt.Sprintf("https://t%d.example", n)}})
		}
		explain := func(token string) resource.Reason { return f.res.ExplainToken(t.Context(), "", token).Reason }
		for n := range 200 {
			if got := explain(token(n)); got != resource.ReasonTokenInvalid {
				t.Fatalf("issuer %d: got %q", n, got)
			}
		}
		if got := explain(f.tokenOf("a")); got != "" {
			t.Errorf("a valid token: got %q", got)
		}
		f.expect("a new issuer, after 200 explanations", f.bearer(f.tokenOf("a")), accepted)
		for n := range 100 {
			f.unsigned(n)
		}
		for name, want := range map[string]resource.Reason{"a": "", "b": resource.ReasonKeyPending} {
			if got := explain(f.tokenOf(name)); got != want {
				t.Errorf("%s, when the budget is spent: got %q, want %q", name, got, want)
			}
		}
	})
}
