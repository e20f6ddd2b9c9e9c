package gate_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

var pythonAddress = regexp.MustCompile(`running on (http://127\.0\.0\.1:[0-9]+)`)

// servePython runs an MCP server of the official Python SDK and returns its URL.
func servePython(t *testing.T, python, transport string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	command := exec.CommandContext(ctx, python, "testdata/server.py", transport)
	output, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait() // returns an error because the process was killed
	})
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if match := pythonAddress.FindStringSubmatch(lines.Text()); match != nil {
			go func() { _, _ = io.Copy(io.Discard, output) }()
			return match[1]
		}
	}
	t.Fatal("the Python server has not started")
	return ""
}

// An MCP server of the Python SDK that knows nothing of OAuth works behind the gate, with both
// transports and with a client of the same SDK.
func TestPythonServer(t *testing.T) {
	python := os.Getenv("WARDER_PYTHON_1")
	if python == "" {
		t.Skip("Skipped: WARDER_PYTHON_1 is not set. .ci/interop sets it to a Python with the MCP SDK.")
	}
	streamable, sse := servePython(t, python, "streamable-http"), servePython(t, python, "sse")
	f := newFixture(t, options{upstreams: fmt.Sprintf(`- name: streamable
  url: %s/mcp
  bind_sessions: true
  identity_headers: {X-User: subject}
  authorization: {issuer_url: "https://auth.example.test", resource_server_url: "https://mcp.example.test/mcp", tool_scopes: {add: [mcp:run]}}
- name: sse
  url: %s/sse
  extra_paths: [/messages]
  bind_sessions: true
  identity_headers: {X-User: subject}
  authorization: {issuer_url: "https://auth.example.test", resource_server_url: "https://mcp.example.test/sse", tool_scopes: {add: [mcp:run]}}
`, streamable, sse)}.text(""))
	f.run()
	for transport, path := range map[string]string{"streamable-http": "/mcp", "sse": "/sse"} {
		t.Run(transport, func(t *testing.T) {
			token := f.issuer.Token(resourcetest.Token{Audience: "https://mcp.example.test" + path, Scope: "mcp:run"})
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			output, err := exec.CommandContext(ctx, python, "testdata/client.py", transport, "http://"+f.public+path, token).CombinedOutput()
			const want = "tools ['add', 'count', 'who']\nadd 5\ncount counted 3\nwho alice none\n"
			if err != nil || string(output) != want {
				t.Errorf("%v (-want +got)\n- %s\n+ %s\n%s", err, want, output, f.log)
			}
		})
	}
}
