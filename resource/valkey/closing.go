package valkey

import "sync"

// closing ends what runs when a store is closed. The zero value is ready for use. It is safe for concurrent use.
type closing struct {
	mu     sync.Mutex
	closed bool
	next   int
	all    map[int]func()
}

// add adds a function that close calls. If close was called before, add calls it.
func (c *closing) add(end func()) (remove func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		end()
		return func() {}
	}
	if c.all == nil {
		c.all = map[int]func(){}
	}
	c.next++
	number := c.next
	c.all[number] = end
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.all, number)
	}
}

func (c *closing) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, end := range c.all {
		end()
	}
	c.all = nil
}
