package repotest_test

import (
	"go/ast"
	"regexp"
	"testing"
)

var testName = regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")

// Each test that a document names exists.
func TestTestsExist(t *testing.T) {
	tests := map[string]bool{}
	for _, name := range goFiles(t) {
		for _, declaration := range parse(t, name).Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil {
				tests[f.Name.Name] = true
			}
		}
	}
	mentioned := 0
	for _, document := range files(t, ".md") {
		for _, match := range testName.FindAllStringSubmatch(read(t, document), -1) {
			mentioned++
			if !tests[match[1]] {
				t.Errorf("%s names %s, which does not exist", document, match[1])
			}
		}
	}
	if mentioned < 20 {
		t.Errorf("got %d tests in the documents: is the expression wrong?", mentioned)
	}
}
