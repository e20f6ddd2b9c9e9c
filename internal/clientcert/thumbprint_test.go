package clientcert_test

import (
	"encoding/base64"
	"io"
	"log"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/clientcert"
)

var discard = log.New(io.Discard, "", 0)

func TestEqual(t *testing.T) {
	var none clientcert.Thumbprint
	for _, row := range []struct {
		name string
		a, b clientcert.Thumbprint
		want bool
	}{
		{"the same", victim.thumbprint(), victim.thumbprint(), true},
		{"different", victim.thumbprint(), attacker.thumbprint(), false},
		{"one without a certificate", victim.thumbprint(), none, false},
		{"both without a certificate", none, none, false},
	} {
		if got := row.a.Equal(row.b); got != row.want || row.b.Equal(row.a) != got {
			t.Errorf("%s: got %v", row.name, got)
		}
	}
}

// RFC 8705 §3.1: the base64url-encoded digest, without padding
func TestParseThumbprint(t *testing.T) {
	digest := victim.thumbprint()
	text := base64.RawURLEncoding.EncodeToString(digest[:])
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	unused := text[:42] + string(alphabet[strings.IndexByte(alphabet, text[42])+1]) // another value of the 2 unused bits
	for _, row := range []struct {
		name, text string
		want       clientcert.Thumbprint
	}{
		{"canonical", text, digest},
		{"the example of RFC 8705 §3.1", "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2", clientcert.Thumbprint{}}, // has unused bits
		{"empty", "", clientcert.Thumbprint{}},
		{"padding", text + "=", clientcert.Thumbprint{}},
		{"unused bits", unused, clientcert.Thumbprint{}},
		{"a line break", text[:42] + "\n", clientcert.Thumbprint{}},
		{"line breaks, which the decoder skips", text[:40] + "\r\n\n", clientcert.Thumbprint{}},
		{"shorter", text[:42], clientcert.Thumbprint{}},
		{"the other alphabet", strings.Repeat("+", 42) + "A", clientcert.Thumbprint{}},
		{"hexadecimal", victim.hash(), clientcert.Thumbprint{}},
	} {
		got, ok := clientcert.ParseThumbprint(row.text)
		if got != row.want || ok != (row.want != clientcert.Thumbprint{}) {
			t.Errorf("%s: got %x, %v, want %x", row.name, got, ok, row.want)
		}
	}
}
