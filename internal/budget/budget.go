// Package budget limits how often something is done: several times at once after a quiet
// time, and then at a steady rate.
package budget

import "time"

// Rate is how much a budget permits: Burst times at once, and once more each Interval.
type Rate struct {
	Burst    int
	Interval time.Duration
}

// Budget counts what was spent. The zero value is a full budget. It is not safe for
// concurrent use, and always needs the same Rate.
type Budget struct {
	fullAt time.Time // when all of Burst is available again
}

// Available returns the time from which on one more is permitted, which can be in the past.
func (b *Budget) Available(r Rate) time.Time {
	return b.fullAt.Add(-time.Duration(r.Burst-1) * r.Interval)
}

// Spend takes one, whether it is available or not.
func (b *Budget) Spend(r Rate, now time.Time) {
	if b.fullAt.Before(now) {
		b.fullAt = now
	}
	b.fullAt = b.fullAt.Add(r.Interval)
}
