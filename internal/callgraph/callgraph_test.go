// Package callgraph_test proves a claim of docs/security.md: github.com/lestrrat-go/jwx,
// which is deprecated upstream, reads the keys that an issuer publishes and has no
// part in judging a token. It is a module of its own, since nothing else needs
// golang.org/x/tools.
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

// load builds the whole core with its dependencies.
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

// function finds one by its name as package ssa prints it.
func function(t *testing.T, program *ssa.Program, name string) *ssa.Function {
	t.Helper()
	for f := range ssautil.AllFunctions(program) {
		if f.String() == name {
			return f
		}
	}
	t.Fatalf("there is no function %s", name)
	return nil
}

// reaches returns a path from root into the forbidden module, "" if there is none.
func reaches(root *ssa.Function) string {
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

func TestJWXDoesNotJudgeTokens(t *testing.T) {
	program := load(t)
	for _, name := range []string{
		module + "/internal/jose.LooksLikeJWS",
		module + "/internal/jose.Parse",
		"(*" + module + "/internal/jose.Reader).Parse",
		"(*" + module + "/internal/jose.Key).Verify",
		"(*" + module + "/internal/keyset.snapshot).verify",
		module + "/resource.credential",
		"(*" + module + "/resource.Resource).read",
		module + "/resource.ParseClaims",
		"(*" + module + "/resource.screening).run",
		"(*" + module + "/resource.Resource).admit",
	} {
		if path := reaches(function(t, program, name)); path != "" {
			t.Errorf("a request's verification reaches jwx:\n%s", path)
		}
	}
	// What shows that the search finds something where there is something.
	if reaches(function(t, program, module+"/internal/jose.ParseKey")) == "" {
		t.Error("reading a key does not reach jwx: the search is broken, or this test has become pointless")
	}
}
