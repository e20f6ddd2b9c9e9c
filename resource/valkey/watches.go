package valkey

import (
	"context"
	"sync"
)

// watch is a running call of Watch.
type watch struct {
	cancel  context.CancelCauseFunc
	address string // of its connection; empty: not connected yet
}

// watches are the running calls of Watch. The zero value is ready for use. It is safe for
// concurrent use.
type watches struct {
	mu     sync.Mutex
	closed bool
	all    map[*watch]bool
}

// add adds a call. After close, it ends the call.
func (w *watches) add(call *watch) (remove func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		call.cancel(errClosed)
	}
	if w.all == nil {
		w.all = map[*watch]bool{}
	}
	w.all[call] = true
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, call)
	}
}

// connected notes the server of a call.
func (w *watches) connected(call *watch, address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	call.address = address
}

// endOthers ends the calls that are connected to another server than the primary.
func (w *watches) endOthers(primary string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for call := range w.all {
		if call.address != "" && call.address != primary {
			call.cancel(errOtherPrimary)
		}
	}
}

// close ends all calls.
func (w *watches) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for call := range w.all {
		call.cancel(errClosed)
	}
}
