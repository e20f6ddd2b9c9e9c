package revocation

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"

	"github.com/warder-go/warder/internal/commonkey"
)

// SetKeys replaces [Config].Keys while the program runs. The error is that of New, and then nothing
// changes.
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
	l.names.Store(newNamer(keys))
	l.changed() // an entry that another process made with a new key can match from now on
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
