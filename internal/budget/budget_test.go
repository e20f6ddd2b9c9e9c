package budget_test

import (
	"testing"
	"time"

	"github.com/warder-go/warder/internal/budget"
)

func TestBudget(t *testing.T) {
	rate := budget.Rate{Burst: 3, Interval: 5 * time.Second}
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	var b budget.Budget
	for _, row := range []struct {
		after time.Duration // since start
		ok    bool
	}{
		{0, true}, {0, true}, {0, true}, // the burst
		{0, false}, {5*time.Second - 1, false},
		{5 * time.Second, true}, {5 * time.Second, false}, // the steady rate
		{12 * time.Second, true}, {15*time.Second - 1, false}, {15 * time.Second, true}, // no part of an interval is lost
		{time.Hour, true}, {time.Hour, true}, {time.Hour, true}, {time.Hour, false}, // never more than the burst
	} {
		now := start.Add(row.after)
		ok := !now.Before(b.Available(rate))
		if ok {
			b.Spend(rate, now)
		}
		if ok != row.ok {
			t.Errorf("after %s: permitted %v, want %v", row.after, ok, row.ok)
		}
	}
}
