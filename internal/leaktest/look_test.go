package leaktest_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/warder-go/warder/internal/leaktest"
)

// No text gets past the scanner because it is busy with another.
func TestLooksAtEverything(t *testing.T) {
	const secret, workers, each = "a-secret-of-the-scanner's-own-test", 8, 200
	leaktest.Shared.Learn("test", secret)
	place := filepath.Join(t.TempDir(), "leaks")
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range each {
				leaktest.Look(place, "log", "x "+secret)
			}
		})
	}
	group.Wait()
	text, err := os.ReadFile(place)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "log: a test in"); n != workers*each {
		t.Errorf("%d of %d were found", n, workers*each)
	}
}
