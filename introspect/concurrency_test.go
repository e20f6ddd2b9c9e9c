package introspect_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func TestConcurrentRequestsShareOneCall(t *testing.T) { // bad-inputs 216
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

func TestFirstRequestCanceled(t *testing.T) { // bad-inputs 216
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

func TestCanceledRequestMakesNoCall(t *testing.T) { // bad-inputs 268
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

func TestNegativeCache(t *testing.T) { // bad-inputs 196, 222: 10 s, and only definitive rejections
	inBubble(t, nil, func(fx *fixture) {
		const token = "not-yet-known"
		request := func(what string, status int, reason resource.Reason, calls int) {
			fx.Helper()
			fx.expect(what, token, status, reason)
			if fx.calls() != calls {
				fx.Errorf("%s: got %d calls, want %d", what, fx.calls(), calls)
			}
		}
		request("first request", 401, resource.ReasonInactive, 1)
		fx.token(resourcetest.Token{Text: token, Lifetime: time.Hour})
		time.Sleep(10*time.Second - time.Nanosecond)
		request("cached, although the token has become active", 401, resource.ReasonInactive, 1)
		time.Sleep(time.Nanosecond)
		request("10 s later", 200, "", 2)
	})
}

func TestNegativeCacheSizeLimit(t *testing.T) { // the least recently used entry is evicted first
	inBubble(t, nil, func(fx *fixture) {
		fx.issuer.Reset()
		for i := range 10_000 {
			fx.request(unknownToken(i))
		}
		for _, row := range []struct {
			name  string
			token string
			calls int
		}{
			{"first token is cached", unknownToken(0), 0},
			{"one more token evicts the second", unknownToken(10_000), 1},
			{"first token is still cached", unknownToken(0), 0},
			{"second token is not cached", unknownToken(1), 1},
		} {
			before := fx.calls()
			if got := fx.request(row.token); got.status != 401 || fx.calls()-before != row.calls {
				fx.Errorf("%s: got %d with %d calls, want 401 with %d", row.name, got.status, fx.calls()-before, row.calls)
			}
		}
	})
}

func TestManyUnknownTokens(t *testing.T) { // bad-inputs 215, 225
	inBubble(t, nil, func(fx *fixture) {
		valid := repeat(100, func(int) string { return fx.token(resourcetest.Token{Lifetime: 10 * time.Hour}) })
		fx.requestAll(valid)
		before := fx.calls()
		sendUnknownTokens := func(n, from int) {
			var all sync.WaitGroup
			for worker := range 64 {
				all.Go(func() {
					for i := range n / 64 {
						if got := fx.request(unknownToken(from + worker*n/64 + i)); got.status != 401 && got.status != 503 {
							fx.Errorf("unknown token: got %d, want 401 or 503", got.status)
						}
					}
				})
			}
			all.Wait()
		}
		sendUnknownTokens(12_000, 0) // fills the negative cache
		fx.mu.Lock()
		clear(fx.sentTokens)
		fx.mu.Unlock()
		fx.log.reset()
		var memoryBefore, memoryAfter runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&memoryBefore)
		stop, requests := make(chan struct{}), atomic.Int64{}
		var users sync.WaitGroup
		users.Go(func() { // valid tokens, which are cached and must not cause calls
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				requests.Add(1)
				if got := fx.request(valid[rand.IntN(len(valid))]); got.status != 200 || got.took != 0 {
					fx.Errorf("valid token: got %d after %s, want 200 at once", got.status, got.took)
				}
			}
		})
		sendUnknownTokens(8_000, 100_000)
		close(stop)
		users.Wait()
		if calls := fx.calls() - before; calls > 12_000+8_000 || requests.Load() < 1000 {
			fx.Errorf("got %d calls and %d requests with valid tokens, want at most 20000 and at least 1000", calls, requests.Load())
		}
		fx.checkConcurrency(32)
		if got := fx.expect("new valid token", fx.token(resourcetest.Token{}), 200, ""); got.took > time.Second {
			fx.Errorf("new valid token: took %s, want at most 1s", got.took)
		}
		if fx.metric("warder_introspection_circuit_open") != "0" {
			fx.Error("unknown tokens opened the circuit breaker")
		}
		fx.mu.Lock()
		clear(fx.sentTokens)
		fx.mu.Unlock()
		fx.log.reset()
		runtime.GC()
		runtime.ReadMemStats(&memoryAfter)
		if grown := int64(memoryAfter.HeapAlloc) - int64(memoryBefore.HeapAlloc); grown > 4<<20 {
			fx.Errorf("the heap grew by %d bytes, want at most 4 MiB", grown)
		}
	})
}

// Many tokens that the endpoint cannot process neither open the circuit breaker nor affect valid
// tokens.
func TestManyTokensThatCauseErrors(t *testing.T) { // bad-inputs 200
	for _, failure := range []resourcetest.Failure{
		{Status: 400, Body: []byte(`{"error":"unsupported_token_type"}`)}, {Status: 413}, {Status: 400, Body: []byte("<html>")},
		{Huge: 1 << 20}, {Body: []byte(`{"active":true,"exp":"never"}`)},
	} {
		inBubble(t, nil, func(fx *fixture) {
			for i := range 100 {
				fx.endpointFails(failure)
				fx.request(unknownToken(i))
				if i%10 == 0 {
					fx.endpointWorks()
					fx.expect("valid token", fx.token(resourcetest.Token{}), 200, "")
				}
			}
			if fx.calls() != 110 || fx.metric("warder_introspection_circuit_open") != "0" {
				fx.Errorf("got %d calls, want 110 and a closed circuit breaker", fx.calls())
			}
		})
	}
}

// 50 goroutines send 10,000 requests with 100 tokens in random order. Each request must get the
// caller of its own token (bad-inputs 218).
func TestManyRequestsWithFewTokens(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		tokens := repeat(100, func(i int) string { return fx.token(resourcetest.Token{Subject: fmt.Sprint("user-", i)}) })
		wrong := atomic.Int64{}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				for range 200 {
					i := rand.IntN(100)
					got := fx.request(tokens[i])
					if got.status != http.StatusOK || got.caller != fmt.Sprintf("25:https://auth.example.test sub:user-%d", i) {
						wrong.Add(1)
					}
				}
			})
		}
		all.Wait()
		if wrong.Load() != 0 || fx.calls() != 100 {
			fx.Errorf("got %d wrong responses and %d calls, want 0 and 100", wrong.Load(), fx.calls())
		}
	})
}
