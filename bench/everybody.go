package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// everybody vouches for every opaque token: where signatures are not what is measured.
type everybody struct{}

func (everybody) Issuer() string { return issuer }

func (everybody) Verify(context.Context, *resource.Token) (*resource.Claims, error) {
	return &resource.Claims{Issuer: issuer, Subject: "alice", Audience: []string{audience}, Scopes: []string{scope}, Expiry: time.Now().Add(time.Hour)}, nil
}

// memoryPerToken returns the bytes that n remembered JWTs keep alive, each, and how many
// of them are the claims as text.
func memoryPerToken(n int) (bytes, claimBytes float64) {
	key := newSigner("EdDSA", "k1")
	h := wired(resource.Config{Limits: resource.Limits{CacheEntries: 2 * n, CacheBytes: 1 << 30}}, keySet(key))
	w := nobody{http.Header{}, http.StatusOK}
	h.ServeHTTP(&w, request(key.token(0, 700)))
	before, text := alive(), 0
	for i := range n {
		c := accessToken(i+1, 700)
		text += len(encode(c))
		if h.ServeHTTP(&w, request(key.sign(c))); w.status != http.StatusOK {
			panic(fmt.Sprint("status ", w.status))
		}
	}
	after := alive()
	runtime.KeepAlive(h)
	return float64(after-before) / float64(n), float64(text) / float64(n)
}

func alive() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// coldStart returns what the first accepted token takes above the key server's own time.
func coldStart(ctx context.Context, rounds int) time.Duration {
	const roundTrip = 20 * time.Millisecond
	key := newSigner("ES256", "k1")
	server := newKeyServer(key)
	defer server.Close()
	server.behave(roundTrip, false)
	var above []time.Duration
	for i := range rounds {
		h := nethttp.Middleware(newResource(server.URL, func(*resource.Config) {}))(inner)
		req := request(key.token(i, 700))
		w := nobody{http.Header{}, http.StatusOK}
		begun := time.Now()
		if h.ServeHTTP(&w, req); w.status != http.StatusOK {
			panic(fmt.Sprint("status ", w.status))
		}
		above = append(above, time.Since(begun)-roundTrip)
	}
	return median(above)
}

// besideJunk returns the throughput of remembered tokens, on all cores, beside so many
// refusals per second, as a share of the throughput alone.
func besideJunk(ctx context.Context, perSecond int, each time.Duration, rounds int) (share, reached float64) {
	key := newSigner("RS256", "k1")
	server := newKeyServer(key)
	defer server.Close()
	h := makeWarder(func(*resource.Config) {})(ctx, server.URL, inner)
	_, reqs := mint(100, func(i int) string { return key.token(i, 700) })
	valid := func() float64 {
		var total atomic.Int64
		begun := time.Now()
		atOnce(runtime.GOMAXPROCS(0), func(g int) {
			do, n := serve(h, reqs), 0
			for ; n%100 != 0 || time.Since(begun) < each; n++ {
				do(g + n)
			}
			total.Add(int64(n))
		})
		return float64(total.Load()) / time.Since(begun).Seconds()
	}
	valid() // so that all are remembered
	var shares, rates []float64
	for range rounds {
		alone := valid()
		stop := junkFlood(h, perSecond)
		beside := valid()
		rates = append(rates, stop())
		shares = append(shares, beside/alone)
	}
	return median(shares), median(rates)
}

// junkFlood sends refusals of all kinds from a goroutine of its own, in bursts of a
// millisecond's worth, until stop, which returns how many there were a second.
func junkFlood(h http.Handler, perSecond int) (stop func() float64) {
	unknown := newSigner("RS256", "unknown")
	_, junk := mint(64, func(i int) string {
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
	quit, sent := make(chan struct{}), make(chan float64)
	go func() {
		w := nobody{header: http.Header{}}
		n, begun := 0, time.Now()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				sent <- float64(n) / time.Since(begun).Seconds()
				return
			case <-tick.C:
			}
			for due := int(time.Since(begun).Seconds() * float64(perSecond)); n < due; n++ {
				clear(w.header)
				h.ServeHTTP(&w, junk[n%len(junk)])
			}
		}
	}()
	return func() float64 { close(quit); return <-sent }
}
