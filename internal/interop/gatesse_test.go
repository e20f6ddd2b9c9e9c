package interop_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// The SSE transport of a Python server, /sse and /messages/, works behind the gate with extra_paths. The
// client of the SDK logs in, and the binding of sessions writes errors to its stream.
func TestGateSSE(t *testing.T) {
	variables := pythonVariables(t)
	program, servers := buildGate(t), newPlainServers(t)
	for _, variable := range variables {
		t.Run(pythonName(variable), func(t *testing.T) {
			p := startProvider(t)
			p.registerApp()
			s := scenario{registration: dynamic, path: "/sse", resource: providerResource{Format: "jwt", Alg: "RS256"}}
			url := serveSSE(p, program, servers.url(plainServer{variable, "sse", false}), s)
			settings := clientSettings{url: url, registration: dynamic, redirect: freeAddress(t) + "/oauth/callback", user: &user{}}
			client := startPython(t, variable, settings, map[string]string{"url": url, "sse": "true", "timeout": "30", "redirect": settings.redirect, "registration": dynamic})
			outcome := func(tool string) string {
				text, err := client.call(tool)
				if err != nil {
					text = strings.TrimPrefix(strings.TrimPrefix(err.Error(), "McpError: "), "MCPError: ")
				}
				return fmt.Sprintf("%s, %d logins", text, settings.user.loginCount())
			}
			name := "gate, SSE, " + pythonName(variable) + ": "
			check(t, name+"a login and a call", "whoami for alice with mcp:read, 1 logins", outcome("whoami"))
			check(t, name+"a call without its scope", "The access token lacks a scope that this request needs. Log in again and grant all of these scopes: mcp:read mcp:write, 1 logins", outcome("write"))
			check(t, name+"a call on the same stream", "whoami for alice with mcp:read, 1 logins", outcome("whoami"))
		})
	}
}

// The paths of the SSE transport need a token, and the messages of a session need a token of its caller.
func TestGateSSEPaths(t *testing.T) {
	variable := pythonVariables(t)[0]
	issuer := resourcetest.Start(t)
	p := &provider{t: t, issuer: issuer.Identifier()}
	url := serveSSE(p, buildGate(t), newPlainServers(t).url(plainServer{variable, "sse", false}), scenario{path: "/sse"})
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
func serveSSE(p *provider, program gateProgram, upstream string, s scenario) (url string) {
	p.t.Helper()
	address := freeAddress(p.t)
	url = address + s.path
	if p.process != nil {
		s.resource.ID = url
		p.registerResource(s.resource)
	}
	program.serve(p.t, gateFile{Listen: strings.TrimPrefix(address, "http://"), Upstreams: []gateUpstream{{
		Name: "sse", URL: upstream, ExtraPaths: []string{"/messages"}, BindSessions: true,
		IdentityHeaders: callerHeaders, Authorization: p.gateBlock(url, s),
	}}})
	return url
}
