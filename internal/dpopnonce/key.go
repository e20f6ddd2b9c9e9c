package dpopnonce

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"

	"github.com/warder-go/warder/internal/commonkey"
)

// A nonce is the base64url encoding of a version (1 byte), the time in seconds since 1970 (5
// bytes, big-endian) and an HMAC-SHA-256 that is truncated to 18 bytes.
const (
	version     = 1
	versionEnd  = 1
	timeEnd     = versionEnd + 5
	nonceBytes  = timeEnd + 18
	nonceLength = nonceBytes / 3 * 4
)

// The array index confirms that nonceBytes is a multiple of 3: no bits of the encoding are unused.
var _ = [1]struct{}{}[nonceBytes%3]

const (
	keyLabel     = "warder DPoP nonce key 1" // purpose of the derived key
	messageLabel = "warder DPoP nonce 1\x00" // before the version and the time in the HMAC
)

// key computes the HMAC of nonces. Its buffers are fields because arguments of the methods of
// an interface are allocated.
type key struct {
	mu      sync.Mutex // protects the following fields
	mac     hash.Hash
	message []byte // messageLabel, version, time
	result  []byte
}

// newKey derives a key from a configured one (RFC 5869), so that the HMACs of another protocol
// with the same configured key are not nonces.
func newKey(configured []byte) *key {
	return &key{
		mac:     hmac.New(sha256.New, commonkey.Derive(configured, keyLabel)),
		message: append([]byte(messageLabel), make([]byte, timeEnd)...),
		result:  make([]byte, 0, sha256.Size),
	}
}

// sum writes the HMAC of the nonce into it.
func (k *key) sum(b *[nonceBytes]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	copy(b[timeEnd:], k.compute(b))
}

// verifies reports whether the nonce has the HMAC of the key. The time of the comparison does
// not depend on the content.
func (k *key) verifies(b *[nonceBytes]byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return hmac.Equal(b[timeEnd:], k.compute(b)[:nonceBytes-timeEnd])
}

// compute returns the whole HMAC, which is valid until the next call.
func (k *key) compute(b *[nonceBytes]byte) []byte {
	copy(k.message[len(messageLabel):], b[:timeEnd])
	k.mac.Reset()
	k.mac.Write(k.message)
	k.result = k.mac.Sum(k.result[:0])
	return k.result
}

// putSecond writes the version and the time.
func putSecond(b *[nonceBytes]byte, second int64) {
	b[0] = version
	for i := timeEnd - 1; i >= versionEnd; i-- {
		b[i], second = byte(second&0xff), second>>8
	}
}

// secondOf returns the time. It is not negative.
func secondOf(b *[nonceBytes]byte) (second int64) {
	for _, c := range b[versionEnd:timeEnd] {
		second = second<<8 | int64(c)
	}
	return second
}
