package introspect

import (
	"sync"
	"time"
)

// A generation is what this process knows of the generation of the store. The zero value is ready
// for use. It is safe for concurrent use.
type generation struct {
	mu     sync.Mutex
	known  int64 // the highest one
	purges bool  // forget has set known, and the store does not have it yet
}

func (g *generation) current() int64 {
	known, _ := g.state()
	return known
}

func (g *generation) state() (known int64, purges bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known, g.purges
}

// raise is called with the generation of the store. After forget, the known one stays higher: the
// store can have a high one that this process had not read, for example because the clock of
// another process is ahead.
func (g *generation) raise(stored int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.purges && stored >= g.known:
		g.known = stored + 1
	case stored > g.known:
		g.known = stored
	}
}

// forget raises the known generation. The next lookup purges the store. So forget performs no
// I/O, and a store that fails cannot prevent it.
func (g *generation) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.purges = max(g.known+1, time.Now().UnixMilli()), true
}

// purged is called after the store was purged.
func (g *generation) purged(stored int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.purges = g.purges && g.known != stored
}
