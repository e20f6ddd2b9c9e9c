package resource_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// openStreams returns the value of the metric for open streams.
func (f *fixture) openStreams() (n float64) {
	f.t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(f.res.Metrics())
	families, err := registry.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "warder_open_streams" {
			m := family.GetMetric()[0]
			if got := fmt.Sprint(m.GetLabel()); got != `[name:"resource"  value:"`+identifier+`"]` && got != `[name:"resource" value:"`+identifier+`"]` {
				f.t.Errorf("labels %s", got)
			}
			return m.GetGauge().GetValue()
		}
	}
	f.t.Error("metric warder_open_streams is missing")
	return -1
}

// Open streams leave no goroutine and no timer. A synctest bubble ends only when every
// goroutine has ended, and a remaining timer would call Revoked.
func TestTenThousandStreams(t *testing.T) {
	const many = 10_000
	for _, row := range []struct {
		name string
		end  func(all []*testStream)
	}{
		{"the clients disconnect", func(all []*testStream) {
			for _, s := range all {
				s.disconnect()
			}
		}},
		{"the token expires", func([]*testStream) { time.Sleep(2 * time.Minute) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			var calls atomic.Int64
			revoked := resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { calls.Add(1); return false, nil })
			inBubble(t, func(c *resource.Config, _ *jwks.Config) { c.Hooks.Revocations = revoked }, func(t *testing.T, f *fixture) {
				token := f.issuer.Token(resourcetest.Token{Lifetime: 2 * time.Minute})
				before := runtime.NumGoroutine()
				all := make([]*testStream, many)
				for i := range all {
					all[i] = startStream(nethttp.Middleware(f.res), getRequest(), token)
				}
				synctest.Wait()
				if n := runtime.NumGoroutine() - before; n > many+10 {
					t.Errorf("%d goroutines for %d handlers", n, many)
				}
				if n := f.openStreams(); n != many {
					t.Errorf("open streams: %g", n)
				}
				time.Sleep(time.Minute + time.Second)
				if n := calls.Load(); n != 3*many { // for each stream: at the start, after 30 s and after 60 s
					t.Errorf("Revoked called %d times, want %d", n, 3*many)
				}
				row.end(all)
				for _, s := range all {
					<-s.done
				}
				calls.Store(0)
				time.Sleep(time.Hour)
				if n, open := calls.Load(), f.openStreams(); n != 0 || open != 0 {
					t.Errorf("afterwards: Revoked called %d times, open streams: %g", n, open)
				}
			})
		})
	}
}

func TestStreamBehindSameMiddlewareTwice(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fixture) {
		once := nethttp.Middleware(f.res)
		s := startStream(func(h http.Handler) http.Handler { return once(once(h)) }, getRequest(), f.issuer.Token(resourcetest.Token{Lifetime: time.Minute}))
		synctest.Wait()
		if n := f.openStreams(); n != 1 {
			t.Errorf("open streams: %g, want 1", n)
		}
		time.Sleep(2 * time.Minute)
		if !s.ended() || f.openStreams() != 0 {
			t.Errorf("ended: %v, open streams: %g", s.ended(), f.openStreams())
		}
	})
}

func TestDone(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fixture) {
		resource.Decision{}.Done()
		req := getRequest()
		req.Header.Set("Authorization", "Bearer "+f.issuer.Token(resourcetest.Token{}))
		decision, refusal := f.res.Authenticate(req)
		if refusal != nil {
			t.Fatal(refusal.Reason)
		}
		again, _ := f.res.Authenticate(req)
		decision.Done()
		decision.Done()
		if err, open := decision.Request.Context().Err(), f.openStreams(); err == nil || open != 1 {
			t.Errorf("got %v and %g open streams, want an ended context and 1", err, open)
		}
		again.Done()
	})
}

// Without Done, the timer of a stream remains until the token expires or the client disconnects.
func TestDoneNotCalled(t *testing.T) {
	var calls atomic.Int64
	revoked := resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { calls.Add(1); return false, nil })
	inBubble(t, func(c *resource.Config, _ *jwks.Config) { c.Hooks.Revocations = revoked }, func(t *testing.T, f *fixture) {
		ctx, disconnect := context.WithCancel(t.Context())
		req := getRequest().WithContext(ctx)
		req.Header.Set("Authorization", "Bearer "+f.issuer.Token(resourcetest.Token{}))
		if _, refusal := f.res.Authenticate(req); refusal != nil {
			t.Fatal(refusal.Reason)
		}
		time.Sleep(time.Minute + time.Second) // between two checks
		disconnect()
		calls.Store(0)
		time.Sleep(time.Hour)
		if n := calls.Load(); n != 0 {
			t.Errorf("Revoked called %d times after the client disconnected", n)
		}
	})
}

// A handler may change the header of its request while the stream is checked.
func TestStreamHandlerChangesHeader(t *testing.T) {
	inBubble(t, func(c *resource.Config, _ *jwks.Config) { c.HTTP.KeepAuthorization, c.Limits.CacheTTL = true, -1 }, func(t *testing.T, f *fixture) {
		req := getRequest()
		ctx, disconnect := context.WithTimeout(t.Context(), 10*time.Minute)
		defer disconnect()
		req.Header.Set("Authorization", "Bearer "+f.issuer.Token(resourcetest.Token{}))
		ended := false
		nethttp.Middleware(f.res)(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			for req.Context().Err() == nil {
				req.Header["Authorization"][0] = "Bearer of.something.else"
				time.Sleep(10 * time.Second)
			}
			ended = errors.Is(context.Cause(req.Context()), resource.ErrStreamEnded)
		})).ServeHTTP(httptest.NewRecorder(), req.WithContext(ctx))
		if ended {
			t.Error("a change of the header by the handler ended the stream")
		}
	})
}
