package leaktest

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
)

// Shared contains the secrets of the process under test.
var Shared = new(Secrets)

var (
	scanned   atomic.Int64
	fileMutex sync.Mutex
)

// Scan searches a text for secrets in Shared and appends findings to file. output is the
// kind of output that the text is written to. If file is empty, Scan does nothing. It is
// safe for concurrent use.
func Scan(file, output, text string) {
	if file == "" {
		return
	}
	const step = 10
	if scanned.Add(1)%step == 0 {
		appendLine(file, fmt.Sprintf("scanned %d", step))
	}
	kind, around := Shared.Find(text)
	if kind == "" {
		return
	}
	stack := string(debug.Stack())
	if output == "error" && strings.Contains(stack, "net/http.(*conn).readRequest(") {
		return // an error of Go's server about a malformed request; the response does not contain it
	}
	appendLine(file, fmt.Sprintf("%s: a %s in %q, by %s", output, kind, around, testFiles(stack)))
}

func appendLine(file, line string) {
	fileMutex.Lock()
	defer fileMutex.Unlock()
	out, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, _ = out.WriteString(line + "\n")
		_ = out.Close()
	}
}

// testFiles returns the test files on a call stack.
func testFiles(stack string) string {
	var names []string
	for line := range strings.Lines(stack) {
		if line = strings.TrimSpace(line); strings.Contains(line, "_test.go:") {
			name, _, _ := strings.Cut(line[strings.LastIndex(line, "/")+1:], " ")
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}
