package valkey

import (
	"testing"
	"testing/synctest"
	"time"
)

// expectOpen checks that the breaker permits no call for a time, and then exactly one.
func expectOpen(t *testing.T, b *breaker, coolDown time.Duration) permit {
	t.Helper()
	time.Sleep(coolDown - time.Nanosecond)
	if _, ok := b.acquire(time.Now()); ok {
		t.Errorf("a call was permitted before %s", coolDown)
	}
	time.Sleep(time.Nanosecond)
	p, ok := b.acquire(time.Now())
	if !ok {
		t.Fatalf("no call was permitted after %s", coolDown)
	}
	if _, ok := b.acquire(time.Now()); ok || !b.notClosed() {
		t.Error("half-open: a second call was permitted")
	}
	return p
}

func acquire(t *testing.T, b *breaker) permit {
	t.Helper()
	p, ok := b.acquire(time.Now())
	if !ok {
		t.Fatal("no call was permitted")
	}
	return p
}

func fail(t *testing.T, b *breaker, times int) {
	t.Helper()
	for i := range times {
		if opened := b.release(acquire(t, b), false, time.Now()); opened != (i == times-1 && times == failuresToOpen) {
			t.Errorf("failure %d: opened %t", i+1, opened)
		}
	}
}

// The breaker opens after five failures in a row. The cool-down is 1, 2, 4 and then 5 seconds.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b breaker
		fail(t, &b, 4)
		b.release(acquire(t, &b), true, time.Now())
		if b.notClosed() {
			t.Error("open after four failures")
		}
		fail(t, &b, 5)
		for _, coolDown := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second} {
			p := expectOpen(t, &b, coolDown)
			if !b.release(p, false, time.Now()) {
				t.Error("half-open: did not open again")
			}
		}
		p := expectOpen(t, &b, 5*time.Second)
		b.release(p, true, time.Now())
		if b.notClosed() {
			t.Error("not closed after a success")
		}
		fail(t, &b, 5)
		expectOpen(t, &b, time.Second) // the first cool-down again
	})
}

// The outcome of a call is ignored if the breaker has opened or closed since the call began.
func TestBreakerIgnoresOldCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b breaker
		old := acquire(t, &b)
		fail(t, &b, 5)
		if b.release(old, true, time.Now()); !b.notClosed() {
			t.Error("an old success has closed the breaker")
		}
		b.release(old, false, time.Now())
		half := expectOpen(t, &b, time.Second)
		b.release(half, true, time.Now())
		for range failuresToOpen {
			if b.release(half, false, time.Now()) || b.notClosed() {
				t.Error("old failures have opened the breaker")
			}
		}
	})
}

// A new connection closes the breaker.
func TestBreakerReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b breaker
		fail(t, &b, 5)
		half := expectOpen(t, &b, time.Second)
		b.reset()
		if b.release(half, false, time.Now()) || b.notClosed() {
			t.Error("open after reset")
		}
		fail(t, &b, 5)
		expectOpen(t, &b, time.Second)
	})
}
