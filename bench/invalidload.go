package main

import (
	"context"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/resource"
)

// throughputUnderInvalidLoad measures the throughput of cached tokens on all cores while
// perSecond invalid requests are sent each second. It returns that throughput as a share
// of the throughput without invalid requests, and the invalid requests per second that
// were reached.
func throughputUnderInvalidLoad(ctx context.Context, perSecond int, each time.Duration, rounds int) (share, reached float64) {
	key := newSigner("RS256", "k1")
	server := newKeyServer(key)
	defer server.Close()
	h := makeWarder(func(*resource.Config) {})(ctx, server.URL, protectedHandler)
	_, reqs := mintRequests(100, func(i int) string { return key.token(i, 700) })
	throughput := func() float64 {
		var total atomic.Int64
		start := time.Now()
		parallel(runtime.GOMAXPROCS(0), func(g int) {
			do, n := sendAccepted(h, reqs), 0
			for ; n%100 != 0 || time.Since(start) < each; n++ {
				do(g + n)
			}
			total.Add(int64(n))
		})
		return float64(total.Load()) / time.Since(start).Seconds()
	}
	throughput() // fills the cache
	var shares, rates []float64
	for range rounds {
		without := throughput()
		stop := startInvalidLoad(h, perSecond)
		with := throughput()
		rates = append(rates, stop())
		shares = append(shares, with/without)
	}
	return median(shares), median(rates)
}

// startInvalidLoad starts a goroutine that sends several kinds of invalid requests in
// bursts, one every millisecond. stop ends it and returns the requests per second.
func startInvalidLoad(h http.Handler, perSecond int) (stop func() float64) {
	invalid := invalidRequests()
	quit, rate := make(chan struct{}), make(chan float64)
	go func() {
		w := discardWriter{header: http.Header{}}
		n, start := 0, time.Now()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				rate <- float64(n) / time.Since(start).Seconds()
				return
			case <-tick.C:
			}
			for due := int(time.Since(start).Seconds() * float64(perSecond)); n < due; n++ {
				clear(w.header)
				h.ServeHTTP(&w, invalid[n%len(invalid)])
			}
		}
	}()
	return func() float64 { close(quit); return <-rate }
}

// invalidRequests returns requests without a token, with malformed tokens, with unknown
// kids and with expired tokens.
func invalidRequests() []*http.Request {
	unknown := newSigner("RS256", "unknown")
	_, reqs := mintRequests(64, func(i int) string {
		switch i % 4 {
		case 0:
			return ""
		case 1:
			return "garbage"
		case 2:
			return unknown.token(i, 700)
		}
		c := accessToken(i, 700)
		c["exp"] = time.Now().Add(-time.Hour).Unix()
		return unknown.sign(c)
	})
	return reqs
}
