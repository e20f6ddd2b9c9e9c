package revocation

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"
	"time"
)

// onePage is a Store with one page.
type onePage struct {
	records []Record
	all     int // calls of Read for all records
}

func (s *onePage) Add(_ context.Context, records []Record) error {
	s.records = append(s.records, records...)
	return nil
}

func (s *onePage) Read(_ context.Context, after int64) (Page, error) {
	if after == 0 {
		s.all++
	}
	return Page{Data: "1", Records: s.records[after:], Last: int64(len(s.records))}, nil
}

func (*onePage) Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return ctx.Err()
}

// lasting returns different records that end a duration after a time.
func lasting(from, to int, now time.Time, d time.Duration) (all []Record) {
	for i := from; i < to; i++ {
		r := Record{Name: NameWith(bytes.Repeat([]byte("k"), 32), byte(bySubject)), Until: now.Add(d).Unix()}
		binary.BigEndian.PutUint64(r.Name[8:], uint64(i))
		all = append(all, r)
	}
	return all
}

// Records that had ended while the clock was fast are read again when it was set back.
func TestClockSetBackWithStore(t *testing.T) {
	now := time.Now()
	fast := now.Add(2 * time.Hour)
	for _, row := range []struct {
		name string
		fast func(*testing.T, *List)
	}{
		{"the clock was right", func(*testing.T, *List) {}},
		{"read while the clock was fast", func(t *testing.T, l *List) {
			l.table = newTable(l.table.max) // nothing was read before
			l.reader = newReader(Config{})
			if err := l.readNew(t.Context(), fast); err != nil {
				t.Fatal(err)
			}
		}},
		{"removed while the clock was fast", func(t *testing.T, l *List) {
			if err := l.apply(lasting(0, 2*minSweepRecords, fast, time.Hour), fast); err != nil {
				t.Fatal(err)
			}
		}},
		{"replaced while the clock was fast", func(t *testing.T, l *List) {
			all := lasting(-3, 0, fast, time.Hour)
			for i := range all {
				all[i].IssuedBy = 1
			}
			if err := l.apply(all, fast); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			store := &onePage{records: lasting(-3, 0, now, time.Hour)}
			l, err := New(Config{Store: store, Keys: [][]byte{bytes.Repeat([]byte("k"), 32)}})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := l.readNew(t.Context(), now); err != nil {
					t.Fatal(err)
				}
			}
			row.fast(t, l)
			before := store.all
			for range 3 {
				if err := l.readNew(t.Context(), now); err != nil {
					t.Fatal(err)
				}
			}
			if n := store.all - before; n > 1 {
				t.Errorf("all records were read %d times after the clock was set back", n)
			}
			for _, r := range lasting(-3, 0, now, time.Hour) {
				if !l.table.revokes(r.Name, now, now) {
					t.Errorf("%x does not revoke", r.Name)
				}
			}
		})
	}
}
