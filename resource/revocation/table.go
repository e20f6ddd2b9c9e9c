package revocation

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// table is a copy of the records in memory. It is safe for concurrent use.
//
// An entry needs 29 to 58 bytes: 24 bytes and one of the map's own, and a Go map is between half
// full and full.
type table struct {
	max    int
	latest atomic.Int64 // the latest end of a record that is not here because it had ended; see lacks

	mu        sync.RWMutex
	records   map[[16]byte]state
	unstored  map[[16]byte]struct{} // names of the records that could not be added to the store; see listUnstored
	kinds     [kindCount]int        // number of records of each kind
	keyEnds   map[keyID]uint32      // latest end of a record with a name of each key
	sweepSize int                   // number of records from which on ended ones are searched
	nextEnd   uint32                // no record ends before
}

// state is the rest of a Record. The times are in seconds since 1970.
type state struct {
	issuedBy uint32 // 0: every token is revoked
	until    uint32
}

// stateOf returns the state of a valid record.
func stateOf(r Record) state {
	return state{uint32(r.IssuedBy), uint32(r.Until)} //nolint:gosec // see Record.isValid
}

// record returns the record with a name and this state.
func (s state) record(name [16]byte) Record {
	return Record{name, int64(s.issuedBy), int64(s.until)}
}

func (s state) hasEnded(now time.Time) bool { return int64(s.until) <= now.Unix() }

// merge returns a state that revokes what either of the two does.
func (s state) merge(old state) state {
	out := state{max(s.issuedBy, old.issuedBy), max(s.until, old.until)}
	if s.issuedBy == 0 || old.issuedBy == 0 {
		out.issuedBy = 0
	}
	return out
}

// minSweepRecords is the smallest table that is searched for ended records.
const minSweepRecords = 1024

func newTable(max int) *table {
	return &table{max: max, records: map[[16]byte]state{}, unstored: map[[16]byte]struct{}{}, keyEnds: map[keyID]uint32{}}
}

var errFull = errors.New("revocation: the list is full: raise MaxEntries")

// add adds a record. A record with the same name then revokes what either of the two does. changed
// reports whether more tokens are revoked than before. A full table is an error: removing another
// record would make revoked tokens valid again.
func (t *table) add(r Record, now time.Time) (changed bool, err error) {
	switch {
	case !r.isValid():
		return false, errRecord
	case r.hasEnded(now):
		t.leaveOut(r.Until)
		return false, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	next := stateOf(r)
	old, known := t.records[r.Name]
	switch {
	case !known && !t.makeRoom(now):
		return false, fmt.Errorf("%w: %d entries", errFull, t.max)
	case !known:
		t.kinds[r.Name[0]]++
	case old.hasEnded(now):
		t.leaveOut(int64(old.until))
	default:
		next = next.merge(old)
	}
	t.records[r.Name] = next
	id := keyIDIn(r.Name)
	t.keyEnds[id] = max(t.keyEnds[id], next.until)
	if len(t.records) == 1 || next.until < t.nextEnd {
		t.nextEnd = next.until
	}
	return next != old, nil
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
		case s.hasEnded(now):
			t.leaveOut(int64(s.until))
			delete(t.records, name)
			t.kinds[name[0]]--
		case t.nextEnd == 0 || s.until < t.nextEnd:
			t.nextEnd = s.until
		}
	}
	maps.DeleteFunc(t.keyEnds, func(_ keyID, end uint32) bool { return int64(end) <= now.Unix() })
	t.sweepSize = 2 * len(t.records)
}

// keyIDIn returns which key a name was made with.
func keyIDIn(name [16]byte) keyID { return keyID(name[1:]) }

// hasOtherKey reports whether a record that has not ended was made with none of the keys. No token is found
// in it.
func (t *table) hasOtherKey(keys *namer, now time.Time) bool {
	return t.hasKey(now, func(id keyID) bool { return !keys.has(id) })
}

// hasKeyOnlyOf is hasOtherKey for the keys that next lacks.
func (t *table) hasKeyOnlyOf(before, next *namer, now time.Time) bool {
	return t.hasKey(now, func(id keyID) bool { return before.has(id) && !next.has(id) })
}

func (t *table) hasKey(now time.Time, matches func(keyID) bool) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for id, end := range t.keyEnds {
		if int64(end) > now.Unix() && matches(id) {
			return true
		}
	}
	return false
}

// leaveOut notes the end of a record that is not in the table because it has ended.
func (t *table) leaveOut(end int64) {
	for {
		latest := t.latest.Load()
		if end <= latest || t.latest.CompareAndSwap(latest, end) {
			return
		}
	}
}

// lacks reports whether the clock was set back to before the end of a record that is not in the table
// because it had ended.
func (t *table) lacks(now time.Time) bool { return now.Unix() < t.latest.Load() }

// counts returns the number of records of each kind.
func (t *table) counts() [kindCount]int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.kinds
}

// revokes reports whether the record with a name revokes a token that was issued at a time. The zero
// time of a token without iat is before every issuedBy.
func (t *table) revokes(name [16]byte, issued, now time.Time) bool {
	t.mu.RLock()
	s, ok := t.records[name]
	t.mu.RUnlock()
	if !ok || s.hasEnded(now) {
		return false
	}
	// iat is in whole seconds: a token of the same second can be an older one.
	return s.issuedBy == 0 || issued.Unix() <= int64(s.issuedBy)
}

// missing returns the records that revoke more than those in the store.
func (t *table) missing(in stored, now time.Time) (all []Record) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for name, s := range t.records {
		if r := s.record(name); !s.hasEnded(now) && !in.has(r) {
			all = append(all, r)
		}
	}
	return all
}

// setUnstored stores which records could not be added to the store. Those that are not in the table are
// ignored.
func (t *table) setUnstored(records []Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range records {
		if _, ok := t.records[r.Name]; ok {
			t.unstored[r.Name] = struct{}{}
		}
	}
}

// setStored is called after records were added to the store. A record that has changed since then is
// not the one that was added.
func (t *table) setStored(records []Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range records {
		if t.records[r.Name] == stateOf(r) {
			delete(t.unstored, r.Name)
		}
	}
}

// listUnstored returns the records that could not be added to the store. Those that have ended or were
// removed are not among them any more.
func (t *table) listUnstored(now time.Time) (all []Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name := range t.unstored {
		if s := t.records[name]; s.hasEnded(now) {
			delete(t.unstored, name)
		} else {
			all = append(all, s.record(name))
		}
	}
	return all
}

func (t *table) len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.records)
}

func (t *table) unstoredLen() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.unstored)
}
