package revocation_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/resource/revocation"
)

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), &memoryStore{faults: faults{down: true}}
		list := start(t, revocation.Config{Store: store})
		expect := func(when string, age, ok, failed, entries float64) {
			t.Helper()
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			for _, row := range []struct {
				name, label string
				want        float64
			}{
				{"warder_revocation_age_seconds", "", age},
				{"warder_revocation_reads_total", "ok", ok},
				{"warder_revocation_reads_total", "error", failed},
				{"warder_revocation_entries", "", entries},
				{"warder_revocation_unstored_entries", "", 0},
			} {
				var labels []string
				if row.label != "" {
					labels = append(labels, row.label)
				}
				if got := metric(t, list, row.name, labels...); got != row.want {
					t.Errorf("%s: %s %s: got %g, want %g", when, row.name, row.label, got, row.want)
				}
			}
		}
		expect("before the first read", math.Inf(1), 0, 1, 0)
		store.set(func(m *memoryStore) { m.down = false })
		expect("after the first read", 0, 1, 1, 0) // at 1 s
		s.add(t, list, "alice")
		expect("half a second later", .5, 1, 1, 1)
		expect("at the second read", 0, 2, 1, 1)
		store.set(func(m *memoryStore) { m.down = true })
		time.Sleep(10 * time.Second)
		expect("an outage", 10.5, 2, 11, 1)
	})
}

// A list without a store has only the number of entries.
func TestMetricsWithoutStore(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newList(t, revocation.Config{}))
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "warder_revocation_entries" {
		t.Errorf("got %v, %v", families, err)
	}
}
