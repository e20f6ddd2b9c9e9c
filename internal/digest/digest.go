// Package digest identifies tokens and other secrets by their SHA-256 digests, so that
// caches and tables do not hold the secrets themselves.
package digest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

// Digest is a SHA-256 digest. It is comparable, so it can be the key of a map.
type Digest [sha256.Size]byte

// Of returns the digest of the texts, one after the other. It does not allocate memory: it copies
// a text to the stack piece by piece, because converting it to a byte slice would allocate its size.
func Of(texts ...string) (d Digest) {
	hash := sha256.New()
	var piece [1 << 10]byte
	for _, text := range texts {
		for text != "" {
			n := copy(piece[:], text)
			hash.Write(piece[:n])
			text = text[n:]
		}
	}
	hash.Sum(d[:0])
	return d
}

// keyedBytes is the length of the result of Keyed before it is written in hexadecimal.
const keyedBytes = 8

// Keyed returns a short digest of text for logs. It is an HMAC, so that a reader of the log
// without the key cannot test which text it belongs to.
func Keyed(key []byte, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil)[:keyedBytes])
}

// ProcessKey returns a random key for Keyed of 32 bytes, which must not be changed. It is the same in
// the whole process, so that a text keeps its digest when a configuration is replaced.
var ProcessKey = sync.OnceValue(func() []byte {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails (package crypto/rand)
	return key
})
