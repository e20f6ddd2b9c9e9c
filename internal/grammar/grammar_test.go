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

// RFC 6749 §A.12: access-token = 1*VSCHAR, without the characters that separate or quote credentials
func TestIsToken(t *testing.T) {
	for c := range 256 {
		want := c > ' ' && c <= '~' && c != ',' && c != '"' && c != '\\'
		for _, text := range []string{string([]byte{byte(c)}), string([]byte{'a', byte(c)}), string([]byte{byte(c), 'a'})} {
			if got := grammar.IsToken(text); got != want {
				t.Errorf("%q: got %v, want %v", text, got, want)
			}
		}
	}
	if grammar.IsToken("") {
		t.Error("an empty text is a token")
	}
}

func TestTrimToB64Token(t *testing.T) {
	for text, want := range map[string]string{"": "", "a.b": "a.b", "'a'b'": "a'b", "<{ä": "", "ä/a=": "/a", "\xffa": "a"} {
		if got := grammar.TrimToB64Token(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
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
