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
	sdk1 = clientProgram{name: "sdk 1.32.2", open: script("sdk1.mjs"), ttl: 5, exceptions: map[string]exception{
		stepUpRefresh: {
			"write: Error: Streamable HTTP error: Server returned 403 after trying upscoping",
			"If it has a refresh token it answers a 403 with a refresh, which grants no new scope.",
		},
		stepUpDynamic: {"write: login: the authorization server returned invalid_scope", registeredForLess},
		dpopRequired:  {"whoami: Error: Streamable HTTP error: Server returned 401 after successful authentication, 1 logins", lacksDPoP},
	}}
	sdk2 = clientProgram{name: "client 2.4.0", open: script("sdk2.mjs"), ttl: 5, exceptions: map[string]exception{
		serverMetadataOnly: {
			`whoami: IssuerMismatchError: Issuer mismatch in authorization server metadata (RFC 8414 §3.3): expected "http://HOST/", received "http://HOST"`,
			rejectsIssuer,
		},
		stepUpDynamic: {"write: login: the authorization server returned invalid_scope", registeredForLess},
		dpopRequired:  {"whoami: SdkHttpError: Server returned 401 after re-authentication, 1 logins", "It uses DPoP only if the program implements OAuthClientProvider.dpop: see the other table."},
	}}
	mcpRemote = clientProgram{name: "mcp-remote 0.15.1", open: openMCPRemote, ttl: 5, exceptions: map[string]exception{
		serverMetadataOnly: {`whoami: connect: connection closed: calling "initialize": client is closing: EOF`, rejectsIssuer},
		stepUpDynamic: {
			`write: calling "tools/call": mcp-remote: Authorization failed: invalid_scope - requested scope is not allowed`,
			registeredForLess,
		},
		dpopRequired: {`whoami: connect: connection closed: calling "initialize": client is closing: EOF, 2 logins`, lacksDPoP},
	}}
	inspector = clientProgram{name: "inspector 2.12.0", open: openInspector, ttl: 5, exceptions: map[string]exception{
		serverMetadataOnly: {
			`whoami: {"error":{"code":"error","message":"Issuer mismatch in authorization server metadata (RFC 8414 §3.3): expected \"http://HOST/\", received \"http://HOST\""}}`,
			rejectsIssuer,
		},
		stepUpDynamic: {
			`write: {"error":{"code":"auth_required","message":"Unauthorized"}}`,
			"It registers for the scopes in the metadata, and the server then grants it no others.",
		},
		publicTool:   {"search: 1 logins", "It sends logging/setLevel, which cannot be public, before anything else."},
		dpopRequired: {`whoami: {"error":{"code":"auth_required","message":"MCP auth challenge (401)","status":401}}, 1 logins`, lacksDPoP},
	}}
)

const rejectsIssuer = "It requires that the issuer equals the URL of the server at which it found the metadata (RFC 8414 §3.3)."

const lacksDPoP = "It does not support DPoP."

const registeredForLess = "It registers for the scopes in the first challenge, and the server then grants it no others."

// installed returns the path of a file in the folder of the provider, where .ci/interop
// installs the npm packages.
func installed(name string) string {
	return filepath.Join(filepath.Dir(os.Getenv(providerVariable)), filepath.FromSlash(name))
}

// node returns a command with a separate home directory. BROWSER=true keeps it from
// opening a browser.
func node(ctx context.Context, home string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, "node", arguments...)
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, "BROWSER=true",
		"MCP_REMOTE_CONFIG_DIR=" + home, "MCP_AUTO_OPEN_ENABLED=true", "MCP_INSPECTOR_SECRET_STORE=file",
	}
	return command
}

// freeAddress returns the URL of an unused port, at which a client can listen.
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

// loginWatcher reads a client's standard error and completes the login when the client
// prints an authorization URL.
type loginWatcher struct {
	lockedBuffer
	ctx  context.Context
	user *user
	line []byte
}

func (w *loginWatcher) Write(p []byte) (int, error) {
	w.line = append(w.line, p...)
	for {
		line, rest, ok := bytes.Cut(w.line, []byte("\n"))
		if !ok {
			break
		}
		w.line = rest
		if address := authorization.Find(line); address != nil {
			go func() {
				if err := w.user.authorizeAndReturn(w.ctx, string(address)); err != nil {
					_, _ = w.lockedBuffer.Write([]byte("login: " + err.Error() + "\n"))
				}
			}()
		}
	}
	return w.lockedBuffer.Write(p)
}

// openMCPRemote starts mcp-remote, which is an MCP server on standard input and output.
func openMCPRemote(t *testing.T, s clientSettings) mcpClient {
	t.Helper()
	u, err := url.Parse(s.redirect)
	if err != nil {
		t.Fatal(err)
	}
	arguments := []string{installed("node_modules/mcp-remote/dist/proxy.js"), s.url, u.Port(), "--host", "127.0.0.1", "--transport", "http-only"}
	switch s.registration {
	case document:
		arguments = append(arguments, "--client-metadata-url", s.clientID)
	case preregistered:
		arguments = append(arguments, "--static-oauth-client-info", `{"client_id":"`+s.clientID+`"}`)
	}
	command := node(t.Context(), t.TempDir(), arguments...)
	stderr := &loginWatcher{ctx: t.Context(), user: s.user}
	command.Stderr = stderr
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("stderr of mcp-remote:\n%s", stderr)
		}
	})
	return &goSDKClient{t: t, transport: &mcp.CommandTransport{Command: command}}
}

// inspectorClient is the Inspector's command line. It runs once per call and keeps its
// tokens in its home directory.
type inspectorClient struct {
	t        *testing.T
	settings clientSettings
	home     string
}

func openInspector(t *testing.T, s clientSettings) mcpClient {
	t.Helper()
	return &inspectorClient{t, s, t.TempDir()}
}

func (c *inspectorClient) call(tool string) (string, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), timeout)
	defer cancel()
	arguments := []string{
		installed("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"), "--cli",
		"--server-url", c.settings.url, "--transport", "http", "--callback-url", c.settings.redirect, "--format", "json",
		"--method", "tools/call", "--tool-name", tool,
	}
	switch c.settings.registration {
	case document:
		arguments = append(arguments, "--client-metadata-url", c.settings.clientID)
	case preregistered:
		arguments = append(arguments, "--client-id", c.settings.clientID)
	}
	command := node(ctx, c.home, arguments...)
	stderr := &loginWatcher{ctx: ctx, user: c.settings.user}
	command.Stderr = stderr
	command.Stdin = strings.NewReader("y\n") // confirms the request for further scopes
	stdout, err := command.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		return "", errors.New(lines[len(lines)-1])
	}
	var reply struct {
		Result struct {
			Content []struct{ Text string }
		}
	}
	if err := json.Unmarshal(stdout, &reply); err != nil || len(reply.Result.Content) != 1 {
		return "", errors.New("unexpected output: " + string(stdout))
	}
	return reply.Result.Content[0].Text, nil
}
