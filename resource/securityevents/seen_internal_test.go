package securityevents

import (
	"context"
	"fmt"
	"testing"
)

// The number of stored tokens is bounded: the oldest one is removed, also if it was received
// again. A token that is stored is not processed again.
func TestSeenIsBounded(t *testing.T) {
	s := newSeen()
	first := func(n int) bool {
		t.Helper()
		first, err := s.once(context.Background(), tokenIDOf(fmt.Sprint(n)), func() error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		return first
	}
	const limit = 65_536
	for n := range limit {
		if !first(n) {
			t.Fatalf("token %d is a duplicate", n)
		}
	}
	if first(0) || first(limit-1) {
		t.Error("a token was removed although there is room")
	}
	if !first(limit) || first(limit) || first(1) {
		t.Error("one token more: want only the oldest one removed")
	}
	if !first(0) {
		t.Error("the oldest token was not removed")
	}
	if n := s.done.Len(); n != limit || len(s.running) != 0 {
		t.Errorf("%d tokens, %d running", n, len(s.running))
	}
}
