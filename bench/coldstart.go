package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// coldStart returns the time until the first token is accepted, less the time that the key
// server takes.
func coldStart(rounds int) time.Duration {
	const roundTrip = 20 * time.Millisecond
	key := newSigner("ES256", "k1")
	server := newKeyServer(key)
	defer server.Close()
	server.setBehavior(roundTrip, false)
	var overhead []time.Duration
	for i := range rounds {
		h := nethttp.Middleware(newResource(server.URL, func(*resource.Config) {}))(protectedHandler)
		req, w := request(key.token(i, 700)), newDiscardWriter()
		start := time.Now()
		if h.ServeHTTP(w, req); w.status != http.StatusOK {
			panic(fmt.Sprintf("status %d, want 200", w.status))
		}
		overhead = append(overhead, time.Since(start)-roundTrip)
	}
	return median(overhead)
}
