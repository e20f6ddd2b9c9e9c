package house_test

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

// Nothing sleeps to wait for something: in a synctest bubble Sleep moves a clock,
// elsewhere it is a bet on the speed of the machine. So only packages whose tests have
// bubbles may have it in their tests.
func TestSleepOnlyWhereBubblesAre(t *testing.T) {
	sleeping, bubbles := map[string]string{}, map[string]bool{}
	for _, name := range files(t, "_test.go") {
		file, dir := parse(t, name), filepath.Dir(name)
		if calls(file, "time", "Sleep") {
			sleeping[dir] = name
		}
		if calls(file, "synctest", "Test") {
			bubbles[dir] = true
		}
	}
	for dir, name := range sleeping {
		if !bubbles[dir] {
			t.Errorf("%s sleeps, and no test of its package has a bubble", name)
		}
	}
}

// Every package says what it is for, once.
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

// Each package has an Example, which runs because it has an Output.
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
		// Those inside show themselves through the ones that use them.
		if !ok && !strings.HasPrefix(dir, "internal") && !strings.HasPrefix(dir, "examples") && dir != "bench" {
			t.Errorf("%s has no Example", dir)
		}
	}
}

var (
	unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b|say what it holds|say what to do|say its labels`)
	private    = regexp.MustCompile(`(^|[^\w./])/(home|root|Users|work)/\w`)
)

// What only the writer's machine or memory could explain is in no file. The public
// test vectors, which lie beside a checkout or not, are the one thing outside that is
// named.
func TestNothingPrivateInTheTree(t *testing.T) {
	for _, name := range append(files(t, ""), ".ci/run", ".golangci.yml", ".gitignore") {
		if strings.HasPrefix(name, "internal/house/") || strings.HasSuffix(name, ".sum") {
			continue
		}
		for n, line := range strings.Split(read(t, name), "\n") {
			switch {
			case strings.Contains(strings.ReplaceAll(line, "../shared/vectors", ""), "../shared"):
				t.Errorf("%s:%d: names a folder that nobody has", name, n+1)
			case private.MatchString(line):
				t.Errorf("%s:%d: names a folder of somebody's machine", name, n+1)
			case unfinished.MatchString(line):
				t.Errorf("%s:%d: is unfinished", name, n+1)
			}
		}
	}
}
