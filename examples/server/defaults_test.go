package main

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// statusOf returns the status of a call of delete_everything. Without a token it sends none.
func statusOf(t *testing.T, url, token string) int {
	t.Helper()
	body := strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_everything"}}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// delete_everything needs mcp:admin unless the file or the flags name the tool.
func TestDeleteEverythingIsProtected(t *testing.T) {
	issuer := resourcetest.Start(t)
	inFile := func(lines ...string) []string { return []string{"-config", configFile(t, issuer, lines...)} }
	inFlags := func(flags ...string) []string {
		return append(flags, "-issuer", issuer.Identifier(), "-resource", public)
	}
	for _, row := range []struct {
		name                       string
		args                       []string
		anonymous, with, withAdmin int // status without a token, without a scope, with mcp:admin
	}{
		{"file without tool_scopes", inFile(), 401, 403, 200},
		{"file with other rules", inFile("  method_scopes: {tools/list: [a]}"), 401, 403, 200},
		{"file with a rule for another tool", inFile("  tool_scopes: {whoami: [a]}"), 401, 403, 200},
		{"file with empty tool_scopes", inFile("  tool_scopes: {}"), 401, 403, 200},
		{"file that denies undeclared operations", inFile("  undeclared_operations: deny", "  tool_scopes: {whoami: []}", "  method_scopes: {tools/list: []}"), 401, 403, 200},
		{"file with the same rule", inFile("  tool_scopes: {delete_everything: ['mcp:admin']}"), 401, 403, 200},
		{"file that requires another scope", inFile("  tool_scopes: {delete_everything: [b]}"), 401, 403, 403},
		{"file that requires no scope", inFile("  tool_scopes: {delete_everything: []}"), 401, 200, 200},
		{"file with a public tool", inFile("  public_tools: [delete_everything]"), 200, 200, 200},
		{"flags without -tool-scopes", inFlags(), 401, 403, 200},
		{"flags with an empty -tool-scopes", inFlags("-tool-scopes", ""), 401, 403, 200},
		{"flags with a rule for another tool", inFlags("-tool-scopes", "whoami=a"), 401, 403, 200},
		{"flags that require another scope", inFlags("-tool-scopes", "delete_everything=b"), 401, 403, 403},
		{"flags that require no scope", inFlags("-tool-scopes", "delete_everything="), 401, 200, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			url := start(t, row.args...)
			plain := issuer.Token(resourcetest.Token{Audience: public, Scope: "a"})
			admin := issuer.Token(resourcetest.Token{Audience: public, Scope: "mcp:admin"})
			for _, one := range []struct {
				sender, token string
				want          int
			}{{"without a token", "", row.anonymous}, {"without the scope", plain, row.with}, {"with mcp:admin", admin, row.withAdmin}} {
				if got := statusOf(t, url, one.token); got != one.want {
					t.Errorf("%s: got %d, want %d", one.sender, got, one.want)
				}
			}
		})
	}
}

// Clients omit the default port of a URL.
func TestDefaultURLOfPort80(t *testing.T) {
	for port, want := range map[int]string{80: "http://127.0.0.1/mcp", 8080: "http://127.0.0.1:8080/mcp", 10080: "http://127.0.0.1:10080/mcp"} {
		o := options{credentials: credentials{issuer: "https://auth.example"}}
		res, err := o.protect(t.Context(), &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			t.Errorf("port %d: %v", port, err)
		} else if got := res.Identifier(); got != want {
			t.Errorf("port %d: got %s, want %s", port, got, want)
		}
	}
}
