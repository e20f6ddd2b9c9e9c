package mcpmsg_test

import (
	"io"
	"os"
	"testing"

	"github.com/warder-go/warder/internal/mcpmsg"
)

func TestRereadReadsTheSameBytesAndClosesTheOriginal(t *testing.T) {
	original, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	body := mcpmsg.Reread([]byte(`{"a":1}`), original)
	if got, err := io.ReadAll(body); err != nil || string(got) != `{"a":1}` {
		t.Errorf("got %q, %v", got, err)
	}
	if err := body.Close(); err != nil || original.Close() == nil {
		t.Errorf("got %v, and the original was open", err)
	}
}
