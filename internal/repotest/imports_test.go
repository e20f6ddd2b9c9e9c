package repotest_test

import (
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// layers reads the diagram in docs/architecture.md, from the top layer down. A line of dashes
// separates two layers.
func layers(t *testing.T, packages map[string][]string) (layerOf map[string]int) {
	t.Helper()
	fenced, _ := blocks(t, "docs/architecture.md")
	if len(fenced) == 0 || fenced[0].language != "text" {
		t.Fatal("docs/architecture.md does not begin with the diagram")
	}
	layerOf = map[string]int{}
	layer := len(fenced[0].lines)
	for _, line := range fenced[0].lines {
		if strings.HasPrefix(line, "---") {
			layer--
		}
		for _, word := range strings.Fields(line) {
			if _, ok := packages[word]; !ok {
				continue
			}
			if _, twice := layerOf[word]; twice {
				t.Errorf("%s is twice in the diagram", word)
			}
			layerOf[word] = layer
		}
	}
	return layerOf
}

// imports returns, by directory, the imports of the files there, without tests. It names
// packages of this module by their directories and others by their paths.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, file := range files(t, ".go") {
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "bench/") { // its contenders may import anything
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		dir := path.Dir(file)
		found[dir] = append(found[dir], "") // for a package that imports nothing
		for _, spec := range parsed.Imports {
			found[dir] = append(found[dir], strings.TrimPrefix(strings.Trim(spec.Path.Value, `"`), module+"/"))
		}
	}
	for dir, all := range found {
		slices.Sort(all)
		found[dir] = slices.Compact(all)[1:]
	}
	return found
}

// outside returns the other module that an import belongs to, if any.
func outside(imported string, modules []string) (of string, ok bool) {
	for _, m := range modules {
		if imported == m || strings.HasPrefix(imported, m+"/") {
			return m, true
		}
	}
	return "", false
}

// required returns the modules that the go.mod files require.
func required(t *testing.T) (modules []string) {
	t.Helper()
	for _, file := range files(t, "go.mod") {
		for _, line := range trimmed(read(t, file)) {
			line = strings.TrimPrefix(line, "require ")
			if name, version, ok := strings.Cut(line, " "); ok && strings.HasPrefix(version, "v") && name != module {
				modules = append(modules, name)
			}
		}
	}
	slices.Sort(modules)
	return slices.Compact(modules)
}

// isAuxiliary reports whether a package is an example or a helper for tests, which only tests
// may import.
func isAuxiliary(dir string) bool {
	return strings.HasPrefix(dir, "examples/") || strings.HasSuffix(dir, "test")
}

// A package imports from lower layers only, so packages of one layer do not import each
// other.
func TestImportsPointDown(t *testing.T) {
	all := imports(t)
	layerOf := layers(t, all)
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		if isAuxiliary(dir) {
			continue
		}
		if layerOf[dir] == 0 {
			t.Errorf("%s is not in the diagram", dir)
		}
		for _, imported := range all[dir] {
			if _, ok := all[imported]; ok && layerOf[imported] >= layerOf[dir] {
				t.Errorf("%s imports %s, which is not in a layer below it", dir, imported)
			}
		}
	}
}

// docs/architecture.md lists the imports of each package.
func TestTableOfImports(t *testing.T) {
	all, modules := imports(t), required(t)
	list := func(names []string) string {
		if len(names) == 0 {
			return "nothing"
		}
		return "`" + strings.Join(slices.Compact(names), "`, `") + "`"
	}
	var facts []fact
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		if isAuxiliary(dir) {
			continue
		}
		var here, there []string
		for _, name := range all[dir] {
			if _, ok := all[name]; ok {
				here = append(here, name)
			} else if m, ok := outside(name, modules); ok {
				there = append(there, m)
			}
		}
		facts = append(facts, fact{[]string{code(dir), list(here), list(there)}, "say what it holds | and what not"})
	}
	checkTable(t, "package", facts)
}

// Imports that are forbidden whatever docs/architecture.md says.
func TestForbiddenImports(t *testing.T) {
	packages := imports(t)
	const jwx, sdk = "github.com/lestrrat-go/jwx/v2", "github.com/modelcontextprotocol/go-sdk"
	for _, row := range []struct {
		name     string
		imported []string
		only     []string // packages that may import it; examples/ stands for all below it
	}{
		{"jwx is imported by one package, and only its JWKs", []string{jwx + "/jwk"}, []string{"internal/jose"}},
		{"other parts of jwx", []string{jwx + "/jws", jwx + "/jwt", jwx + "/jwe", jwx + "/jwa", jwx}, nil},
		{"the official SDK in the core", []string{sdk + "/auth", sdk + "/mcp"}, []string{"nethttp/mcpsdk", "examples/", "internal/interop/everythingtest"}},
		{"outbound HTTP", []string{"internal/outbound"}, []string{"internal/keyset", "internal/oauthendpoint", "internal/probe", "introspect", "jwks", "metadata", "resource/check", "resource/onbehalf"}},
		{"keys are used by verifiers only", []string{"internal/keyset"}, []string{"introspect", "jwks"}},
		{"lax JSON", []string{"encoding/json"}, []string{"examples/", "internal/strictjson/strictjsontest"}},
		{"test code in programs", []string{"testing", "net/http/httptest"}, nil},
		{"the test server in programs", []string{"resource/resourcetest", "internal/refusaltest"}, []string{"examples/", "internal/refusaltest"}},
		{"the second JSON reader in programs", []string{"internal/strictjson/strictjsontest"}, nil},
		{"unsafe", []string{"unsafe"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			for dir, all := range packages {
				allowed := slices.Contains(row.only, dir) || slices.Contains(row.only, "examples/") && strings.HasPrefix(dir, "examples/")
				for _, name := range row.imported {
					if slices.Contains(all, name) && !allowed {
						t.Errorf("%s imports %q", dir, name)
					}
				}
			}
		})
	}
}

// The test authorization server is independent: it shares no code with the packages that it
// tests.
func TestTestServerIsIndependent(t *testing.T) {
	all := imports(t)
	for _, name := range all["resource/resourcetest"] {
		if _, ok := all[name]; ok {
			t.Errorf("resource/resourcetest imports %s", name)
		}
	}
}
