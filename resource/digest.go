package resource

import "crypto/sha256"

// digest identifies a token in memory. Tokens themselves are never kept.
type digest [sha256.Size]byte

// hashToken copies the token to the stack, piece by piece, since turning it into a slice
// would cost an allocation of its size.
func hashToken(raw string) (d digest) {
	hash := sha256.New()
	var piece [1 << 10]byte
	for raw != "" {
		n := copy(piece[:], raw)
		hash.Write(piece[:n])
		raw = raw[n:]
	}
	hash.Sum(d[:0])
	return d
}
