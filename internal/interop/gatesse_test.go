package interop_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// The SSE transport of a Python server, /sse and /messages/, works behind the gate with extra_paths. The
// client of the SDK logs in, and again for a tool that needs a further scope. Step-up does not work with
// bind_sessions, because the binding writes the error of the first call to the stream, and the client
// then ends the call while it logs in.
func TestGateSSE(t *testing.T) {
	variables := pythonVariables(t)
	program, servers := buildGate(t), newPlainServers(t)
	for _, variable := range variables {
		t.Run(pythonName(variable), func(t *testing.T) {
			p, no := startProvider(t), false
			p.registerApp()
			s := scenario{name: stepUp, registration: preregistered, path: "/sse", resource: providerResource{Format: "jwt", Refresh: &no}}
			m := &mcpServer{t: t, url: serveSSE(p, program, servers.url(plainServer{variable, "sse", false}), s, false)}
			run := p.newRunAt(clientProgram{name: "interop", open: pythonSSE(variable)}, s, m)
			name := "gate, SSE, " + pythonName(variable) + ": "
			check(t, name+"a login and a call", works, run.call("whoami", "mcp:read", 1))
			check(t, name+"step-up", works, run.call("write", "mcp:write", 2))
			check(t, name+"another call", works, run.call("whoami", "mcp:read", 2))
		})
	}
}

// pythonSSE is pythonScript with the SSE transport.
func pythonSSE(variable string) func(*testing.T, clientSettings) mcpClient {
	return func(t *testing.T, s clientSettings) mcpClient {
		t.Helper()
		return startPython(t, variable, s, map[string]string{
			"url": s.url, "sse": "true", "timeout": "30", "redirect": s.redirect, "registration": s.registration, "client_id": s.clientID,
		})
	}
}

// A rejected call without a login: the binding of sessions writes the error to the stream. The client
// cannot send anything after a rejected POST, so it is the last call.
func TestGateSSERejected(t *testing.T) {
	variables := pythonVariables(t)
	program, servers, issuer := buildGate(t), newPlainServers(t), resourcetest.Start(t)
	for _, variable := range variables {
		t.Run(pythonName(variable), func(t *testing.T) {
			p := &provider{t: t, issuer: issuer.Identifier()}
			url := serveSSE(p, program, servers.url(plainServer{variable, "sse", false}), scenario{path: "/sse"}, true)
			token := issuer.Token(resourcetest.Token{Audience: url, Scope: "mcp:read"})
			client := startPython(t, variable, clientSettings{}, map[string]string{"url": url, "sse": "true", "timeout": "30", "token": token})
			for _, row := range []struct{ tool, want string }{
				{"whoami", "whoami for alice with mcp:read"},
				{"write", "The access token lacks a scope that this request needs. Log in again and grant all of these scopes: mcp:read mcp:write"},
			} {
				got, err := client.call(row.tool)
				if err != nil {
					got = strings.TrimPrefix(strings.TrimPrefix(err.Error(), "McpError: "), "MCPError: ")
				}
				check(t, "gate, SSE, "+pythonName(variable)+": token for mcp:read, "+row.tool, row.want, got)
			}
		})
	}
}

// The paths of the SSE transport need a token, and the messages of a session need a token of its caller.
func TestGateSSEPaths(t *testing.T) {
	variable := pythonVariables(t)[0]
	issuer := resourcetest.Start(t)
	p := &provider{t: t, issuer: issuer.Identifier()}
	url := serveSSE(p, buildGate(t), newPlainServers(t).url(plainServer{variable, "sse", false}), scenario{path: "/sse"}, true)
	origin := strings.TrimSuffix(url, "/sse")
	want := `401 Bearer resource_metadata="http://HOST/.well-known/oauth-protected-resource/sse", scope="mcp:read"`
	for _, row := range []struct{ method, path string }{{http.MethodGet, "/sse"}, {http.MethodPost, "/messages/?session_id=1"}, {http.MethodPost, "/messages"}} {
		status, challenge, _ := sendWithoutToken(t, row.method, origin+row.path)
		check(t, "gate, SSE: "+row.method+" "+row.path+" without a token", want, normalize(fmt.Sprint(status, " ", challenge)))
	}
	status, _, _ := sendWithoutToken(t, http.MethodGet, origin+"/messagesx")
	check(t, "gate, SSE: another path", "404", fmt.Sprint(status))
}

// serveSSE starts a gate in front of a server with the SSE transport, and returns the URL for clients.
func serveSSE(p *provider, program gateProgram, upstream string, s scenario, bind bool) (url string) {
	p.t.Helper()
	address := freeAddress(p.t)
	url = address + s.path
	if p.process != nil {
		s.resource.ID = url
		p.registerResource(s.resource)
	}
	program.serve(p.t, gateFile{Listen: strings.TrimPrefix(address, "http://"), Upstreams: []gateUpstream{{
		Name: "sse", URL: upstream, ExtraPaths: []string{"/messages"}, BindSessions: bind,
		IdentityHeaders: callerHeaders, Authorization: p.gateBlock(url, s),
	}}})
	return url
}
