package interop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// How a client gets its client_id.
const (
	dynamic  = "dynamic"  // RFC 7591
	document = "document" // a client ID metadata document
	known    = "known"    // registered beforehand
)

// A program is an MCP client that nobody here wrote.
type program struct {
	name string
	open func(t *testing.T, v visit) caller
	ttl  int // seconds of a short-lived token that it still uses

	// exceptions are the situations in which the client does not get through, for
	// reasons of its own.
	exceptions map[string]exception
}

// An exception is what comes instead, and why.
type exception struct{ outcome, reason string }

// A visit is one client at one server.
type visit struct {
	url          string
	registration string
	clientID     string // of document and known
	redirect     string
	person       *person
}

// A caller is a running client. Call opens the connection if need be, with all that it
// takes, and returns the text of the tool's answer.
type caller interface {
	call(tool string) (string, error)
}

func TestClients(t *testing.T) {
	programs := []program{sdk1, sdk2, goSDK, mcpGo, mcpRemote, inspector}
	cells := make([][][]string, len(programs)) // of each program, in the order of situations
	t.Run("each", func(t *testing.T) {
		for i, prog := range programs {
			t.Run(prog.name, func(t *testing.T) {
				t.Parallel()
				p := startProvider(t)
				p.app()
				for _, s := range situations(prog.ttl) {
					t.Run(s.name, func(t *testing.T) {
						p := *p
						p.t = t
						cells[i] = append(cells[i], cell(t, prog, s.name, s.play(p.stage(prog, s))))
					})
				}
			})
		}
	})
	for _, of := range cells {
		for _, fields := range of {
			row(t, cellsVariable, fields...)
		}
	}
}

// The versions in the table and in docs/clients.md are those that are pinned.
func TestVersions(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	pins, page := read("../../.ci/interop.d/package.json")+read("go.mod"), read("../../docs/clients.md")
	for _, row := range []struct {
		prog       program
		pin, title string // with %s for the version
	}{
		{sdk1, `"@modelcontextprotocol/sdk": "%s"`, "`@modelcontextprotocol/sdk` %s |"},
		{sdk2, `"@modelcontextprotocol/client": "%s"`, "`@modelcontextprotocol/client` %s |"},
		{goSDK, "github.com/modelcontextprotocol/go-sdk v%s\n", "Go SDK %s |"},
		{mcpGo, "github.com/mark3labs/mcp-go v%s\n", "mcp-go %s |"},
		{mcpRemote, `"mcp-remote": "%s"`, "mcp-remote %s |"},
		{inspector, `"@modelcontextprotocol/inspector": "%s"`, "MCP Inspector %s, command line |"},
	} {
		_, version, _ := strings.Cut(row.prog.name, " ")
		if pin := fmt.Sprintf(row.pin, version); !strings.Contains(pins, pin) {
			t.Errorf("%s: nothing pins %s", row.prog.name, pin)
		}
		if title := fmt.Sprintf(row.title, version); !strings.Contains(page, title) {
			t.Errorf("%s: docs/clients.md has no column %s", row.prog.name, title)
		}
	}
}

// cell compares and returns a cell of the table.
func cell(t *testing.T, prog program, situation, got string) []string {
	t.Helper()
	want := exception{outcome: works}
	if e, ok := prog.exceptions[situation]; ok {
		want = e
	}
	if got != want.outcome {
		t.Errorf("%s, %s:\n got %s\nwant %s", prog.name, situation, got, want.outcome)
	}
	return []string{prog.name, situation, want.outcome, got, want.reason}
}

// row adds one to the file that .ci/interop names in the variable.
func row(t *testing.T, variable string, fields ...string) {
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
