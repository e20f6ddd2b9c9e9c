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

// TestMain allows the test binary to run as the server process, as the program does.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "-serve" {
		runServerProcess()
		return
	}
	os.Exit(m.Run())
}

// Everything runs briefly, and every target has a figure. The test does not check the
// figures, which depend on the other load of the machine.
func TestSmoke(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: running all benchmarks takes about ten seconds")
	}
	folder := t.TempDir()
	r := measureAll(t.Context(), newPlan(true))
	writeReport(folder, r)
	if calls := r.introspection[1].calls; calls != 100 {
		t.Errorf("introspection of 100 tokens: got %d calls, want 100", calls)
	}
	report, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	plots, _ := filepath.Glob(filepath.Join(folder, "*.svg"))
	if linked := strings.Count(string(report), ".svg)"); linked != len(plots) || linked < 4 {
		t.Errorf("the report links %d plots; the folder has %d", linked, len(plots))
	}
}

// A short soak without key rotation accepts valid tokens and rejects invalid ones.
func TestSoakSmoke(t *testing.T) {
	var out strings.Builder
	soak(t.Context(), 500*time.Millisecond, time.Hour, 200*time.Millisecond, &out)
	if lines := strings.Count(out.String(), "\n"); lines < 3 {
		t.Errorf("got %d lines, want at least 3:\n%s", lines, out.String())
	}
}

// The load generator returns at least one time per connection, even with a duration of 0.
func TestLoadWithoutTime(t *testing.T) {
	server := httptest.NewServer(toolHandler)
	t.Cleanup(server.Close)
	request := fmt.Appendf(nil, "POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Length: %d\r\n\r\n%s", len(callBody), callBody)
	if took := generateLoad(server.Listener.Addr().String(), load{[][]byte{request}, callAnswer, connections}, 0); len(took) != connections {
		t.Errorf("got %d requests over %d connections", len(took), connections)
	}
}
