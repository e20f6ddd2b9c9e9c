package digest_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/digest"
)

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
