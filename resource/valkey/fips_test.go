package valkey_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// The module works with approved cryptography only, although scripts are named by their SHA-1. The
// mode is set at process start.
func TestFIPSMode(t *testing.T) {
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPermissions$", "-test.v")
	child.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := child.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestPermissions")) && !bytes.Contains(out, []byte("--- SKIP: TestPermissions")) {
		t.Errorf("%v\n%s", err, out)
	}
}
