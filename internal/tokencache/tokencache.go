// Package tokencache caches what accepted tokens stand for, by the digests of the tokens. A
// cache is bounded in entries and in bytes, and split into shards so that cores do not wait for
// one lock. It does not contain the tokens that it is keyed by.
package tokencache

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/warder-go/warder/internal/digest"
)

// Limits bound a cache.
type Limits struct {
	TTL     time.Duration // of an entry
	Entries int           // roughly, because the shards are not filled equally
	Bytes   int           // of all values, as the size function of New estimates them
}

// Cache holds values by the digest of the token that they were found for. The caller adds only
// values of tokens that passed every check, so invalid tokens cannot evict valid ones. It is
// safe for concurrent use. The methods of a nil cache do nothing.
type Cache[V any] struct {
	limits  Limits
	size    func(V) int
	valid   func(V, time.Time) bool
	created time.Time
	shards  []shard[V]
	purges  atomic.Uint64 // number of calls of Purge
	earlier Stats         // of the cache that this one replaced
}

type shard[V any] struct {
	mu       sync.Mutex
	entries  *simplelru.LRU[digest.Digest, entry[V]]
	bytes    int
	maxBytes int
	evicted  uint64 // to make room

	hits atomic.Uint64
}

type entry[V any] struct {
	value V
	until time.Duration // since the cache was created
}

const maxShards = 32

// New returns a cache. size estimates the memory that a value keeps in use; it must always
// return the same for the same value. valid reports whether a cached value may still be used.
// It is called without a lock.
func New[V any](limits Limits, size func(V) int, valid func(V, time.Time) bool) *Cache[V] {
	count := 1 // a power of two
	for count < maxShards && limits.Entries/256 >= 2*count {
		count *= 2
	}
	c := &Cache[V]{limits: limits, size: size, valid: valid, created: time.Now(), shards: make([]shard[V], count)}
	for i := range c.shards {
		s := &c.shards[i]
		s.maxBytes = limits.Bytes / count
		s.entries, _ = simplelru.NewLRU(max(1, limits.Entries/count), func(_ digest.Digest, removed entry[V]) {
			s.bytes -= size(removed.value)
		})
	}
	return c
}

// SameLimits reports whether two caches have the same limits.
func (c *Cache[V]) SameLimits(other *Cache[V]) bool {
	if c == nil || other == nil {
		return c == other
	}
	return c.limits == other.limits
}

func (c *Cache[V]) shard(d digest.Digest) *shard[V] {
	return &c.shards[int(d[0])&(len(c.shards)-1)]
}

// Get returns the value of a token and counts a hit. An entry that has expired, or whose value
// is no longer valid, is removed.
func (c *Cache[V]) Get(d digest.Digest, now time.Time) (value V, ok bool) {
	if c == nil {
		return value, false
	}
	s := c.shard(d)
	if value, ok = c.find(s, d, now); !ok {
		return value, false
	}
	if !c.valid(value, now) {
		s.remove(d)
		var none V
		return none, false
	}
	s.hits.Add(1) // each shard has a separate counter, so that cores do not share it
	return value, true
}

// find looks an entry up and removes it if it has expired.
func (c *Cache[V]) find(s *shard[V], d digest.Digest, now time.Time) (value V, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.entries.Get(d)
	if ok && now.Sub(c.created) < found.until {
		return found.value, true
	}
	s.entries.Remove(d)
	return value, false
}

// Remove removes the entry of a token.
func (c *Cache[V]) Remove(d digest.Digest) {
	if c != nil {
		c.shard(d).remove(d)
	}
}

func (s *shard[V]) remove(d digest.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries.Remove(d)
}

// Generation must be read before a token is verified, and passed to Put.
func (c *Cache[V]) Generation() uint64 {
	if c == nil {
		return 0
	}
	return c.purges.Load()
}

// Put adds the value of a token, for at most limit: 0 means Limits.TTL, and a negative limit
// that the value is not cached. It does nothing if a purge has begun since generation was read:
// the verification may have begun before the purge, and so its result may be outdated.
func (c *Cache[V]) Put(d digest.Digest, value V, limit time.Duration, now time.Time, generation uint64) {
	if c == nil || limit < 0 {
		return
	}
	ttl := c.limits.TTL
	if limit > 0 {
		ttl = min(ttl, limit)
	}
	bytes := c.size(value)
	s := c.shard(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	// The generation is compared under the lock. A purge counts first and then takes this
	// lock, so either the comparison fails or the purge finds the entry.
	if bytes > s.maxBytes || c.purges.Load() != generation {
		return
	}
	s.entries.Remove(d) // so that its bytes are not counted twice
	if s.entries.Add(d, entry[V]{value, now.Add(ttl).Sub(c.created)}) {
		s.evicted++
	}
	s.bytes += bytes
	for s.bytes > s.maxBytes {
		s.entries.RemoveOldest()
		s.evicted++
	}
}

// Purge removes the entries that match, and keeps verifications that are in progress from
// adding new ones. It calls match under a lock.
func (c *Cache[V]) Purge(match func(digest.Digest, V) bool) {
	if c == nil {
		return
	}
	c.purges.Add(1)
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for _, d := range s.entries.Keys() {
			if found, ok := s.entries.Peek(d); ok && match(d, found.value) {
				s.entries.Remove(d)
			}
		}
		s.mu.Unlock()
	}
}

// Stats are the figures of a cache for metrics.
type Stats struct {
	Hits, Evictions uint64 // evictions to make room
	Entries, Bytes  int
}

// ContinueStats makes the counters of c, which is not in use yet, continue those of another
// cache.
func (c *Cache[V]) ContinueStats(other *Cache[V]) {
	if c != nil {
		c.earlier = other.Stats()
	}
}

// Stats returns the figures of now.
func (c *Cache[V]) Stats() (total Stats) {
	if c == nil {
		return total
	}
	total.Hits, total.Evictions = c.earlier.Hits, c.earlier.Evictions
	for i := range c.shards {
		s := &c.shards[i]
		total.Hits += s.hits.Load()
		s.mu.Lock()
		total.Evictions += s.evicted
		total.Entries += s.entries.Len()
		total.Bytes += s.bytes
		s.mu.Unlock()
	}
	return total
}
