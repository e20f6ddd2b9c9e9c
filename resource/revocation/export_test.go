package revocation

import "github.com/warder-go/warder/internal/commonkey"

// NameWith returns a name that was made with a key, as no list makes it: rest stands for the HMAC.
func NameWith(key []byte, kind byte, rest ...byte) (name [16]byte) {
	name[0] = kind
	id := keyID(commonkey.Derive(key, idPurpose))
	copy(name[1:], id[:])
	copy(name[1+len(id):], rest)
	return name
}
