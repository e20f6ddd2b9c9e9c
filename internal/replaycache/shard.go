package replaycache

import (
	"slices"
	"sync"
)

var generationSeconds int64 = 4

const maxGenerations = 192

type proof struct {
	id    [16]byte
	key   uint32
	until int64
}

type shard struct {
	mu          sync.Mutex
	generations []generation
	dropped     int64
}

type generation struct {
	slot, last int64
	uses       map[[16]byte]struct{}
	perKey     map[uint32]uint32
}

func (s *shard) once(c *Cache, p proof, now int64) Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(c, now)
	ofKey := 0
	for i := range s.generations {
		g := &s.generations[i]
		n := g.perKey[p.key]
		if n == 0 {
			continue
		}
		if _, ok := g.uses[p.id]; ok {
			return Replayed
		}
		ofKey += int(n)
	}
	switch {
	case p.until <= s.dropped:
		return Expired
	case ofKey >= c.limits.PerKey:
		return KeyFull
	case !c.reserve():
		return Full
	}
	g := s.generation(p.until)
	g.uses[p.id] = struct{}{}
	g.perKey[p.key]++
	g.last = max(g.last, p.until)
	return First
}

func (s *shard) drop(c *Cache, now int64) {
	s.generations = slices.DeleteFunc(s.generations, func(g generation) bool {
		if now < g.last {
			return false
		}
		s.dropped = max(s.dropped, g.last)
		c.entries.Add(-int64(len(g.uses)))
		return true
	})
}

func (s *shard) generation(until int64) *generation {
	slot, latest := until/generationSeconds, 0
	for i := range s.generations {
		if s.generations[i].slot == slot {
			return &s.generations[i]
		}
		if s.generations[i].last > s.generations[latest].last {
			latest = i
		}
	}
	if len(s.generations) == maxGenerations {
		return &s.generations[latest]
	}
	s.generations = append(s.generations, generation{slot: slot, uses: map[[16]byte]struct{}{}, perKey: map[uint32]uint32{}})
	return &s.generations[len(s.generations)-1]
}
