package repotest_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// docs/explain.md lists the checks of an explanation, in the order in which they are made.
func TestTableOfExplainedChecks(t *testing.T) {
	var facts []fact
	add := func(name, source string) {
		if !slices.ContainsFunc(facts, func(f fact) bool { return f.cells[0] == name }) {
			facts = append(facts, fact{[]string{name, source}, "say what to do"})
		}
	}
	for _, name := range goFiles(t) {
		if !strings.HasPrefix(name, "resource/explain") && name != "resource/checks.go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		ast.Inspect(parse(t, name), func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if kind, ok := literal.Type.(*ast.Ident); literal.Type == nil || ok && kind.Name == "ExplainedCheck" {
				if name := member(literal, "Name"); name != "" {
					add(name, member(literal, "Source"))
				}
			}
			if literal.Type == nil && name == "resource/checks.go" && len(literal.Elts) > 2 {
				add(text(literal.Elts[0]), text(literal.Elts[1]))
			}
			return true
		})
	}
	if len(facts) < 30 {
		t.Fatalf("found only %d checks", len(facts))
	}
	checkTable(t, "check of an explanation", facts)
}

// member returns the string literal that is the value of a member, or "".
func member(literal *ast.CompositeLit, name string) string {
	for _, e := range literal.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := pair.Key.(*ast.Ident); ok && key.Name == name {
				return text(pair.Value)
			}
		}
	}
	return ""
}

// text returns the value of a string literal, or "".
func text(e ast.Expr) string {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return ""
	}
	value, _ := strconv.Unquote(literal.Value)
	return value
}
