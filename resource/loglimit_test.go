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

// logRecords decodes a JSON log and returns the records without their time.
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

// logSummary returns the number of records for each reason, and the number that each summary
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

// Limits.LogPerSecond limits the records of each reason. A summary counts those left out.
func TestLogLimit(t *testing.T) {
	limit := func(n int) func(*resource.Config, *jwks.Config) {
		return func(c *resource.Config, _ *jwks.Config) { c.Limits.LogPerSecond = n }
	}
	t.Run("the default is ten records per reason", func(t *testing.T) {
		inBubble(t, limit(0), func(t *testing.T, f *fixture) {
			for range 500 {
				f.authorize("Bearer ,")
				f.bearer("opaque")
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if got, want := logSummary(t, f.log.take()), "map[malformed_request:10 opaque_unsupported:10] [malformed_request left out 490 opaque_unsupported left out 490]"; got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
			f.bearer("opaque")
			if got := logSummary(t, f.log.take()); got != "map[opaque_unsupported:1] []" {
				t.Errorf("after the summary: %s", got)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if got := f.log.take(); got != "" {
				t.Errorf("without rejections: logged %s", got)
			}
		})
	})
	t.Run("rejections that continue get one summary per second", func(t *testing.T) {
		inBubble(t, limit(2), func(t *testing.T, f *fixture) {
			for range 30 { // three seconds with ten rejections each
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
	t.Run("rejections within the limit are all logged", func(t *testing.T) {
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
	t.Run("a negative value means no limit", func(t *testing.T) {
		inBubble(t, limit(-1), func(t *testing.T, f *fixture) {
			for range 100 {
				f.bearer("opaque")
			}
			if got := logSummary(t, f.log.take()); got != "map[opaque_unsupported:100] []" {
				t.Errorf("got %s", got)
			}
		})
	})
	t.Run("a panic while the summary is logged is contained", func(t *testing.T) {
		inBubble(t, func(c *resource.Config, _ *jwks.Config) { c.Logger = slog.New(panickingLog{}) }, func(t *testing.T, f *fixture) {
			for range 100 {
				f.expect("rejected", f.bearer("opaque"), invalid)
			}
			time.Sleep(2 * time.Second)
		})
	})
}

// Rejections over the limit do not allocate memory for log records.
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
