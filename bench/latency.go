package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/warder-go/warder/resource"
)

// A latency is the distribution of the times of single requests.
type latency struct {
	title          string
	p50, p99, p999 time.Duration
}

// latencies measures single requests with cached tokens, first without other load and then
// while another goroutine sends tokens with unknown kids. That load makes warder refresh its
// keys as often as its limits allow. The baseline shows the share of the garbage collector
// and the machine. The last element is warder under load.
func latencies(ctx context.Context, n int) []latency {
	key, unknown := newSigner("RS256", "k1"), newSigner("RS256", "unknown")
	server := newKeyServer(key)
	defer server.Close()
	h := makeWarder(func(c *resource.Config) { c.HTTP.KeepAuthorization = true })(ctx, server.URL, protectedHandler)
	tokens, reqs := mintRequests(100, func(i int) string { return key.token(i, 700) })
	_, invalid := mintRequests(200, func(i int) string { return unknown.token(i, 700) })
	baseline := newCacheBaseline(tokens).middleware(protectedHandler)
	out := []latency{measureLatency("baseline, no other load", baseline, reqs, n), measureLatency("warder, no other load", h, reqs, n)}

	stop := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() {
		w := discardWriter{header: http.Header{}}
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Microsecond): // leaves time on this core for the measured requests
			}
			clear(w.header)
			h.ServeHTTP(&w, invalid[i%len(invalid)])
		}
	})
	out = append(out, measureLatency("baseline, beside unknown kids", baseline, reqs, n))
	before := server.fetches.Load()
	underLoad := measureLatency("warder, beside unknown kids", h, reqs, n)
	underLoad.title += fmt.Sprintf(", key fetches: %d", server.fetches.Load()-before)
	out = append(out, underLoad)
	close(stop)
	load.Wait()
	return out
}

// measureLatency counts requests in steps of 10 ns, so that its memory does not grow with n.
func measureLatency(title string, h http.Handler, reqs []*http.Request, n int) latency {
	const step = 10 * time.Nanosecond
	w := discardWriter{header: http.Header{}}
	counts := make([]int, 1<<16) // the last counter includes all slower requests
	for i := range n {
		start := time.Now()
		h.ServeHTTP(&w, reqs[i%len(reqs)])
		counts[min(int(time.Since(start)/step), len(counts)-1)]++
	}
	percentile := func(share float64) time.Duration {
		sum := 0
		for i, count := range counts {
			if sum += count; float64(sum) >= share*float64(n) {
				return time.Duration(i) * step
			}
		}
		panic("unreachable")
	}
	return latency{title, percentile(0.5), percentile(0.99), percentile(0.999)}
}
