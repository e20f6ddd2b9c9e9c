package repotest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The tests that .ci/run leaves out of the step race exist.
func TestSkippedTestsExist(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("..", "..", ".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?m)^sequential='\^\(([A-Za-z|]+)\)\$'$`).FindSubmatch(script)
	if list == nil {
		t.Fatal(".ci/run has no line sequential='^(NAME|...)$'")
	}
	tests := ""
	err = filepath.WalkDir(filepath.Join("..", ".."), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() && entry.Name() == ".ci" {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			text, err := os.ReadFile(path)
			tests += string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(string(list[1]), "|") {
		if !strings.Contains(tests, "\nfunc "+name+"(t *testing.T)") {
			t.Errorf(".ci/run: no package has the test %s", name)
		}
	}
}
