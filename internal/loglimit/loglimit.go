// Package loglimit limits how many log records of one kind are written per second, so
// that a flood of requests does not flood the log.
package loglimit

import (
	"sync"
	"time"
)

// Limiter limits log records by key: so many records of each key in a second, then one
// summary with the number of the suppressed records. It is safe for concurrent use.
type Limiter[K comparable] struct {
	perSecond int // 0: no limit
	keys      map[K]*window
}

// window counts the records of one key since its start.
type window struct {
	mu         sync.Mutex
	start      time.Time
	written    int
	suppressed int
}

// New returns a limiter for a fixed set of keys. Records of other keys are not limited. A
// perSecond of 0 or less does not limit anything.
func New[K comparable](perSecond int, keys []K) *Limiter[K] {
	l := &Limiter[K]{perSecond: max(perSecond, 0), keys: make(map[K]*window, len(keys))}
	for _, key := range keys {
		l.keys[key] = new(window)
	}
	return l
}

// Allow reports whether to write a record now. When it suppresses the first record of a
// second, summaryIn is positive: the caller must then call Summary after that time.
func (l *Limiter[K]) Allow(key K) (ok bool, summaryIn time.Duration) {
	w := l.keys[key]
	if w == nil || l.perSecond == 0 {
		return true, 0
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.suppressed == 0 && now.Sub(w.start) >= time.Second {
		w.start, w.written = now, 0
	}
	if w.written < l.perSecond {
		w.written++
		return true, 0
	}
	if w.suppressed++; w.suppressed == 1 {
		return false, time.Second - now.Sub(w.start)
	}
	return false, 0
}

// Summary returns how many records of a key were suppressed, and starts a new second. A
// key that New was not given has no window and returns 0.
func (l *Limiter[K]) Summary(key K) (suppressed int) {
	w := l.keys[key]
	if w == nil {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	suppressed = w.suppressed
	w.start, w.written, w.suppressed = time.Now(), 0, 0
	return suppressed
}
