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

// After the story the servers go on, and the lines that are printed for pasting work.
func TestInvitation(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl on this machine")
	}
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan int, 1)
	stages := make(chan *stage, 1)
	go func() { ended <- run(ctx, nil, in, io.Discard, func(s *stage) { stages <- s }) }()
	defer func() {
		cancel()
		if status := <-ended; status != 0 {
			t.Errorf("after Ctrl-C: got status %d, want 0", status)
		}
	}()

	var export, text string
	var curls []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if text != "" || strings.HasPrefix(line, "That was ") {
			text += lines.Text() + "\n"
		}
		switch {
		case strings.HasPrefix(line, "export TOKEN="):
			export = line
		case strings.HasPrefix(line, "curl "):
			curls = append(curls, line)
		}
		if strings.HasPrefix(line, "Whenever ") {
			break
		}
	}
	invitation, err := os.ReadFile(filepath.Join("testdata", "invitation.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if got := steady(text, <-stages); got != string(invitation) {
		t.Errorf("invitation: got\n%s\nwant\n%s", got, invitation)
	}
	want := []string{
		`^HTTP/1.1 401 Unauthorized\r\n(.*\r\n)*Www-Authenticate: Bearer resource_metadata="http://127.0.0.1:\d+/.well-known/oauth-protected-resource/mcp", scope="mcp:tools"\r\n`,
		`^\{"jsonrpc":"2.0","id":1,"result":.*"text":"You are alice of http://127.0.0.1:\d+; your token grants mcp:tools."`,
		`^HTTP/1.1 403 Forbidden\r\n(.*\r\n)*Www-Authenticate: Bearer resource_metadata="http://127.0.0.1:\d+/.well-known/oauth-protected-resource/mcp", scope="mcp:tools mcp:admin", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"\r\n`,
		`^\{"resource":"http://127.0.0.1:\d+/mcp","authorization_servers":\["http://127.0.0.1:\d+"\],"scopes_supported":\["mcp:tools"\],"bearer_methods_supported":\["header"\]\}$`,
		// The story's five requests and these three.
		`^warder_decisions_total\{reason="",resource="http://127.0.0.1:\d+/mcp",result="accepted"\} 4\nwarder_decisions_total\{reason="insufficient_scope",resource="http://127.0.0.1:\d+/mcp",result="denied"\} 2\nwarder_decisions_total\{reason="missing_credentials",resource="http://127.0.0.1:\d+/mcp",result="denied"\} 2\n$`,
	}
	if len(curls) != len(want) {
		t.Fatalf("got %d lines for curl, want %d: %q", len(curls), len(want), curls)
	}
	for i, curl := range curls {
		got, err := exec.CommandContext(t.Context(), "sh", "-c", export+"\n"+curl).Output()
		if err != nil || !regexp.MustCompile(want[i]).Match(got) {
			t.Errorf("%s\n got %v %s\nwant %s", curl, err, got, want[i])
		}
	}
}
