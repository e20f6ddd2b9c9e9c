package drill_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// tableVariable has the path of a file for the table. If it is set, TestDrill runs all scenarios.
// .ci/drill sets it.
const tableVariable = "WARDER_DRILL_TABLE"

// The short tests also run on machines that are busy.
const (
	shortTimeout = time.Second      // timeout_milliseconds
	shortSlack   = 10 * time.Second // see limits
)

// skipWithoutServer skips a test if no store is installed.
func skipWithoutServer(t *testing.T) {
	t.Helper()
	if len(valkeytest.Programs()) == 0 {
		t.Skip("Neither redis-server nor valkey-server is installed: skipped.")
	}
}

// TestDrill runs all scenarios, which takes about 15 minutes, and writes the table.
func TestDrill(t *testing.T) {
	file := os.Getenv(tableVariable)
	if file == "" {
		t.Skipf("Skipped: %s is not set. Run .ci/drill.", tableVariable)
	}
	skipWithoutServer(t)
	var rows []row
	for _, sc := range allScenarios() {
		t.Run(sc.name, func(t *testing.T) {
			r := run(t, sc, 0)
			rows = append(rows, r)
			for _, text := range r.broken() {
				t.Error(text)
			}
		})
	}
	var summaries []string
	t.Run("replays together", func(t *testing.T) { summaries = append(summaries, replaysTogether(t, 0)) })
	t.Run("introspection together", func(t *testing.T) { summaries = append(summaries, callsTogether(t, 0)) })
	if len(rows) == 0 && len(summaries) == 0 {
		t.Error("no scenario has such a name: see allScenarios")
	}
	if p99 := quantile(propagation(rows), 0.99); p99 > seenWithin {
		t.Errorf("revocations applied everywhere after %s (p99), want %s", p99, seenWithin)
	}
	var table bytes.Buffer
	if len(rows) > 0 {
		writeTable(&table, rows)
	}
	for _, summary := range summaries {
		fmt.Fprintf(&table, "\n%s\n", summary)
	}
	if err := os.WriteFile(file, table.Bytes(), 0o600); err != nil {
		t.Error(err)
	}
}

// The shortest scenario. Times are not judged strictly.
func TestKillAndRestart(t *testing.T) {
	skipWithoutServer(t)
	t.Parallel()
	sc := killedAtOnce("kill -9, restarted empty at once")
	start := sc.settings
	sc.settings = func(t *testing.T, s *settings) {
		start(t, s)
		s.window, s.timeout = 2*time.Second, shortTimeout
	}
	for _, text := range run(t, sc, shortSlack).broken() {
		t.Error(text)
	}
}

func TestReplaysTogether(t *testing.T) {
	skipWithoutServer(t)
	t.Parallel()
	t.Log(replaysTogether(t, shortTimeout))
}

// TestReplaysTogether can fail: if each process has its own memory of proofs, each accepts one copy.
func TestReplaysTogetherWithoutSharing(t *testing.T) {
	skipWithoutServer(t)
	t.Parallel()
	traffic := startTogether(t, shortTimeout, func(s *settings) { s.notShared = "replays" })
	for round := range 3 {
		if accepted, _ := traffic.sendCopies(t.Context()); accepted != processes {
			t.Errorf("round %d: %d of %d copies were accepted, want one at each of the %d processes", round, accepted, replayCopies, processes)
		}
	}
}

func TestIntrospectionTogether(t *testing.T) {
	skipWithoutServer(t)
	t.Parallel()
	t.Log(callsTogether(t, shortTimeout))
}
