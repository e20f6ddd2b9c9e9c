package house_test

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

// floors reads the picture in docs/architecture.md: from the roof down, a line of
// dashes between two floors, the rooms by their names.
func floors(t *testing.T, rooms map[string][]string) (floorOf map[string]int) {
	t.Helper()
	fenced, _ := blocks(t, "docs/architecture.md")
	if len(fenced) == 0 || fenced[0].language != "text" {
		t.Fatal("docs/architecture.md does not begin with the picture")
	}
	floorOf = map[string]int{}
	floor := len(fenced[0].lines)
	for _, line := range fenced[0].lines {
		if strings.HasPrefix(line, "---") {
			floor--
		}
		for _, word := range strings.Fields(line) {
			if _, isRoom := rooms[word]; !isRoom {
				continue
			}
			if _, twice := floorOf[word]; twice {
				t.Errorf("%s is twice in the picture", word)
			}
			floorOf[word] = floor
		}
	}
	return floorOf
}

// imports returns, by directory, what the files there import: those of this module
// by their directories, the others by their paths. Tests do not count.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, file := range files(t, ".go") {
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "bench/") { // whose contenders may do anything
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		dir := path.Dir(file)
		found[dir] = append(found[dir], "") // also one that imports nothing is a room
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

// outside reports whether an import is of another module, and of which.
func outside(imported string, modules []string) (of string, ok bool) {
	for _, m := range modules {
		if imported == m || strings.HasPrefix(imported, m+"/") {
			return m, true
		}
	}
	return "", false
}

// required returns the modules that the go.mod files ask for.
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

// beside reports whether a package stands beside the house: an example, or help for
// tests, which only tests may import.
func beside(room string) bool {
	return strings.HasPrefix(room, "examples/") || strings.HasSuffix(room, "test")
}

// A package imports from lower floors only, so no two on one floor know each other.
func TestImportsGoDownwards(t *testing.T) {
	all := imports(t)
	floorOf := floors(t, all)
	for _, room := range slices.Sorted(maps.Keys(all)) {
		if beside(room) {
			continue
		}
		if floorOf[room] == 0 {
			t.Errorf("%s is not in the picture", room)
		}
		for _, imported := range all[room] {
			if _, isRoom := all[imported]; isRoom && floorOf[imported] >= floorOf[room] {
				t.Errorf("%s imports %s, which does not stand below it", room, imported)
			}
		}
	}
}

// What docs/architecture.md says about the imports of each room is what they are.
func TestTableOfImports(t *testing.T) {
	all, modules := imports(t), required(t)
	list := func(names []string) string {
		if len(names) == 0 {
			return "nothing"
		}
		return "`" + strings.Join(slices.Compact(names), "`, `") + "`"
	}
	var facts []fact
	for _, room := range slices.Sorted(maps.Keys(all)) {
		if beside(room) {
			continue
		}
		var here, there []string
		for _, name := range all[room] {
			if _, isRoom := all[name]; isRoom {
				here = append(here, name)
			} else if m, ok := outside(name, modules); ok {
				there = append(there, m)
			}
		}
		facts = append(facts, fact{[]string{code(room), list(here), list(there)}, "say what it holds | and what not"})
	}
	checkTable(t, "room", facts)
}

// What no table may ever allow.
func TestImportsThatMustNotBe(t *testing.T) {
	rooms := imports(t)
	const jwx, sdk = "github.com/lestrrat-go/jwx/v2", "github.com/modelcontextprotocol/go-sdk"
	for _, row := range []struct {
		name     string
		imported []string // these
		only     []string // by these rooms at most; examples/ stands for all below it
	}{
		{"jwx is in one room, and only its JWKs", []string{jwx + "/jwk"}, []string{"internal/jose"}},
		{"no other part of jwx", []string{jwx + "/jws", jwx + "/jwt", jwx + "/jwe", jwx + "/jwa", jwx}, nil},
		{"the official SDK is no business of the core", []string{sdk + "/auth", sdk + "/mcp"}, []string{"nethttp/mcpsdk", "examples/", "internal/interop/everythingtest"}},
		{"one way out", []string{"internal/outbound"}, []string{"internal/keyset", "introspect", "jwks", "metadata"}},
		{"a decision asks a Verifier, never keys", []string{"internal/keyset"}, []string{"introspect", "jwks"}},
		{"lax JSON", []string{"encoding/json"}, []string{"examples/", "internal/strictjson/strictjsontest"}},
		{"test code in programs", []string{"testing", "net/http/httptest"}, nil},
		{"the test server in programs", []string{"resource/resourcetest"}, []string{"examples/"}},
		{"the second JSON reader in programs", []string{"internal/strictjson/strictjsontest"}, nil},
		{"unsafe", []string{"unsafe"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			for room, all := range rooms {
				allowed := slices.Contains(row.only, room) || slices.Contains(row.only, "examples/") && strings.HasPrefix(room, "examples/")
				for _, name := range row.imported {
					if slices.Contains(all, name) && !allowed {
						t.Errorf("%s imports %q", room, name)
					}
				}
			}
		})
	}
}

// The test server is a second opinion on tokens and keys: it shares no code with the
// house.
func TestTestServerKnowsNothingOfTheHouse(t *testing.T) {
	all := imports(t)
	for _, name := range all["resource/resourcetest"] {
		if _, isRoom := all[name]; isRoom {
			t.Errorf("resource/resourcetest imports %s", name)
		}
	}
}
