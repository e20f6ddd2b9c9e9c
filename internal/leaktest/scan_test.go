package leaktest_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/warder-go/warder/internal/leaktest"
)

// Concurrent scans report every finding.
func TestConcurrentScans(t *testing.T) {
	const secret, workers, each = "a-secret-of-the-scanner's-own-test", 8, 200
	leaktest.Shared.Add("test", secret)
	file := filepath.Join(t.TempDir(), "leaks")
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range each {
				leaktest.Scan(file, "log", "x "+secret)
			}
		})
	}
	group.Wait()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "log: a test in"); n != workers*each {
		t.Errorf("got %d findings, want %d", n, workers*each)
	}
}
