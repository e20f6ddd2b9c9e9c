package repotest_test

import (
	"go/ast"
	"strconv"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/onbehalf"
)

// The tables of errors in docs/onbehalf.md have each kind with its status, and each detail.
func TestTablesOfOnBehalfErrors(t *testing.T) {
	var kinds, details []fact
	constants(parse(t, "resource/onbehalf/errors.go"), func(name string, value ast.Expr, _ string) {
		literal, ok := value.(*ast.BasicLit)
		if !ok {
			return
		}
		word := strings.Trim(literal.Value, `"`)
		switch {
		case strings.HasPrefix(name, "Kind"):
			e := onbehalf.Error{Kind: onbehalf.Kind(word)}
			kinds = append(kinds, fact{[]string{code(word), strconv.Itoa(e.HTTPStatus())}, "say what it means | and what to do"})
		case strings.HasPrefix(name, "Detail"):
			details = append(details, fact{[]string{code(word)}, "say its kind | and what it means"})
		}
	})
	if len(kinds) < 13 || len(details) < 18 {
		t.Errorf("found only %d kinds and %d details", len(kinds), len(details))
	}
	checkTable(t, "kind of error", kinds)
	checkTable(t, "detail of an error", details)
}
