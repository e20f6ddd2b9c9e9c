package leaktest_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	all   = flag.Bool("all", false, "run the test suite with the scanner")
	whole = flag.Bool("whole", false, "with -all, run also long tests and those with SDKs of other projects")
)

// repetitive matches tests that run with -whole only. Most of them are long and do one thing many times, so that
// their output is like that of other tests. The others count allocations and fail with the scanner.
const repetitive = "^(TestManyUnknownTokens|TestNegativeCacheSizeLimit|TestUnknownTokensDoNotFillTheStore|TestProcessesShareCalls|TestManyRequestsOverNetwork|" +
	"TestForgetUnderLoad|TestTenThousandStreams|TestManyStreamsAndAdditions|TestReplaceWindow|TestLargeClaims|TestManyURIsAndRules|" +
	"TestChallengedScopesAreEnough|TestNewVerifiersAreRationed|TestManyUnknownKeys|TestManyOldTokensWithUnknownKeys|" +
	"TestAllocations|TestObserverAllocations|TestLogLimitAllocations)$"

// overlay writes the modified copies and returns the file for go build -overlay.
func overlay(t *testing.T, plants ...edit) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	copies := map[string]string{} // text by file
	applyEdits(t, copies, filepath.Join(build.Default.GOROOT, "src"), standardEdits)
	applyEdits(t, copies, root, append(warderEdits, plants...))
	for _, e := range warderEdits {
		if dir := path.Dir(e.file); strings.Contains(e.to, "leakSecrets") {
			copies[filepath.Join(root, filepath.FromSlash(dir), "zz_leak.go")] = fmt.Sprintf(addedFile, path.Base(dir))
		}
	}
	copies[filepath.Join(root, "resource", "zz_leak.go")] = addedResourceFile

	dir := t.TempDir()
	replace := map[string]string{}
	for name, text := range copies {
		file := filepath.Join(dir, strconv.Itoa(len(replace))+".go")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[name] = file
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// applyEdits applies edits to files under dir, and stores the results in copies.
func applyEdits(t *testing.T, copies map[string]string, dir string, edits []edit) {
	t.Helper()
	for _, e := range edits {
		name := filepath.Join(dir, filepath.FromSlash(e.file))
		if copies[name] == "" {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			copies[name] = string(text)
		}
		if !strings.Contains(copies[name], e.from) {
			t.Fatalf("%s does not contain %q: update the edit, or the scanner misses this place", e.file, e.from)
		}
		copies[name] = strings.Replace(copies[name], e.from, e.to, 1)
	}
}

// scan runs tests of a module with the scanner. It returns the findings, one per line, and
// the number of scanned texts.
func scan(t *testing.T, dir, overlay string, arguments ...string) (found []string, scanned int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "leaks")
	command := exec.CommandContext(t.Context(), "go", append([]string{"test", "-overlay", overlay, "-vet=off", "-count=1", "-short"}, arguments...)...)
	command.Dir = filepath.Join("..", "..", filepath.FromSlash(dir))
	command.Env = append(os.Environ(), "WARDER_LEAKS="+file)
	if dir != "" { // a module outside the workspace
		command.Env = append(command.Env, "GOWORK=off")
	}
	out, err := command.CombinedOutput()
	if strings.Contains(string(out), "[build failed]") || strings.Contains(string(out), "[setup failed]") {
		t.Fatalf("go %q: %v\n%s", arguments, err, out)
	}
	// Tests of allocations and times may fail, because the scanner adds to both. They are
	// run without the scanner elsewhere. Their output is scanned nevertheless.
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "FAIL") || strings.HasPrefix(line, "--- FAIL") {
			t.Logf("with the scanner: %s", strings.TrimSpace(line))
		}
		if secret := secretPattern.FindString(line); secret != "" {
			found = append(found, "output: "+secret[:8]+"... in the output of go test")
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: nothing was scanned:\n%s", err, out)
	}
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "scanned "); ok {
			more, _ := strconv.Atoi(n)
			scanned += more
		} else {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found, scanned
}

// secretPattern matches secrets in the output of go test. The scanner does not see the
// message of a panic that ends the process.
var secretPattern = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{24,}|BEGIN [A-Z ]*PRIVATE KEY`)

// Every edit still finds its place. The tests that use the edits run with -all only.
func TestEditsApply(t *testing.T) {
	overlay(t)
	for _, run := range plantedLeaks {
		overlay(t, run.plants()...)
	}
}

// The output of the tests that use package resource contains no secrets.
func TestNothingLeaks(t *testing.T) {
	if !*all {
		t.Skip("slow; run with: go test ./internal/leaktest -all -timeout 30m")
	}
	for _, row := range []struct {
		dir      string
		packages []string
		texts    int // minimum; fewer mean that the scanner is not attached
	}{
		{"", workspace(t), 500_000},
		{"resource/otelwarder", []string{"./..."}, 20},
		{"resource/valkey", []string{"./..."}, 100}, // without a Redis
		{"internal/sdktest", []string{"./..."}, 1000},
	} {
		arguments := []string{"-timeout", "20m"}
		switch {
		case *whole:
		case row.dir == "internal/sdktest":
			continue
		default:
			arguments = append(arguments, "-skip", repetitive)
		}
		found, scanned := scan(t, row.dir, overlay(t), append(arguments, row.packages...)...)
		for _, line := range found {
			t.Errorf("%s: %s", row.dir, line)
		}
		if scanned < row.texts {
			t.Errorf("%s: got %d scanned texts, want at least %d", row.dir, scanned, row.texts)
		}
		t.Logf("%s: %d texts were scanned", row.dir, scanned)
	}
}

// workspace returns the packages of the workspace whose tests use package resource, which attaches the scanner.
func workspace(t *testing.T) []string {
	t.Helper()
	const suffix, attached = ".test", "github.com/warder-go/warder/resource"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-test", "-f", "{{.ImportPath}} {{join .Deps \" \"}}", "work").Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []string
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		name, ok := strings.CutSuffix(words[0], suffix)
		if ok && slices.Contains(words, attached) {
			packages = append(packages, name)
		}
	}
	return packages
}

// A leak is a fault that the scanner must find.
type leak struct {
	name, found string // found is part of the line that reports it
	edits       []edit
}

// plantedRun is a test run with planted leaks.
type plantedRun struct {
	dir, packages string
	leaks         []leak
}

func (r plantedRun) plants() []edit {
	var all []edit
	for _, l := range r.leaks {
		all = append(all, l.edits...)
	}
	return all
}

// plantedLeaks has a leak for each kind of output. One run has all those that leave each other
// alone.
var plantedLeaks = []plantedRun{
	{"", "./resource", []leak{
		{"a token in an error", "error: a token in", []edit{{"resource/fault.go", "	add(\"want\", f.want)\n", "	if f.token != nil {\n\t\t_ = fmt.Errorf(\"no %s\", f.token.Raw())\n\t}\n\tadd(\"want\", f.want)\n"}}},
		{"part of a signature in the log", "log: a token in", []edit{{"resource/fault.go", "	add(\"want\", f.want)\n", "	if f.token != nil {\n\t\tadd(\"want\", f.token.Raw()[len(f.token.Raw())-30:])\n\t}\n"}}},
		{"a token in a response", "response: a token in", []edit{{"resource/refusal.go", "	answer.Err = f\n	leakScan", "	answer.Err = f\n\tif f.token != nil {\n\t\tanswer.Body = []byte(f.token.Raw())\n\t}\n\tleakScan"}}},
		{"a token in a metric", "metric: a token in", []edit{{"resource/metrics.go", "	if t.IsJWT() {\n", "	m.verifications.WithLabelValues(t.Raw())\n\tif t.IsJWT() {\n"}}},
		{"a token in an event", "event: a token in", []edit{{"resource/event.go", "	leakScan(\"event\"", "	if f != nil && f.token != nil {\n\t\te.TraceID = f.token.Raw()\n\t}\n\tleakScan(\"event\""}}},
		{"a token on standard output", "output: a token in", []edit{
			{"resource/observe.go", "	return at.answers.refusal(", "	if f.token != nil {\n\t\tprintLeak(f.token.Raw())\n\t}\n\treturn at.answers.refusal("},
			{"resource/observe.go", "// newLogLimit returns", "func printLeak(s string) { _, _ = os.Stdout.WriteString(s + \"\\n\") }\n\n// newLogLimit returns"},
			{"resource/observe.go", "	\"net/http\"\n", "	\"net/http\"\n\t\"os\"\n"},
		}},
	}},
	{"", "./resource", []leak{
		{"a token in a panic", "in the output of go test", []edit{{"resource/observe.go", "	return at.answers.refusal(", "	if f.token != nil {\n\t\tgo func() { panic(f.token.Raw()) }()\n\t\tselect {} // until the panic ends the process\n\t}\n\treturn at.answers.refusal("}}},
	}},
	{"resource/otelwarder", "./...", []leak{
		{"a token in a span", "span: a token in", []edit{{"resource/event.go", "	leakScan(\"event\"", "	e.Issuer = header.Get(\"Authorization\")\n\tleakScan(\"event\""}}},
	}},
}

// The scanner finds planted leaks in every kind of output. TestNothingLeaks shows that it finds
// nothing else.
func TestPlantedLeaksAreFound(t *testing.T) {
	if !*all {
		t.Skip("slow; run with: go test ./internal/leaktest -all -timeout 30m")
	}
	for _, run := range plantedLeaks {
		found, _ := scan(t, run.dir, overlay(t, run.plants()...), "-run", "^(TestOneLogRecordPerRejection|TestVerificationMetrics|TestEvents)$", run.packages)
		for _, l := range run.leaks {
			if hits := strings.Join(found, "\n"); !strings.Contains(hits, l.found) {
				t.Errorf("%s: not found; got %q", l.name, hits)
			}
		}
	}
}
