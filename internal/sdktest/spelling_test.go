package sdktest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/resource"
)

// fileTemplates match all URIs of the tests.
var fileTemplates = []string{"file:{+path}", "notes:{+path}", "memo:{+path}"}

// fileServers returns servers of both SDKs whose only handler accepts any file.
func fileServers(t testing.TB, rules resource.Operations) []*testServer {
	t.Helper()
	goSDK := mcp.NewServer(&mcp.Implementation{Name: "files", Version: "1"}, nil)
	mcpGo := server.NewMCPServer("files", "1", server.WithResourceCapabilities(false, false))
	for _, template := range fileTemplates {
		goSDK.AddResourceTemplate(&mcp.ResourceTemplate{Name: template, URITemplate: template}, func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: req.Params.URI, Text: "file"}}}, nil
		})
		mcpGo.AddResourceTemplate(mcpgo.NewResourceTemplate(template, template), func(_ context.Context, req mcpgo.ReadResourceRequest) ([]mcpgo.ResourceContents, error) {
			return []mcpgo.ResourceContents{mcpgo.TextResourceContents{URI: req.Params.URI, Text: "file"}}, nil
		})
	}
	res := newResource(t, rules)
	options := &mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true}
	return []*testServer{
		{name: "go-sdk", observer: newObserver(), handler: protect(res, mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return goSDK }, options))},
		{name: "mcp-go", observer: newObserver(), handler: protect(res, server.NewStreamableHTTPServer(mcpGo, server.WithStateLess(true)))},
	}
}

// reached reports whether a handler was called for the URI.
func (s *testServer) reached(t testing.TB, uri string) bool {
	t.Helper()
	quoted, err := json.Marshal(uri)
	if err != nil {
		t.Fatal(err)
	}
	r := s.send(t, clientRequest{body: `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":` + string(quoted) + `}}`})
	return r.accepted && strings.Contains(r.body, `"text":"file"`)
}

// fileRules protect the same files with two schemes. URIs of the second one have no authority, like
// most custom schemes.
var fileRules = resource.Operations{Resources: []resource.ResourceRule{
	{URI: "file:///secret", Scopes: []string{"secret"}},
	{Prefix: "file:///private/", Scopes: []string{"private"}},
	{URI: "notes://secret", Scopes: []string{"secret"}},
	{Prefix: "notes://private/", Scopes: []string{"private"}},
	{Template: "file:///vault/{name}", Scopes: []string{"vault"}},
	{Template: "notes://vault/{name}", Scopes: []string{"vault"}},
}}

// checkFile checks that if a handler is called with the URI, no reader reads a file name from it for
// which the caller lacks scopes. Dot segments, percent-encoding and case must not bypass the rules.
func checkFile(t testing.TB, servers []*testServer, uri string) {
	t.Helper()
	for _, s := range servers {
		if names := readersOf(uri, isSecretFile); len(names) > 0 && s.reached(t, uri) {
			t.Errorf("%s: %q requires no scope, but is a secret file for the readers %q", s.name, uri, names)
		}
	}
}

// Rules for resources apply to every spelling of a URI with which a handler finds the file.
func TestSpellings(t *testing.T) {
	servers := fileServers(t, fileRules)
	for _, row := range spellings {
		t.Run(row.description, func(t *testing.T) { checkFile(t, servers, row.uri) })
	}
}

// URIs of files that are not protected are accepted, even if they are similar to protected ones.
func TestSpellingsOfOtherFiles(t *testing.T) {
	servers := fileServers(t, fileRules)
	for _, uri := range []string{"file:///open", "file:///secret2", "file:///secre", "file:///privateer", "file:///a%20b", "file:///a/b/c.txt",
		"file:///a-b_1.tar.gz", "file:///vault/a/b", "notes://open", "notes://a/b"} {
		for _, s := range servers {
			if !s.reached(t, uri) {
				t.Errorf("%s: %q was rejected", s.name, uri)
			}
		}
	}
}

// With DenyUndeclared, a prefix or template declares only the files below it. Dot segments after the
// prefix or in variables cannot reach other files.
func TestSpellingsOfUndeclaredFiles(t *testing.T) {
	servers := fileServers(t, resource.Operations{
		Undeclared: resource.DenyUndeclared,
		Resources:  []resource.ResourceRule{{Prefix: "file:///public/"}, {Template: "file:///one/{name}"}},
	})
	outside := func(file string) bool { return file != "/public" && !strings.HasPrefix(file, "/public/") }
	for _, row := range []struct {
		uri  string
		want bool
	}{
		{"file:///public/a", true},
		{"file:///public/a%20b", true},
		{"file:///public/./a", false}, // readers resolve the dot, so it is not declared
		{"file:///public/x/../a", false},
		{"file:///public/../other/a", false},
		{"file:///public/%2e%2e/other/a", false},
		{"file:///public/x%2f..%2f..%2fother", false},
		{"file:///public/..", false},
		{"file:///public/%5c..%5c..%5cother", false},
		{"file:///other/../public/a", false}, // not declared as written
		{"file:///one/a", true},
		{"file:///one/a%20b", true},
		{"file:///one/..%2fother", false},
		{"file:///one/%2e%2e", false},
	} {
		for _, s := range servers {
			if got := s.reached(t, row.uri); got != row.want {
				t.Errorf("%s: %q: reached %v, want %v; the readers %q read an undeclared file", s.name, row.uri, got, row.want, readersOf(row.uri, outside))
			}
		}
	}
}

// Rules can have URIs with custom schemes and three slashes, queries and ports, which servers use.
// Such a URI is matched byte for byte.
func TestOrdinaryURIs(t *testing.T) {
	memo := append([]resource.ResourceRule{{URI: "memo:///insights"}}, fileRules.Resources...)
	for _, row := range []struct {
		description, uri string
		rules            resource.Operations
	}{
		{"three slashes in a custom scheme", "memo:///insights", resource.Operations{Resources: memo}},
		{"the same, declared", "memo:///insights", resource.Operations{Resources: memo, Undeclared: resource.DenyUndeclared}},
		{"a query, declared", "file:///open?b=c", resource.Operations{Resources: append([]resource.ResourceRule{{URI: "file:///open?b=c"}}, fileRules.Resources...)}},
		{"a port, declared", "notes://host:80/b", resource.Operations{Resources: append([]resource.ResourceRule{{URI: "notes://host:80/b"}}, fileRules.Resources...)}},
	} {
		for _, s := range fileServers(t, row.rules) {
			if !s.reached(t, row.uri) {
				t.Errorf("%s: %s: %q was rejected", s.name, row.description, row.uri)
			}
		}
	}
}

// A URI with an encoded delimiter is not plain, so the scopes of every rule are required.
func TestEncodedDelimiters(t *testing.T) {
	none := resource.Operations{Resources: []resource.ResourceRule{{Template: "file:///one/{name}"}}}
	for _, row := range []struct {
		uri   string
		rules resource.Operations
		want  bool
	}{
		{"file:///open/a%2Fb", fileRules, false},
		{"file:///100%25", fileRules, false},
		{"file:///what%3F", fileRules, false},
		{"file:///one/a%2Fb", none, true}, // the rule requires no scopes
		{"file:///open/a%7Bb", fileRules, true},
	} {
		for _, s := range fileServers(t, row.rules) {
			if got := s.reached(t, row.uri); got != row.want {
				t.Errorf("%s: %q: reached %v, want %v", s.name, row.uri, got, row.want)
			}
		}
	}
}

// FuzzSpellings tests the property of TestSpellings for any URI.
func FuzzSpellings(f *testing.F) {
	servers := fileServers(f, fileRules)
	for _, row := range spellings {
		f.Add(row.uri)
	}
	f.Fuzz(func(t *testing.T, uri string) { checkFile(t, servers, uri) })
}
