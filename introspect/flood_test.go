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

func TestOneCallForOneToken(t *testing.T) { // bad-inputs 216
	for _, row := range []struct {
		name  string
		token func(w *world) string
		want  int
	}{
		{"good", func(w *world) string { return w.token(resourcetest.Token{}) }, 200},
		{"bad", func(*world) string { return junk(1) }, 401},
		{"JWT", func(w *world) string { return w.issuer.Token(resourcetest.Token{}) }, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				token := row.token(w)
				statuses, slowest := w.crowd(repeat(1000, func(int) string { return token }))
				if statuses[row.want] != 1000 || w.calls() != 1 || slowest != 20*time.Millisecond {
					w.Errorf("got %s, %d calls, slowest %s; want 1000×%d, 1 call, 20ms", summary(statuses), w.calls(), slowest, row.want)
				}
			})
		})
	}
}

// Even if the answer comes in no time, between two looks into the memory.
func TestOneCallThoughTheAnswerIsInstant(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.issuer.Reset()
		for round := range 40 {
			token, want := w.token(resourcetest.Token{}), 200
			if round%2 == 1 {
				token, want = junk(round), 401
			}
			if statuses, _ := w.crowd(repeat(200, func(int) string { return token })); statuses[want] != 200 || w.calls() != round+1 {
				w.Fatalf("got %s, %d calls; want 200×%d, %d calls", summary(statuses), w.calls(), want, round+1)
			}
		}
	})
}

func TestCancelledLeader(t *testing.T) { // bad-inputs 216
	inWorld(t, nil, func(w *world) {
		w.fail(resourcetest.Failure{Delay: 2 * time.Second})
		token := w.token(resourcetest.Token{})
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if got := w.askWith(ctx, token); got.status != 503 || got.took != time.Second {
				w.Errorf("the leader: got %d after %s, want 503 after 1s", got.status, got.took)
			}
		})
		synctest.Wait()
		for range 50 {
			all.Go(func() {
				if got := w.ask(token); got.status != 200 || got.took != 2*time.Second {
					w.Errorf("a follower: got %d after %s, want 200 after 2s", got.status, got.took)
				}
			})
		}
		all.Wait()
		if w.calls() != 1 {
			w.Errorf("%d calls, want 1", w.calls())
		}
	})
}

func TestRequestThatIsOverMakesNoCall(t *testing.T) { // bad-inputs 268
	inWorld(t, nil, func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		for i := range 20 {
			if got := w.askWith(ctx, junk(i)); got.status != 503 || got.took != 0 {
				w.Errorf("got %d after %s, want 503 at once", got.status, got.took)
			}
		}
		synctest.Wait()
		if w.calls() != 0 {
			w.Errorf("%d calls, want none", w.calls())
		}
	})
}

// A call that nobody waits for any more goes on, so that a hanging endpoint is
// noticed, and whoever comes meanwhile shares it.
func TestEverybodyHasLeftACall(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.fail(resourcetest.Failure{Delay: 2 * time.Second})
		token := w.token(resourcetest.Token{})
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		w.askWith(ctx, token)
		if got := w.ask(token); got.status != 200 || got.took != time.Second || w.calls() != 1 {
			w.Errorf("got %d after %s with %d calls, want 200 after 1s with 1", got.status, got.took, w.calls())
		}
	})
}

func TestLimitOfCalls(t *testing.T) { // 32 at a time, the others in turn
	for _, row := range []struct {
		name       string
		configured int
		want       int
	}{{"default", 0, 32}, {"one", 1, 1}, {"three", 3, 3}} {
		t.Run(row.name, func(t *testing.T) {
			inWorld(t, func(_ *resource.Config, c *introspect.Config) { c.MaxConcurrent = row.configured }, func(w *world) {
				most, stop := 0, make(chan struct{})
				go func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(5 * time.Millisecond):
							var n int
							fmt.Sscan(w.metric("warder_introspection_in_flight"), &n)
							most = max(most, n)
						}
					}
				}()
				statuses, slowest := w.crowd(repeat(5*row.want, func(int) string { return w.token(resourcetest.Token{}) }))
				close(stop)
				synctest.Wait()
				if statuses[200] != 5*row.want || most != row.want || slowest != 100*time.Millisecond {
					w.Errorf("got %s, %d at a time, slowest %s; want %d×200, %d, 100ms", summary(statuses), most, slowest, 5*row.want, row.want)
				}
				w.atMost(row.want)
			})
		})
	}
}

// atMost fails if more calls of 20 ms were under way at one time, among the last
// thousand.
func (w *world) atMost(limit int) {
	w.Helper()
	times := w.issuer.Times(resourcetest.Introspection)
	for i := limit; i < len(times); i++ {
		if gap := times[i].Sub(times[i-limit]); gap < 20*time.Millisecond {
			w.Errorf("call %d began %s after call %d: more than %d at a time", i, gap, i-limit, limit)
		}
	}
}

func TestWaitForAPlace(t *testing.T) { // two fifths of the Timeout
	inWorld(t, func(_ *resource.Config, c *introspect.Config) { c.MaxConcurrent = 1 }, func(w *world) {
		w.fail(resourcetest.Failure{Delay: 4 * time.Second})
		done := make(chan answer)
		token := w.token(resourcetest.Token{})
		go func() { done <- w.ask(token) }()
		synctest.Wait()
		if got := w.expect("second", w.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionOverloaded); got.took != 2*time.Second {
			w.Errorf("took %s, want 2s", got.took)
		}
		if got := <-done; got.status != 200 {
			w.Errorf("the first: got %d, want 200", got.status)
		}
		if w.calls() != 1 || w.metric("warder_introspection_circuit_open") != "0" {
			w.Errorf("%d calls, want 1 and a closed circuit", w.calls())
		}
	})
}

func TestLimitOfWaitingCalls(t *testing.T) {
	inWorld(t, func(_ *resource.Config, c *introspect.Config) { c.MaxConcurrent = 1 }, func(w *world) {
		w.fail(resourcetest.Failure{Delay: 3 * time.Second})
		var all sync.WaitGroup
		for i := range 1 + introspect.MaxWaiting {
			all.Go(func() { w.ask(junk(i)) })
		}
		synctest.Wait()
		if got := w.metric("warder_introspection_waiting"); got != fmt.Sprint(introspect.MaxWaiting) {
			w.Errorf("%s wait, want %d", got, introspect.MaxWaiting)
		}
		if got := w.expect("one more", w.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionOverloaded); got.took != 0 {
			w.Errorf("took %s, want an answer at once", got.took)
		}
		all.Wait()
		time.Sleep(time.Second)
		if got := w.metric("warder_introspection_waiting"); got != "0" {
			w.Errorf("%s wait in the end, want 0", got)
		}
	})
}

// Requests that hang up leave the queue: the next ones find it free, and no call is
// made for those who have left.
func TestQueueRespectsTheRequest(t *testing.T) {
	inWorld(t, func(_ *resource.Config, c *introspect.Config) { c.MaxConcurrent = 1 }, func(w *world) {
		w.fail(resourcetest.Failure{Delay: time.Second})
		var all sync.WaitGroup
		all.Go(func() { w.ask(junk(0)) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(w.Context(), 500*time.Millisecond)
		defer cancel()
		for i := range 100 {
			all.Go(func() {
				if got := w.askWith(ctx, junk(1+i)); got.took != 500*time.Millisecond {
					w.Errorf("a request that hung up was answered after %s", got.took)
				}
			})
		}
		time.Sleep(600 * time.Millisecond)
		if got := w.metric("warder_introspection_waiting"); got != "0" {
			w.Errorf("%s wait, want none", got)
		}
		if got := w.ask(w.token(resourcetest.Token{})); got.status != 200 || got.took != 1400*time.Millisecond {
			w.Errorf("got %d after %s, want 200 after 1.4s", got.status, got.took)
		}
		all.Wait()
		if w.calls() != 2 {
			w.Errorf("%d calls, want 2", w.calls())
		}
		// One that left the queue and comes back is asked about.
		w.normal()
		w.expect("again", junk(1), 401, resource.ReasonInactive)
	})
}

func TestNegativeMemory(t *testing.T) { // bad-inputs 196, 222: 10 s, only what is definitive
	inWorld(t, nil, func(w *world) {
		const token = "not-yet-known"
		ask := func(what string, status int, reason resource.Reason, calls int) {
			w.Helper()
			w.expect(what, token, status, reason)
			if w.calls() != calls {
				w.Errorf("%s: %d calls, want %d", what, w.calls(), calls)
			}
		}
		ask("first", 401, resource.ReasonInactive, 1)
		w.token(resourcetest.Token{Text: token, Lifetime: time.Hour})
		time.Sleep(introspect.NegativeTTL - time.Nanosecond)
		ask("remembered, though it has become active", 401, resource.ReasonInactive, 1)
		time.Sleep(time.Nanosecond)
		ask("10 s later", 200, "", 2)
	})
}

func TestNegativeMemoryIsBounded(t *testing.T) { // the one longest unused goes first
	inWorld(t, nil, func(w *world) {
		w.issuer.Reset()
		for i := range introspect.NegativeEntries {
			w.ask(junk(i))
		}
		for _, row := range []struct {
			name  string
			token string
			calls int
		}{
			{"the first is remembered", junk(0), 0},
			{"one more takes the place of the second", junk(introspect.NegativeEntries), 1},
			{"the first still is", junk(0), 0},
			{"the second is not", junk(1), 1},
		} {
			before := w.calls()
			if got := w.ask(row.token); got.status != 401 || w.calls()-before != row.calls {
				w.Errorf("%s: got %d with %d calls, want 401 with %d", row.name, got.status, w.calls()-before, row.calls)
			}
		}
	})
}

func TestJunkFlood(t *testing.T) { // bad-inputs 215, 225
	inWorld(t, nil, func(w *world) {
		good := repeat(100, func(int) string { return w.token(resourcetest.Token{Lifetime: 10 * time.Hour}) })
		w.crowd(good)
		before := w.calls()
		flood := func(n, from int) {
			var all sync.WaitGroup
			for worker := range 64 {
				all.Go(func() {
					for i := range n / 64 {
						if got := w.ask(junk(from + worker*n/64 + i)); got.status != 401 && got.status != 503 {
							w.Errorf("junk got %d", got.status)
						}
					}
				})
			}
			all.Wait()
		}
		flood(introspect.NegativeEntries+2000, 0) // fills the memory for refused tokens
		w.mu.Lock()
		clear(w.shown)
		w.mu.Unlock()
		w.log.reset()
		var memory, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&memory)
		stop, asked := make(chan struct{}), atomic.Int64{}
		var users sync.WaitGroup
		users.Go(func() { // good tokens, all the while, none of which may be asked about again
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				asked.Add(1)
				if got := w.ask(good[rand.IntN(len(good))]); got.status != 200 || got.took != 0 {
					w.Errorf("a good token: got %d after %s, want 200 at once", got.status, got.took)
				}
			}
		})
		flood(8_000, 100_000)
		close(stop)
		users.Wait()
		if calls := w.calls() - before; calls > 12_000+8_000 || asked.Load() < 1000 {
			w.Errorf("%d calls and %d requests of users", calls, asked.Load())
		}
		w.atMost(introspect.DefaultMaxConcurrent)
		if got := w.expect("a new good token during the flood", w.token(resourcetest.Token{}), 200, ""); got.took > time.Second {
			w.Errorf("it took %s", got.took)
		}
		if w.metric("warder_introspection_circuit_open") != "0" {
			w.Error("junk has opened the circuit")
		}
		w.mu.Lock()
		clear(w.shown)
		w.mu.Unlock()
		w.log.reset()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(memory.HeapAlloc); grown > 4<<20 {
			w.Errorf("heap grew by %d bytes", grown)
		}
	})
}

// Junk that the endpoint can't do with, as a flood: it neither opens the circuit nor
// takes good tokens with it.
func TestFloodOfTokensThatProvokeErrors(t *testing.T) { // bad-inputs 200
	for _, failure := range []resourcetest.Failure{
		{Status: 400, Body: []byte(`{"error":"unsupported_token_type"}`)}, {Status: 413}, {Status: 400, Body: []byte("<html>")},
		{Huge: 1 << 20}, {Body: []byte(`{"active":true,"exp":"never"}`)},
	} {
		inWorld(t, nil, func(w *world) {
			for i := range 100 {
				w.fail(failure)
				w.ask(junk(i))
				if i%10 == 0 {
					w.normal()
					w.expect("good", w.token(resourcetest.Token{}), 200, "")
				}
			}
			if w.calls() != 110 || w.metric("warder_introspection_circuit_open") != "0" {
				w.Errorf("%d calls, want 110 and a closed circuit", w.calls())
			}
		})
	}
}

// 10,000 random requests on 100 tokens from 50 goroutines, each answered for its own
// token (bad-inputs 218).
func TestTenThousandRequestsOnAHundredTokens(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		tokens := repeat(100, func(i int) string { return w.token(resourcetest.Token{Subject: fmt.Sprint("user-", i)}) })
		wrong := atomic.Int64{}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				for range 200 {
					i := rand.IntN(100)
					got := w.ask(tokens[i])
					if got.status != http.StatusOK || got.caller != fmt.Sprintf("25:https://auth.example.test sub:user-%d", i) {
						wrong.Add(1)
					}
				}
			})
		}
		all.Wait()
		if wrong.Load() != 0 || w.calls() != 100 {
			w.Errorf("%d wrong answers and %d calls, want none and 100", wrong.Load(), w.calls())
		}
	})
}
