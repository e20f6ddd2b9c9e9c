package onbehalf

import (
	"sync"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/heldtoken"
	"github.com/warder-go/warder/internal/tokencache"
	"github.com/warder-go/warder/resource"
)

// Limits of the cache.
const (
	// expirySkew is how long before its expiry a token is not used any more, because it must still be
	// good when the target receives it. A token with less than twice as much left is used for half
	// of that.
	expirySkew = 10 * time.Second

	negativeTTL     = 10 * time.Second // an answer that there is no token
	interactionTTL  = time.Second      // such an answer if the user can change it at any moment
	negativeEntries = 1000
	negativeBytes   = 8 << 20
	issuedBytes     = 64 << 20
	sweepInterval   = time.Minute // between removals of expired entries, so that tokens do not stay in memory
	entryBytes      = 400         // an entry takes besides the token, roughly
)

// finding is the result of an exchange: a token or an error.
type finding struct {
	token *Token
	err   *Error
}

// entry is a cached finding.
type entry struct {
	finding
	held  resource.HeldToken // without the token
	until time.Time
}

// cache has issued tokens and, separately, answers that there is none, so that these do not remove
// tokens. It is safe for concurrent use.
type cache struct {
	issued, refused *tokencache.Cache[*entry]

	mu    sync.Mutex // guards swept
	swept time.Time
}

func newCache(entries int) *cache {
	size := func(e *entry) int {
		n := entryBytes
		if e.token != nil {
			n += len(heldtoken.Raw(e.token.access))
			for _, scope := range e.token.scopes {
				n += len(scope)
			}
		}
		if e.err != nil {
			n += len(e.err.Claims)
		}
		return n
	}
	valid := func(e *entry, now time.Time) bool { return now.Before(e.until) }
	return &cache{
		issued:  tokencache.New(tokencache.Limits{TTL: maxLifetime, Entries: entries, Bytes: issuedBytes}, size, valid),
		refused: tokencache.New(tokencache.Limits{TTL: negativeTTL, Entries: negativeEntries, Bytes: negativeBytes}, size, valid),
		swept:   time.Now(),
	}
}

// get returns what is cached for a key. An entry from before the caller's token was forgotten is
// removed.
func (c *cache) get(key digest.Digest, held resource.HeldToken, now time.Time) (finding, bool) {
	for _, in := range []*tokencache.Cache[*entry]{c.issued, c.refused} {
		found, ok := in.Get(key, now)
		switch {
		case ok && held.Continues(found.held):
			return found.finding, true
		case ok:
			in.Remove(key)
		}
	}
	return finding{}, false
}

// put caches a finding, unless it is an outage.
func (c *cache) put(key digest.Digest, f finding, held resource.HeldToken, now time.Time) {
	defer c.sweep(now)
	held.Token = heldtoken.Token{}
	e := &entry{finding: f, held: held}
	switch {
	case f.token != nil:
		left := f.token.expiry.Sub(now)
		e.until = now.Add(max(left-expirySkew, left/2))
		c.refused.Remove(key)
		c.issued.Put(key, e, e.until.Sub(now), now, c.issued.Generation())
	case f.err.isAnswer():
		e.until = now.Add(negativeTTL)
		if f.err.Kind == KindInteraction {
			e.until = now.Add(interactionTTL)
		}
		c.issued.Remove(key)
		c.refused.Put(key, e, 0, now, c.refused.Generation())
	}
}

func (c *cache) remove(key digest.Digest) {
	c.issued.Remove(key)
	c.refused.Remove(key)
}

// sweep removes expired entries, if that was not done for a while.
func (c *cache) sweep(now time.Time) {
	if !c.isDue(now) {
		return
	}
	expired := func(_ digest.Digest, e *entry) bool { return !now.Before(e.until) }
	c.issued.Purge(expired)
	c.refused.Purge(expired)
}

func (c *cache) isDue(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	due := now.Sub(c.swept) >= sweepInterval
	if due {
		c.swept = now
	}
	return due
}
