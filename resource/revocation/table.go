package revocation

import (
	"sync"
	"time"
)

// table is a copy of the records in memory. It is safe for concurrent use.
//
// An entry needs 29 to 58 bytes: 24 bytes and one of the map's own, and a Go map is between half
// full and full.
type table struct {
	max int

	mu        sync.RWMutex
	records   map[[16]byte]state
	kinds     [kindCount]int // number of records of each kind
	sweepSize int            // number of records from which on ended ones are searched
	nextEnd   uint32         // no record ends before; 0: unknown
}

// state is the rest of a Record. The times are in seconds since 1970.
type state struct {
	issuedBy uint32 // 0: every token is revoked
	until    uint32
}

// minSweepRecords is the smallest table that is searched for ended records.
const minSweepRecords = 1024

func newTable(max int) *table { return &table{max: max, records: map[[16]byte]state{}} }

// add adds a record. A record with the same name then revokes what either of the two does. changed
// reports whether more tokens are revoked than before. The result ok is false if the table is full:
// removing another record would make revoked tokens valid again.
func (t *table) add(r Record, now time.Time) (changed, ok bool) {
	if r.Until <= now.Unix() {
		return false, true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	next := stateOf(r)
	old, known := t.records[r.Name]
	if known {
		next = next.merge(old)
	} else {
		if !t.makeRoom(now) {
			return false, false
		}
		t.kinds[r.Name[0]]++
	}
	t.records[r.Name] = next
	if t.nextEnd == 0 || next.until < t.nextEnd {
		t.nextEnd = next.until
	}
	return !known || next != old, true
}

func stateOf(r Record) state { return state{uint32(r.IssuedBy), uint32(r.Until)} }

// merge returns a state that revokes what either of the two does.
func (s state) merge(old state) state {
	out := state{max(s.issuedBy, old.issuedBy), max(s.until, old.until)}
	if s.issuedBy == 0 || old.issuedBy == 0 {
		out.issuedBy = 0
	}
	return out
}

func (t *table) makeRoom(now time.Time) bool {
	if len(t.records) >= min(max(t.sweepSize, minSweepRecords), t.max) && int64(t.nextEnd) <= now.Unix() {
		t.removeEnded(now)
	}
	return len(t.records) < t.max
}

func (t *table) removeEnded(now time.Time) {
	t.nextEnd = 0
	for name, s := range t.records {
		switch {
		case int64(s.until) <= now.Unix():
			delete(t.records, name)
			t.kinds[name[0]]--
		case t.nextEnd == 0 || s.until < t.nextEnd:
			t.nextEnd = s.until
		}
	}
	t.sweepSize = 2 * len(t.records)
}

// has reports whether the table has records of a kind.
func (t *table) has(k kind) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.kinds[k] > 0
}

// revokes reports whether the record with a name revokes a token that was issued at a time, which
// is zero for a token without iat.
func (t *table) revokes(name [16]byte, issued, now time.Time) bool {
	t.mu.RLock()
	s, ok := t.records[name]
	t.mu.RUnlock()
	if !ok || int64(s.until) <= now.Unix() {
		return false
	}
	// iat is in whole seconds: a token of the same second can be an older one.
	return s.issuedBy == 0 || issued.IsZero() || issued.Unix() <= int64(s.issuedBy)
}

// missing returns the records that revoke more than the given ones do.
func (t *table) missing(given map[[16]byte]state, now time.Time) (all []Record) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for name, s := range t.records {
		if other, ok := given[name]; int64(s.until) > now.Unix() && (!ok || other.merge(s) != other) {
			all = append(all, Record{name, int64(s.issuedBy), int64(s.until)})
		}
	}
	return all
}

func (t *table) len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.records)
}
