package interop_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
)

// gateScenarios are scenarios for a server behind the gate. Their names are those of other scenarios:
// the clients have the same exceptions.
func gateScenarios(ttl int) []scenario {
	no := false
	jwt, opaque := providerResource{Format: "jwt", Alg: "RS256"}, providerResource{Format: "opaque"}
	noRefresh, short := providerResource{Format: "jwt", Refresh: &no}, providerResource{Format: "jwt", TTL: ttl}
	return []scenario{
		{dynamicRegistration, dynamic, "/mcp", jwt, (*scenarioRun).login, false, nil, noDPoP},
		{stepUp, preregistered, "/mcp", noRefresh, (*scenarioRun).stepUp, false, nil, noDPoP},
		{metadataDocument, document, "/mcp", jwt, (*scenarioRun).login, false, nil, noDPoP},
		{"identifier with a longer path", preregistered, "/teams/blue/mcp", jwt, (*scenarioRun).login, false, nil, noDPoP},
		{opaqueToken, preregistered, "/mcp", opaque, (*scenarioRun).login, false, nil, noDPoP},
		{allScopesDynamic, dynamic, "/mcp", jwt, (*scenarioRun).write, false, []string{"mcp:read", "mcp:write"}, noDPoP},
		{publicTool, preregistered, "/mcp", jwt, (*scenarioRun).publicTool, true, nil, noDPoP},
		{"token expired, refresh token", preregistered, "/mcp", short, (*scenarioRun).expiredWithRefresh, true, nil, noDPoP},
		{"DPoP accepted", preregistered, "/mcp", jwt, (*scenarioRun).login, false, nil, acceptsDPoP},
	}
}

// newerGateScenarios is how many of gateScenarios run with the newer version of the Python server. All
// of them run with the older one.
const newerGateScenarios = 2

// gateDPoPScenarios are gateScenarios for clients that use DPoP.
func gateDPoPScenarios(ttl int) []scenario {
	jwt, opaque, short := providerResource{Format: "jwt", Alg: "ES256"}, providerResource{Format: "opaque"}, providerResource{Format: "jwt", TTL: ttl}
	return []scenario{
		{"DPoP required", preregistered, "/mcp", jwt, (*scenarioRun).login, true, nil, requiresDPoP},
		{"DPoP required, opaque token", preregistered, "/mcp", opaque, (*scenarioRun).login, true, nil, requiresDPoP},
		{"DPoP required, token expired, refresh token", preregistered, "/mcp", short, (*scenarioRun).expiredWithRefresh, true, nil, requiresDPoP},
	}
}

// Python servers without any authorization get callers from every client, through the gate. The gate is
// the program warder with a file. The outcomes are the same as with the protected Go server.
func TestGateClients(t *testing.T) {
	variables := pythonVariables(t)
	if testing.Short() {
		variables = variables[:1]
	}
	programs := append([]clientProgram{sdk1, sdk2, goSDK, mcpGo, mcpRemote, inspector}, pythonPrograms(t)...)
	g := &gateRuns{program: buildGate(t), servers: newPlainServers(t)}
	cells := make([][][]string, len(programs)) // by program
	t.Run("clients", func(t *testing.T) {
		for i, program := range programs {
			t.Run(program.name, func(t *testing.T) {
				t.Parallel()
				p := startProvider(t)
				p.registerApp()
				for _, variable := range variables {
					all := gateScenarios(program.ttl)
					if variable == python2Variable || testing.Short() {
						all = all[:newerGateScenarios]
					}
					for _, s := range all {
						t.Run(pythonName(variable)+", "+s.name, func(t *testing.T) {
							p := *p
							p.t = t
							got := s.run(g.newRun(&p, program, s, variable))
							cell := compareCell(t, behindGate(program), s.name, got)
							cell[1] = "gate, " + pythonName(variable) + ": " + s.name
							cells[i] = append(cells[i], cell)
						})
					}
				}
			})
		}
	})
	for _, column := range cells {
		for _, fields := range column {
			appendRow(t, cellsVariable, fields...)
		}
	}
}

// behindGate returns a client with the exceptions that differ behind the gate. The Python server has no
// logging, so the Inspector does not send logging/setLevel, which needs a login. Its tool search names the
// caller, if there is one.
func behindGate(program clientProgram) clientProgram {
	known := program.exceptions
	program.exceptions = maps.Clone(known)
	switch program.name {
	case mcpGo.name:
		program.exceptions[publicTool] = exception{"search: search for alice with mcp:read", known[publicTool].reason}
	case inspector.name:
		delete(program.exceptions, publicTool)
	}
	return program
}

// Clients that use DPoP get tokens that are bound to their key, and the gate verifies the proofs for the
// URLs that the clients use. The server sees neither tokens nor proofs.
func TestGateDPoPClients(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: .ci/run live runs it")
	}
	variable := pythonVariables(t)[0]
	g := &gateRuns{program: buildGate(t), servers: newPlainServers(t)}
	programs := []clientProgram{oauth4webapi, openidClient, sdk2DPoP}
	got := make([][]string, len(programs)) // by program, in the order of gateDPoPScenarios
	t.Run("clients", func(t *testing.T) {
		for i, program := range programs {
			t.Run(program.name, func(t *testing.T) {
				t.Parallel()
				p := startProvider(t)
				p.registerApp()
				for _, s := range gateDPoPScenarios(program.ttl) {
					p := *p
					p.t = t
					got[i] = append(got[i], s.run(g.newRun(&p, program, s, variable)))
				}
			})
		}
	})
	for i, program := range programs {
		for n, outcome := range got[i] {
			check(t, "gate, "+pythonName(variable)+", "+program.name+": "+gateDPoPScenarios(program.ttl)[n].name, works, outcome)
		}
	}
}

// gateRuns starts gates in front of Python servers.
type gateRuns struct {
	program gateProgram
	servers *plainServers
}

// newRun starts a gate for the scenario in front of a Python server, registers the client and opens it.
func (g *gateRuns) newRun(p *provider, program clientProgram, s scenario, variable string) *scenarioRun {
	p.t.Helper()
	address := freeAddress(p.t)
	m := &mcpServer{t: p.t, url: address + s.path, resource: s.resource, logged: &lockedBuffer{}}
	m.resource.ID = m.url
	p.registerResource(m.resource)
	upstream := gateUpstream{
		Name: "plain", URL: g.servers.url(plainServer{variable, "streamable-http", s.stateless}),
		BindSessions: !s.stateless, IdentityHeaders: callerHeaders, Authorization: p.gateBlock(m.url, s),
	}
	g.program.serve(p.t, gateFile{Listen: strings.TrimPrefix(address, "http://"), Upstreams: []gateUpstream{upstream}})
	run := p.newRunAt(program, s, m)
	run.client = &timedClient{run.client, m}
	return run
}

// gateBlock returns the block of the gate for a scenario: the settings of protectMCPServer.
func (p *provider) gateBlock(identifier string, s scenario) map[string]any {
	block := map[string]any{
		"issuer_url": p.issuer, "resource_server_url": identifier,
		"required_scopes": []string{"mcp:read"}, "tool_scopes": map[string][]string{"write": {"mcp:write"}},
		"leeway_seconds": 0,
	}
	if s.scopes != nil {
		block["challenge_scopes"], block["scopes_supported"] = s.scopes, s.scopes
	}
	if s.resource.Format == "opaque" {
		block["client_id"], block["client_secret"] = appID, appSecret
	}
	switch s.dpop.Tokens {
	case resource.BindingAccepted:
		block["dpop_tokens"] = "accepted"
	case resource.BindingRequired:
		block["dpop_tokens"] = "required"
	}
	if s.name == publicTool {
		block["stateless"] = true
		block["public_operations"], block["public_tools"] = []string{"initialize", "tools/list"}, []string{"search"}
	}
	return block
}

// timedClient notes when each call ended, for waitForExpiry: its token is then older than that.
type timedClient struct {
	mcpClient
	server *mcpServer
}

func (c *timedClient) call(tool string) (string, error) {
	text, err := c.mcpClient.call(tool)
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.lastCall = time.Now()
	return text, err
}
