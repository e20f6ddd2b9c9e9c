package repotest_test

import (
	"go/ast"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// declaredNames returns the names that packages declare: types and functions as
// "resource.Config", methods and fields as "resource.Config.Scopes".
func declaredNames(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, name := range goFiles(t) {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "examples/") {
			continue
		}
		pkg := path.Base(path.Dir(name))
		for _, declaration := range parse(t, name).Decls {
			for _, name := range declared(declaration) {
				found[pkg+"."+name] = true
			}
		}
	}
	return found
}

func declared(declaration ast.Decl) (names []string) {
	if f, ok := declaration.(*ast.FuncDecl); ok {
		if f.Recv == nil {
			return []string{f.Name.Name}
		}
		receiver := f.Recv.List[0].Type
		if pointer, ok := receiver.(*ast.StarExpr); ok {
			receiver = pointer.X
		}
		if name, ok := receiver.(*ast.Ident); ok {
			return []string{name.Name + "." + f.Name.Name}
		}
		return nil
	}
	group, _ := declaration.(*ast.GenDecl)
	for _, spec := range group.Specs {
		switch spec := spec.(type) {
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				names = append(names, name.Name)
			}
		case *ast.TypeSpec:
			names = append(names, spec.Name.Name)
			for _, member := range members(spec.Type) {
				names = append(names, spec.Name.Name+"."+member)
			}
		}
	}
	return names
}

// members returns the fields of a struct or the methods of an interface.
func members(of ast.Expr) (names []string) {
	var fields *ast.FieldList
	switch of := of.(type) {
	case *ast.StructType:
		fields = of.Fields
	case *ast.InterfaceType:
		fields = of.Methods
	default:
		return nil
	}
	for _, field := range fields.List {
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
	}
	return names
}

var goName = regexp.MustCompile("`([a-z]+)\\.([A-Z]\\w*(?:\\.[A-Z]\\w*)?)")

// Each name of this module that a document has as code exists.
func TestNamesExist(t *testing.T) {
	names := declaredNames(t)
	packages := map[string]bool{}
	for name := range names {
		of, _, _ := strings.Cut(name, ".")
		packages[of] = true
	}
	mentioned := map[string]bool{}
	for _, document := range files(t, ".md") {
		for _, match := range goName.FindAllStringSubmatch(read(t, document), -1) {
			if packages[match[1]] {
				mentioned[match[1]+"."+match[2]] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(mentioned)) {
		if !names[name] {
			t.Errorf("documents name %s, which does not exist", name)
		}
	}
	if len(mentioned) < 20 {
		t.Errorf("got %d names in the documents: is the expression wrong?", len(mentioned))
	}
}
