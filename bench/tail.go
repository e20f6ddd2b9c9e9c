package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/warder-go/warder/resource"
)

// A tail is how long single requests took.
type tail struct {
	title          string
	p50, p99, p999 time.Duration
}

// tails: single requests with remembered tokens, in peace, and while the keys are
// refreshed every 30 seconds' worth of forced fetches and junk with unknown kids floods
// in from another goroutine.
func tails(ctx context.Context, n int) []tail {
	key, unknown := newSigner("RS256", "k1"), newSigner("RS256", "unknown")
	server := newKeyServer(key)
	defer server.Close()
	h := makeWarder(func(c *resource.Config) { c.KeepAuthorization = true })(ctx, server.URL, inner)
	_, reqs := mint(100, func(i int) string { return key.sign(accessToken(i, 700)) })
	_, junk := mint(200, func(i int) string { return unknown.sign(accessToken(i, 700)) })
	out := []tail{measureTail("in peace", h, reqs, n)}

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
			h.ServeHTTP(&w, junk[i%len(junk)])
		}
	})
	out = append(out, measureTail(fmt.Sprintf("while junk floods and keys refresh (%d fetches before)", server.fetches.Load()), h, reqs, n))
	close(stop)
	flood.Wait()
	return out
}

func measureTail(title string, h http.Handler, reqs []*http.Request, n int) tail {
	w := nobody{header: http.Header{}}
	took := make([]time.Duration, n)
	for i := range took {
		begun := time.Now()
		h.ServeHTTP(&w, reqs[i%len(reqs)])
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	return tail{title, took[n/2], took[n*99/100], took[n*999/1000]}
}
