package replaycache

import (
	"slices"
	"sync"
)

const (
	// generationSeconds is the time of a generation. Shorter generations remove expired proofs
	// earlier. But there are more of them, and each call looks into all of them.
	generationSeconds = 5

	// maxGenerations bounds the generations of a shard. It is enough for proofs that expire within
	// 10 minutes. Proofs that expire later can share a generation with others.
	maxGenerations = 128
)

// useID is the beginning of the digest of a use. A collision can only have the effect that an
// unused proof is rejected. With n entries, its probability is n in 2^128 for a proof. An attacker
// cannot increase it, because the jti of other clients' proofs is not known in advance.
type useID [16]byte

// keyID is a part of the seeded hash of a key. Two keys with the same keyID in one shard share a
// quota. Clients cannot find such keys, because they do not have the seed. The probability that a
// key shares the quota of a particular other key is 1 in 2^37. The short ID saves memory.
type keyID uint32

type proof struct {
	use   useID
	key   keyID
	until int64 // seconds since 1970
}

// shard contains the proofs of some keys.
type shard struct {
	mu          sync.Mutex // guards the fields below
	generations []generation
	removed     int64 // the latest time at which a removed proof expired, in seconds since 1970
}

// generation contains the proofs of a shard that expire at about the same time.
type generation struct {
	number int64 // the time at which its first proof expires, divided by generationSeconds
	last   int64 // the time at which its last proof expires, in seconds since 1970
	uses   map[useID]struct{}
	perKey map[keyID]uint32 // number of uses
}

// once stores a proof and reports whether this is its first use.
func (s *shard) once(c *Cache, p proof, now int64) Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(c, now)
	if p.until <= s.removed {
		return Expired // it can be one of the removed proofs if the clock has stepped back
	}
	stored, found := s.find(p)
	switch {
	case found:
		return Replayed
	case stored >= c.Limits().PerKey:
		return KeyFull
	case !c.reserve():
		return Full
	}
	g := s.generation(p.until)
	g.last = max(g.last, p.until)
	g.uses[p.use] = struct{}{}
	g.perKey[p.key]++
	return First
}

// find looks for a proof and counts the stored proofs of its key. It does not count all of them
// if it finds the proof.
func (s *shard) find(p proof) (ofKey int, found bool) {
	for i := range s.generations {
		g := &s.generations[i]
		n := g.perKey[p.key]
		if n == 0 {
			continue // a look-up in the smaller map is faster
		}
		if _, found = g.uses[p.use]; found {
			return ofKey, true
		}
		ofKey += int(n)
	}
	return ofKey, false
}

// generation returns the generation for proofs that expire at this time. If there are too many,
// it returns the one that expires last. A proof is then stored for longer than necessary, but it
// is never removed early.
func (s *shard) generation(until int64) *generation {
	number, latest := until/generationSeconds, 0
	for i := range s.generations {
		if s.generations[i].number == number {
			return &s.generations[i]
		}
		if s.generations[i].last > s.generations[latest].last {
			latest = i
		}
	}
	if len(s.generations) == maxGenerations {
		return &s.generations[latest]
	}
	s.generations = append(s.generations, generation{
		number: number, uses: make(map[useID]struct{}), perKey: make(map[keyID]uint32),
	})
	return &s.generations[len(s.generations)-1]
}

// remove removes the generations whose proofs have all expired.
func (s *shard) remove(c *Cache, now int64) {
	s.generations = slices.DeleteFunc(s.generations, func(g generation) bool {
		if now < g.last {
			return false
		}
		s.removed = max(s.removed, g.last)
		c.entries.Add(-int64(len(g.uses)))
		return true
	})
}

func (s *shard) removeExpired(c *Cache, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(c, now)
}
