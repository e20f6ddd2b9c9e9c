package grammar_test

import (
	"testing"

	"github.com/warder-go/warder/internal/grammar"
)

// RFC 6750 §2.1: b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
func TestIsB64Token(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       bool
	}{
		{"empty", "", false},
		{"only padding", "==", false},
		{"all characters", grammar.B64TokenChars, true},
		{"padding at the end", "abc==", true},
		{"padding inside", "a=b", false},
		{"a space", "a b", false},
		{"a comma", "a,b", false},
		{"a letter outside ASCII", "ä", false},
		{"a control character", "a\x00", false},
	} {
		if got := grammar.IsB64Token(row.text); got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}

// RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
func TestIsScopeToken(t *testing.T) {
	for c := range 256 {
		want := c == 0x21 || c >= 0x23 && c <= 0x5b || c >= 0x5d && c <= 0x7e
		if got := grammar.IsScopeToken(string([]byte{byte(c)})); got != want {
			t.Errorf("byte %#x: got %v, want %v", c, got, want)
		}
	}
	if grammar.IsScopeToken("") {
		t.Error("an empty text is a scope-token")
	}
}
