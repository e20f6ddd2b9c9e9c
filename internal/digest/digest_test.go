package digest_test

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/digest"
)

// RFC 4231 §4.2: the first bytes of an HMAC-SHA-256.
func TestKeyed(t *testing.T) {
	key := bytes.Repeat([]byte{0x0b}, 20)
	if got, want := digest.Keyed(key, "Hi There"), "b0344c61d8db3853"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestOf(t *testing.T) {
	for _, length := range []int{0, 1, 1023, 1024, 1025, 64 << 10} {
		text := strings.Repeat("a", length)
		if got, want := digest.Of(text), digest.Digest(sha256.Sum256([]byte(text))); got != want {
			t.Errorf("%d bytes: got %x, want %x", length, got, want)
		}
		if n := testing.AllocsPerRun(10, func() { digest.Of(text) }); n != 0 {
			t.Errorf("%d bytes: got %v allocations, want 0", length, n)
		}
	}
}

func TestProcessKey(t *testing.T) {
	key := digest.ProcessKey()
	if len(key) != 32 || bytes.Equal(key, make([]byte, 32)) || !bytes.Equal(key, digest.ProcessKey()) {
		t.Error("want the same 32 random bytes on each call")
	}
}
