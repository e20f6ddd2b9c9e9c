package repotest_test

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/refusaltest"
	"github.com/warder-go/warder/resource"
)

// The table of rejections in docs/architecture.md is the one that the tests of all adapters check.
func TestTableOfRefusals(t *testing.T) {
	have := table(t, "order")
	for n, row := range refusaltest.Order {
		want := []string{strconv.Itoa(n + 1), row.Name, strconv.Itoa(row.Status), listReasons(row.Reasons)}
		if n >= len(have.cells) || !slices.Equal(have.cells[n], want) {
			t.Errorf("%s: row %d must be\n| %s |", have.document, n+1, strings.Join(want, " | "))
		}
	}
	if len(have.cells) > len(refusaltest.Order) {
		t.Errorf("%s: the table has more rows than the tests", have.document)
	}
}

// listReasons writes the reasons of introspection as one.
func listReasons(reasons []resource.Reason) string {
	var all []string
	for _, reason := range reasons {
		if strings.HasPrefix(string(reason), "introspection_") {
			reason = "introspection_…"
		}
		all = append(all, code(string(reason)))
	}
	return strings.Join(slices.Compact(all), ", ")
}

// Each reason has a row in the order of rejections, or is one that can occur anywhere, or only
// after the handler was called.
func TestReasonsAreInTheOrder(t *testing.T) {
	known := []resource.Reason{resource.ReasonInternalError, resource.ReasonRequestCanceled, resource.ReasonHandlerChallenge}
	for _, row := range refusaltest.Order {
		known = append(known, row.Reasons...)
	}
	constants(parse(t, "resource/reason.go"), func(name string, value ast.Expr, _ string) {
		literal, ok := value.(*ast.BasicLit)
		if !ok || !strings.HasPrefix(name, "Reason") {
			return
		}
		if !slices.Contains(known, resource.Reason(strings.Trim(literal.Value, `"`))) {
			t.Errorf("%s is not in refusaltest.Order", name)
		}
	})
}
