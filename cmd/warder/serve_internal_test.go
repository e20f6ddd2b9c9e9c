package main

import (
	"bufio"
	"context"
	"io"
	stdlog "log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// gateFile writes a gate.yaml with one upstream.
func gateFile(t *testing.T, listen string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gate.yaml")
	text := "listen: " + listen + "\nshutdown: {delay_seconds: 0}\nupstreams:\n- name: a\n  url: http://127.0.0.1:1/mcp\n" +
		"  authorization: {issuer_url: \"https://auth.example.com\", resource_server_url: \"https://mcp.example.com/mcp\"}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A mistake in the file has exit status 2, and a port that is in use has 1.
func TestServeFaults(t *testing.T) {
	wrong := gateFile(t, "nowhere")
	if got := runWith(t, "", "serve", "-config", wrong); got != (ran{2, "", "warder: gate: " + wrong + ":1: listen: is not host:port with a port number\n"}) {
		t.Errorf("got %+v", got)
	}
	if got := runWith(t, "", "serve"); got.status != 2 || !strings.Contains(got.errs, `"config"`) {
		t.Errorf("got %+v", got)
	}
	if got := runWith(t, "", "serve", "-config", gateFile(t, "192.0.2.1:1")); got.status != 1 || !strings.Contains(got.errs, "warder: serve: gate: listen: ") {
		t.Errorf("got %+v", got)
	}
}

// The command serves until its context ends, and reads the files again at SIGHUP. What net/http writes
// to package log, which can be text of an upstream, is not shown.
func TestServe(t *testing.T) {
	before, shown := slog.Default(), new(strings.Builder)
	stdlog.SetOutput(shown)
	t.Cleanup(func() {
		slog.SetDefault(before)
		stdlog.SetOutput(os.Stderr)
	})
	file := gateFile(t, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reader, writer := io.Pipe()
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"warder", "serve", "-config", file}, streams{strings.NewReader(""), io.Discard, writer})
		_ = writer.Close()
	}()
	var log []string
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		log = append(log, lines.Text())
		switch text := lines.Text(); {
		case strings.Contains(text, "msg=serving"):
			stdlog.Print("text of an upstream")
			if err := os.WriteFile(file, []byte("listen: 127.0.0.1:1\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		case strings.Contains(text, "not all files are applied"):
			cancel()
		}
	}
	if got := <-status; got != 0 || ctx.Err() == nil || shown.Len() > 0 || strings.Contains(strings.Join(log, "\n"), "text of an upstream") {
		t.Errorf("got status %d and %q", got, log)
	}
}
