package loglimit_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/internal/loglimit"
)

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := loglimit.New(2, []string{"expired", "audience"})
		for n, want := range []struct {
			ok        bool
			summaryIn time.Duration
		}{{true, 0}, {true, 0}, {false, time.Second}, {false, 0}} {
			if ok, in := l.Allow("expired"); ok != want.ok || in != want.summaryIn {
				t.Errorf("record %d: got %v, %v, want %v", n, ok, in, want)
			}
		}
		if ok, _ := l.Allow("audience"); !ok {
			t.Error("records of one key suppress those of another")
		}
		if ok, _ := l.Allow("another"); !ok {
			t.Error("a key without a limit is suppressed")
		}
		time.Sleep(2 * time.Second)
		if ok, _ := l.Allow("expired"); ok {
			t.Error("a new second began before the summary")
		}
		if got := l.Summary("expired"); got != 3 {
			t.Errorf("got %d suppressed records, want 3", got)
		}
		if ok, _ := l.Allow("expired"); !ok {
			t.Error("no record in the second after the summary")
		}
	})
}

func TestNoLimit(t *testing.T) {
	for _, perSecond := range []int{0, -1} {
		l := loglimit.New(perSecond, []string{"expired"})
		for range 100 {
			if ok, in := l.Allow("expired"); !ok || in != 0 {
				t.Fatalf("%d records per second: got %v, %v, want true, 0", perSecond, ok, in)
			}
		}
	}
}
