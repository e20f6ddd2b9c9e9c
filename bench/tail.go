package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/warder-go/warder/resource"
)

// A tail is how long single requests took.
type tail struct {
	title          string
	p50, p99, p999 time.Duration
}

// tails: single requests with remembered tokens, in peace, and while junk with unknown
// kids floods in from another goroutine, which makes warder refresh its keys as often as
// it ever does. The limit beside it shows what the collector and the machine have a part in.
func tails(ctx context.Context, n int) []tail {
	key, unknown := newSigner("RS256", "k1"), newSigner("RS256", "unknown")
	server := newKeyServer(key)
	defer server.Close()
	h := makeWarder(func(c *resource.Config) { c.HTTP.KeepAuthorization = true })(ctx, server.URL, inner)
	tokens, reqs := mint(100, func(i int) string { return key.token(i, 700) })
	_, junk := mint(200, func(i int) string { return unknown.token(i, 700) })
	limit := knowing(tokens).middleware(inner)
	out := []tail{measureTail("the limit, in peace", limit, reqs, n), measureTail("warder, in peace", h, reqs, n)}

	stop := make(chan struct{})
	var flood sync.WaitGroup
	flood.Go(func() {
		w := nobody{header: http.Header{}}
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Microsecond): // so that it does not take the whole core
			}
			clear(w.header)
			h.ServeHTTP(&w, junk[i%len(junk)])
		}
	})
	out = append(out, measureTail("the limit, beside the flood", limit, reqs, n))
	before := server.fetches.Load()
	flooded := measureTail("warder, in the flood", h, reqs, n)
	flooded.title += fmt.Sprintf(", with %d fetches of keys", server.fetches.Load()-before)
	out = append(out, flooded)
	close(stop)
	flood.Wait()
	return out
}

// measureTail counts by steps of 10 ns, so that what it keeps does not grow with n.
func measureTail(title string, h http.Handler, reqs []*http.Request, n int) tail {
	const step = 10 * time.Nanosecond
	w := nobody{header: http.Header{}}
	counts := make([]int, 1<<16) // the last one is for all that take longer
	for i := range n {
		begun := time.Now()
		h.ServeHTTP(&w, reqs[i%len(reqs)])
		counts[min(int(time.Since(begun)/step), len(counts)-1)]++
	}
	share := func(part float64) time.Duration {
		passed := 0
		for i, count := range counts {
			if passed += count; float64(passed) >= part*float64(n) {
				return time.Duration(i) * step
			}
		}
		panic("unreachable")
	}
	return tail{title, share(0.5), share(0.99), share(0.999)}
}
