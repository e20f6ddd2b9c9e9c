package introspect_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// Clients send 20,000 unknown tokens, while others send valid tokens. The valid
// tokens stay cached, the circuit breaker stays closed, and memory is limited.
func TestManyUnknownTokens(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		valid := repeat(100, func(int) string { return fx.token(resourcetest.Token{Lifetime: 10 * time.Hour}) })
		fx.requestAll(valid)
		before := fx.calls()
		fx.sendUnknownTokens(12_000, 0) // fills the negative cache
		heapBefore := fx.heapSize()
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
		fx.sendUnknownTokens(8_000, 100_000)
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
		if grown := fx.heapSize() - heapBefore; grown > 4<<20 {
			fx.Errorf("the heap grew by %d bytes, want at most 4 MiB", grown)
		}
	})
}

// sendUnknownTokens sends n requests from 64 goroutines, each with a different token.
func (fx *fixture) sendUnknownTokens(n, from int) {
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

// heapSize returns the size of the heap without what the fixture itself records of requests.
func (fx *fixture) heapSize() int64 {
	fx.mu.Lock()
	clear(fx.sentTokens)
	fx.mu.Unlock()
	fx.log.reset()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// Many tokens that the endpoint cannot process neither open the circuit breaker nor affect valid
// tokens.
func TestManyTokensThatCauseErrors(t *testing.T) {
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
// caller of its own token.
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
