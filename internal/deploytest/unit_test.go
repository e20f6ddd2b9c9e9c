package deploytest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

var execStart = regexp.MustCompile(`(?m)^ExecStart=\S+ `)

// systemd itself reads the unit, and rates its exposure: 0 is none and 100 is all.
func TestUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	text, err := os.ReadFile("../../examples/deploy/warder.service")
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "warder.service")
	program, err := os.Executable() // verify requires a program that exists
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(unit, execStart.ReplaceAll(text, []byte("ExecStart="+program+" ")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify", unit}, {"security", "--offline=true", "--threshold=20", "--no-pager", unit}} {
		if output, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput(); err != nil {
			t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, output)
		}
	}
}
