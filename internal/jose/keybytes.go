package jose

import (
	"bytes"
	"fmt"
	"strings"
)

// keyBytes decodes a member of a key. Besides base64url it accepts padding of the right length,
// which RFC 7515 §2 forbids, because some issuers publish it. Tokens are read without this
// leniency.
func keyBytes(text string) ([]byte, error) {
	if unpadded := strings.TrimRight(text, "="); len(text)%4 == 0 && len(text)-len(unpadded) <= 2 {
		text = unpadded
	}
	return decodeBase64(text)
}

// unsigned removes leading zeros from a big-endian number. Some issuers publish a zero in front
// of a number whose first bit is set (RFC 7518 §2, "Base64urlUInt": "MUST utilize the minimum
// number of octets").
func unsigned(number []byte) []byte { return bytes.TrimLeft(number, "\x00") }

// coordinate returns a big-endian number with exactly size bytes, as RFC 7518 §6.2.1.2 requires.
// Some issuers omit leading zeros or publish another one.
func coordinate(number []byte, size int) ([]byte, error) {
	number = unsigned(number)
	if len(number) > size {
		return nil, fmt.Errorf("is longer than %d bytes", size)
	}
	return append(make([]byte, size-len(number), size), number...), nil
}

// checkSize requires exactly size bytes, for keys that are not numbers (RFC 8037 §2).
func checkSize(b []byte, size int) error {
	if len(b) != size {
		return fmt.Errorf("is not %d bytes", size)
	}
	return nil
}
