package replaycache

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

type Limits struct {
	Entries int
	PerKey  int
}

type Result string

const (
	First    Result = "first"
	Replayed Result = "replayed"
	Expired  Result = "expired"
	KeyFull  Result = "key full"
	Full     Result = "full"
)

type Cache struct {
	limits  Limits
	seed    maphash.Seed
	entries atomic.Int64
	shards  [shardCount]shard

	sweep struct {
		mu     sync.Mutex
		second int64
	}
}

const shardCount = 32

func New(limits Limits) *Cache {
	return &Cache{limits: limits, seed: maphash.MakeSeed()}
}

func (c *Cache) Once(key, use [32]byte, now, until time.Time) Result {
	if !now.Before(until) {
		return Expired
	}
	hash := maphash.Bytes(c.seed, key[:])
	s := &c.shards[hash%shardCount]
	p := proof{id: [16]byte(use[:16]), key: uint32(hash >> 32), until: ceil(until)}
	result := s.once(c, p, now.Unix())
	if result == Full {
		c.dropAll(now.Unix())
		result = s.once(c, p, now.Unix())
	}
	return result
}

func ceil(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

func (c *Cache) reserve() bool {
	for {
		n := c.entries.Load()
		if n >= int64(c.limits.Entries) {
			return false
		}
		if c.entries.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (c *Cache) dropAll(now int64) {
	c.sweep.mu.Lock()
	defer c.sweep.mu.Unlock()
	if c.sweep.second == now {
		return
	}
	c.sweep.second = now
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.drop(c, now)
		s.mu.Unlock()
	}
}

type Stats struct{ Entries int }

func (c *Cache) Stats() Stats { return Stats{int(c.entries.Load())} }
