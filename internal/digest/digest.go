// Package digest identifies tokens and other secrets by their SHA-256 digests, so that
// caches and tables do not hold the secrets themselves.
package digest

import "crypto/sha256"

// Digest is a SHA-256 digest. It is comparable, so it can be the key of a map.
type Digest [sha256.Size]byte

// Of returns the digest of text. It does not allocate memory: it copies text to the
// stack piece by piece, because converting it to a byte slice would allocate its size.
func Of(text string) (d Digest) {
	hash := sha256.New()
	var piece [1 << 10]byte
	for text != "" {
		n := copy(piece[:], text)
		hash.Write(piece[:n])
		text = text[n:]
	}
	hash.Sum(d[:0])
	return d
}
