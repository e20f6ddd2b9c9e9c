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

// Where .ci/interop says what it has brought for browsers.
const (
	browseVariable    = "WARDER_BROWSE"    // the program .ci/interop.d/browser/browse.mjs, beside what it imports
	chromiumVariable  = "WARDER_CHROMIUM"  // the browser that it drives
	inspectorVariable = "WARDER_INSPECTOR" // MCP Inspector, version 2
	picturesVariable  = "WARDER_PICTURES"  // a folder for screenshots
)

// Pages of a real browser, in front of examples/server: what they may do, what they can
// read of the answers, and what came to the server at all.
func TestPagesOfABrowser(t *testing.T) {
	b := startBrowser(t)
	mcp := serveProgram(t, exampleServer(t), "-listen", "127.0.0.1:0", "-issuer", startProvider(t).issuer, "-scopes", "mcp:read", "-allow-origin", b.Origin)
	server := strings.TrimSuffix(mcp, "/mcp")
	metadata := server + "/.well-known/oauth-protected-resource/mcp"
	_, port, _ := strings.Cut(strings.TrimPrefix(server, "http://"), ":")
	rebound := "http://rebound.example:" + port // the owner of that name has made it lead here
	type fields map[string]string
	post := func(mode string, headers fields) map[string]any {
		return map[string]any{"method": "POST", "mode": mode, "headers": headers, "body": `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`}
	}
	// Each field that MCP has, up to 2025-11-25 and in 2026-07-28.
	all := fields{
		"Authorization": "Bearer x", "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list", "Mcp-Name": "x", "Mcp-Session-Id": "s", "Last-Event-ID": "1",
	}
	plain := fields{"Content-Type": "text/plain"} // for which no browser asks beforehand
	const (
		bare    = `401 {"error_description":"Authorization is required"} Bearer resource_metadata="SERVER/.well-known/oauth-protected-resource/mcp", scope="mcp:read"`
		invalid = `401 {"error":"invalid_token","error_description":"The access token is invalid"} Bearer resource_metadata="SERVER/.well-known/oauth-protected-resource/mcp", scope="mcp:read", error="invalid_token", error_description="The access token is invalid"`
		refused = `403 {"error_description":"Requests of pages of this Origin are not accepted"}`
	)
	document := "200 " + strings.ReplaceAll(get(t, metadata), server, "SERVER")
	for _, row := range []struct {
		name    string
		visit   string
		frame   bool
		url     string
		options map[string]any
		reads   string
		refused int // for their origin: 0 where the browser asked beforehand, and then sent nothing
	}{
		{"allowed page, no token", b.Origin + "/blank", false, mcp, post("cors", fields{"Content-Type": "application/json"}), bare, 0},
		{"allowed page, every field of MCP, bad token", b.Origin + "/blank", false, mcp, post("cors", all), invalid, 0},
		{"allowed page, GET", b.Origin + "/blank", false, mcp, map[string]any{"headers": fields{"Mcp-Session-Id": "s"}}, bare, 0},
		{"allowed page, DELETE", b.Origin + "/blank", false, mcp, map[string]any{"method": "DELETE"}, bare, 0},
		{"allowed page, metadata with fields of MCP", b.Origin + "/blank", false, metadata, map[string]any{"headers": fields{"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "x", "Mcp-Name": "x"}}, document, 0},
		{"other page, no token", b.Other + "/blank", false, mcp, post("cors", fields{"Content-Type": "application/json"}), "TypeError", 0},
		{"other page, every field of MCP", b.Other + "/blank", false, mcp, post("cors", all), "TypeError", 0},
		{"other page, without asking beforehand", b.Other + "/blank", false, mcp, post("cors", plain), "TypeError", 1},
		{"other page, without wanting to read", b.Other + "/blank", false, mcp, post("no-cors", plain), "opaque", 1},
		{"other page, metadata", b.Other + "/blank", false, metadata, nil, document, 0},
		{"sandboxed frame of an allowed page", b.Origin + "/blank", true, mcp, post("no-cors", plain), "opaque", 1},
		{"page of a name rebound to the server", rebound + "/healthz", false, rebound + "/mcp", post("cors", all), refused, 1},
		{"page of a name rebound to the server, GET", rebound + "/healthz", false, rebound + "/mcp", nil, bare, 0}, // no Origin: the token decides
	} {
		before := refusedOrigins(t, server)
		var got struct {
			Type, Body, Challenge, Error string
			Status                       int
		}
		b.tell(map[string]any{"visit": row.visit, "frame": row.frame, "fetch": []any{row.url, row.options}}, &got)
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
		n := refusedOrigins(t, server) - before
		check(t, "Chromium, "+row.name, short(row.reads)+refusals(row.refused), short(reads)+refusals(n))
	}
}

// short is how an answer stands in the table.
func short(answer string) string {
	status, rest, _ := strings.Cut(answer, " ")
	if strings.Contains(rest, "Bearer ") {
		return "reads " + status + " and the challenge"
	}
	return "reads " + status
}

func refusals(n int) string {
	if n == 0 {
		return ""
	}
	return ", refused for its origin"
}

// refusedOrigins is how many requests the server has refused for their origin.
func refusedOrigins(t *testing.T, server string) int {
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
	t.Fatal("no series of refused origins")
	return 0
}

func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// MCP Inspector in a browser, from a bare URL through the login to a tool's answer: once
// the page calls the server itself, once through the Inspector's backend. oidc-provider
// answers no preflight of its registration, so that a page needs a client from before.
func TestInspectorInABrowser(t *testing.T) {
	b := startBrowser(t)
	p := startProvider(t)
	mcp := serveProgram(t, exampleServer(t), "-listen", "127.0.0.1:0", "-issuer", p.issuer, "-scopes", "mcp:read", "-allow-origin", b.Origin)
	p.tell(map[string]any{"resource": map[string]any{"id": mcp}})
	p.tell(map[string]any{"client": map[string]any{
		"client_id": "inspector", "token_endpoint_auth_method": "none", "redirect_uris": []string{b.Origin + "/oauth/callback"},
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
	}})
	want := "You are alice of " + p.issuer + "; your token grants mcp:read."
	for _, row := range []struct {
		name    string
		command map[string]any
	}{
		{"MCP Inspector 1 in Chromium, page to server", map[string]any{"direct": mcp, "client": "inspector"}},
		{"MCP Inspector 2 in Chromium, by its backend", map[string]any{"backend": mcp}},
	} {
		var got struct{ Said, Failed string }
		b.tell(row.command, &got)
		if got.Said != want {
			t.Errorf("%s: got %q %s", row.name, got.Said, got.Failed)
		}
		check(t, row.name, "login, tool answers", map[bool]string{true: "login, tool answers", false: "otherwise"}[got.Said == want])
	}
}

func exampleServer(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "server")
	build(t, "../../examples", "-o", program, "./server")
	return program
}

// A browser is a process of browse.mjs.
type browser struct {
	Origin, Other string // of its pages

	t       *testing.T
	process *exec.Cmd
	stdin   io.Writer
	answers *bufio.Scanner
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
	b.answers = bufio.NewScanner(out)
	b.answers.Buffer(nil, 1<<20)
	if err := b.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		late := time.AfterFunc(patience, func() { _ = b.process.Process.Kill() })
		defer late.Stop()
		_ = in.Close() // at which it ends, and the browser with it
		_ = b.process.Wait()
		if t.Failed() {
			t.Logf("browse.mjs wrote:\n%s", &b.stderr)
		}
	})
	b.answer(b)
	return b
}

func (b *browser) tell(command, into any) {
	b.t.Helper()
	line, err := json.Marshal(command)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.stdin.Write(append(line, '\n')); err != nil {
		b.t.Fatalf("browse.mjs is gone: %v\n%s", err, &b.stderr)
	}
	b.answer(into)
}

func (b *browser) answer(into any) {
	b.t.Helper()
	late := time.AfterFunc(4*patience, func() { _ = b.process.Process.Kill() }) // it waits for several things itself
	defer late.Stop()
	if !b.answers.Scan() {
		b.t.Fatalf("browse.mjs said nothing:\n%s", &b.stderr)
	}
	if err := json.Unmarshal(b.answers.Bytes(), into); err != nil {
		b.t.Fatalf("browse.mjs said %q: %v", b.answers.Bytes(), err)
	}
}
