package replaycache

import (
	"encoding/binary"
	"testing"
	"time"
)

// numbered returns a digest with this number.
func numbered(n int) (d [32]byte) {
	binary.BigEndian.PutUint64(d[:], uint64(n))
	return d
}

// A caller that passes times that are far away does not make a cache slow, and no proof is removed
// early.
func TestGenerationsAreBounded(t *testing.T) {
	const proofs = 1000
	c, start := New(Limits{Entries: proofs, PerKey: proofs}), time.Unix(1e9, 0)
	end := func(n int) time.Time { return start.Add(time.Duration(1+n*7919%proofs) * time.Hour) }
	for n := range proofs {
		c.Once(numbered(0), numbered(n), start, end(n))
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
				if got := c.Once(numbered(0), numbered(n), now, end(n)); got != Replayed {
					t.Fatalf("proof %d after %d hours: got %q", n, hour, got)
				}
			}
		}
	}
	if got := c.Entries(start.Add((proofs + 1) * time.Hour)); got != 0 {
		t.Errorf("at the end: got %+v", got)
	}
}

// Proofs that are far away share the generation that expires last. The others expire on time.
func TestSharedGeneration(t *testing.T) {
	const far = 10
	c, start := New(Limits{Entries: 1000, PerKey: 1000}), time.Unix(1e9, 0)
	for n := range maxGenerations + far {
		c.Once(numbered(0), numbered(n), start, start.Add(time.Duration(1+n)*time.Hour))
	}
	for _, row := range []struct{ hours, want int }{
		{0, maxGenerations + far}, {1, maxGenerations + far - 1}, {maxGenerations - 1, 1 + far},
		{maxGenerations, 1 + far}, {maxGenerations + far - 1, 1 + far}, {maxGenerations + far, 0},
	} {
		if got := c.Entries(start.Add(time.Duration(row.hours) * time.Hour)); got != row.want {
			t.Errorf("after %d hours: got %+v, want %d entries", row.hours, got, row.want)
		}
	}
}
