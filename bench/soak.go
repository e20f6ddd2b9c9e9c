package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/resource"
)

// soak sends cached, new and invalid tokens to one resource while the issuer rotates its
// keys, and writes a table row with memory and goroutines once per sample interval. It
// panics if a token of the current key is rejected or an invalid token is accepted.
func soak(ctx context.Context, during, rotation, sample time.Duration, out io.Writer) {
	ctx, cancel := context.WithTimeout(ctx, during)
	defer cancel()
	keys := &rotatingKeys{}
	keys.rotate(0)
	keys.rotate(1)
	server := newKeyServer(keys.published()...)
	defer server.Close()
	s := &soakServer{handler: makeWarder(func(c *resource.Config) { c.Limits.CacheEntries = 2000 })(ctx, server.URL, protectedHandler)}
	var group sync.WaitGroup
	group.Go(func() { s.sendCached(ctx, keys) })
	group.Go(func() { s.sendNew(ctx, keys) })
	group.Go(func() { s.sendInvalid(ctx) })
	group.Go(func() {
		for n := 2; sleep(ctx, rotation); n++ {
			keys.rotate(n)
			server.publish(keys.published()...)
		}
	})
	_, _ = fmt.Fprintln(out, "| minute | heap, MB | resident, MB | goroutines | accepted | rejected | 503 | fetches |\n|---|---|---|---|---|---|---|---|")
	for start, more := time.Now(), true; more; { // the last line is written when the time is over
		more = sleep(ctx, sample)
		_, _ = fmt.Fprintf(out, "| %.1f | %.1f | %.1f | %d | %d | %d | %d | %d |\n", time.Since(start).Minutes(), float64(liveHeap())/1e6, residentMB(),
			runtime.NumGoroutine(), s.accepted.Load(), s.rejected.Load(), s.unavailable.Load(), server.fetches.Load())
	}
	group.Wait()
}

// soakServer counts the outcomes of requests to the handler.
type soakServer struct {
	handler                         http.Handler
	accepted, rejected, unavailable atomic.Int64
}

// send counts the outcome. It panics if a valid request is rejected or an invalid one is
// accepted; 503 is permitted for both.
func (s *soakServer) send(req *http.Request, valid bool) {
	switch status := serveStatus(s.handler, req); {
	case status == http.StatusServiceUnavailable:
		s.unavailable.Add(1)
	case valid != (status == http.StatusOK):
		panic(fmt.Sprintf("soak: status %d for a request whose validity is %v", status, valid))
	case valid:
		s.accepted.Add(1)
	default:
		s.rejected.Add(1)
	}
}

func (s *soakServer) sendCached(ctx context.Context, keys *rotatingKeys) {
	for ctx.Err() == nil {
		for _, req := range keys.currentRequests() {
			s.send(req, true)
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *soakServer) sendNew(ctx context.Context, keys *rotatingKeys) {
	for n := 0; ctx.Err() == nil; n++ {
		s.send(request(keys.current().token(n, 700+n%2000)), true)
		time.Sleep(time.Millisecond)
	}
}

func (s *soakServer) sendInvalid(ctx context.Context) {
	unknown := newSigner("ES256", "unknown")
	for n := 0; ctx.Err() == nil; n++ {
		k := unknown
		k.kid = fmt.Sprint("unknown-", n)
		for _, token := range []string{"", "garbage", "eyJhbGciOiJub25lIn0.e30.", k.token(n, 700)} {
			s.send(request(token), false)
		}
		time.Sleep(time.Millisecond)
	}
}

// sleep reports whether the time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// residentMB returns the resident memory of this process in megabytes, or 0 if the
// system has no /proc.
func residentMB() float64 {
	var size, pages float64
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	_, _ = fmt.Sscan(string(statm), &size, &pages)
	return pages * float64(os.Getpagesize()) / 1e6
}

// rotatingKeys is an issuer's keys: the previous, the current, and one published before
// its use. It is safe for concurrent use.
type rotatingKeys struct {
	mu       sync.Mutex
	signers  []signer
	requests []*http.Request // with tokens of the current key
}

// rotate publishes the n-th key before its use. The key published before it becomes current.
func (r *rotatingKeys) rotate(n int) {
	next := newSigner("ES256", fmt.Sprint("k", n))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.signers = append(r.signers, next)
	r.signers = r.signers[max(0, len(r.signers)-3):]
	r.requests = nil
	for i := range 100 {
		r.requests = append(r.requests, request(r.currentLocked().token(rand.Int(), 700+10*i)))
	}
}

func (r *rotatingKeys) currentLocked() signer { return r.signers[max(0, len(r.signers)-2)] }

func (r *rotatingKeys) current() signer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.currentLocked()
}

func (r *rotatingKeys) published() []signer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]signer(nil), r.signers...)
}

func (r *rotatingKeys) currentRequests() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}
