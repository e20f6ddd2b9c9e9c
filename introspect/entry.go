package introspect

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/warder-go/warder/resource"
)

// entryKind is what an entry in the store states. The numbers are part of the format.
type entryKind byte

const (
	noEntry    entryKind = iota // the key is absent
	pending                     // a process calls the endpoint: the lock
	accepted                    // an answer about an active token
	rejected                    // the endpoint has rejected the token
	unreadable                  // a value that does not open; never stored
)

// An entry is the content of a value in the store, before it is sealed.
type entry struct {
	kind       entryKind
	receivedAt time.Time // when the answer was received or, for pending, when the call began
	body       []byte    // accepted: the JSON document of the answer; rejected: the outcome
}

// entryOverhead is the number of bytes of an entry besides its body: the kind, and the
// milliseconds since 1970.
const entryOverhead = 1 + 8

func (e entry) encoded() []byte {
	out := make([]byte, 0, entryOverhead+len(e.body))
	out = append(out, byte(e.kind))
	out = binary.BigEndian.AppendUint64(out, uint64(e.receivedAt.UnixMilli()))
	return append(out, e.body...)
}

// decodeEntry reads an entry strictly: each kind has only the body that is specified for it.
func decodeEntry(plain []byte) (entry, bool) {
	if len(plain) < entryOverhead {
		return entry{}, false
	}
	at := int64(binary.BigEndian.Uint64(plain[1:])) //nolint:gosec // G115: see encoded
	e := entry{kind: entryKind(plain[0]), receivedAt: time.UnixMilli(at), body: plain[entryOverhead:]}
	switch e.kind {
	case pending:
		return e, len(e.body) == 0
	case accepted:
		return e, true // sharedResult reads the body
	case rejected:
		return e, definitive(outcome(e.body))
	}
	return entry{}, false
}

// isLock reports whether the entry is a lock. A lock that is too old was restored by someone who
// can write to the store.
func (e entry) isLock(now time.Time) bool {
	return e.kind == pending && now.Before(e.receivedAt.Add(lockTTL+maxClockSkew))
}

var errSharedRejection = errors.New("the endpoint rejected the token in a call of another process")

// sharedResult returns the result in an entry. It reports false if the entry is not a result, or
// must not be used by this process at this time. It applies the checks of a new answer again,
// so that an answer from the store obeys every rule for answers.
func (v *Verifier) sharedResult(e entry, p place, jwt *resource.Claims, now time.Time) (r result, f *failure, ok bool) {
	if e.receivedAt.After(now.Add(maxClockSkew)) {
		return result{}, nil, false
	}
	r = result{endpoint: p.endpoint, receivedAt: e.receivedAt, ttl: v.shared.ttl}
	if r.receivedAt.After(now) {
		r.receivedAt = now // a difference between clocks must not extend the use
	}
	switch e.kind {
	case rejected:
		f = newFailure(outcome(e.body), errSharedRejection)
		return r, f, now.Before(r.receivedAt.Add(negativeTTL))
	case accepted:
		a, err := parseAnswer(e.body)
		if err != nil || !a.active {
			return result{}, nil, false
		}
		if r.claims, f = v.checkedClaims(a, jwt, e.body); f != nil {
			return result{}, nil, false
		}
		return r, nil, r.cacheDuration() > 0
	}
	return result{}, nil, false
}

// sharedEntry returns what to share after a call, and for how long. The duration is not
// positive if there is nothing to share. Only the holder of the lock shares a rejection,
// because locks are limited (see lockRate).
func (v *Verifier) sharedEntry(l sharedLookup, r result, f *failure) (entry, time.Duration) {
	switch {
	case r.endpoint != l.place.endpoint: // no answer, or the endpoint has moved since the lookup
	case f == nil && len(r.document) > maxSharedDocument:
		v.metrics.countShared(sharedSkipped)
	case f == nil:
		r.ttl = v.shared.ttl
		return entry{kind: accepted, receivedAt: r.receivedAt, body: r.document}, r.cacheDuration()
	case definitive(f.Outcome) && l.lock == lockTaken:
		return entry{kind: rejected, receivedAt: r.receivedAt, body: []byte(f.Outcome)}, time.Until(r.receivedAt.Add(negativeTTL))
	}
	return entry{}, 0
}
