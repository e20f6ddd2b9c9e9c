package leaktest_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var all = flag.Bool("all", false, "run the whole test suite, with the scanner at every way out")

// The suite is built with changed copies of some files (go build -overlay): what takes
// or makes a secret tells the ledger, what writes something shows it to the ledger. The
// files themselves stay as they are, and no test has to know of it.

// An edit is a line of a file, and what stands in its place in the copy.
type edit struct{ file, from, to string }

// standard are the ways out in Go's own library: the text of every error of fmt, log
// lines, what a recorder of answers is given from 400 on, and standard output and error,
// where panics of handlers, examples and the words of failing tests go.
var standard = []edit{
	{"os/file.go", "func (f *File) Write(b []byte) (n int, err error) {\n", "func (f *File) Write(b []byte) (n int, err error) {\n\tif WarderLook != nil && f != nil && (f.file.name == \"/dev/stdout\" || f.file.name == \"/dev/stderr\") {\n\t\tWarderLook(\"output\", string(b))\n\t}\n"},
	{"os/file.go", "// Write writes len(b) bytes from b to the File.\n", "// WarderLook is told of what is written.\nvar WarderLook func(way, text string)\n\n// Write writes len(b) bytes from b to the File.\n"},
	{"fmt/errors.go", "	s := string(p.buf)\n", "	s := string(p.buf)\n\tif os.WarderLook != nil {\n\t\tos.WarderLook(\"error\", s)\n\t}\n"},
	{"fmt/errors.go", "	\"errors\"\n", "	\"errors\"\n\t\"os\"\n"},
	{"log/slog/handler.go", "	_, err := h.w.Write(*state.buf)\n", "	if os.WarderLook != nil {\n\t\tos.WarderLook(\"log\", string(*state.buf))\n\t}\n\t_, err := h.w.Write(*state.buf)\n"},
	{"log/slog/handler.go", "	\"io\"\n", "	\"io\"\n\t\"os\"\n"},
	{"log/log.go", "	_, err := l.out.Write(*buf)\n", "	if os.WarderLook != nil {\n\t\tos.WarderLook(\"log\", string(*buf))\n\t}\n\t_, err := l.out.Write(*buf)\n"},
	{"net/http/httptest/recorder.go", "	rw.writeHeader(buf, \"\")\n", "	rw.writeHeader(buf, \"\")\n\tif os.WarderLook != nil && rw.Code >= 400 {\n\t\tos.WarderLook(\"response\", fmt.Sprint(rw.snapHeader)+string(buf))\n\t}\n"},
	{"net/http/httptest/recorder.go", "	\"net/textproto\"\n", "	\"net/textproto\"\n\t\"os\"\n"},
}

// own are where this house gets to know secrets, and what it makes of requests.
var own = []edit{
	{"resource/authenticate.go", "	r = r.now() // from here on one configuration decides\n", "	r = r.now()\n\tleakRequest(r, req)\n"},
	{"resource/refusal.go", "	answer.Err = f\n", "	answer.Err = f\n\tleakLook(\"response\", fmt.Sprintf(\"%+v %q %q\", answer, answer.Body, answer.Err))\n"},
	{"resource/event.go", "	for _, o := range r.observers {\n", "	leakLook(\"event\", fmt.Sprintf(\"%+v %s\", e, caller))\n\tfor _, o := range r.observers {\n"},
	{"resource/event.go", "	\"context\"\n", "	\"context\"\n\t\"fmt\"\n"},
	{"resource/metrics.go", "func (c collector) Collect(ch chan<- prometheus.Metric) {\n", "func (c collector) collectUnseen(ch chan<- prometheus.Metric) {\n"},
	{"resource/handles.go", "func NewHandles(c HandlesConfig) (*Handles, error) {\n", "func NewHandles(c HandlesConfig) (*Handles, error) {\n\tfor _, key := range c.Keys {\n\t\tleakLedger.Bytes(\"handle key\", key)\n\t}\n"},
	{"resource/resourcetest/mint.go", "	token, claims := s.compact(t)\n", "	token, claims := s.compact(t)\n\tleakLedger.Token(token)\n"},
	{"resource/resourcetest/mint.go", "	s.store.put(token, s.accessRecord(t, s.claims(t), t.grant()))\n", "	leakLedger.Token(token)\n\ts.store.put(token, s.accessRecord(t, s.claims(t), t.grant()))\n"},
	{"resource/resourcetest/keys.go", "	signer := generate(family)\n", "	signer := generate(family)\n\tleakLedger.Key(signer)\n"},
	{"resource/otelwarder/otelwarder.go", "	span.AddEvent(", "	if os.WarderLook != nil {\n\t\tos.WarderLook(\"span\", fmt.Sprint(attributes))\n\t}\n\tspan.AddEvent("},
	{"resource/otelwarder/otelwarder.go", "	\"context\"\n", "	\"context\"\n\t\"fmt\"\n\t\"os\"\n"},
	{"introspect/call.go", "	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))\n", "	leakLedger.Token(header.Get(\"Authorization\"))\n\tleakLedger.Token(form.Get(\"client_assertion\"))\n\tleakLedger.Learn(\"client secret\", form.Get(\"client_secret\"))\n\t_, secret, _ := (&http.Request{Header: header}).BasicAuth()\n\tleakLedger.Learn(\"client secret\", secret)\n\treq, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))\n"},
}

// listener is a further file in each of the packages above: internal/leaktest as they
// see it. The one of package resource also listens to the standard library.
const listener = `package %s

import (
	"github.com/warder-go/warder/internal/leaktest"
)

var leakLedger = leaktest.Shared
`

const listening = `package resource

import (
	"net/http"
	"os"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/warder-go/warder/internal/leaktest"
)

var leakLedger = leaktest.Shared

func leakLook(way, text string) { leaktest.Look(os.Getenv("WARDER_LEAKS"), way, text) }

func leakRequest(r *Resource, req *http.Request) {
	for _, value := range slices.Concat(req.Header["Authorization"], req.Header["Proxy-Authorization"], req.Header["Cookie"]) {
		leakLedger.Token(value)
	}
	for _, h := range r.headers {
		for _, value := range req.Header[h.name] {
			leakLedger.Token(value)
		}
	}
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	inner := make(chan prometheus.Metric)
	go func() {
		defer close(inner)
		c.collectUnseen(inner)
	}()
	for m := range inner {
		var shown dto.Metric
		if m.Write(&shown) == nil {
			leakLook("metric", m.Desc().String()+shown.String())
		}
		ch <- m
	}
}

func init() { os.WarderLook = leakLook }
`

// overlay writes the changed copies and returns the file for -overlay.
func overlay(t *testing.T, more ...edit) string {
	t.Helper()
	dir, root := t.TempDir(), filepath.Join("..", "..")
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	copies := map[string]string{} // text by file
	change := func(in string, edits []edit) {
		for _, e := range edits {
			name := filepath.Join(in, filepath.FromSlash(e.file))
			if copies[name] == "" {
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				copies[name] = string(text)
			}
			if !strings.Contains(copies[name], e.from) {
				t.Fatalf("%s has no line %q any more: the scanner would be blind there", e.file, e.from)
			}
			copies[name] = strings.Replace(copies[name], e.from, e.to, 1)
		}
	}
	change(filepath.Join(build.Default.GOROOT, "src"), standard)
	change(absolute, append(own, more...))
	copies[filepath.Join(absolute, "resource", "zz_leak.go")] = listening
	copies[filepath.Join(absolute, "resource", "resourcetest", "zz_leak.go")] = fmt.Sprintf(listener, "resourcetest")
	copies[filepath.Join(absolute, "introspect", "zz_leak.go")] = fmt.Sprintf(listener, "introspect")
	replace := map[string]string{}
	for name, text := range copies {
		place := filepath.Join(dir, strconv.Itoa(len(replace))+".go")
		if err := os.WriteFile(place, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[name] = place
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	place := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(place, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return place
}

// scan runs tests of a module with the scanner and returns what it found, a line each, and how
// many texts it looked at.
func scan(t *testing.T, dir, overlay string, arguments ...string) (found []string, looked int) {
	t.Helper()
	place := filepath.Join(t.TempDir(), "leaks")
	command := exec.CommandContext(t.Context(), "go", append([]string{"test", "-overlay", overlay, "-vet=off", "-count=1"}, arguments...)...)
	command.Dir = filepath.Join("..", "..", filepath.FromSlash(dir))
	command.Env = append(os.Environ(), "WARDER_LEAKS="+place)
	if dir != "" { // a module that the workspace leaves out
		command.Env = append(command.Env, "GOWORK=off")
	}
	out, err := command.CombinedOutput()
	if strings.Contains(string(out), "[build failed]") || strings.Contains(string(out), "[setup failed]") {
		t.Fatalf("go %q: %v\n%s", arguments, err, out)
	}
	// Tests of allocations and time may fail, since the scanner costs both: they are
	// held to their word elsewhere. What they write is looked at all the same.
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "FAIL") || strings.HasPrefix(line, "--- FAIL") {
			t.Logf("with the scanner: %s", strings.TrimSpace(line))
		}
		if shape := shapes.FindString(line); shape != "" {
			found = append(found, "output: "+shape[:8]+"... in a line of go test")
		}
	}
	text, err := os.ReadFile(place)
	if err != nil {
		t.Fatalf("%v: nothing was looked at:\n%s", err, out)
	}
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "looked "); ok {
			more, _ := strconv.Atoi(n)
			looked += more
		} else {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found, looked
}

// shapes are those of secrets that crash with a program: nobody looks at the last words
// of a goroutine.
var shapes = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{24,}|BEGIN [A-Z ]*PRIVATE KEY`)

// Nothing that the test suite writes has a secret in it.
func TestNothingLeaks(t *testing.T) {
	if !*all {
		t.Skip("The whole suite is run with the scanner by: go test ./internal/leaktest -all -timeout 30m")
	}
	for _, row := range []struct {
		dir, packages string
		texts         int // at least, else the scanner is deaf
	}{
		{"", "work", 500_000},
		{"resource/otelwarder", "./...", 20},
		{"internal/sdktest", "./...", 1000},
	} {
		found, looked := scan(t, row.dir, overlay(t), "-timeout", "20m", row.packages)
		for _, line := range found {
			t.Errorf("%s: %s", row.dir, line)
		}
		if looked < row.texts {
			t.Errorf("%s: %d texts were looked at, want %d at least", row.dir, looked, row.texts)
		}
		t.Logf("%s: %d texts were looked at", row.dir, looked)
	}
}

// The scanner finds what is planted, at every way out.
func TestPlantedLeaksAreFound(t *testing.T) {
	if !*all {
		t.Skip("Leaks are planted by: go test ./internal/leaktest -all -timeout 30m")
	}
	for _, row := range []struct {
		name, found string
		plant       edit
	}{
		{"a token in an error", "error: a token in", edit{"resource/observe.go", "	text(\"want\", f.want)\n", "	if f.token != nil {\n\t\ttext(\"want\", fmt.Errorf(\"no %s\", f.token.Raw()).Error()[:60])\n\t}\n"}},
		{"half a signature in the log", "log: a token in", edit{"resource/observe.go", "	text(\"want\", f.want)\n", "	if f.token != nil {\n\t\ttext(\"want\", f.token.Raw()[len(f.token.Raw())-30:])\n\t}\n"}},
		{"a token in an answer", "response: a token in", edit{"resource/refusal.go", "	answer.Err = f\n	leakLook", "	answer.Err = f\n\tif f.token != nil {\n\t\tanswer.Body = []byte(f.token.Raw())\n\t}\n\tleakLook"}},
		{"a token in a metric", "metric: a token in", edit{"resource/metrics.go", "	if t.IsJWT() {\n", "	m.took.WithLabelValues(t.Raw())\n\tif t.IsJWT() {\n"}},
		{"a token in an event", "event: a token in", edit{"resource/event.go", "	leakLook(\"event\"", "	if f != nil && f.token != nil {\n\t\te.TraceID = f.token.Raw()\n\t}\n\tleakLook(\"event\""}},
		{"a token in a span", "span: a token in", edit{"resource/event.go", "	leakLook(\"event\"", "	e.Issuer = header.Get(\"Authorization\")\n\tleakLook(\"event\""}},
		{"a token in the last words of a program", "in a line of go test", edit{"resource/observe.go", "	refusal := r.answers.refusal(f)\n", "	if f.token != nil {\n\t\ttime.AfterFunc(time.Millisecond, func() { panic(f.token.Raw()) })\n\t}\n\trefusal := r.answers.refusal(f)\n"}},
		{"a token printed", "output: a token in", edit{"resource/observe.go", "	refusal := r.answers.refusal(f)\n", "	if f.token != nil {\n\t\tprintLeak(f.token.Raw())\n\t}\n\trefusal := r.answers.refusal(f)\n"}},
	} {
		plants := []edit{row.plant}
		if row.name == "a token in an error" {
			plants = append(plants, edit{"resource/observe.go", "	\"context\"\n", "	\"context\"\n\t\"fmt\"\n"})
		}
		if row.name == "a token printed" {
			plants = append(plants, edit{"resource/observe.go", "const maxLogged", "func printLeak(s string) { _, _ = os.Stdout.WriteString(s + \"\\n\") }\n\nconst maxLogged"},
				edit{"resource/observe.go", "	\"net/http\"\n", "	\"net/http\"\n\t\"os\"\n"})
		}
		dir, packages := "", "./resource"
		if row.name == "a token in a span" {
			dir, packages = "resource/otelwarder", "./..."
		}
		found, _ := scan(t, dir, overlay(t, plants...), "-run", "^(TestOneLogLinePerRefusal|TestMetricsOfVerification|TestEvents)$", packages)
		if hits := strings.Join(found, "\n"); !strings.Contains(hits, row.found) {
			t.Errorf("%s: not found; found was %q", row.name, hits)
		}
	}
	if found, looked := scan(t, "", overlay(t), "-run", "^TestOneLogLinePerRefusal$", "./resource"); len(found) > 0 || looked == 0 {
		t.Errorf("with nothing planted: %q, %d texts", found, looked)
	}
}
