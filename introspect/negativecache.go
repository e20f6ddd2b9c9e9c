package introspect

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/warder-go/warder/internal/digest"
)

// Limits of the cache of rejected tokens. It is separate from the cache of accepted
// tokens, so that invalid tokens can evict only other invalid tokens.
const (
	negativeTTL     = 10 * time.Second
	negativeEntries = 10_000
)

// negativeCache stores tokens that the issuer rejects, least recently used first out. It
// stores only failures that are about the token (see definitive), never an
// outage. It is safe for concurrent use.
type negativeCache struct {
	mu         sync.Mutex
	entries    *simplelru.LRU[digest.Digest, negativeEntry]
	generation int // incremented by each purge
}

type negativeEntry struct {
	failure   *failure
	expiresAt time.Time
}

func newNegativeCache() *negativeCache {
	entries, _ := simplelru.NewLRU[digest.Digest, negativeEntry](negativeEntries, nil) // fails only for a size below 1
	return &negativeCache{entries: entries}
}

// lookup returns why the token was rejected, or nil if no entry exists or it has expired.
func (n *negativeCache) lookup(key digest.Digest, now time.Time) *failure {
	n.mu.Lock()
	defer n.mu.Unlock()
	entry, ok := n.entries.Get(key)
	if !ok {
		return nil
	}
	if !now.Before(entry.expiresAt) {
		n.entries.Remove(key)
		return nil
	}
	return entry.failure
}

// currentGeneration must be read before a call and passed to store.
func (n *negativeCache) currentGeneration() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.generation
}

// store adds a token that was rejected negativeTTL before expiresAt. It does nothing if the
// cache was purged after generation was read: the call may have begun before the purge, so its
// result may be outdated.
func (n *negativeCache) store(key digest.Digest, f *failure, expiresAt time.Time, generation int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.generation == generation {
		n.entries.Add(key, negativeEntry{f, expiresAt})
	}
}

func (n *negativeCache) purge() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.generation++
	n.entries.Purge()
}
