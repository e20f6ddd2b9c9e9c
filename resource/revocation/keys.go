package revocation

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"
	"sync"
	"time"

	"github.com/warder-go/warder/internal/commonkey"
)

// SetKeys replaces [Config].Keys while the program runs. The error is that of New, or about a key that is
// missing and with which entries were added that have not ended. Then nothing changes.
func (l *List) SetKeys(keys [][]byte) error {
	err := commonkey.Check(keys)
	switch {
	case l.store == nil:
		err = errors.New("without a Store they have no effect")
	case len(keys) == 0:
		err = errors.New("none")
	}
	if err != nil {
		return fmt.Errorf("revocation: Keys: %w", err)
	}
	next := newNamer(keys)
	if l.table.hasKeyOnlyOf(l.names.Load(), next, time.Now()) {
		return errKeyInUse
	}
	l.names.Store(next)
	l.changed() // an entry that another process made with a new key can match from now on
	return nil
}

// Errors about keys.
var (
	errKeyInUse  = errors.New("revocation: Keys: entries that were added with a removed key have not ended: keep the key until then")
	errOtherKeys = errors.New("other processes add entries with a key that this process does not have: compare the Keys of all processes")
)

// keyID identifies a key of names, and is part of them. Without it, a process with other keys than the
// others would miss their entries without an error.
type keyID [3]byte

// namer makes the names of records. It is safe for concurrent use.
type namer struct {
	ids  []keyID
	macs []*sync.Pool // of *nameMAC, one pool for each key
}

func (n *namer) has(id keyID) bool { return slices.Contains(n.ids, id) }

type nameMAC struct {
	hash    hash.Hash
	message []byte
	sum     []byte
}

const (
	namePurpose = "warder revocation names 1"
	idPurpose   = "warder revocation key ID 1"
)

func newNamer(keys [][]byte) *namer {
	n := new(namer)
	for _, key := range keys {
		derived := commonkey.Derive(key, namePurpose)
		n.ids = append(n.ids, keyID(commonkey.Derive(key, idPurpose)))
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
	copy(out[1:], n.ids[key][:])
	copy(out[1+len(keyID{}):], mac.sum)
	return out
}
