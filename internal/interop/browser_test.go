package interop_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Environment variables that .ci/interop sets for the tests with a browser.
const (
	browseVariable    = "WARDER_BROWSE"    // the program .ci/interop.d/browser/browse.mjs, in the folder of its packages
	chromiumVariable  = "WARDER_CHROMIUM"  // the browser that browse.mjs controls
	inspectorVariable = "WARDER_INSPECTOR" // MCP Inspector, version 2
	picturesVariable  = "WARDER_PICTURES"  // the folder for screenshots
)

// Pages of a real browser call examples/server. The test checks what a page can read of
// each response, and whether the server received and rejected a request.
func TestBrowserPages(t *testing.T) {
	b := startBrowser(t)
	mcp := serveProgram(t, exampleServer(t), "-listen", "127.0.0.1:0", "-issuer", startProvider(t).issuer, "-scopes", "mcp:read", "-allow-origin", b.Origin)
	server := strings.TrimSuffix(mcp, "/mcp")
	metadata := server + "/.well-known/oauth-protected-resource/mcp"
	_, port, _ := strings.Cut(strings.TrimPrefix(server, "http://"), ":")
	rebound := "http://rebound.example:" + port // a DNS rebinding attack: that name resolves to the server's address
	type fields map[string]string
	post := func(mode string, headers fields) map[string]any {
		return map[string]any{"method": "POST", "mode": mode, "headers": headers, "body": `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`}
	}
	// All header fields of MCP, of the revisions up to 2025-11-25 and of 2026-07-28, and a DPoP proof.
	all := fields{
		"Authorization": "Bearer x", "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list", "Mcp-Name": "x", "Mcp-Session-Id": "s", "Last-Event-ID": "1", "DPoP": "x",
	}
	plain := fields{"Content-Type": "text/plain"} // a request that browsers send without a preflight
	const (
		noToken    = `401 {"jsonrpc":"2.0","id":null,"error":{"code":401,"message":"Authorization is required. Log in, or configure the client with an access token for this server","data":{"error_description":"Authorization is required","scope":"mcp:read"}}} Bearer resource_metadata="SERVER/.well-known/oauth-protected-resource/mcp", scope="mcp:read"`
		noTokenGet = `401 {"error_description":"Authorization is required"} Bearer resource_metadata="SERVER/.well-known/oauth-protected-resource/mcp", scope="mcp:read"`
		invalid    = `401 {"jsonrpc":"2.0","id":null,"error":{"code":401,"message":"The access token is invalid. Log in again","data":{"error":"invalid_token","error_description":"The access token is invalid","scope":"mcp:read"}}} Bearer resource_metadata="SERVER/.well-known/oauth-protected-resource/mcp", scope="mcp:read", error="invalid_token", error_description="The access token is invalid"`
		badOrigin  = `403 {"jsonrpc":"2.0","id":null,"error":{"code":403,"message":"Requests from pages of this origin are not accepted. Ask the operator of this server to allow the origin","data":{"error_description":"Requests from pages of this origin are not accepted"}}}`
	)
	metadataBody := "200 " + strings.ReplaceAll(get(t, metadata), server, "SERVER")
	for _, row := range []struct {
		name     string
		visit    string
		frame    bool
		url      string
		options  map[string]any
		reads    string
		rejected int // requests rejected for their origin; 0 if the preflight failed and the browser sent no request
	}{
		{"allowed page, no token", b.Origin + "/blank", false, mcp, post("cors", fields{"Content-Type": "application/json"}), noToken, 0},
		{"allowed page, all MCP header fields, invalid token", b.Origin + "/blank", false, mcp, post("cors", all), invalid, 0},
		{"allowed page, GET", b.Origin + "/blank", false, mcp, map[string]any{"headers": fields{"Mcp-Session-Id": "s"}}, noTokenGet, 0},
		{"allowed page, DELETE", b.Origin + "/blank", false, mcp, map[string]any{"method": "DELETE"}, noTokenGet, 0},
		{"allowed page, metadata with MCP header fields", b.Origin + "/blank", false, metadata, map[string]any{"headers": fields{"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "x", "Mcp-Name": "x"}}, metadataBody, 0},
		{"page of another loopback origin, no token", b.Loopback + "/blank", false, mcp, post("cors", fields{"Content-Type": "application/json"}), noToken, 0}, // allowed, because the server is at a loopback address
		{"other page, no token", b.Other + "/blank", false, mcp, post("cors", fields{"Content-Type": "application/json"}), "TypeError", 0},
		{"other page, all MCP header fields", b.Other + "/blank", false, mcp, post("cors", all), "TypeError", 0},
		{"other page, no preflight", b.Other + "/blank", false, mcp, post("cors", plain), "TypeError", 1},
		{"other page, mode no-cors", b.Other + "/blank", false, mcp, post("no-cors", plain), "opaque", 1},
		{"other page, metadata", b.Other + "/blank", false, metadata, nil, metadataBody, 0},
		{"other page, metadata with MCP header fields", b.Other + "/blank", false, metadata, map[string]any{"headers": fields{"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "x", "Mcp-Name": "x"}}, metadataBody, 0},
		{"sandboxed frame of an allowed page", b.Origin + "/blank", true, mcp, post("no-cors", plain), "opaque", 1},
		{"page of a rebound host name", rebound + "/healthz", false, rebound + "/mcp", post("cors", all), badOrigin, 1},
		{"page of a rebound host name, GET", rebound + "/healthz", false, rebound + "/mcp", nil, noTokenGet, 0}, // browsers send no Origin with a same-origin GET, so the missing token is reported
	} {
		before := rejectedOrigins(t, server)
		var got struct {
			Type, Body, Challenge, Error string
			Status                       int
		}
		b.command(map[string]any{"visit": row.visit, "frame": row.frame, "fetch": []any{row.url, row.options}}, &got)
		reads := got.Error
		if got.Type == "opaque" {
			reads = "opaque"
		} else if reads == "" {
			reads = strings.TrimSpace(strconv.Itoa(got.Status) + " " + strings.TrimSpace(got.Body) + " " + got.Challenge)
		}
		reads = strings.ReplaceAll(reads, server, "SERVER")
		if reads != row.reads {
			t.Errorf("%s:\n got %s\nwant %s", row.name, reads, row.reads)
		}
		n := rejectedOrigins(t, server) - before
		check(t, "Chromium, "+row.name, summarize(row.reads)+originSuffix(row.rejected), summarize(reads)+originSuffix(n))
	}
}

// summarize shortens a response for the table.
func summarize(response string) string {
	status, rest, _ := strings.Cut(response, " ")
	if strings.Contains(rest, "Bearer ") {
		return "reads " + status + " and the challenge"
	}
	return "reads " + status
}

func originSuffix(n int) string {
	if n == 0 {
		return ""
	}
	return ", rejected for its origin"
}

// rejectedOrigins returns how many requests the server has rejected for their origin.
func rejectedOrigins(t *testing.T, server string) int {
	t.Helper()
	for line := range strings.Lines(get(t, server+"/metrics")) {
		if strings.HasPrefix(line, "warder_decisions_total{") && strings.Contains(line, `reason="origin"`) {
			n, err := strconv.Atoi(strings.Fields(line)[1])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no series for rejected origins")
	return 0
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// MCP Inspector in a browser starts with only the server's URL, logs in and calls a tool:
// once from the page itself and once through the Inspector's backend. oidc-provider answers
// no preflight for its registration endpoint, so the page needs a preregistered client.
func TestInspectorInBrowser(t *testing.T) {
	b := startBrowser(t)
	p := startProvider(t)
	mcp := serveProgram(t, exampleServer(t), "-listen", "127.0.0.1:0", "-issuer", p.issuer, "-scopes", "mcp:read", "-allow-origin", b.Origin)
	p.command(map[string]any{"resource": map[string]any{"id": mcp}})
	p.command(map[string]any{"client": map[string]any{
		"client_id": "inspector", "token_endpoint_auth_method": "none", "redirect_uris": []string{b.Origin + "/oauth/callback"},
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
	}})
	want := "You are alice of " + p.issuer + "; your token grants mcp:read."
	for _, row := range []struct {
		name    string
		command map[string]any
	}{
		{"MCP Inspector 1 in Chromium, direct from the page", map[string]any{"direct": mcp, "client": "inspector"}},
		{"MCP Inspector 2 in Chromium, through its backend", map[string]any{"backend": mcp}},
	} {
		var got struct{ Text, Failed string }
		b.command(row.command, &got)
		if got.Text != want {
			t.Errorf("%s: got %q %s", row.name, got.Text, got.Failed)
		}
		check(t, row.name, "login, tool result", map[bool]string{true: "login, tool result", false: "different result"}[got.Text == want])
	}
}

func exampleServer(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "server")
	build(t, "../../examples", "-o", program, "./server")
	return program
}

// A browser is a process of browse.mjs. Origin, Loopback and Other are the origins of its pages.
type browser struct {
	Origin, Loopback, Other string

	t       *testing.T
	process *exec.Cmd
	stdin   io.Writer
	replies *bufio.Scanner
	stderr  lockedBuffer
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	if os.Getenv(browseVariable) == "" {
		t.Skipf("Skipped: %s is not set. Run .ci/interop, which needs Node, npm and Chromium.", browseVariable)
	}
	b := &browser{t: t}
	pictures := os.Getenv(picturesVariable)
	if pictures == "" {
		pictures = t.TempDir()
	}
	b.process = exec.Command("node", os.Getenv(browseVariable), os.Getenv(chromiumVariable), os.Getenv(inspectorVariable), pictures)
	b.process.Stderr = &b.stderr
	in, err := b.process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	b.stdin = in
	out, err := b.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	b.replies = bufio.NewScanner(out)
	b.replies.Buffer(nil, 1<<20)
	if err := b.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		late := time.AfterFunc(timeout, func() { _ = b.process.Process.Kill() })
		defer late.Stop()
		_ = in.Close() // browse.mjs then closes the browser and exits
		_ = b.process.Wait()
		if t.Failed() {
			t.Logf("stderr of browse.mjs:\n%s", &b.stderr)
		}
	})
	b.readReply(b)
	return b
}

// command sends a command and decodes its reply into into.
func (b *browser) command(command, into any) {
	b.t.Helper()
	line, err := json.Marshal(command)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.stdin.Write(append(line, '\n')); err != nil {
		b.t.Fatalf("write to browse.mjs: %v\n%s", err, &b.stderr)
	}
	b.readReply(into)
}

func (b *browser) readReply(into any) {
	b.t.Helper()
	late := time.AfterFunc(4*timeout, func() { _ = b.process.Process.Kill() }) // browse.mjs applies the timeout to each of several steps
	defer late.Stop()
	if !b.replies.Scan() {
		b.t.Fatalf("no reply from browse.mjs:\n%s", &b.stderr)
	}
	if err := json.Unmarshal(b.replies.Bytes(), into); err != nil {
		b.t.Fatalf("reply of browse.mjs: %q: %v", b.replies.Bytes(), err)
	}
}
