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

// suiteVariable is where .ci/interop says what it has brought: the program of the
// official conformance suite. It runs with the node of the path, 22 or newer.
const suiteVariable = "WARDER_CONFORMANCE"

// The conformance server of the official Go SDK gives the suite's scenarios the same
// results behind each of warder's doors as by itself: those that fail fail alike.
func TestConformanceIsUntouched(t *testing.T) {
	s := newSuite(t)
	for _, revision := range []struct{ date, mode string }{
		{"2025-11-25", "stateful"},
		{"2026-07-28", "stateless"},
	} {
		bare := s.run(t, "bare", revision.date, revision.mode)
		// A suite that could not reach the server passes some checks all the same.
		if most := bare.count("SUCCESS"); most < 80 {
			t.Fatalf("%s: only %d checks passed without warder; is this the server?", revision.date, most)
		}
		for _, door := range []string{"nethttp, sessions", "nethttp, rules", "nethttp, late challenges", "mcpsdk, rules and lock", "echoadapter, rules"} {
			got := s.run(t, door, revision.date, revision.mode)
			for name := range bare {
				if want := bare[name]; got[name] != want {
					t.Errorf("%s, %s, %s:\n got %s\nwant %s", revision.date, door, name, got[name], want)
				}
			}
			check(t, "conformance "+revision.date+" through "+door, bare.String(), got.String())
		}
	}
}

// The suite's fixture for scope challenges (SEP-2350) is examples/conformance. Its
// scenario was announced; while the suite has none the row says so.
func TestConformanceOfChallenges(t *testing.T) {
	s := newSuite(t)
	listed, err := s.command(t, "list", "--server").Output()
	if err != nil {
		t.Fatal(err)
	}
	const scenario = "sep-2350-server-scope-challenge"
	if !strings.Contains(string(listed), scenario) {
		t.Skipf("Skipped: this conformance suite has no scenario %s, nor any other for a protected server.", scenario)
	}
	program := filepath.Join(t.TempDir(), "conformance")
	build(t, "../../examples", "-o", program, "./conformance")
	said, err := s.command(t, "server", "--url", serveProgram(t, program, "-listen", "127.0.0.1:0"), "--scenario", scenario).CombinedOutput()
	got := "passes"
	if err != nil {
		got = "fails"
		t.Logf("%s", said)
	}
	check(t, "conformance "+scenario, "passes", got)
}

// A suite is the conformance suite and the server that it is run against.
type suite struct{ program, server string }

func newSuite(t *testing.T) *suite {
	t.Helper()
	s := &suite{program: os.Getenv(suiteVariable)}
	if s.program == "" {
		t.Skipf("Skipped: %s is not set. Run .ci/interop, which needs Node and npm.", suiteVariable)
	}
	s.server = filepath.Join(t.TempDir(), "everythingtest")
	// The SDK's source goes beside doors.go for this build only.
	module, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/modelcontextprotocol/go-sdk").Output()
	if err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs("everythingtest")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(here, "main.go"): filepath.Join(strings.TrimSpace(string(module)), "conformance", "everything-server", "main.go"),
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
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, said)
	}
}

// results are those of each scenario's checks, one a line.
type results map[string]string

func (r results) count(word string) (n int) {
	for _, lines := range r {
		n += strings.Count(lines, "\n"+word+" ")
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

// run runs the scenarios that a revision requires, and those that it does not score,
// against the server behind a door.
func (s *suite) run(t *testing.T, door, revision, mode string) results {
	t.Helper()
	url := serveProgram(t, s.server, door, mode)
	directory := t.TempDir()
	// Its status says whether all passed, which is not the question.
	said, _ := s.command(t, "server", "--url", url, "--requirements", revision, "--output-dir", directory).CombinedOutput()
	files, err := filepath.Glob(filepath.Join(directory, "*", "checks.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s, %s: no results, %v:\n%s", revision, door, err, said)
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
		if _, twice := all[name]; twice {
			t.Fatalf("scenario %s was run twice", name)
		}
		for _, c := range checks {
			all[name] += "\n" + c.Status + " " + c.ID + " " + strings.ReplaceAll(c.ErrorMessage, url, "URL")
		}
	}
	return all
}

var timeOfRun = regexp.MustCompile(`-\d{4}-\d\d-\d\dT[\d-]+Z$`)

func (s *suite) command(t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, "node", append([]string{s.program}, arguments...)...)
}

// serveProgram starts a server and returns the URL that it prints, on a line of its
// own. It ends with the test.
func serveProgram(t *testing.T, program string, arguments ...string) (url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, arguments...)
	var errs lockedBuffer
	command.Stderr = &errs
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait() // it was killed, which is an error
	})
	late := time.AfterFunc(patience, cancel)
	defer late.Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if line := bytes.TrimSpace(lines.Bytes()); bytes.HasPrefix(line, []byte("http://")) {
			return string(line)
		}
	}
	t.Fatalf("%s %q printed no URL:\n%s", program, arguments, &errs)
	return ""
}
