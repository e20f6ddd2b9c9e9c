package resource

import "crypto/sha256"

// digest identifies a token in memory. Tokens themselves are never kept.
type digest [sha256.Size]byte

// hashToken copies the token to the stack first, since turning it into a slice would
// cost an allocation of its size.
func hashToken(raw string) digest {
	switch {
	case len(raw) <= 1<<10:
		var b [1 << 10]byte
		return sha256.Sum256(b[:copy(b[:], raw)])
	case len(raw) <= 4<<10:
		var b [4 << 10]byte
		return sha256.Sum256(b[:copy(b[:], raw)])
	}
	return sha256.Sum256([]byte(raw))
}
