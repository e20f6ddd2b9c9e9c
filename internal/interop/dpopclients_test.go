package interop_test

import (
	"os"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
)

// The clients that support DPoP (RFC 9449).
var (
	oauth4webapi = clientProgram{name: "oauth4webapi 3.8.8", open: script("oauth4webapi.mjs"), ttl: 5}
	openidClient = clientProgram{name: "openid-client 6.9.0", open: script("openid-client.mjs"), ttl: 5}
	sdk2DPoP     = clientProgram{name: sdk2.name + " with dpop()", ttl: 5, open: func(t *testing.T, s clientSettings) mcpClient {
		t.Helper()
		s.dpop = true
		return sdk2.open(t, s)
	}}
)

// dpopScenarios are scenarios with the settings of the resource server for DPoP.
func dpopScenarios(ttl int) []scenario {
	nonces := resource.DPoP{Tokens: resource.BindingRequired, RequireNonce: true}
	jwt, opaque, short := providerResource{Format: "jwt", Alg: "ES256"}, providerResource{Format: "opaque"}, providerResource{Format: "jwt", TTL: ttl}
	return []scenario{
		{"DPoP accepted", preregistered, "/mcp", jwt, (*scenarioRun).login, true, nil, acceptsDPoP},
		{"DPoP required", preregistered, "/mcp", jwt, (*scenarioRun).login, true, nil, requiresDPoP},
		{"DPoP required, opaque token", preregistered, "/mcp", opaque, (*scenarioRun).login, true, nil, requiresDPoP},
		{basePathRemoved, preregistered, basePath + "/mcp", jwt, (*scenarioRun).login, true, nil, requiresDPoP},
		{"DPoP required, token expired, refresh token", preregistered, "/mcp", short, (*scenarioRun).expiredWithRefresh, true, nil, requiresDPoP},
		{"DPoP and nonces required", preregistered, "/mcp", jwt, (*scenarioRun).login, true, nil, nonces},
		{providerNonces, preregistered, "/mcp", jwt, (*scenarioRun).revokedWithRefresh, true, nil, nonces},
	}
}

// providerNonces is a scenario in which the authorization server requires nonces too.
const providerNonces = "nonces required by both servers, token revoked, refresh token"

// Clients that support DPoP start with the URL of the MCP server and get a token that is bound to
// their key. The number of logins shows that no nonce and no refresh needs another one.
func TestDPoPClients(t *testing.T) {
	programs := []clientProgram{oauth4webapi, openidClient, sdk2DPoP}
	got := make([][]string, len(programs)) // by program, in the order of dpopScenarios
	t.Run("clients", func(t *testing.T) {
		for i, program := range programs {
			t.Run(program.name, func(t *testing.T) {
				t.Parallel()
				p := startProvider(t)
				p.registerApp()
				for _, s := range dpopScenarios(program.ttl) {
					if s.name == providerNonces {
						p.command(map[string]any{"nonces": true})
					}
					p := *p
					p.t = t
					run := p.newRun(program, s)
					got[i] = append(got[i], s.run(run)+", the token is bound to "+run.server.lastBinding())
				}
			})
		}
	})
	for i, program := range programs {
		for n, s := range dpopScenarios(program.ttl) {
			if n >= len(got[i]) { // skipped, or failed above
				break
			}
			check(t, program.name+": "+s.name, works+", the token is bound to jkt", got[i][n])
		}
	}
}

// lastBinding returns what the token of the last call was bound to; "" if there was no call.
func (m *mcpServer) lastBinding() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.lastCaller.Verified() {
		return ""
	}
	return m.lastCaller.Confirmation().Method
}

// The versions of the clients that support DPoP match the pinned versions.
func TestDPoPVersions(t *testing.T) {
	pins, err := os.ReadFile("../../.ci/interop.d/package.json")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range []clientProgram{oauth4webapi, openidClient} {
		name, version, _ := strings.Cut(program.name, " ")
		if pin := `"` + name + `": "` + version + `"`; !strings.Contains(string(pins), pin) {
			t.Errorf("%s: no pinned version %s", program.name, pin)
		}
		if title := "npm `" + name + "` " + version; !strings.Contains(string(page), title) {
			t.Errorf("%s: docs/clients.md has no %q", program.name, title)
		}
	}
}
