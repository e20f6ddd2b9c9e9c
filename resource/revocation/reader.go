package revocation

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/internal/logging"
)

// How the store is read.
const (
	readInterval = time.Second     // between two reads, if nothing is pushed
	callTimeout  = 2 * time.Second // for one call of the store
	maxRestarts  = 3               // of a full read, because Page.Data has changed
	addBatch     = 500             // records in one call of Store.Add
)

// reader is the state of [List.Run]. The fields without a comment on concurrency belong to its goroutine.
type reader struct {
	base   time.Time    // of fresh
	fresh  atomic.Int64 // when the last complete read began, in nanoseconds after base; notFresh: never
	repair atomic.Bool  // the store lacks entries of this process

	data   string // Page.Data of the last read
	after  int64  // sequence number of the last record
	failed bool   // the last read failed
}

const notFresh = math.MinInt64

func newReader() *reader {
	r := &reader{base: time.Now()}
	r.fresh.Store(notFresh)
	return r
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

// Run keeps the list up to date with the store until ctx ends: it reads all entries, and then the
// new ones every second and when the store reports them. Without a Store it returns at once. Run must be called once
// only. Requests are rejected with 503 until the first read is complete.
func (l *List) Run(ctx context.Context) {
	if l.store == nil {
		return
	}
	added := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.watchStore(ctx, added)
	}()
	defer func() { <-done }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-added:
		case <-timer.C:
		}
		l.read(ctx)
		timer.Reset(readInterval)
	}
}

// watchStore writes to added when the store reports new records.
func (l *List) watchStore(ctx context.Context, added chan<- struct{}) {
	for ctx.Err() == nil {
		err := l.store.Watch(ctx, func() {
			select {
			case added <- struct{}{}:
			default: // a read is due already
			}
		})
		if err != nil && ctx.Err() == nil {
			logging.OrDefault(l.log).Debug("revocations are not pushed at the moment; the store is read every second", "error", err)
		}
		timer := time.NewTimer(readInterval)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// read reads what is new in the store.
func (l *List) read(ctx context.Context) {
	began := time.Now()
	err := l.readNew(ctx, began)
	if ctx.Err() != nil {
		return
	}
	l.metrics.count(err)
	log := logging.OrDefault(l.log)
	switch {
	case err != nil && !l.reader.failed:
		log.Error("revocations cannot be read from the store", "max_age", l.maxAge, "accept_outdated", l.acceptOutdated, "error", err)
	case err == nil && l.reader.failed:
		log.Info("revocations are read from the store again", "entries", l.Len())
	}
	l.reader.failed = err != nil
	if err == nil {
		l.reader.fresh.Store(int64(began.Sub(l.reader.base)))
	}
}

var errDataChanges = errors.New("the store has other data in every call")

// readNew reads the records after the last one. It reads all records if it is the first read, if the store may
// have lost records, or if the store lacks records of this process. Then it adds the missing ones to the store.
func (l *List) readNew(ctx context.Context, now time.Time) error {
	r := l.reader
	var seen map[[16]byte]state // not nil: all records are read
	if repair := r.repair.Swap(false); repair || r.data == "" {
		r.after, seen = 0, map[[16]byte]state{}
	}
	for restarts := 0; ; {
		page, err := l.readPage(ctx)
		if err != nil {
			return l.abandon(seen, err)
		}
		if page.Data != r.data {
			restarts++
			r.data = page.Data
			if seen = map[[16]byte]state{}; r.after != 0 {
				r.after = 0
				if restarts > maxRestarts {
					return l.abandon(seen, errDataChanges)
				}
				continue
			}
		}
		if err := l.apply(page.Records, now); err != nil {
			return l.abandon(seen, err)
		}
		for _, record := range page.Records {
			if seen != nil {
				s := stateOf(record)
				if old, ok := seen[record.Name]; ok {
					s = s.merge(old)
				}
				seen[record.Name] = s
			}
		}
		r.after = page.Last
		if !page.More {
			break
		}
	}
	if seen != nil {
		if err := l.addToStore(ctx, l.table.missing(seen, now)); err != nil {
			return l.abandon(seen, err)
		}
	}
	return nil
}

// abandon makes the next read a full one if this one was.
func (l *List) abandon(seen map[[16]byte]state, err error) error {
	if seen != nil {
		l.reader.repair.Store(true)
	}
	return err
}

func (l *List) readPage(ctx context.Context) (Page, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	page, err := l.store.Read(ctx, l.reader.after)
	switch {
	case err != nil:
		return Page{}, err
	case page.Data == "":
		return Page{}, errors.New("the store does not identify its data")
	case page.Last < l.reader.after, page.More && page.Last == l.reader.after:
		return Page{}, fmt.Errorf("the store returned the sequence number %d after %d", page.Last, l.reader.after)
	}
	return page, nil
}

// addToStore adds records in batches.
func (l *List) addToStore(ctx context.Context, records []Record) error {
	for batch := range slices.Chunk(records, addBatch) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		err := l.store.Add(ctx, batch)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// Ready returns nil if the list is usable: at once without a Store, else if its copy of the store is not
// too old.
func (l *List) Ready(context.Context) error {
	switch {
	case l.usable(time.Now()):
		return nil
	case !l.reader.complete():
		return errNotRead
	}
	return errOutdated
}
