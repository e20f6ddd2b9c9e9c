package introspect_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func TestConcurrentRequestsShareOneCall(t *testing.T) {
	for _, row := range []struct {
		name  string
		token func(fx *fixture) string
		want  int
	}{
		{"valid token", func(fx *fixture) string { return fx.token(resourcetest.Token{}) }, 200},
		{"unknown token", func(*fixture) string { return unknownToken(1) }, 401},
		{"JWT", func(fx *fixture) string { return fx.issuer.Token(resourcetest.Token{}) }, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, nil, func(fx *fixture) {
				token := row.token(fx)
				statuses, slowest := fx.requestAll(repeat(1000, func(int) string { return token }))
				if statuses[row.want] != 1000 || fx.calls() != 1 || slowest != 20*time.Millisecond {
					fx.Errorf("got %s, %d calls, slowest %s; want 1000×%d, 1 call, 20ms", summary(statuses), fx.calls(), slowest, row.want)
				}
			})
		})
	}
}

// The answer takes no time, so that it is received between two cache lookups of other requests.
func TestConcurrentRequestsShareAnInstantCall(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		fx.issuer.Reset()
		for round := range 40 {
			token, want := fx.token(resourcetest.Token{}), 200
			if round%2 == 1 {
				token, want = unknownToken(round), 401
			}
			if statuses, _ := fx.requestAll(repeat(200, func(int) string { return token })); statuses[want] != 200 || fx.calls() != round+1 {
				fx.Fatalf("got %s, %d calls; want 200×%d, %d calls", summary(statuses), fx.calls(), want, round+1)
			}
		}
	})
}

func TestFirstRequestCanceled(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		fx.endpointFails(resourcetest.Failure{Delay: 2 * time.Second})
		token := fx.token(resourcetest.Token{})
		ctx, cancel := context.WithTimeout(fx.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if got := fx.requestWithContext(ctx, token); got.status != 503 || got.took != time.Second {
				fx.Errorf("first request: got %d after %s, want 503 after 1s", got.status, got.took)
			}
		})
		synctest.Wait()
		for range 50 {
			all.Go(func() {
				if got := fx.request(token); got.status != 200 || got.took != 2*time.Second {
					fx.Errorf("later request: got %d after %s, want 200 after 2s", got.status, got.took)
				}
			})
		}
		all.Wait()
		if fx.calls() != 1 {
			fx.Errorf("got %d calls, want 1", fx.calls())
		}
	})
}

func TestCanceledRequestMakesNoCall(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		ctx, cancel := context.WithCancel(fx.Context())
		cancel()
		for i := range 20 {
			if got := fx.requestWithContext(ctx, unknownToken(i)); got.status != 503 || got.took != 0 {
				fx.Errorf("got %d after %s, want 503 at once", got.status, got.took)
			}
		}
		synctest.Wait()
		if fx.calls() != 0 {
			fx.Errorf("got %d calls, want 0", fx.calls())
		}
	})
}

// A call continues after all requests that waited for it have left, so that an endpoint that hangs
// is detected. Later requests share it.
func TestCallContinuesWithoutWaiters(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		fx.endpointFails(resourcetest.Failure{Delay: 2 * time.Second})
		token := fx.token(resourcetest.Token{})
		ctx, cancel := context.WithTimeout(fx.Context(), time.Second)
		defer cancel()
		fx.requestWithContext(ctx, token)
		if got := fx.request(token); got.status != 200 || got.took != time.Second || fx.calls() != 1 {
			fx.Errorf("got %d after %s with %d calls, want 200 after 1s with 1", got.status, got.took, fx.calls())
		}
	})
}

func TestMaxConcurrent(t *testing.T) { // at most 32 at a time by default
	for _, row := range []struct {
		name       string
		configured int
		want       int
	}{{"default limit", 0, 32}, {"limit of one", 1, 1}, {"limit of three", 3, 3}} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(_ *resource.Config, c *introspect.Config) { c.MaxConcurrent = row.configured }, func(fx *fixture) {
				most, stop := 0, make(chan struct{})
				go func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(5 * time.Millisecond):
							var n int
							fmt.Sscan(fx.metric("warder_introspection_in_flight"), &n)
							most = max(most, n)
						}
					}
				}()
				statuses, slowest := fx.requestAll(repeat(5*row.want, func(int) string { return fx.token(resourcetest.Token{}) }))
				close(stop)
				synctest.Wait()
				if statuses[200] != 5*row.want || most != row.want || slowest != 100*time.Millisecond {
					fx.Errorf("got %s, %d at a time, slowest %s; want %d×200, %d, 100ms", summary(statuses), most, slowest, 5*row.want, row.want)
				}
				fx.checkConcurrency(row.want)
			})
		})
	}
}

// checkConcurrency fails if more than limit calls of 20 ms each ran at the same time, among the last
// thousand calls.
func (fx *fixture) checkConcurrency(limit int) {
	fx.Helper()
	times := fx.issuer.Times(resourcetest.Introspection)
	for i := limit; i < len(times); i++ {
		if gap := times[i].Sub(times[i-limit]); gap < 20*time.Millisecond {
			fx.Errorf("call %d began %s after call %d, so more than %d ran at a time", i, gap, i-limit, limit)
		}
	}
}

func TestQueueWaitLimit(t *testing.T) { // two fifths of Timeout
	inBubble(t, func(_ *resource.Config, c *introspect.Config) { c.MaxConcurrent = 1 }, func(fx *fixture) {
		fx.endpointFails(resourcetest.Failure{Delay: 4 * time.Second})
		done := make(chan response)
		token := fx.token(resourcetest.Token{})
		go func() { done <- fx.request(token) }()
		synctest.Wait()
		if got := fx.expect("second request", fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionOverloaded); got.took != 2*time.Second {
			fx.Errorf("took %s, want 2s", got.took)
		}
		if got := <-done; got.status != 200 {
			fx.Errorf("first request: got %d, want 200", got.status)
		}
		if fx.calls() != 1 || fx.metric("warder_introspection_circuit_open") != "0" {
			fx.Errorf("got %d calls, want 1 and a closed circuit breaker", fx.calls())
		}
	})
}

func TestQueueLengthLimit(t *testing.T) {
	inBubble(t, func(_ *resource.Config, c *introspect.Config) { c.MaxConcurrent = 1 }, func(fx *fixture) {
		fx.endpointFails(resourcetest.Failure{Delay: 3 * time.Second})
		var all sync.WaitGroup
		for i := range 1 + 1024 {
			all.Go(func() { fx.request(unknownToken(i)) })
		}
		synctest.Wait()
		if got := fx.metric("warder_introspection_waiting"); got != fmt.Sprint(1024) {
			fx.Errorf("%s calls wait, want %d", got, 1024)
		}
		if got := fx.expect("one more request", fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionOverloaded); got.took != 0 {
			fx.Errorf("took %s, want a response at once", got.took)
		}
		all.Wait()
		time.Sleep(time.Second)
		if got := fx.metric("warder_introspection_waiting"); got != "0" {
			fx.Errorf("%s calls wait at the end, want 0", got)
		}
	})
}

// If the clients in the queue disconnect, their calls leave the queue and are never made.
func TestCanceledRequestsLeaveTheQueue(t *testing.T) {
	inBubble(t, func(_ *resource.Config, c *introspect.Config) { c.MaxConcurrent = 1 }, func(fx *fixture) {
		fx.endpointFails(resourcetest.Failure{Delay: time.Second})
		var all sync.WaitGroup
		all.Go(func() { fx.request(unknownToken(0)) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(fx.Context(), 500*time.Millisecond)
		defer cancel()
		for i := range 100 {
			all.Go(func() {
				if got := fx.requestWithContext(ctx, unknownToken(1+i)); got.took != 500*time.Millisecond {
					fx.Errorf("a canceled request returned after %s, want 500ms", got.took)
				}
			})
		}
		time.Sleep(600 * time.Millisecond)
		if got := fx.metric("warder_introspection_waiting"); got != "0" {
			fx.Errorf("%s calls wait, want 0", got)
		}
		if got := fx.request(fx.token(resourcetest.Token{})); got.status != 200 || got.took != 1400*time.Millisecond {
			fx.Errorf("got %d after %s, want 200 after 1.4s", got.status, got.took)
		}
		all.Wait()
		if fx.calls() != 2 {
			fx.Errorf("got %d calls, want 2", fx.calls())
		}
		// A later request with a token that left the queue causes a call.
		fx.endpointWorks()
		fx.expect("later request", unknownToken(1), 401, resource.ReasonInactive)
	})
}

// After Forget, a token has a new call. The end of the old call does not remove the new one:
// later requests share it. A request that leaves the old call does not remove it either.
func TestOldCallDoesNotRemoveTheCallAfterForget(t *testing.T) {
	const delay = 100 * time.Millisecond
	leaveTheQueue := func(fx *fixture, token string, send func()) {
		ctx, cancel := context.WithCancel(fx.Context())
		go fx.request(fx.token(resourcetest.Token{})) // occupies the only slot
		synctest.Wait()
		go fx.requestWithContext(ctx, token) // in the queue
		synctest.Wait()
		fx.verifier.Forget()
		send()   // a new call, in the queue too
		cancel() // the last request leaves the old call
		synctest.Wait()
	}
	end := func(fx *fixture, token string, send func()) {
		go fx.request(token)
		time.Sleep(delay / 2)
		fx.verifier.Forget()
		send()
		time.Sleep(delay/2 + time.Millisecond) // the old call ends, the new one does not
	}
	grace := func(fx *fixture, token string, send func()) {
		go fx.request(token)
		time.Sleep(delay / 2)
		fx.verifier.Forget()
		send()
		time.Sleep(delay/2 + 250*time.Millisecond + time.Millisecond) // the grace period of the old call ends, that of the new one does not
	}
	for _, row := range []struct {
		name   string
		change func(*introspect.Config)
		run    func(fx *fixture, token string, send func())
	}{
		{"a request leaves the old call in the queue", func(c *introspect.Config) { c.MaxConcurrent = 1 }, leaveTheQueue},
		{"the old call ends", func(c *introspect.Config) { c.AnswerTTL = -1 }, end},
		{"the result of the old call is no longer shared", func(*introspect.Config) {}, grace},
	} {
		t.Run(row.name, func(t *testing.T) {
			change := func(r *resource.Config, c *introspect.Config) {
				r.Limits.CacheTTL = -1
				row.change(c)
			}
			inBubble(t, change, func(fx *fixture) {
				fx.endpointFails(resourcetest.Failure{Delay: delay})
				token := fx.token(resourcetest.Token{})
				var all sync.WaitGroup
				send := func() {
					all.Go(func() {
						if got := fx.request(token); got.status != 200 {
							fx.Errorf("got %d, want 200", got.status)
						}
					})
					synctest.Wait()
				}
				row.run(fx, token, send)
				send()
				all.Wait()
				if fx.calls() != 2 {
					fx.Errorf("got %d calls, want 2", fx.calls())
				}
			})
		})
	}
}
