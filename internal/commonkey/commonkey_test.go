package commonkey_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/commonkey"
)

func Example() {
	keys := [][]byte{bytes.Repeat([]byte("k"), commonkey.MinBytes)}
	fmt.Println(commonkey.Check(keys), len(commonkey.Derive(keys[0], "names")))
	// Output: <nil> 32
}

func TestCheck(t *testing.T) {
	key := func(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }
	many := [][]byte{}
	for i := range commonkey.Max + 1 {
		many = append(many, key(byte(i), commonkey.MinBytes))
	}
	for _, row := range []struct {
		name string
		keys [][]byte
		want string
	}{
		{"no keys", nil, ""},
		{"as many as possible", many[1:], ""},
		{"too many", many, "has 9 keys; at most 8 are possible: remove the oldest ones"},
		{"short", [][]byte{key('a', 31)}, "key 1 has 31 bytes; want at least 32 random bytes"},
		{"equal", [][]byte{key('a', 32), key('b', 32), key('a', 32)}, "key 3 equals key 1: remove one of them"},
	} {
		got := ""
		if err := commonkey.Check(row.keys); err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
		if strings.Contains(got, "aaaa") {
			t.Errorf("%s: the error contains a key", row.name)
		}
	}
}

// RFC 5869 §2: the key for a purpose is HKDF with SHA-256 and without a salt. The expected value
// was computed with another implementation (Python, hmac and hashlib).
func TestDerive(t *testing.T) {
	key := bytes.Repeat([]byte{0x0b}, 32)
	if got, want := hex.EncodeToString(commonkey.Derive(key, "a")), "51eaf3f66bb676af78c82047e26d33532eb51f95a4432eb5e6f0f2e71d8df8f7"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if bytes.Equal(commonkey.Derive(key, "a"), commonkey.Derive(key, "b")) {
		t.Error("two purposes have the same key")
	}
}
