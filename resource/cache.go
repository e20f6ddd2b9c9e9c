package resource

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/warder-go/warder/internal/digest"
)

// cache holds the callers of accepted tokens, by the digest of the token. It is bounded in
// entries and in bytes, and split into shards so that cores do not wait for one lock. Only
// tokens that passed every check are added, so invalid tokens cannot evict valid ones.
//
// It caches identity, not permission: scopes, revocation and time are checked on every use.
// The methods of a nil cache do nothing.
type cache struct {
	ttl            time.Duration
	entries, bytes int // limits
	created        time.Time
	shards         []shard
	purges         atomic.Uint64 // number of calls of purge
	earlier        cacheStats    // of the cache that this one replaced
}

type shard struct {
	mu       sync.Mutex
	entries  *simplelru.LRU[digest.Digest, cacheEntry]
	bytes    int
	maxBytes int
	evicted  uint64 // to make room

	hits atomic.Uint64
}

type cacheEntry struct {
	caller *Caller
	until  time.Duration // since the cache was created
}

const (
	entryBytes  = 500 // of memory that an entry takes besides its claims, roughly
	stringBytes = 32  // of memory that a string takes besides its text, roughly
	maxShards   = 32
)

func newCache(ttl time.Duration, entries, bytes int) *cache {
	count := 1 // a power of two
	for count < maxShards && entries/256 >= 2*count {
		count *= 2
	}
	c := &cache{ttl: ttl, entries: entries, bytes: bytes, created: time.Now(), shards: make([]shard, count)}
	for i := range c.shards {
		s := &c.shards[i]
		s.maxBytes = bytes / count
		s.entries, _ = simplelru.NewLRU(max(1, entries/count), func(_ digest.Digest, removed cacheEntry) {
			s.bytes -= removed.size()
		})
	}
	return c
}

// sameLimits reports whether two caches have the same limits.
func (c *cache) sameLimits(other *cache) bool {
	if c == nil || other == nil {
		return c == other
	}
	return c.ttl == other.ttl && c.entries == other.entries && c.bytes == other.bytes
}

func (c *cache) shard(d digest.Digest) *shard {
	return &c.shards[int(d[0])&(len(c.shards)-1)]
}

// get returns the cached caller, or nil if there is none or the entry has expired.
func (c *cache) get(d digest.Digest, now time.Time) *Caller {
	if c == nil {
		return nil
	}
	s := c.shard(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, ok := s.entries.Get(d)
	if ok && now.Sub(c.created) < entry.until {
		return entry.caller
	}
	s.entries.Remove(d)
	return nil
}

// generation must be read before a token is verified, and passed to put.
func (c *cache) generation() uint64 {
	if c == nil {
		return 0
	}
	return c.purges.Load()
}

// put adds the caller of a token, for at most limit (see Claims.CacheFor). It does nothing
// if a purge has begun since generation was read: the verification may have begun before
// the purge, and so its result may be outdated.
func (c *cache) put(d digest.Digest, caller *Caller, limit time.Duration, now time.Time, generation uint64) {
	if c == nil || limit < 0 {
		return
	}
	ttl := c.ttl
	if limit > 0 {
		ttl = min(ttl, limit)
	}
	entry := cacheEntry{caller: caller, until: now.Add(ttl).Sub(c.created)}
	s := c.shard(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	// The generation is compared under the lock. A purge counts first and then takes this
	// lock, so either the comparison fails or the purge finds the entry.
	if entry.size() > s.maxBytes || c.purges.Load() != generation {
		return
	}
	s.entries.Remove(d) // so that its bytes are not counted twice
	if s.entries.Add(d, entry) {
		s.evicted++
	}
	s.bytes += entry.size()
	for s.bytes > s.maxBytes {
		s.entries.RemoveOldest()
		s.evicted++
	}
}

// countHit counts a request whose token was cached. Each shard has a separate counter, so
// that cores do not share it.
func (c *cache) countHit(d digest.Digest) { c.shard(d).hits.Add(1) }

func (c *cache) remove(d digest.Digest) {
	if c == nil {
		return
	}
	s := c.shard(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries.Remove(d)
}

// purge removes the entries that match, and keeps verifications that are in progress from
// adding new ones.
func (c *cache) purge(match func(digest.Digest, *Caller) bool) {
	if c == nil {
		return
	}
	c.purges.Add(1)
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for _, d := range s.entries.Keys() {
			if entry, ok := s.entries.Peek(d); ok && match(d, entry.caller) {
				s.entries.Remove(d)
			}
		}
		s.mu.Unlock()
	}
}

// size estimates the memory that the entry keeps in use. Besides the text of the claims,
// each scope and role is a string.
func (e cacheEntry) size() int {
	c := e.caller
	bytes := entryBytes + len(c.object) + stringBytes*(len(c.scopes)+len(c.allScopes())+len(c.roles()))
	for _, scope := range c.scopes { // longer than in the claims if there is a ScopePrefix
		bytes += len(scope)
	}
	return bytes
}

// cacheStats are the figures of a cache for metrics.
type cacheStats struct {
	hits, evictions uint64
	entries, bytes  int
}

// continueStats makes the counters of c, which is not in use yet, continue those of another
// cache.
func (c *cache) continueStats(other *cache) {
	if c != nil {
		c.earlier = other.stats()
	}
}

func (c *cache) stats() (total cacheStats) {
	if c == nil {
		return total
	}
	total.hits, total.evictions = c.earlier.hits, c.earlier.evictions
	for i := range c.shards {
		s := &c.shards[i]
		total.hits += s.hits.Load()
		s.mu.Lock()
		total.evictions += s.evicted
		total.entries += s.entries.Len()
		total.bytes += s.bytes
		s.mu.Unlock()
	}
	return total
}
