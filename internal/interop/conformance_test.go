package interop_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// suiteVariable is the environment variable in which .ci/interop passes the program of the
// official conformance suite. It needs Node 22 or newer in PATH.
const suiteVariable = "WARDER_CONFORMANCE"

// The conformance server of the official Go SDK produces the same results, including the
// same failures, behind each of warder's adapters and behind the gate as without warder.
func TestConformanceUnaffected(t *testing.T) {
	s, program := newSuite(t), buildGate(t)
	for _, revision := range []struct{ date, mode string }{
		{"2025-11-25", "stateful"},
		{"2026-07-28", "stateless"},
	} {
		unprotected := s.run(t, "none", revision.date, revision.mode)
		// Some checks pass even if the suite cannot reach the server.
		if passed := unprotected.count("SUCCESS"); passed < 80 {
			t.Fatalf("%s: %d checks passed without warder, want at least 80: is the server reachable?", revision.date, passed)
		}
		adapters, gates := []string{"nethttp, sessions", "nethttp, rules", "nethttp, late challenges", "mcpsdk, rules and lock", "echoadapter, rules"}, conformanceGates(revision.mode)
		if testing.Short() {
			adapters, gates = adapters[2:4], gates[1:] // those that read operations
		}
		for _, adapter := range adapters {
			unprotected.compare(t, revision.date+", "+adapter, s.run(t, adapter, revision.date, revision.mode))
		}
		for _, gate := range gates {
			name := revision.date + ", " + gate.name
			unprotected.compare(t, name, s.runGate(t, program, gate, revision.date, revision.mode))
		}
	}
}

// examples/conformance passes the suite's scenario for scope challenges (SEP-2350). The
// scenario is announced; the test is skipped if the suite does not have it yet.
func TestConformanceScopeChallenge(t *testing.T) {
	s := newSuite(t)
	listed, err := s.command(t, "list", "--server").Output()
	if err != nil {
		t.Fatal(err)
	}
	const scenario = "sep-2350-server-scope-challenge"
	if !strings.Contains(string(listed), scenario) {
		t.Skipf("Skipped: this conformance suite has no scenario %s and no other for a protected server.", scenario)
	}
	program := filepath.Join(t.TempDir(), "conformance")
	build(t, "../../examples", "-o", program, "./conformance")
	output, err := s.command(t, "server", "--url", serveProgram(t, program, "-listen", "127.0.0.1:0"), "--scenario", scenario).CombinedOutput()
	got := "passes"
	if err != nil {
		got = "fails"
		t.Logf("%s", output)
	}
	check(t, "conformance "+scenario, "passes", got)
}

// A conformanceSuite is the suite's program and the server under test.
type conformanceSuite struct{ program, server string }

func newSuite(t *testing.T) *conformanceSuite {
	t.Helper()
	s := &conformanceSuite{program: os.Getenv(suiteVariable)}
	if s.program == "" {
		t.Skipf("Skipped: %s is not set. Run .ci/interop, which needs Node and npm.", suiteVariable)
	}
	s.server = filepath.Join(t.TempDir(), "everythingtest")
	// The overlay adds the SDK's source to the folder of adapters.go for this build only.
	module, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/modelcontextprotocol/go-sdk").Output()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Abs("everythingtest")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(folder, "main.go"): filepath.Join(strings.TrimSpace(string(module)), "conformance", "everything-server", "main.go"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	build(t, ".", "-overlay", file, "-tags", "conformance_everything", "-o", s.server, "./everythingtest")
	return s
}

func build(t *testing.T, directory string, arguments ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", append([]string{"build"}, arguments...)...)
	command.Dir = directory
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
}

// results maps each scenario to the results of its checks, one per line.
type results map[string]string

// count returns the number of checks with that status.
func (r results) count(status string) (n int) {
	for _, lines := range r {
		n += strings.Count(lines, "\n"+status+" ")
	}
	return n
}

func (r results) String() string {
	failed := 0
	for _, lines := range r {
		if strings.Contains(lines, "\nFAILURE ") {
			failed++
		}
	}
	return fmt.Sprintf("%d scenarios, %d fail; checks: %d pass, %d fail", len(r), failed, r.count("SUCCESS"), r.count("FAILURE"))
}

// compare compares the results with those of another run, check by check, and adds a row to the table.
func (r results) compare(t *testing.T, name string, got results) {
	t.Helper()
	for scenario := range got {
		if _, known := r[scenario]; !known {
			t.Errorf("%s, %s: got results, want none", name, scenario)
		}
	}
	for scenario, want := range r {
		if got[scenario] != want {
			t.Errorf("%s, %s:\n got %s\nwant %s", name, scenario, got[scenario], want)
		}
	}
	check(t, "conformance "+name, r.String(), got.String())
}

// run runs the scenarios against the server behind an adapter.
func (s *conformanceSuite) run(t *testing.T, adapter, revision, mode string) results {
	t.Helper()
	return s.runAt(t, serveProgram(t, s.server, adapter, mode), revision)
}

// runAt runs the scenarios that a revision requires, and those that it does not score, against the
// server at a URL.
func (s *conformanceSuite) runAt(t *testing.T, url, revision string) results {
	t.Helper()
	directory := t.TempDir()
	// The exit status is ignored: it reports only whether all checks passed.
	output, _ := s.command(t, "server", "--url", url, "--requirements", revision, "--output-dir", directory).CombinedOutput()
	files, err := filepath.Glob(filepath.Join(directory, "*", "checks.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no results, %v:\n%s", revision, err, output)
	}
	all := results{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var checks []struct{ ID, Status, ErrorMessage string }
		if err := json.Unmarshal(text, &checks); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		name := timeOfRun.ReplaceAllString(filepath.Base(filepath.Dir(file)), "")
		if _, duplicate := all[name]; duplicate {
			t.Fatalf("scenario %s was run twice", name)
		}
		for _, c := range checks {
			all[name] += "\n" + c.Status + " " + c.ID + " " + strings.ReplaceAll(c.ErrorMessage, url, "URL")
		}
	}
	return all
}

var timeOfRun = regexp.MustCompile(`-\d{4}-\d\d-\d\dT[\d-]+Z$`)

func (s *conformanceSuite) command(t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, "node", append([]string{s.program}, arguments...)...)
}

// serveProgram starts a server and returns the URL that it prints on a separate line. The
// server is killed at the end of the test.
func serveProgram(t *testing.T, program string, arguments ...string) (url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, arguments...)
	var stderr lockedBuffer
	command.Stderr = &stderr
	out, err := command.StdoutPipe()
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
	late := time.AfterFunc(timeout, cancel)
	defer late.Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if line := bytes.TrimSpace(lines.Bytes()); bytes.HasPrefix(line, []byte("http://")) {
			return string(line)
		}
	}
	t.Fatalf("%s %q printed no URL:\n%s", program, arguments, &stderr)
	return ""
}
