package revocation

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// Record is an entry as a [Store] has it. It contains nothing that can be read without the keys of the
// list.
type Record struct {
	Name     [16]byte // what is revoked: the kind of the entry, 3 bytes that identify the key, and 12 bytes of an HMAC-SHA-256
	IssuedBy int64    // seconds since 1970; tokens that were issued later stay valid; 0: none does
	Until    int64    // seconds since 1970, when the record can be removed
}

// isValid reports whether a list can have made the record.
func (r Record) isValid() bool {
	isTime := func(seconds int64) bool { return seconds >= 0 && seconds <= math.MaxUint32 }
	return isTime(r.IssuedBy) && isTime(r.Until) && r.Name[0] != 0 && int(r.Name[0]) < kindCount
}

var errRecord = errors.New("revocation: a record is not one that a list has made")

// hasEnded reports whether the tokens have expired.
func (r Record) hasEnded(now time.Time) bool { return r.Until <= now.Unix() }

// recordBytes is the length of an encoded Record.
const recordBytes = 32

// MarshalBinary encodes the record in 32 bytes. Equal records have equal bytes.
func (r Record) MarshalBinary() ([]byte, error) {
	return binary.Append(make([]byte, 0, recordBytes), binary.BigEndian, r)
}

// UnmarshalBinary decodes a record. A record that no list can have made is an error.
func (r *Record) UnmarshalBinary(b []byte) error {
	var next Record
	if n, err := binary.Decode(b, binary.BigEndian, &next); err != nil || n != len(b) {
		return fmt.Errorf("revocation: a record has %d bytes, want %d", len(b), recordBytes)
	}
	if !next.isValid() {
		return errRecord
	}
	*r = next
	return nil
}
