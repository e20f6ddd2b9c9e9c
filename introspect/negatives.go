package introspect

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Limits of the memory for refused tokens. It is apart from the memory for accepted
// ones, so that junk pushes out nothing but junk.
const (
	NegativeTTL     = 10 * time.Second
	NegativeEntries = 10_000
)

// negatives remembers tokens that the issuer does not stand by. Only what is about
// the token gets in: an outage is never remembered.
type negatives struct {
	mu      sync.Mutex
	entries *simplelru.LRU[digest, negative]
	purges  int
}

type negative struct {
	failed *failure
	until  time.Time
}

func newNegatives() *negatives {
	entries, _ := simplelru.NewLRU[digest, negative](NegativeEntries, nil) // fails for a size below 1 only
	return &negatives{entries: entries}
}

func (n *negatives) recall(key digest, now time.Time) *failure {
	n.mu.Lock()
	defer n.mu.Unlock()
	entry, ok := n.entries.Get(key)
	if !ok {
		return nil
	}
	if !now.Before(entry.until) {
		n.entries.Remove(key)
		return nil
	}
	return entry.failed
}

// age is to be asked before a call is made, and given to remember.
func (n *negatives) age() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.purges
}

// remember keeps a refusal, unless all were purged since age: the call may have begun
// before that, and so be out of date.
func (n *negatives) remember(key digest, f *failure, now time.Time, age int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.purges == age {
		n.entries.Add(key, negative{f, now.Add(NegativeTTL)})
	}
}

func (n *negatives) purge() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.purges++
	n.entries.Purge()
}
