package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

var (
	sdk1 = program{name: "sdk 1.32.2", open: script("sdk1.mjs"), ttl: 5, exceptions: map[string]exception{
		stepUpRefresh: {
			"write: Error: Streamable HTTP error: Server returned 403 after trying upscoping",
			"With a refresh token it answers a 403 by a refresh, which grants no new scope.",
		},
		stepUpDynamic: {"write: login: the authorization server says invalid_scope", registeredForLess},
	}}
	sdk2 = program{name: "client 2.4.0", open: script("sdk2.mjs"), ttl: 5, exceptions: map[string]exception{
		stepUpDynamic: {"write: login: the authorization server says invalid_scope", registeredForLess},
	}}
	mcpRemote = program{name: "mcp-remote 0.15.1", open: openMCPRemote, ttl: 5, exceptions: map[string]exception{
		stepUpDynamic: {
			`write: calling "tools/call": mcp-remote: Authorization failed: invalid_scope - requested scope is not allowed`,
			registeredForLess,
		},
	}}
	inspector = program{name: "inspector 2.12.0", open: openInspector, ttl: 5, exceptions: map[string]exception{
		stepUpDynamic: {
			`write: {"error":{"code":"auth_required","message":"Unauthorized"}}`,
			"It registers for the scopes that the metadata names, and the server then grants it no others.",
		},
	}}
)

const registeredForLess = "It registers for the scopes of the first challenge, and the server then grants it no others."

// installed returns the name of a file beside the provider, where .ci/interop has put
// what comes from npm.
func installed(name string) string {
	return filepath.Join(filepath.Dir(os.Getenv(providerVariable)), filepath.FromSlash(name))
}

// node returns a command that runs in a home of its own, where no browser opens.
func node(ctx context.Context, home string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, "node", arguments...)
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, "BROWSER=true",
		"MCP_REMOTE_CONFIG_DIR=" + home, "MCP_AUTO_OPEN_ENABLED=true", "MCP_INSPECTOR_SECRET_STORE=file",
	}
	return command
}

// freeAddress returns a URL at which nothing listens, for a client to listen at.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return "http://" + listener.Addr().String()
}

var (
	addresses     = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	authorization = regexp.MustCompile(`http://127\.0\.0\.1:\d+/auth\?\S+`)
)

// watch is a client's standard error, on which it asks the person to go to a page.
type watch struct {
	lockedBuffer
	ctx    context.Context
	person *person
	line   []byte
}

func (w *watch) Write(p []byte) (int, error) {
	w.line = append(w.line, p...)
	for {
		line, rest, ok := bytes.Cut(w.line, []byte("\n"))
		if !ok {
			break
		}
		w.line = rest
		if address := authorization.Find(line); address != nil {
			go func() {
				if err := w.person.visitAll(w.ctx, string(address)); err != nil {
					_, _ = w.lockedBuffer.Write([]byte("the person: " + err.Error() + "\n"))
				}
			}()
		}
	}
	return w.lockedBuffer.Write(p)
}

// openMCPRemote: mcp-remote is an MCP server on standard input and output.
func openMCPRemote(t *testing.T, v visit) caller {
	t.Helper()
	u, err := url.Parse(v.redirect)
	if err != nil {
		t.Fatal(err)
	}
	arguments := []string{installed("node_modules/mcp-remote/dist/proxy.js"), v.url, u.Port(), "--host", "127.0.0.1", "--transport", "http-only"}
	switch v.registration {
	case document:
		arguments = append(arguments, "--client-metadata-url", v.clientID)
	case known:
		arguments = append(arguments, "--static-oauth-client-info", `{"client_id":"`+v.clientID+`"}`)
	}
	command := node(t.Context(), t.TempDir(), arguments...)
	stderr := &watch{ctx: t.Context(), person: v.person}
	command.Stderr = stderr
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("mcp-remote wrote:\n%s", stderr)
		}
	})
	return &goSDKCaller{t: t, transport: &mcp.CommandTransport{Command: command}}
}

// inspectorCaller is the Inspector's command line: one run for each call, and what it
// keeps in its home.
type inspectorCaller struct {
	t     *testing.T
	visit visit
	home  string
}

func openInspector(t *testing.T, v visit) caller {
	t.Helper()
	return &inspectorCaller{t, v, t.TempDir()}
}

func (c *inspectorCaller) call(tool string) (string, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	arguments := []string{
		installed("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"), "--cli",
		"--server-url", c.visit.url, "--transport", "http", "--callback-url", c.visit.redirect, "--format", "json",
		"--method", "tools/call", "--tool-name", tool,
	}
	switch c.visit.registration {
	case document:
		arguments = append(arguments, "--client-metadata-url", c.visit.clientID)
	case known:
		arguments = append(arguments, "--client-id", c.visit.clientID)
	}
	command := node(ctx, c.home, arguments...)
	stderr := &watch{ctx: ctx, person: c.visit.person}
	command.Stderr = stderr
	command.Stdin = strings.NewReader("y\n") // it asks before it asks for more
	stdout, err := command.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		return "", errors.New(lines[len(lines)-1])
	}
	var said struct {
		Result struct {
			Content []struct{ Text string }
		}
	}
	if err := json.Unmarshal(stdout, &said); err != nil || len(said.Result.Content) != 1 {
		return "", errors.New("answer: " + string(stdout))
	}
	return said.Result.Content[0].Text, nil
}
