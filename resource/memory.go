package resource

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// memory remembers whom an accepted token stands for. It is bounded in entries and
// in bytes, and split into shards so that cores don't queue at one lock. Only tokens
// that passed every check get in, so invalid ones can't push out valid ones.
//
// It remembers identity, not permission: scopes, revocation and time are asked anew
// on every use.
type memory struct {
	ttl    time.Duration
	began  time.Time
	shards []shard
	purges atomic.Uint64 // how often something was forgotten on purpose
	before memoryStats   // of the memory that this one follows
}

type shard struct {
	mu       sync.Mutex
	entries  *simplelru.LRU[digest, remembered]
	bytes    int
	maxBytes int
	evicted  uint64 // to make room

	hits atomic.Uint64
}

type remembered struct {
	caller *Caller
	until  time.Duration // since the memory began
}

// entryBytes is what an entry takes besides its claims, roughly.
const entryBytes = 500

const maxShards = 32

func newMemory(ttl time.Duration, entries, bytes int) *memory {
	count := 1 // a power of two
	for count < maxShards && entries/256 >= 2*count {
		count *= 2
	}
	m := &memory{ttl: ttl, began: time.Now(), shards: make([]shard, count)}
	for i := range m.shards {
		s := &m.shards[i]
		s.maxBytes = bytes / count
		s.entries, _ = simplelru.NewLRU(max(1, entries/count), func(_ digest, gone remembered) {
			s.bytes -= gone.size()
		})
	}
	return m
}

func (m *memory) shard(d digest) *shard {
	return &m.shards[int(d[0])&(len(m.shards)-1)]
}

// recall returns whom the token stood for, if that is not too long ago.
func (m *memory) recall(d digest, now time.Time) *Caller {
	if m == nil {
		return nil
	}
	s := m.shard(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, ok := s.entries.Get(d)
	if ok && now.Sub(m.began) < entry.until {
		return entry.caller
	}
	s.entries.Remove(d)
	return nil
}

// age is to be asked before a token is verified, and given to remember.
func (m *memory) age() uint64 {
	if m == nil {
		return 0
	}
	return m.purges.Load()
}

// remember keeps the caller, for most at most (see Claims.RememberFor), unless something
// was purged since age: the verification may have begun before the purge, and so know
// nothing of it.
func (m *memory) remember(d digest, c *Caller, most time.Duration, now time.Time, age uint64) {
	if m == nil || most < 0 {
		return
	}
	ttl := m.ttl
	if most > 0 {
		ttl = min(ttl, most)
	}
	entry := remembered{caller: c, until: now.Add(ttl).Sub(m.began)}
	s := m.shard(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	// Asked under the lock: a purge counts first and then takes this lock, so it
	// either is seen here or finds the entry.
	if entry.size() > s.maxBytes || m.purges.Load() != age {
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

// hit counts a request that was answered from memory. Each shard counts its own, so
// that cores don't share the counter.
func (m *memory) hit(d digest) { m.shard(d).hits.Add(1) }

// memoryStats is a look at the memory for metrics.
type memoryStats struct {
	hits, evictions uint64
	entries, bytes  int
}

// follow lets the counters go on where those of an older memory end. It is for one that
// is not in use yet.
func (m *memory) follow(older *memory) {
	if m != nil {
		m.before = older.stats()
	}
}

func (m *memory) stats() (now memoryStats) {
	if m == nil {
		return now
	}
	now.hits, now.evictions = m.before.hits, m.before.evictions
	for i := range m.shards {
		s := &m.shards[i]
		now.hits += s.hits.Load()
		s.mu.Lock()
		now.evictions += s.evicted
		now.entries += s.entries.Len()
		now.bytes += s.bytes
		s.mu.Unlock()
	}
	return now
}

func (m *memory) forget(d digest) {
	if m == nil {
		return
	}
	s := m.shard(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries.Remove(d)
}

// purge forgets the callers that match, and all that is being verified meanwhile.
func (m *memory) purge(match func(digest, *Caller) bool) {
	if m == nil {
		return
	}
	m.purges.Add(1)
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for _, d := range s.entries.Keys() {
			if entry, ok := s.entries.Peek(d); ok && match(d, entry.caller) {
				s.entries.Remove(d)
			}
		}
		s.mu.Unlock()
	}
}

// size estimates what the entry keeps alive: besides the claims as text, each scope and
// role is a string of its own.
func (r remembered) size() int {
	c := r.caller
	bytes := entryBytes + len(c.object) + stringBytes*(len(c.scopes)+len(c.all())+len(c.roles()))
	for _, scope := range c.scopes { // with Issuer.ScopePrefix longer than in the claims
		bytes += len(scope)
	}
	return bytes
}

const stringBytes = 32
