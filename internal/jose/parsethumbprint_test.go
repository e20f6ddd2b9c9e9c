package jose_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/jose"
)

// RFC 7638 §3, RFC 8705 §3.1: the base64url-encoded digest, without padding
func TestParseThumbprint(t *testing.T) {
	digest := sha256.Sum256(nil)
	text := base64.RawURLEncoding.EncodeToString(digest[:])
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	unused := text[:42] + string(alphabet[strings.IndexByte(alphabet, text[42])+1]) // another value of the 2 unused bits
	for _, row := range []struct {
		name, text string
		want       [32]byte
	}{
		{"canonical", text, digest},
		{"the example of RFC 8705 §3.1", "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2", [32]byte{}}, // has unused bits
		{"empty", "", [32]byte{}},
		{"padding", text + "=", [32]byte{}},
		{"unused bits", unused, [32]byte{}},
		{"a line break", text[:42] + "\n", [32]byte{}},
		{"line breaks, which the decoder skips", text[:40] + "\r\n\n", [32]byte{}},
		{"shorter", text[:42], [32]byte{}},
		{"the other alphabet", strings.Repeat("+", 42) + "A", [32]byte{}},
		{"hexadecimal", hex.EncodeToString(digest[:]), [32]byte{}},
	} {
		got, ok := jose.ParseThumbprint(row.text)
		if got != row.want || ok != (row.name == "canonical") {
			t.Errorf("%s: got %x, %v, want %x", row.name, got, ok, row.want)
		}
	}
}
