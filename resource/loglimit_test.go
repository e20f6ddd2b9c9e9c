package resource_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

// records decodes a JSON log, and returns its lines without their time.
func logRecords(t *testing.T, log string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(log) {
		record := map[string]any{}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		delete(record, "time")
		all = append(all, record)
	}
	return all
}

// tally says how many records there were of each reason, and how many each summary
// leaves out.
func logSummary(t *testing.T, log string) string {
	t.Helper()
	var out []string
	counts := map[string]int{}
	for _, r := range logRecords(t, log) {
		if n, ok := r["left_out"]; ok {
			out = append(out, fmt.Sprintf("%s left out %v", r["reason"], n))
		} else {
			counts[fmt.Sprint(r["reason"])]++
		}
	}
	slices.Sort(out)
	return fmt.Sprint(counts, out)
}

// A flood costs so many lines in a second, and one that says what is missing.
func TestLogLimit(t *testing.T) {
	limit := func(n int) func(*resource.Config, *jwks.Config) {
		return func(c *resource.Config, _ *jwks.Config) { c.Limits.LogPerSecond = n }
	}
	t.Run("by default ten of each reason", func(t *testing.T) {
		inBubble(t, limit(0), func(t *testing.T, f *fixture) {
			for range 500 {
				f.ask("Bearer ,")
				f.bearer("opaque")
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if got, want := logSummary(t, f.log.take()), "map[malformed_request:10 opaque_unsupported:10] [malformed_request left out 490 opaque_unsupported left out 490]"; got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
			f.bearer("opaque")
			if got := logSummary(t, f.log.take()); got != "map[opaque_unsupported:1] []" {
				t.Errorf("after the flood: %s", got)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if got := f.log.take(); got != "" {
				t.Errorf("without refusals it logged %s", got)
			}
		})
	})
	t.Run("one line per second for what goes on", func(t *testing.T) {
		inBubble(t, limit(2), func(t *testing.T, f *fixture) {
			for range 30 { // three seconds of ten refusals
				f.bearer("opaque")
				time.Sleep(100 * time.Millisecond)
				synctest.Wait()
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if got, want := logSummary(t, f.log.take()), "map[opaque_unsupported:6] [opaque_unsupported left out 8 opaque_unsupported left out 8 opaque_unsupported left out 8]"; got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		})
	})
	t.Run("what trickles is all there", func(t *testing.T) {
		inBubble(t, limit(1), func(t *testing.T, f *fixture) {
			for range 20 {
				f.bearer("opaque")
				time.Sleep(time.Second)
			}
			if got := logSummary(t, f.log.take()); got != "map[opaque_unsupported:20] []" {
				t.Errorf("got %s", got)
			}
		})
	})
	t.Run("a negative limit is none", func(t *testing.T) {
		inBubble(t, limit(-1), func(t *testing.T, f *fixture) {
			for range 100 {
				f.bearer("opaque")
			}
			if got := logSummary(t, f.log.take()); got != "map[opaque_unsupported:100] []" {
				t.Errorf("got %s", got)
			}
		})
	})
	t.Run("a summary to a log that panics takes nothing down", func(t *testing.T) {
		inBubble(t, func(c *resource.Config, _ *jwks.Config) { c.Logger = slog.New(panickingLog{}) }, func(t *testing.T, f *fixture) {
			for range 100 {
				f.expect("refused", f.bearer("opaque"), invalid)
			}
			time.Sleep(2 * time.Second)
		})
	})
}

// A flood that is not logged makes no garbage for the log either.
func TestLogLimitAllocations(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Limits.LogPerSecond = 0 })
	req := httptest.NewRequest("POST", identifier, nil)
	req.Header.Set("Authorization", "Bearer opaque")
	reject := func() {
		if _, refusal := f.res.Authenticate(req); refusal == nil {
			t.Error("accepted")
		}
	}
	for range 100 {
		reject()
	}
	if n := testing.AllocsPerRun(1000, reject); n > 12 {
		t.Errorf("%g allocations", n)
	}
}
