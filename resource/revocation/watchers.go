package revocation

import (
	"sync"
	"time"
)

// notifyInterval is the shortest time between two notifications of the watchers. A notification makes
// every open stream look at the list.
const notifyInterval = time.Second

// watchers are notified of changes. The zero value is ready for use. It is safe for concurrent use.
type watchers struct {
	mu      sync.Mutex
	all     map[int]func()
	next    int
	pending bool
	last    time.Time // when the watchers were last notified
}

func (w *watchers) add(changed func()) (stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[int]func(){}
	}
	w.next++
	number := w.next
	w.all[number] = changed
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, number)
	}
}

// notify calls the watchers soon, in another goroutine.
func (w *watchers) notify() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending || len(w.all) == 0 {
		return
	}
	w.pending = true
	if wait := time.Until(w.last.Add(notifyInterval)); wait > 0 {
		time.AfterFunc(wait, w.call)
	} else {
		go w.call()
	}
}

// call calls the watchers without the lock, because a watcher can stop itself.
func (w *watchers) call() {
	w.mu.Lock()
	w.pending, w.last = false, time.Now() // changes from now on need another notification
	called := make([]func(), 0, len(w.all))
	for _, changed := range w.all {
		called = append(called, changed)
	}
	w.mu.Unlock()
	for _, changed := range called {
		callWatcher(changed)
	}
}

// callWatcher calls a watcher. A panic in a timer would end the program.
func callWatcher(changed func()) {
	defer func() { _ = recover() }()
	changed()
}
