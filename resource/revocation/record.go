package revocation

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"math"
	"sync"

	"github.com/warder-go/warder/internal/commonkey"
)

// Record is an entry as a [Store] has it. It contains nothing that can be read without the keys of the
// list.
type Record struct {
	Name     [16]byte // what is revoked: the kind of the entry, then an HMAC-SHA-256 that is truncated to 15 bytes
	IssuedBy int64    // seconds since 1970; tokens that were issued later stay valid; 0: none does
	Until    int64    // seconds since 1970, when the record can be removed
}

// recordBytes is the length of an encoded Record.
const recordBytes = 32

// MarshalBinary encodes the record in 32 bytes. Equal records have equal bytes.
func (r Record) MarshalBinary() ([]byte, error) {
	b := append(make([]byte, 0, recordBytes), r.Name[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.IssuedBy))
	return binary.BigEndian.AppendUint64(b, uint64(r.Until)), nil
}

// UnmarshalBinary decodes a record. Times that no list writes are an error.
func (r *Record) UnmarshalBinary(b []byte) error {
	if len(b) != recordBytes {
		return errors.New("revocation: a record does not have 32 bytes")
	}
	issuedBy, until := binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint64(b[24:])
	if issuedBy > math.MaxUint32 || until > math.MaxUint32 || b[0] == 0 || int(b[0]) >= kindCount {
		return errors.New("revocation: a record is not one that a list has made")
	}
	*r = Record{IssuedBy: int64(issuedBy), Until: int64(until)}
	copy(r.Name[:], b)
	return nil
}

// namer makes the names of records. It is safe for concurrent use.
type namer struct {
	macs []*sync.Pool // of *nameMAC, one pool for each key
}

type nameMAC struct {
	hash    hash.Hash
	message []byte
	sum     []byte
}

const namePurpose = "warder revocation names 1"

func newNamer(keys [][]byte) *namer {
	n := new(namer)
	for _, key := range keys {
		derived := commonkey.Derive(key, namePurpose)
		n.macs = append(n.macs, &sync.Pool{New: func() any { return &nameMAC{hash: hmac.New(sha256.New, derived)} }})
	}
	return n
}

// name returns the name of a record under a key. The length of the issuer keeps two pairs of an issuer
// and a name from having the same message.
func (n *namer) name(key int, k kind, issuer, name string) (out [16]byte) {
	mac := n.macs[key].Get().(*nameMAC)
	defer n.macs[key].Put(mac)
	mac.message = append(mac.message[:0], byte(k))
	mac.message = binary.BigEndian.AppendUint64(mac.message, uint64(len(issuer)))
	mac.message = append(append(mac.message, issuer...), name...)
	mac.hash.Reset()
	mac.hash.Write(mac.message)
	mac.sum = mac.hash.Sum(mac.sum[:0])
	out[0] = byte(k)
	copy(out[1:], mac.sum)
	return out
}
