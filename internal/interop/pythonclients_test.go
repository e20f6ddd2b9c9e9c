package interop_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The Python interpreters of two virtual environments, each with a version of the package mcp of
// PyPI. .ci/interop makes them.
const (
	python1Variable = "WARDER_PYTHON_1"
	python2Variable = "WARDER_PYTHON_2"
)

var (
	python1 = clientProgram{name: "python 1.30.0", open: pythonScript(python1Variable), ttl: 5, exceptions: pythonExceptions("http://HOST/ != http://HOST/",
		"HTTPStatusError: Client error '401 Unauthorized' for url 'http://HOST/mcp' For more information check: https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/401, 1 logins")}
	python2 = clientProgram{name: "python 2.3.0", open: pythonScript(python2Variable), ttl: 5, exceptions: pythonExceptions("http://HOST != http://HOST",
		"MCPError: The access token is not bound to its client, as this request requires. Log in with a client that supports bound tokens, 2 logins")}
)

// pythonExceptions takes the end of an error that names two issuers, and the error if DPoP is
// required, which the versions write in different ways.
func pythonExceptions(issuers, unbound string) map[string]exception {
	return map[string]exception{
		serverMetadataOnly: {"whoami: OAuthFlowError: Authorization server metadata issuer mismatch: " + issuers, rejectsIssuer},
		stepUpDynamic:      {"write: login: the authorization server returned invalid_scope", registeredForLess},
		revokedWithRefresh: {"whoami: 2 logins", "It answers each 401 with a login. It refreshes only by its clock."},
		dpopRequired:       {"whoami: " + unbound, lacksDPoP},
	}
}

// pythonPrograms returns the clients in Python that are installed.
func pythonPrograms(t *testing.T) (programs []clientProgram) {
	t.Helper()
	for _, installed := range []struct {
		variable string
		program  clientProgram
	}{{python1Variable, python1}, {python2Variable, python2}} {
		if os.Getenv(installed.variable) == "" {
			t.Logf("%s is not set, so %s was not tested. Run .ci/interop, which needs Python and pip.", installed.variable, installed.program.name)
			continue
		}
		programs = append(programs, installed.program)
	}
	return programs
}

// pythonScript returns a function that opens client.py with the interpreter that the variable
// names.
func pythonScript(variable string) func(*testing.T, clientSettings) mcpClient {
	return func(t *testing.T, s clientSettings) mcpClient {
		t.Helper()
		arguments := map[string]string{"url": s.url, "redirect": s.redirect, "registration": s.registration, "client_id": s.clientID}
		return startPython(t, variable, s, arguments)
	}
}

func startPython(t *testing.T, variable string, s clientSettings, arguments map[string]string) *scriptClient {
	t.Helper()
	if os.Getenv(variable) == "" {
		t.Skipf("%s is not set. Run .ci/interop, which needs Python and pip.", variable)
	}
	return startScript(t, s, arguments, func(argument string) *exec.Cmd {
		return exec.CommandContext(t.Context(), os.Getenv(variable), "../../.ci/interop.d/python/client.py", argument)
	})
}

// The error of version 2 has the message of the JSON-RPC error, and not "Server returned an error
// response". Version 1 does not read the body.
func TestPythonErrors(t *testing.T) {
	issuer := resourcetest.Start(t)
	server := mcp.NewServer(&mcp.Implementation{Name: "interop", Version: "1"}, nil)
	for _, name := range []string{"whoami", "write", "other"} {
		server.AddTool(&mcp.Tool{Name: name, InputSchema: map[string]any{"type": "object"}}, nil)
	}
	web := httptest.NewUnstartedServer(nil)
	url := "http://" + web.Listener.Addr().String() + "/mcp"
	verifier, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier: url, Scopes: []string{"mcp:read"}, Issuers: []resource.Issuer{{Verifier: verifier}},
		Operations: resource.Operations{
			Methods:    map[string][]string{"tools/list": {}},
			Tools:      map[string][]string{"write": {"mcp:write"}},
			Undeclared: resource.DenyUndeclared,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	web.Config.Handler = mcpsdk.Handler(res, mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	web.Start()
	t.Cleanup(web.Close)
	token := func(scope string) string {
		return issuer.Token(resourcetest.Token{Audience: url, Scope: scope})
	}
	for _, row := range []struct{ name, token, tool, status, message string }{
		{"no token", "", "whoami", "401 Unauthorized", "Authorization is required. Log in, or configure the client with an access token for this server"},
		{"an invalid token", "x", "whoami", "401 Unauthorized", "The access token is invalid. Log in again"},
		{"no scope for all requests", token(""), "whoami", "403 Forbidden", "The access token lacks a scope that this request needs. Log in again and grant all of these scopes: mcp:read"},
		{"no scope for the tool", token("mcp:read"), "write", "403 Forbidden", "The access token lacks a scope that this request needs. Log in again and grant all of these scopes: mcp:read mcp:write"},
		{"a tool without a rule", token("mcp:read"), "other", "403 Forbidden", "No rule permits the operation. Ask the operator of this server to permit it"},
	} {
		for variable, want := range map[string]string{
			python1Variable: "HTTPStatusError: Client error '" + row.status + "' for url 'http://HOST/mcp' For more information check: https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/" + row.status[:3],
			python2Variable: "MCPError: " + row.message,
		} {
			t.Run(row.name+", "+variable, func(t *testing.T) {
				client := startPython(t, variable, clientSettings{}, map[string]string{"url": url, "token": row.token})
				if text, err := client.call(row.tool); err == nil {
					t.Errorf("got %q", text)
				} else {
					check(t, "Python client, "+variable[len(variable)-1:]+".x: "+row.name, want, normalize(err.Error()))
				}
			})
		}
	}
}

// The SSE client of the SDK ignores the status of a rejected POST and waits for a response on the
// stream. BindSessions writes the error there.
func TestPythonSSE(t *testing.T) {
	issuer := resourcetest.Start(t)
	server := mcp.NewServer(&mcp.Implementation{Name: "interop", Version: "1"}, nil)
	for _, name := range []string{"whoami", "write"} {
		mcp.AddTool(server, &mcp.Tool{Name: name}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "called"}}}, nil, nil
		})
	}
	verifier, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, tool, timeout, want string
		bind                      bool
	}{
		{"an accepted call", "whoami", "30", "called", true},
		{"a rejected call", "write", "30", "The access token lacks a scope that this request needs. Log in again and grant all of these scopes: mcp:write", true},
		{"a rejected call without BindSessions", "write", "2", "TimeoutError: ", false},
	} {
		for _, variable := range []string{python1Variable, python2Variable} {
			t.Run(row.name+", "+variable, func(t *testing.T) {
				web := httptest.NewUnstartedServer(nil)
				url := "http://" + web.Listener.Addr().String() + "/sse"
				res, err := resource.New(resource.Config{Identifier: url, Issuers: []resource.Issuer{{Verifier: verifier}},
					Operations: resource.Operations{Tools: map[string][]string{"write": {"mcp:write"}}}})
				if err != nil {
					t.Fatal(err)
				}
				var handler http.Handler = mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return server }, nil)
				if row.bind {
					handler = nethttp.BindSessions(res, nethttp.SessionConfig{})(handler)
				}
				web.Config.Handler = nethttp.Handler(res, handler)
				web.Start()
				t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
				client := startPython(t, variable, clientSettings{}, map[string]string{
					"url": url, "sse": "true", "timeout": row.timeout, "token": issuer.Token(resourcetest.Token{Audience: url, Scope: "mcp:read"})})
				got, err := client.call(row.tool)
				if err != nil {
					got = strings.TrimPrefix(strings.TrimPrefix(err.Error(), "McpError: "), "MCPError: ")
				}
				check(t, "Python SSE client, "+variable[len(variable)-1:]+".x: "+row.name, row.want, got)
			})
		}
	}
}
