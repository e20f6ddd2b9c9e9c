package introspect_test

import (
	"cmp"
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A process that waits for the call of another one occupies no slot, and makes no call.
func TestWaitForOtherProcess(t *testing.T) {
	inProcesses(t, 2, func(_ int, _ *resource.Config, c *introspect.Config) { c.MaxConcurrent = 1 }, func(_ *memoryAnswers, processes []*fixture) {
		first, second := processes[0], processes[1]
		token := first.token(resourcetest.Token{})
		first.issuer.Fail(resourcetest.Introspection, resourcetest.Failure{Delay: 500 * time.Millisecond, Next: 1})
		var all sync.WaitGroup
		all.Go(func() { first.request(token) })
		synctest.Wait()
		all.Go(func() {
			if got := second.request(token); got.status != 200 || got.took < 500*time.Millisecond || got.took > 525*time.Millisecond {
				t.Errorf("got %d after %s, want 200 after 500 to 525ms", got.status, got.took)
			}
		})
		synctest.Wait()
		if got := second.expect("another token", second.token(resourcetest.Token{}), 200, ""); got.took != 0 {
			t.Errorf("another token: took %s, want no wait for a slot", got.took)
		}
		all.Wait()
		first.expectCalls(2)
		second.expectShared("miss=1 waited=1")
	})
}

// If the call of another process takes longer than 2 seconds, or two fifths of Timeout, a process
// makes its own call, with all of its Timeout.
func TestLostLock(t *testing.T) {
	for _, row := range []struct{ timeout, wait time.Duration }{{0, 2 * time.Second}, {30 * time.Second, 2 * time.Second}, {time.Second, 400 * time.Millisecond}} {
		t.Run(row.timeout.String(), func(t *testing.T) {
			inProcesses(t, 2, func(process int, _ *resource.Config, c *introspect.Config) {
				if process == 1 {
					c.Timeout = row.timeout
				}
			}, func(_ *memoryAnswers, processes []*fixture) {
				first, second := processes[0], processes[1]
				first.issuer.Fail(resourcetest.Introspection, resourcetest.Failure{Delay: 4900 * time.Millisecond, Next: 1})
				token := first.token(resourcetest.Token{})
				var all sync.WaitGroup
				all.Go(func() { first.request(token) })
				synctest.Wait()
				delay := cmp.Or(row.timeout, 5*time.Second) - 100*time.Millisecond
				first.endpointFails(resourcetest.Failure{Delay: delay})
				if got := second.request(token); got.status != 200 || got.took != row.wait+delay {
					t.Errorf("got %d after %s, want 200 after %s", got.status, got.took, row.wait+delay)
				}
				all.Wait()
				first.expectCalls(2)
				second.expectShared("lost_lock=1")
			})
		})
	}
}

// The call of another process ends without a result: the lock is removed, and others go on at once.
func TestLockIsRemovedAfterFailure(t *testing.T) {
	for name, failure := range map[string]resourcetest.Failure{
		"status 500":       {Status: 500, Next: 1},
		"hang":             {Hang: true, Next: 1},
		"malformed answer": {Body: []byte("{}"), Next: 1},
		"too large":        {Body: []byte(activeAnswerOf(16<<10 + 1)), Next: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inProcesses(t, 2, func(_ int, _ *resource.Config, c *introspect.Config) { c.Timeout = time.Second }, func(store *memoryAnswers, processes []*fixture) {
				first, second := processes[0], processes[1]
				failure.Delay = 300 * time.Millisecond
				first.issuer.Fail(resourcetest.Introspection, failure)
				token := first.token(resourcetest.Token{})
				var all sync.WaitGroup
				all.Go(func() { first.request(token) })
				synctest.Wait()
				first.endpointFails(resourcetest.Failure{})
				if name == "hang" {
					time.Sleep(800 * time.Millisecond)
				}
				if got := second.request(token); got.status != 200 || got.took > 325*time.Millisecond {
					t.Errorf("got %d after %s, want 200 after 325ms at most", got.status, got.took)
				}
				all.Wait()
				first.expectCalls(2)
				second.expectShared("lost_lock=1")
				store.only(t) // the answer of the second process
			})
		})
	}
}

// A call fails after its lock has expired. What another process has stored meanwhile is kept.
func TestExpiredLockIsNotRemoved(t *testing.T) {
	inProcesses(t, 3, nil, func(store *memoryAnswers, processes []*fixture) {
		first := processes[0]
		first.issuer.Fail(resourcetest.Introspection, resourcetest.Failure{Status: 500, Delay: 3 * time.Second, Next: 1})
		token := first.token(resourcetest.Token{})
		var all sync.WaitGroup
		all.Go(func() {
			if got := first.request(token); got.status != 503 {
				t.Errorf("first process: got %d, want 503", got.status)
			}
		})
		synctest.Wait()
		first.endpointFails(resourcetest.Failure{})
		time.Sleep(2*time.Second + time.Millisecond)
		processes[1].expect("second process", token, 200, "")
		all.Wait()
		store.only(t)
		processes[2].expect("third process", token, 200, "")
		first.expectCalls(2)
		processes[2].expectShared("hit=1")
	})
}

// If all requests leave, a process stops waiting, makes no call, and removes its own lock.
func TestLookupEndsWithItsRequests(t *testing.T) {
	inProcesses(t, 2, func(_ int, _ *resource.Config, c *introspect.Config) { c.MaxConcurrent = 1 }, func(store *memoryAnswers, processes []*fixture) {
		first, second := processes[0], processes[1]
		first.endpointFails(resourcetest.Failure{Delay: time.Second})
		token, queued := first.token(resourcetest.Token{}), first.token(resourcetest.Token{})
		var all sync.WaitGroup
		all.Go(func() { first.request(token) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(first.Context(), 100*time.Millisecond)
		defer cancel()
		all.Go(func() { first.requestWithContext(ctx, queued) })
		second.requestWithContext(ctx, token)
		synctest.Wait()
		reads := store.count("Get")
		store.only(t) // the lock of the first token only
		time.Sleep(500 * time.Millisecond)
		if n := store.count("Get") - reads; n != 0 {
			t.Errorf("the store was read %d times after all requests had left", n)
		}
		all.Wait()
		first.expectCalls(1)
		second.expectShared("")
	})
}

// If all requests leave during an operation of the store, the operation continues. It was the last
// one, and no failure of the store is counted.
func TestRequestsLeaveDuringOperation(t *testing.T) {
	inProcesses(t, 1, nil, func(store *memoryAnswers, processes []*fixture) {
		fx := processes[0]
		store.setBefore(func(ctx context.Context, _ string) error {
			time.Sleep(100 * time.Millisecond)
			if ctx.Err() != nil {
				t.Error("the operation was canceled")
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(fx.Context(), 50*time.Millisecond)
		defer cancel()
		fx.requestWithContext(ctx, unknownToken(1))
		time.Sleep(time.Second)
		fx.expectCalls(0)
		fx.expectShared("")
		if n := store.count("PutNew"); n != 0 {
			t.Errorf("got %d locks, want 0", n)
		}
	})
}

// The endpoint moves between the lookup and the call. The answer of the new endpoint is not stored
// as one of the old endpoint.
func TestEndpointMovesBeforeCall(t *testing.T) {
	other, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://elsewhere.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	fastRandom(t)
	store := newMemoryAnswers()
	inBubble(t, nil, func(fx *fixture) {
		moved := newFixture(fx.T, fx.issuer, func(r *resource.Config, c *introspect.Config) {
			withAnswers(store)(r, c)
			c.Endpoint, c.Transport, c.MaxConcurrent = "", fx.issuer.Transport(other), 1
		})
		moved.expect("before", unknownToken(1), 401, resource.ReasonInactive)
		fx.issuer.SetMetadata(map[string]any{"introspection_endpoint": "https://elsewhere.example.test/introspect"})
		time.Sleep(time.Hour - time.Second)
		fx.endpointFails(resourcetest.Failure{Delay: 2 * time.Second})
		var all sync.WaitGroup
		all.Go(func() { moved.request(fx.token(resourcetest.Token{})) }) // occupies the only slot
		time.Sleep(1500 * time.Millisecond)                              // the metadata is due
		all.Go(func() {
			if got := moved.request(other.OpaqueToken(resourcetest.Token{Claims: map[string]any{"iss": fx.issuer.Identifier()}})); got.status != 200 {
				fx.Errorf("got %d, want 200", got.status)
			}
		})
		all.Wait()
		if n := other.Count(resourcetest.Introspection); n != 1 {
			fx.Errorf("got %d calls to the new endpoint, want 1", n)
		}
		store.only(t) // the answer of the old endpoint
	})
}
