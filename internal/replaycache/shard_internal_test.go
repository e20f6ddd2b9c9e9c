package replaycache

import (
	"encoding/binary"
	"testing"
	"time"
)

// A caller that passes times that are far away does not make a cache slow, and no proof is removed
// early.
func TestGenerationsAreBounded(t *testing.T) {
	const proofs = 1000
	c, start := New(Limits{Entries: proofs, PerKey: proofs}), time.Unix(1e9, 0)
	use := func(n int) (d [32]byte) {
		binary.BigEndian.PutUint64(d[:], uint64(n))
		return d
	}
	end := func(n int) time.Time { return start.Add(time.Duration(1+n*7919%proofs) * time.Hour) }
	for n := range proofs {
		c.Once(use(0), use(n), start, end(n))
	}
	most := 0
	for i := range c.shards {
		most = max(most, len(c.shards[i].generations))
	}
	if most != maxGenerations {
		t.Errorf("got %d generations, want %d", most, maxGenerations)
	}
	for hour := range proofs + 1 {
		now := start.Add(time.Duration(hour) * time.Hour)
		for n := range proofs {
			if n%13 == hour%13 && now.Before(end(n)) {
				if got := c.Once(use(0), use(n), now, end(n)); got != Replayed {
					t.Fatalf("proof %d after %d hours: got %q", n, hour, got)
				}
			}
		}
	}
	if got := c.Stats(start.Add((proofs + 1) * time.Hour)); got != (Stats{}) {
		t.Errorf("at the end: got %+v", got)
	}
}
