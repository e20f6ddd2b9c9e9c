package revocation

import (
	"cmp"
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Times of reading the store.
const (
	readInterval = time.Second            // between two reads, if nothing is pushed
	pushInterval = 100 * time.Millisecond // between two reads, however much is pushed
)

// reader is the state of the copy of the store.
type reader struct {
	base        time.Time     // of the next two, which are nanoseconds after it
	usableUntil atomic.Int64  // the copy can be used until then
	fresh       atomic.Int64  // when the last complete read began; notFresh: never
	usableFor   time.Duration // after a complete read began; 0: without an end

	otherKeys atomic.Bool // the last read has found names of other keys

	mu     sync.Mutex // one read at a time; guards the fields below
	data   string     // Page.Data of the records that were read; "": all must be read
	after  int64      // sequence number of the last record
	stored stored     // until all records are read, and those that the store lacks are added; then nil
}

const notFresh = math.MinInt64

func newReader(c Config) *reader {
	r := &reader{base: time.Now(), usableFor: cmp.Or(c.MaxAge, defaultMaxAge)}
	if c.AcceptOutdated {
		r.usableFor = 0
	}
	r.fresh.Store(notFresh)
	r.usableUntil.Store(notFresh)
	return r
}

// completed is called after a complete read that began at a time.
func (r *reader) completed(began time.Time) {
	fresh := began.Sub(r.base)
	r.fresh.Store(int64(fresh))
	if r.usableFor == 0 {
		r.usableUntil.Store(math.MaxInt64)
		return
	}
	r.usableUntil.Store(int64(fresh + r.usableFor))
}

// usable reports whether the copy of the store can be used. It is fast: every request calls it.
func (r *reader) usable(now time.Time) bool {
	return now.Sub(r.base) <= time.Duration(r.usableUntil.Load())
}

// complete reports whether the store was read completely at least once.
func (r *reader) complete() bool { return r.fresh.Load() != notFresh }

// age returns how old the copy of the store is.
func (r *reader) age(now time.Time) time.Duration {
	fresh := r.fresh.Load()
	if fresh == notFresh {
		return math.MaxInt64
	}
	return now.Sub(r.base) - time.Duration(fresh)
}

// Run keeps the list up to date with the store until ctx ends. It reads all entries, and then the
// new ones every second and when the store reports them. Requests are rejected with 503 until
// the first read is complete, and [Config].MaxAge after Run has ended: end ctx after the server has
// stopped. Without a Store, Run returns at once.
func (l *List) Run(ctx context.Context) {
	if l.store == nil {
		return
	}
	added := make(chan struct{}, 1)
	var group sync.WaitGroup
	group.Go(func() { l.watchStore(ctx, added) })
	group.Go(func() { l.repeatAdditions(ctx) })
	for ctx.Err() == nil {
		l.read(ctx)
		wait(ctx, pushInterval, nil)
		wait(ctx, readInterval-pushInterval, added)
	}
	group.Wait()
}

// wait returns after d, or earlier if ctx ends or early has a value.
func wait(ctx context.Context, d time.Duration, early <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-early:
	case <-timer.C:
	}
}

// watchStore writes to added when the store reports new records.
func (l *List) watchStore(ctx context.Context, added chan<- struct{}) {
	for ctx.Err() == nil {
		err := protect(func() error {
			return l.store.Watch(ctx, func() {
				select {
				case added <- struct{}{}:
				default: // a read is due already
				}
			})
		})
		if ctx.Err() == nil {
			l.logWatch(err)
		}
		wait(ctx, readInterval, nil)
	}
}

// repeatAdditions adds the records to the store that could not be added before. It does not delay reads.
func (l *List) repeatAdditions(ctx context.Context) {
	for ctx.Err() == nil {
		err := l.addUnstored(ctx)
		if ctx.Err() == nil {
			l.logAdd(err)
		}
		wait(ctx, readInterval, nil)
	}
}

// read reads what is new in the store.
func (l *List) read(ctx context.Context) {
	r := l.reader
	r.mu.Lock()
	defer r.mu.Unlock()
	began := time.Now()
	err := l.readNew(ctx, began)
	if err == nil {
		r.completed(began)
	}
	if ctx.Err() == nil {
		l.metrics.count(err)
		l.logRead(err)
	}
}
