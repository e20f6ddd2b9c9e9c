package repotest_test

import (
	"go/ast"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// calls reports whether a file calls a function of a package, such as time.Sleep.
func calls(file *ast.File, pkg, function string) (found bool) {
	ast.Inspect(file, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok && selector.Sel.Name == function {
			if name, ok := selector.X.(*ast.Ident); ok && name.Name == pkg {
				found = true
			}
		}
		return !found
	})
	return found
}

// Tests do not sleep to wait for something. In a synctest bubble time.Sleep advances the fake
// clock; elsewhere the result would depend on the speed of the machine. So only packages whose
// tests use synctest may call it.
func TestSleepOnlyWithSynctest(t *testing.T) {
	sleeping, synctests := map[string]string{}, map[string]bool{}
	for _, name := range files(t, "_test.go") {
		file, dir := parse(t, name), filepath.Dir(name)
		if calls(file, "time", "Sleep") {
			sleeping[dir] = name
		}
		if calls(file, "synctest", "Test") {
			synctests[dir] = true
		}
	}
	for dir, name := range sleeping {
		if !synctests[dir] {
			t.Errorf("%s calls time.Sleep, but no test of its package uses synctest", name)
		}
	}
}

// Every package has exactly one package comment.
func TestPackageComments(t *testing.T) {
	comments := map[string]int{}
	for _, name := range goFiles(t) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		comments[filepath.Dir(name)] += 0
		if parse(t, name).Doc != nil {
			comments[filepath.Dir(name)]++
		}
	}
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("%s: got %d package comments, want 1", dir, n)
		}
	}
}

// Each public package has an Example. The linter requires its Output, so that it runs.
func TestEachPackageHasAnExample(t *testing.T) {
	found := map[string]bool{}
	for _, name := range goFiles(t) {
		found[filepath.Dir(name)] = found[filepath.Dir(name)]
		for _, declaration := range parse(t, name).Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Example") {
				found[filepath.Dir(name)] = true
			}
		}
	}
	for dir, ok := range found {
		// Internal packages are shown by the packages that use them, and programs by docs.
		if !ok && !strings.HasPrefix(dir, "internal") && !strings.HasPrefix(dir, "cmd") && !strings.HasPrefix(dir, "examples") && dir != "bench" {
			t.Errorf("%s has no Example", dir)
		}
	}
}

var (
	unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b|say what it holds|say what to do|say its labels`)
	private    = regexp.MustCompile(`(^|[^\w./])/(home|root|Users|work)/\w`)
)

// No file names paths of a particular machine or folders outside the repository, except the
// public test vectors, which can be beside a checkout.
func TestNoPrivatePaths(t *testing.T) {
	for _, name := range append(files(t, ""), ".ci/run", ".golangci.yml", ".gitignore") {
		if strings.HasPrefix(name, "internal/repotest/") || strings.HasSuffix(name, ".sum") {
			continue
		}
		for n, line := range strings.Split(read(t, name), "\n") {
			switch {
			case strings.Contains(strings.ReplaceAll(line, "../shared/vectors", ""), "../shared"):
				t.Errorf("%s:%d: names a folder that is not in the repository", name, n+1)
			case private.MatchString(line):
				t.Errorf("%s:%d: names a path of a particular machine", name, n+1)
			case unfinished.MatchString(line):
				t.Errorf("%s:%d: has a placeholder", name, n+1)
			}
		}
	}
}
