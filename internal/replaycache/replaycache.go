// Package replaycache stores which DPoP proofs were used, so that each proof is accepted only
// once (RFC 9449 §11.1). It stores digests, not the proofs, and only in the memory of the process:
// another process does not know the proofs that this one has accepted.
//
// A cache is split into shards by the client's key, so that cores do not wait for one lock. A
// shard groups proofs into generations by the time at which they expire, five seconds to a
// generation. It removes a generation as a whole, so a call does not visit expired proofs one by
// one. A cache needs neither a goroutine nor a timer: a shard removes expired proofs in the next call
// for it.
// Until then, an idle cache keeps their memory, which Limits.Entries bounds.
//
// An entry needs at most 62 bytes, including the accounting of quotas, if each shard has 500 new
// proofs within five seconds. Measured with a million entries: 28 bytes with 1000 keys, and 43
// bytes with a key for each proof. Other numbers of entries need up to 32 and 58 bytes, because a
// Go map is between half full and full. Memory is allocated as it is needed. A generation with
// only one entry needs about 350 bytes.
package replaycache

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound a cache. The numbers must be positive: with zero, no proof is accepted.
type Limits struct {
	Entries int // stored proofs of all keys. This is a limit for the cache, not for each shard
	PerKey  int // stored proofs of one key, so that one stolen token cannot fill the cache
}

// Result says whether a proof may be accepted. Only First permits that.
type Result string

// The results, in the order of their precedence except First.
const (
	First    Result = "first"    // the proof was not used before, and is stored now
	Expired  Result = "expired"  // the proof is too old to decide whether it was used
	Replayed Result = "replayed" // the proof was used before
	KeyFull  Result = "key full" // Limits.PerKey is reached, and the proof is not stored
	Full     Result = "full"     // Limits.Entries is reached, and the proof is not stored
)

// Cache stores which proofs were used. It is safe for concurrent use.
type Cache struct {
	limits  atomic.Pointer[Limits]
	seed    maphash.Seed // so that clients cannot choose the shard of a key
	entries atomic.Int64 // of all shards, with expired ones that are not removed yet
	shards  [shardCount]shard

	cleanup struct {
		mu   sync.Mutex
		done int64 // the second of the last cleanup, since 1970
	}
}

// shardCount must be a power of two. A call holds the lock of a shard for 1 to 3 µs.
const shardCount = 32

// New returns an empty cache.
func New(limits Limits) *Cache {
	c := &Cache{seed: maphash.MakeSeed()}
	c.SetLimits(limits)
	return c
}

// Limits returns the limits.
func (c *Cache) Limits() Limits { return *c.limits.Load() }

// SetLimits changes the limits. Lower limits remove nothing: new proofs are rejected until enough
// others have expired.
func (c *Cache) SetLimits(limits Limits) { c.limits.Store(&limits) }

// Once stores that a proof is used and reports whether this is its first use. Of concurrent calls
// for the same proof, at most one returns First.
//
// key is the SHA-256 thumbprint of the client's public key (RFC 7638). use identifies the proof:
// SHA-256 over the thumbprint, jti and htu. Two proofs with the same use are the same proof for
// the cache, even if they expire at different times. A use belongs to one key: Once does not find
// a use that was stored with another key.
//
// At until and later, the caller does not accept the proof, so the cache can remove it. The proof
// stays stored until then, and for less than generationSeconds longer if other proofs of its
// generation do, unless a shard has maxGenerations. While it is stored, it counts for the limits.
// A later call for the same use does not change this time.
//
// If the clock steps back, a proof that was already removed is Expired, and so is every unknown
// proof of the same shard that would have expired before the removed ones.
func (c *Cache) Once(key, use [32]byte, now, until time.Time) Result {
	if !now.Before(until) {
		return Expired
	}
	hash := maphash.Bytes(c.seed, key[:])
	s := &c.shards[hash%shardCount]
	p := proof{use: useID(use[:]), key: keyID(hash >> 32), until: roundUp(until)}
	result := s.once(c, p, now.Unix())
	if result == Full && c.removeExpired(now.Unix()) {
		result = s.once(c, p, now.Unix())
	}
	return result
}

// roundUp returns a time in seconds since 1970. It rounds up, so that no proof is removed early.
func roundUp(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// reserve counts a new entry unless the cache is full.
func (c *Cache) reserve() bool {
	for {
		n := c.entries.Load()
		if n >= int64(c.Limits().Entries) {
			return false
		}
		if c.entries.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// removeExpired removes the expired entries of all shards. It holds one lock of a shard at a time.
// A second call within the same second only waits for the first one, because entries expire at
// full seconds. So a full cache does not make every request lock every shard.
func (c *Cache) removeExpired(now int64) bool {
	c.cleanup.mu.Lock()
	defer c.cleanup.mu.Unlock()
	if c.cleanup.done != now {
		c.cleanup.done = now
		for i := range c.shards {
			c.shards[i].removeExpired(c, now)
		}
	}
	return int(c.entries.Load()) < c.Limits().Entries
}

// Entries returns the number of stored proofs. It first removes those that have expired, so that
// an idle cache does not count them.
func (c *Cache) Entries(now time.Time) int {
	c.removeExpired(now.Unix())
	return int(c.entries.Load())
}
