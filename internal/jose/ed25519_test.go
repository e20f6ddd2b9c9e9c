package jose_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/jose"
)

// smallOrder lists the points of Ed25519 whose order divides 8, in all encodings that decoders
// accept, with a sign bit of 0.
var smallOrder = []struct{ name, point string }{
	{"order 4: all zeros", strings.Repeat("00", 32)},
	{"order 1, the identity", "01" + strings.Repeat("00", 31)},
	{"order 2", "ec" + strings.Repeat("ff", 30) + "7f"},
	{"order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"},
	{"order 8, second point", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"},
	{"order 4, not reduced", "ed" + strings.Repeat("ff", 30) + "7f"},
	{"order 1, not reduced", "ee" + strings.Repeat("ff", 30) + "7f"},
}

func isSmallOrder(encoded []byte) bool {
	for _, row := range smallOrder {
		if row.point == hex.EncodeToString(withSign(encoded, 0)) {
			return true
		}
	}
	return false
}

// withSign returns encoded with the given highest bit, which is the sign of x.
func withSign(encoded []byte, sign byte) []byte {
	return append(encoded[:31:31], encoded[31]&0x7f|sign)
}

// With an Ed25519 key of small order, such as one of all zeros, forged signatures verify: for
// every payload, or for one in four or eight. With a key that is not a point on the curve, no
// signature verifies. Both are invalid (RFC 8032 §5.1.3, §5.1.7, RFC 8725 §3.4).
func TestParseKeyRejectsInvalidEd25519(t *testing.T) {
	for _, row := range append([]struct{ name, point string }{
		{"a valid y, not reduced", "f0" + strings.Repeat("ff", 30) + "7f"},
		{"not a point: y of 2", "02" + strings.Repeat("00", 31)},
		{"not a point: y of 7", "07" + strings.Repeat("00", 31)},
	}, smallOrder...) {
		point, err := hex.DecodeString(row.point)
		if err != nil {
			t.Fatal(err)
		}
		for _, sign := range []byte{0, 0x80} {
			if _, err := jose.ParseKey([]byte(`{"kty":"OKP","crv":"Ed25519","x":"` + b64(withSign(point, sign)) + `"}`)); err == nil {
				t.Errorf("%s, sign bit %#x: accepted", row.name, sign)
			}
		}
	}
}
