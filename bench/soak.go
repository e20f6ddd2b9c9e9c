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

// soak keeps one resource busy with remembered, new and junk tokens while the issuer
// rotates its key, and writes a line about memory and goroutines every so often. Tokens
// of the present and the last key must be accepted, junk must not.
func soak(ctx context.Context, during, rotation, sample time.Duration, out io.Writer) {
	ctx, cancel := context.WithTimeout(ctx, during)
	defer cancel()
	issued := &rotating{}
	issued.rotate(0)
	issued.rotate(1)
	server := newKeyServer(issued.keys()...)
	defer server.Close()
	h := makeWarder(func(c *resource.Config) { c.Limits.CacheEntries = 2000 })(ctx, server.URL, inner)

	var accepted, refused, unavailable atomic.Int64
	count := func(req *http.Request, good bool) {
		w := nobody{http.Header{}, http.StatusOK}
		h.ServeHTTP(&w, req)
		switch {
		case w.status == http.StatusServiceUnavailable:
			unavailable.Add(1)
		case good != (w.status == http.StatusOK):
			panic(fmt.Sprintf("soak: good is %v, status %d", good, w.status))
		case good:
			accepted.Add(1)
		default:
			refused.Add(1)
		}
	}
	var group sync.WaitGroup
	group.Go(func() { // remembered
		for ctx.Err() == nil {
			for _, req := range issued.sample() {
				count(req, true)
			}
			time.Sleep(time.Millisecond)
		}
	})
	group.Go(func() { // new
		for n := 0; ctx.Err() == nil; n++ {
			count(request(issued.present().token(n, 700+n%2000)), true)
			time.Sleep(time.Millisecond)
		}
	})
	group.Go(func() { // junk
		junk := newSigner("ES256", "junk")
		for n := 0; ctx.Err() == nil; n++ {
			s := junk
			s.kid = fmt.Sprint("junk-", n)
			for _, token := range []string{"", "garbage", "eyJhbGciOiJub25lIn0.e30.", s.token(n, 700)} {
				count(request(token), false)
			}
			time.Sleep(time.Millisecond)
		}
	})
	group.Go(func() {
		for n := 2; sleep(ctx, rotation); n++ {
			issued.rotate(n)
			server.publish(issued.keys()...)
		}
	})
	_, _ = fmt.Fprintln(out, "| minute | heap, MB | resident, MB | goroutines | accepted | refused | 503 | fetches |\n|---|---|---|---|---|---|---|---|")
	for begun := time.Now(); sleep(ctx, sample); {
		_, _ = fmt.Fprintf(out, "| %.1f | %.1f | %.1f | %d | %d | %d | %d | %d |\n", time.Since(begun).Minutes(), float64(alive())/1e6, resident(),
			runtime.NumGoroutine(), accepted.Load(), refused.Load(), unavailable.Load(), server.fetches.Load())
	}
	group.Wait()
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

// resident is the memory of this process in megabytes, where the system tells.
func resident() float64 {
	var size, pages float64
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	_, _ = fmt.Sscan(string(statm), &size, &pages)
	return pages * float64(os.Getpagesize()) / 1e6
}

// rotating is an issuer's keys: the last, the present, and one published ahead.
type rotating struct {
	mu      sync.Mutex
	signers []signer
	tokens  []*http.Request // of the present key
}

// rotate publishes one more key ahead of its use; the one before is used from now on.
func (r *rotating) rotate(n int) {
	next := newSigner("ES256", fmt.Sprint("k", n))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.signers = append(r.signers, next)
	r.signers = r.signers[max(0, len(r.signers)-3):]
	r.tokens = nil
	for i := range 100 {
		r.tokens = append(r.tokens, request(r.using().token(rand.Int(), 700+10*i)))
	}
}

func (r *rotating) using() signer { return r.signers[max(0, len(r.signers)-2)] }

func (r *rotating) present() signer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.using()
}

func (r *rotating) keys() []signer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]signer(nil), r.signers...)
}

func (r *rotating) sample() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tokens
}
