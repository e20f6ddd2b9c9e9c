package revocation

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// maxRestarts is how often one read can begin again because Page.Data has changed.
const maxRestarts = 3

// stored are the records in the store, by name. Records with the same name are merged.
type stored map[[16]byte]state

func (s stored) add(r Record) {
	next := stateOf(r)
	if old, ok := s[r.Name]; ok {
		next = next.merge(old)
	}
	s[r.Name] = next
}

// has reports whether the records in the store revoke what a record does.
func (s stored) has(r Record) bool {
	in, ok := s[r.Name]
	return ok && in.merge(stateOf(r)) == in
}

var errDataChanges = errors.New("the store has other data in every call")

// readNew reads the records after the last one. It reads all records if it is the first read, if the
// store may have lost records, or if the clock was set back. In this case it adds the records that the store
// lacks. After an error, the next call continues. Records that other processes have made with another key
// are an error, because their tokens are not found.
func (l *List) readNew(ctx context.Context, now time.Time) error {
	r := l.reader
	if l.table.lacks(now) {
		l.table.latest.Store(0)
		r.data = ""
	}
	if r.data == "" {
		r.restart("")
	}
	if err := l.readPages(ctx, now); err != nil {
		return err
	}
	if r.stored != nil {
		if err := l.addMissing(ctx, now); err != nil {
			return err
		}
		r.stored = nil
	}
	r.otherKeys.Store(l.table.hasOtherKey(l.names.Load(), now))
	if r.otherKeys.Load() {
		return errOtherKeys
	}
	return nil
}

// readPages reads the records after the last one, or all of them if the store has other data.
func (l *List) readPages(ctx context.Context, now time.Time) error {
	r := l.reader
	for restarts, more := 0, true; more; {
		page, err := l.readPage(ctx)
		if err != nil {
			return err
		}
		if page.Data != r.data {
			isFirst := r.after == 0
			r.restart(page.Data)
			if restarts++; restarts > maxRestarts {
				return errDataChanges
			}
			if !isFirst {
				continue
			}
		}
		if err := l.take(page, now); err != nil {
			return err
		}
		more = page.More
	}
	return nil
}

// addMissing adds the records that the store lacks. Other processes do the same at the same time, so it
// reads after each batch what they have added.
func (l *List) addMissing(ctx context.Context, now time.Time) error {
	r, data := l.reader, l.reader.data
	missing := l.table.missing(r.stored, now)
	for len(missing) > 0 {
		var batch []Record
		for len(missing) > 0 && len(batch) < addBatch {
			if !r.stored.has(missing[0]) {
				batch = append(batch, missing[0])
			}
			missing = missing[1:]
		}
		if err := l.addToStore(ctx, batch); err != nil {
			return err
		}
		if err := l.readPages(ctx, now); err != nil {
			return err
		}
		if r.data != data {
			return errDataChanges
		}
	}
	return nil
}

// restart begins to read all records.
func (r *reader) restart(data string) { r.data, r.after, r.stored = data, 0, stored{} }

// take applies a page.
func (l *List) take(page Page, now time.Time) error {
	if err := l.apply(page.Records, now); err != nil {
		return err
	}
	l.reader.after = page.Last
	if l.reader.stored == nil {
		return nil
	}
	for _, r := range page.Records {
		if !r.hasEnded(now) {
			l.reader.stored.add(r)
		}
	}
	return nil
}

// readPage reads a page and checks it. After a page that cannot be right, all records are read again.
func (l *List) readPage(ctx context.Context) (page Page, err error) {
	r := l.reader
	err = l.call(ctx, func(ctx context.Context) (err error) {
		page, err = l.store.Read(ctx, r.after)
		return err
	})
	switch {
	case err != nil:
		return Page{}, fmt.Errorf("reading: %w", err)
	case page.Data == "":
		r.data, err = "", errors.New("reading: the store does not identify its data")
	case page.Last < r.after, page.More && page.Last == r.after:
		r.data, err = "", fmt.Errorf("reading: the store returned the sequence number %d after %d", page.Last, r.after)
	}
	return page, err
}
