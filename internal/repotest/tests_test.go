package repotest_test

import (
	"go/ast"
	"regexp"
	"testing"
)

var (
	testName    = regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")
	skippedTest = regexp.MustCompile(`[("|](Test\w+)`) // an alternative of a regular expression
)

// Each test exists that a document names, or a list of tests to skip.
func TestTestsExist(t *testing.T) {
	tests := map[string]bool{}
	for _, name := range goFiles(t) {
		for _, declaration := range parse(t, name).Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil {
				tests[f.Name.Name] = true
			}
		}
	}
	check := func(file string, pattern *regexp.Regexp) (mentioned int) {
		for _, match := range pattern.FindAllStringSubmatch(read(t, file), -1) {
			mentioned++
			if !tests[match[1]] {
				t.Errorf("%s names %s, which does not exist", file, match[1])
			}
		}
		return mentioned
	}
	mentioned := 0
	for _, document := range files(t, ".md") {
		mentioned += check(document, testName)
	}
	if mentioned < 20 {
		t.Errorf("got %d tests in the documents: is the expression wrong?", mentioned)
	}
	for _, list := range []string{".ci/run", "internal/leaktest/leak_test.go"} {
		if n := check(list, skippedTest); n < 8 {
			t.Errorf("%s: got %d tests: is the expression wrong?", list, n)
		}
	}
}
