package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test's binary be the server under load, as the program's is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "-serve" {
		serveChild()
		return
	}
	os.Exit(m.Run())
}

// Everything runs, briefly, and every target finds its figure. What the figures are is
// not looked at: this machine has other things to do.
func TestSmoke(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the smoke of the benchmarks takes some ten seconds")
	}
	folder := t.TempDir()
	r := measureAll(t.Context(), plan(true))
	write(folder, r)
	if calls := r.introspected[1].calls; calls != 100 {
		t.Errorf("introspection of a hundred tokens took %d calls", calls)
	}
	report, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	plots, _ := filepath.Glob(filepath.Join(folder, "*.svg"))
	if named := strings.Count(string(report), ".svg)"); named != len(plots) || named < 4 {
		t.Errorf("the report names %d plots, and there are %d", named, len(plots))
	}
}

// A short soak, in which no key is rotated: whoever must be accepted is, and nobody else.
func TestSoakSmoke(t *testing.T) {
	var out strings.Builder
	soak(t.Context(), 500*time.Millisecond, time.Hour, 200*time.Millisecond, &out)
	if lines := strings.Count(out.String(), "\n"); lines < 3 {
		t.Errorf("%d lines:\n%s", lines, out.String())
	}
}

// However busy the machine is, there are figures.
func TestLoadOfNoTime(t *testing.T) {
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	request := fmt.Appendf(nil, "POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Length: %d\r\n\r\n%s", len(callBody), callBody)
	if took := fire(server.Listener.Addr().String(), [][]byte{request}, 0); len(took) != connections {
		t.Errorf("%d requests over %d connections", len(took), connections)
	}
}
