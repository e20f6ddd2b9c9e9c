// Package callgraph_test verifies a claim of docs/security.md: github.com/lestrrat-go/jwx,
// which is deprecated upstream, parses the keys that an issuer publishes and is not used to
// verify tokens. It is a separate module, because nothing else needs golang.org/x/tools.
package callgraph_test

import (
	"strings"
	"testing"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/callgraph/rta"
	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/ssa/ssautil"
)

const (
	module    = "github.com/warder-go/warder"
	forbidden = "github.com/lestrrat-go/"
)

// load builds the core packages and their dependencies in SSA form.
func load(t *testing.T) *ssa.Program {
	t.Helper()
	config := &packages.Config{Mode: packages.LoadAllSyntax, Dir: "../.."}
	found, err := packages.Load(config, module+"/internal/jose", module+"/internal/keyset", module+"/resource", module+"/jwks")
	if err != nil {
		t.Fatal(err)
	}
	if packages.PrintErrors(found) > 0 {
		t.Fatal("the core does not compile")
	}
	program, _ := ssautil.AllPackages(found, ssa.InstantiateGenerics)
	program.Build()
	return program
}

// function returns the function with that name, as package ssa prints it.
func function(t *testing.T, program *ssa.Program, name string) *ssa.Function {
	t.Helper()
	for f := range ssautil.AllFunctions(program) {
		if f.String() == name {
			return f
		}
	}
	t.Fatalf("function %s does not exist", name)
	return nil
}

// pathToForbidden returns a call path from root into the forbidden modules, or "" if there
// is none.
func pathToForbidden(root *ssa.Function) string {
	graph := rta.Analyze([]*ssa.Function{root}, true).CallGraph
	path := callgraph.PathSearch(graph.Nodes[root], func(n *callgraph.Node) bool {
		return n.Func.Pkg != nil && strings.HasPrefix(n.Func.Pkg.Pkg.Path(), forbidden)
	})
	if path == nil {
		return ""
	}
	text := root.String()
	for _, edge := range path {
		text += "\n\t-> " + edge.Callee.Func.String()
	}
	return text
}

func TestJWXDoesNotVerifyTokens(t *testing.T) {
	program := load(t)
	for _, name := range []string{
		module + "/internal/jose.LooksLikeJWS",
		module + "/internal/jose.Parse",
		"(*" + module + "/internal/jose.Reader).Parse",
		"(*" + module + "/internal/jose.Key).Verify",
		"(*" + module + "/internal/keyset.snapshot).verify",
		"(*" + module + "/resource.policy).accessToken",
		"(*" + module + "/internal/dpop.Checker).Check",
		"(*" + module + "/resource.policy).read",
		module + "/resource.ParseClaims",
		"(*" + module + "/resource.claimsCheck).run",
		"(*" + module + "/resource.policy).authorize",
	} {
		if path := pathToForbidden(function(t, program, name)); path != "" {
			t.Errorf("token verification calls jwx:\n%s", path)
		}
	}
	// A positive control: the search finds a path where one exists.
	if pathToForbidden(function(t, program, module+"/internal/jose.ParseKey")) == "" {
		t.Error("jose.ParseKey does not call jwx: either the search is broken, or this test can be removed")
	}
}
