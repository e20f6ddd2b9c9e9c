package probe_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/probe"
)

var update = flag.Bool("update", false, "write the table of checks in docs/probe.md")

// docs/probe.md lists all checks, in the order of a report.
func TestTableOfChecks(t *testing.T) {
	const page, head = "../../docs/probe.md", "| check | section | level | what is wanted |\n|---|---|---|---|\n"
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, got, ok := strings.Cut(string(content), head)
	if !ok {
		t.Fatalf("%s has no table of checks", page)
	}
	want := ""
	for _, c := range probe.Checks() {
		want += fmt.Sprintf("| `%s` | %s | %s | %s |\n", c.ID, c.Section, c.Level, c.Wanted)
	}
	if got == want {
		return
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+head+want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("the table in %s differs; go test ./internal/probe -update writes it (-want +got)\n-%s\n+%s", page, want, got)
}
