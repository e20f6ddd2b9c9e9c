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

// fileTemplates match every spelling that a row below has.
var fileTemplates = []string{"file:{+path}", "notes:{+path}", "memo:{+path}"}

// fileServers are servers of both SDKs whose one handler takes any file.
func fileServers(t testing.TB, rules resource.Operations) []*site {
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
	res := newGuard(t, rules)
	options := &mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true}
	return []*site{
		{name: "go-sdk", watch: newWatch(), handler: guard(res, mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return goSDK }, options))},
		{name: "mcp-go", watch: newWatch(), handler: guard(res, server.NewStreamableHTTPServer(mcpGo, server.WithStateLess(true)))},
	}
}

// reached reports whether a handler was called for the URI.
func (s *site) reached(t testing.TB, uri string) bool {
	t.Helper()
	quoted, err := json.Marshal(uri)
	if err != nil {
		t.Fatal(err)
	}
	r := s.send(t, letter{body: `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":` + string(quoted) + `}}`})
	return r.passed && strings.Contains(r.body, `"text":"file"`)
}

// fileRules protect the same files under two schemes: one has an authority, the other
// has none, as schemes of one's own mostly don't.
var fileRules = resource.Operations{Resources: []resource.ResourceRule{
	{URI: "file:///secret", Scopes: []string{"secret"}},
	{Prefix: "file:///private/", Scopes: []string{"private"}},
	{URI: "notes://secret", Scopes: []string{"secret"}},
	{Prefix: "notes://private/", Scopes: []string{"private"}},
	{Template: "file:///vault/{name}", Scopes: []string{"vault"}},
	{Template: "notes://vault/{name}", Scopes: []string{"vault"}},
}}

// holdFiles checks one URI: if a handler gets it, no reader takes it for a file that
// the caller lacks scopes for. Neither dot segments nor percent-encoding nor case may
// open a side door.
func holdFiles(t testing.TB, servers []*site, uri string) {
	t.Helper()
	for _, s := range servers {
		if names := taken(uri, isSecretFile); len(names) > 0 && s.reached(t, uri) {
			t.Errorf("%s: %q needs no scope, but is a secret file to %q", s.name, uri, names)
		}
	}
}

// Rules for resources hold for every spelling under which a handler finds the file.
func TestSpellings(t *testing.T) {
	servers := fileServers(t, fileRules)
	for _, row := range spellings {
		t.Run(row.what, func(t *testing.T) { holdFiles(t, servers, row.uri) })
	}
}

// What is not protected stays open, also where it looks a bit like it.
func TestSpellingsOfOtherFiles(t *testing.T) {
	servers := fileServers(t, fileRules)
	for _, uri := range []string{"file:///open", "file:///secret2", "file:///secre", "file:///privateer", "file:///a%20b", "file:///a/b/c.txt",
		"file:///a-b_1.tar.gz", "file:///vault/a/b", "notes://open", "notes://a/b"} {
		for _, s := range servers {
			if !s.reached(t, uri) {
				t.Errorf("%s: %q was refused", s.name, uri)
			}
		}
	}
}

// Under Undeclared: deny, a prefix declares what lies below it and no dot segments lead
// out again, and so do a template's variables.
func TestSpellingsOutOfWhatIsDeclared(t *testing.T) {
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
		{"file:///public/./a", false}, // what readers resolve is named by nobody
		{"file:///public/x/../a", false},
		{"file:///public/../other/a", false},
		{"file:///public/%2e%2e/other/a", false},
		{"file:///public/x%2f..%2f..%2fother", false},
		{"file:///public/..", false},
		{"file:///public/%5c..%5c..%5cother", false},
		{"file:///other/../public/a", false}, // as written nobody declared it
		{"file:///one/a", true},
		{"file:///one/a%20b", true},
		{"file:///one/..%2fother", false},
		{"file:///one/%2e%2e", false},
	} {
		for _, s := range servers {
			if got := s.reached(t, row.uri); got != row.want {
				t.Errorf("%s: %q: got through: %v, want %v; %q are led out of what is declared", s.name, row.uri, got, row.want, taken(row.uri, outside))
			}
		}
	}
}

// Rules may be written for what servers really have: schemes of their own with three
// slashes, queries and ports. Such a URI is matched byte for byte.
func TestOrdinaryURIs(t *testing.T) {
	memo := append([]resource.ResourceRule{{URI: "memo:///insights"}}, fileRules.Resources...)
	for _, row := range []struct {
		what, uri string
		rules     resource.Operations
	}{
		{"three slashes in a scheme of one's own", "memo:///insights", resource.Operations{Resources: memo}},
		{"the same, declared", "memo:///insights", resource.Operations{Resources: memo, Undeclared: resource.DenyUndeclared}},
		{"a query, declared", "file:///open?b=c", resource.Operations{Resources: append([]resource.ResourceRule{{URI: "file:///open?b=c"}}, fileRules.Resources...)}},
		{"a port, declared", "notes://host:80/b", resource.Operations{Resources: append([]resource.ResourceRule{{URI: "notes://host:80/b"}}, fileRules.Resources...)}},
	} {
		for _, s := range fileServers(t, row.rules) {
			if !s.reached(t, row.uri) {
				t.Errorf("%s: %s: %q was refused", s.name, row.what, row.uri)
			}
		}
	}
}

// A URI with an encoded delimiter is not plain: it could be any resource that a rule is for.
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
		{"file:///one/a%2Fb", none, true}, // no rule has scopes
		{"file:///open/a%7Bb", fileRules, true},
	} {
		for _, s := range fileServers(t, row.rules) {
			if got := s.reached(t, row.uri); got != row.want {
				t.Errorf("%s: %q: reached %v, want %v", s.name, row.uri, got, row.want)
			}
		}
	}
}

// The property of TestSpellings for any URI.
func FuzzSpellings(f *testing.F) {
	servers := fileServers(f, fileRules)
	for _, row := range spellings {
		f.Add(row.uri)
	}
	f.Fuzz(func(t *testing.T, uri string) { holdFiles(t, servers, uri) })
}
