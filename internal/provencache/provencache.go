// Package provencache caches values by names that a client can choose. A name is proven once
// the caller has found out that it is genuine. Names that are not proven have a cache of their
// own, so that they do not remove proven ones. Each new value can cause work if its source is
// new. Such values have a budget.
package provencache

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/warder-go/warder/internal/budget"
)

// Limits bound a cache. The numbers must be positive.
type Limits struct {
	TTL      time.Duration // a value is cached
	Proven   int           // cached values of proven names
	Unproven int           // cached values of other names
	Names    int           // names whose budgets and sources are kept, longer than the values

	PerName budget.Rate // new sources of one name that is not proven
	Total   budget.Rate // new sources of all of these together
}

// Cache holds values by name. It is safe for concurrent use.
type Cache[V any] struct {
	limits Limits

	mu       sync.Mutex // guards the fields below
	proven   *simplelru.LRU[string, entry[V]]
	unproven *simplelru.LRU[string, entry[V]]
	spent    *simplelru.LRU[string, *spending]
	total    budget.Budget // of all names that are not proven
}

// spending is the budget of one name, and the source that was permitted last.
type spending struct {
	budget budget.Budget
	source any
}

type entry[V any] struct {
	value V
	until time.Time
}

// New returns an empty cache.
func New[V any](limits Limits) *Cache[V] {
	c := &Cache[V]{limits: limits}
	c.proven, _ = simplelru.NewLRU[string, entry[V]](limits.Proven, nil)
	c.unproven, _ = simplelru.NewLRU[string, entry[V]](limits.Unproven, nil)
	c.spent, _ = simplelru.NewLRU[string, *spending](limits.Names, nil)
	return c
}

// Get returns the cached value of a name that has not expired.
func (c *Cache[V]) Get(name string, now time.Time) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, ok, _ = c.find(name, now)
	return value, ok
}

// find returns a cached value and the cache that it is in, or belongs to. A proven name stays
// proven when its entry expires, because it will get a value again.
func (c *Cache[V]) find(name string, now time.Time) (value V, ok bool, in *simplelru.LRU[string, entry[V]]) {
	in = c.unproven
	if c.proven.Contains(name) {
		in = c.proven
	}
	found, ok := in.Get(name)
	if !ok || !now.Before(found.until) {
		return value, false, in
	}
	return found.value, true, in
}

// Spend reports whether a name may have a new value from this source now, and takes it from the
// budgets. A proven name always may, and so may a name whose last source was the same. source
// must be comparable; nil is always a new source.
func (c *Cache[V]) Spend(name string, source any, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	own, ok := c.spent.Get(name)
	if !ok {
		own = new(spending)
		c.spent.Add(name, own)
	}
	if c.isFree(name, own, source) {
		own.source = source
		return true
	}
	if !c.isAvailable(own, now) {
		return false
	}
	own.budget.Spend(c.limits.PerName, now)
	c.total.Spend(c.limits.Total, now)
	own.source = source
	return true
}

// isFree reports whether a value takes nothing from the budgets.
func (c *Cache[V]) isFree(name string, own *spending, source any) bool {
	return c.proven.Contains(name) || source != nil && own.source == source
}

// isAvailable reports whether both budgets permit a new value.
func (c *Cache[V]) isAvailable(own *spending, now time.Time) bool {
	return !now.Before(own.budget.Available(c.limits.PerName)) && !now.Before(c.total.Available(c.limits.Total))
}

// Peek is Get, and changes nothing, such as the order in which entries are removed.
func (c *Cache[V]) Peek(name string, now time.Time) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := c.unproven
	if c.proven.Contains(name) {
		in = c.proven
	}
	found, ok := in.Peek(name)
	if !ok || !now.Before(found.until) {
		return value, false
	}
	return found.value, true
}

// Permits reports what Spend would report, and takes nothing from the budgets.
func (c *Cache[V]) Permits(name string, source any, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	own, ok := c.spent.Peek(name)
	if !ok {
		own = new(spending)
	}
	return c.isFree(name, own, source) || c.isAvailable(own, now)
}

// Add caches the new value of a name and returns it. If another goroutine was first, Add returns
// the value of that one, so that all use the same.
func (c *Cache[V]) Add(name string, value V, now time.Time) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	cached, ok, in := c.find(name, now)
	if ok {
		return cached
	}
	in.Add(name, entry[V]{value, now.Add(c.limits.TTL)})
	return value
}

// Prove records that a name is genuine. If it was not proven before, value is cached for it.
func (c *Cache[V]) Prove(name string, value V, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proven.Contains(name) {
		return
	}
	c.unproven.Remove(name)
	c.proven.Add(name, entry[V]{value, now.Add(c.limits.TTL)})
}

// Continue makes c, which must not have been used, continue other: with its proven names, but
// without their values, and with its budgets. other may still be used.
func (c *Cache[V]) Continue(other *Cache[V]) {
	other.mu.Lock()
	defer other.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range other.proven.Keys() { // the least recently used first
		c.proven.Add(name, entry[V]{})
	}
	for _, name := range other.spent.Keys() {
		own, _ := other.spent.Peek(name)
		clone := *own
		c.spent.Add(name, &clone)
	}
	c.total = other.total
}

// Values returns the cached values, expired or not, those of proven names first.
func (c *Cache[V]) Values() (all []V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cache := range []*simplelru.LRU[string, entry[V]]{c.proven, c.unproven} {
		for _, found := range cache.Values() {
			all = append(all, found.value)
		}
	}
	return all
}
