package interop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The ways in which a client gets its client_id.
const (
	dynamic       = "dynamic"       // dynamic client registration (RFC 7591)
	document      = "document"      // a client ID metadata document
	preregistered = "preregistered" // registered before the client starts
)

// A clientProgram is a third-party MCP client.
type clientProgram struct {
	name string
	open func(t *testing.T, s clientSettings) mcpClient
	ttl  int // shortest token lifetime, in seconds, with which the client uses a token

	// exceptions has the scenarios that the client does not pass because of its own
	// limitations.
	exceptions map[string]exception
}

// An exception is the expected outcome of a scenario that does not work, and the reason.
type exception struct{ outcome, reason string }

// clientSettings configures one client for one server.
type clientSettings struct {
	url          string
	registration string
	clientID     string // for document and preregistered
	redirect     string
	dpop         bool   // for scripts whose library supports DPoP
	metadataURL  string // for mcp-go, which does not read it from a challenge; "": derived from the URL
	user         *user
}

// An mcpClient is a running client. call opens the connection and logs in if necessary,
// calls the tool and returns the text of its result.
type mcpClient interface {
	call(tool string) (string, error)
}

func TestClients(t *testing.T) {
	programs := append([]clientProgram{sdk1, sdk2, goSDK, mcpGo, mcpRemote, inspector}, pythonPrograms(t)...)
	cells := make([][][]string, len(programs)) // by program, in the order of scenarios
	t.Run("clients", func(t *testing.T) {
		for i, program := range programs {
			t.Run(program.name, func(t *testing.T) {
				t.Parallel()
				p := startProvider(t)
				p.registerApp()
				for _, s := range chosenScenarios(program) {
					t.Run(s.name, func(t *testing.T) {
						p := *p
						p.t = t
						cells[i] = append(cells[i], compareCell(t, program, s.name, s.run(p.newRun(program, s))))
					})
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

// With -short, programs that start a process for each scenario run these only.
var shortScenarios = []string{
	dynamicRegistration, metadataDocument, opaqueToken, basePathRemoved, stepUp, publicTool, revokedWithRefresh, dpopRequired,
}

// chosenScenarios returns the scenarios of a program for this run.
func chosenScenarios(program clientProgram) []scenario {
	all := scenarios(program.ttl)
	if !testing.Short() || program.name == goSDK.name || program.name == mcpGo.name {
		return all
	}
	return slices.DeleteFunc(all, func(s scenario) bool { return !slices.Contains(shortScenarios, s.name) })
}

// The versions in the table and in docs/clients.md match the pinned versions.
func TestVersions(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	pins, page := read("../../.ci/interop.d/package.json")+read("go.mod"), read("../../docs/clients.md")
	pins += read("../../.ci/interop.d/python/requirements-1.txt") + read("../../.ci/interop.d/python/requirements-2.txt")
	for _, row := range []struct {
		program    clientProgram
		pin, title string // with %s for the version
	}{
		{sdk1, `"@modelcontextprotocol/sdk": "%s"`, "`@modelcontextprotocol/sdk` %s |"},
		{sdk2, `"@modelcontextprotocol/client": "%s"`, "`@modelcontextprotocol/client` %s |"},
		{goSDK, "github.com/modelcontextprotocol/go-sdk v%s\n", "Go SDK %s |"},
		{mcpGo, "github.com/mark3labs/mcp-go v%s\n", "mcp-go %s |"},
		{mcpRemote, `"mcp-remote": "%s"`, "mcp-remote %s |"},
		{python1, "\nmcp==%s\n", "Python `mcp` %s |"},
		{python2, "\nmcp==%s\n", "Python `mcp` %s |"},
		{inspector, `"@modelcontextprotocol/inspector": "%s"`, "MCP Inspector %s, command line |"},
	} {
		_, version, _ := strings.Cut(row.program.name, " ")
		if pin := fmt.Sprintf(row.pin, version); !strings.Contains(pins, pin) {
			t.Errorf("%s: no pinned version %q", row.program.name, pin)
		}
		if title := fmt.Sprintf(row.title, version); !strings.Contains(page, title) {
			t.Errorf("%s: docs/clients.md has no column %q", row.program.name, title)
		}
	}
}

// compareCell compares an outcome with the expected one and returns a cell of the table.
func compareCell(t *testing.T, program clientProgram, scenario, got string) []string {
	t.Helper()
	want := exception{outcome: works}
	if e, ok := program.exceptions[scenario]; ok {
		want = e
	}
	if got != want.outcome {
		t.Errorf("%s, %s:\n got %s\nwant %s", program.name, scenario, got, want.outcome)
	}
	return []string{program.name, scenario, want.outcome, got, want.reason}
}

// appendRow appends a row to the file named by the environment variable. It does nothing if
// the variable is not set.
func appendRow(t *testing.T, variable string, fields ...string) {
	t.Helper()
	name := os.Getenv(variable)
	if name == "" {
		return
	}
	rows, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if _, err := fmt.Fprintln(rows, strings.Join(fields, "\t")); err != nil {
		t.Fatal(err)
	}
}
