package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The instructions are everything between lines with these prefixes.
const (
	firstInstruction = "The demo is finished."
	lastInstruction  = "If warder rejects "
)

// After the demo the servers keep running, and the printed commands work.
func TestInstructions(t *testing.T) {
	export, curls := printedCommands(t, nil, "instructions.txt")
	want := []string{
		`^HTTP/1.1 401 Unauthorized\r\n(.*\r\n)*Www-Authenticate: Bearer resource_metadata="http://127.0.0.1:\d+/.well-known/oauth-protected-resource/mcp", scope="mcp:tools"\r\n`,
		`^\{"jsonrpc":"2.0","id":1,"result":.*"text":"You are alice of http://127.0.0.1:\d+; your token grants mcp:tools."`,
		`^HTTP/1.1 403 Forbidden\r\n(.*\r\n)*Www-Authenticate: Bearer resource_metadata="http://127.0.0.1:\d+/.well-known/oauth-protected-resource/mcp", scope="mcp:tools mcp:admin", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"\r\n`,
		`^\{"resource":"http://127.0.0.1:\d+/mcp","authorization_servers":\["http://127.0.0.1:\d+"\],"scopes_supported":\["mcp:tools"\],"bearer_methods_supported":\["header"\]\}$`,
		// The demo's five requests to the MCP endpoint and the three above.
		`^warder_decisions_total\{reason="",resource="http://127.0.0.1:\d+/mcp",result="accepted"\} 4\nwarder_decisions_total\{reason="insufficient_scope",resource="http://127.0.0.1:\d+/mcp",result="denied"\} 2\nwarder_decisions_total\{reason="missing_credentials",resource="http://127.0.0.1:\d+/mcp",result="denied"\} 2\n$`,
	}
	checkCommands(t, export, curls, want)
}

// printedCommands runs the program until the end of the test, compares its instructions with a
// file, and returns the commands in them.
func printedCommands(t *testing.T, args []string, file string) (export string, curls []string) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan int, 1)
	started := make(chan *servers, 1)
	go func() { ended <- run(ctx, args, in, io.Discard, func(s *servers) { started <- s }) }()
	t.Cleanup(func() {
		cancel()
		if status := <-ended; status != 0 {
			t.Errorf("after Ctrl-C: got status %d, want 0", status)
		}
	})
	text, export, curls := readInstructions(out)
	instructions, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	if got := withPlaceholders(text, <-started); got != string(instructions) {
		t.Errorf("instructions: got\n%s\nwant\n%s", got, instructions)
	}
	return export, curls
}

// checkCommands runs the commands and compares the output of each with an expression.
func checkCommands(t *testing.T, export string, curls, want []string) {
	t.Helper()
	if len(curls) != len(want) {
		t.Fatalf("got %d curl commands, want %d: %q", len(curls), len(want), curls)
	}
	for i, curl := range curls {
		got, err := exec.CommandContext(t.Context(), "sh", "-c", export+"\n"+curl).Output()
		if err != nil || !regexp.MustCompile(want[i]).Match(got) {
			t.Errorf("%s\n got %v %s\nwant %s", curl, err, got, want[i])
		}
	}
}

// readInstructions reads the program's output up to the end of the instructions. It
// returns their text, and the commands in it.
func readInstructions(out io.Reader) (text, export string, curls []string) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if text != "" || strings.HasPrefix(line, firstInstruction) {
			text += lines.Text() + "\n"
		}
		switch {
		case strings.HasPrefix(line, "export TOKEN="):
			export = line
		case strings.HasPrefix(line, "curl "):
			curls = append(curls, line)
		case strings.HasPrefix(line, lastInstruction):
			return text, export, curls
		}
	}
	return text, export, curls
}
