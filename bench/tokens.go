package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/warder-go/warder/resource"
)

// A table is the measurements of one workload. Ratios are relative to the first row.
type table struct {
	title string
	rows  []measurement
}

// protectedHandler is the handler behind the contenders. It does nothing.
var protectedHandler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// newTokens measures requests whose tokens are sent once each, so that no cache has them.
func newTokens(ctx context.Context, p plan, alg string, size, goroutines int) table {
	key := newSigner(alg, "k1")
	server := newKeyServer(key)
	defer server.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tokens, reqs := mintRequests(p.tokens, func(i int) string { return key.token(i, size) })
	public := key.private.Public()
	benchmarks := []benchmark{{verifyBaselineName, goroutines, nil, func() func(int) {
		return func(i int) { verifyBaseline(public, tokens[i]) }
	}}}
	warmUp := request(key.token(1<<20, size))
	for _, c := range contenders() {
		var h http.Handler
		w := discardWriter{}
		reset := func() {
			if h == nil || strings.HasPrefix(c.name, "warder") { // peers have no token cache
				h = c.make(ctx, server.URL, protectedHandler)
			}
			h.ServeHTTP(&w, warmUp)
		}
		benchmarks = append(benchmarks, benchmark{c.name, goroutines, reset, func() func(int) { return sendAccepted(h, reqs) }})
	}
	return table{fmt.Sprintf("New tokens, %s, %d bytes%s", alg, len(tokens[0]), concurrencySuffix(goroutines)), compare(p.tokens, p.rounds, benchmarks...)}
}

// repeatedTokens measures requests that use one hundred tokens in rotation.
func repeatedTokens(ctx context.Context, p plan, size, goroutines int) table {
	const distinct = 100
	key := newSigner("RS256", "k1")
	server := newKeyServer(key)
	defer server.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tokens, reqs := mintRequests(distinct, func(i int) string { return key.token(i, size) })
	baseline := newCacheBaseline(tokens)
	all := append([]contender{
		{cacheBaselineName, func(_ context.Context, _ string, next http.Handler) http.Handler { return baseline.middleware(next) }},
		{warderKeepHeader, makeWarder(func(c *resource.Config) { c.HTTP.KeepAuthorization = true })},
	}, contenders()...)
	var benchmarks []benchmark
	for _, c := range all {
		h := c.make(ctx, server.URL, protectedHandler)
		benchmarks = append(benchmarks, benchmark{c.name, goroutines, nil, func() func(int) { return sendAccepted(h, reqs) }})
	}
	return table{fmt.Sprintf("Repeated tokens (100 distinct), RS256, %d bytes%s", len(tokens[0]), concurrencySuffix(goroutines)), compare(10*p.tokens, p.rounds, benchmarks...)}
}

// concurrencySuffix returns the part of a table's title that states the number of goroutines.
func concurrencySuffix(goroutines int) string {
	if goroutines == 1 {
		return ""
	}
	return fmt.Sprintf(", %d goroutines", goroutines)
}

// mintRequests returns n tokens and one request for each.
func mintRequests(n int, sign func(i int) string) (tokens []string, reqs []*http.Request) {
	for i := range n {
		tokens = append(tokens, sign(i))
		reqs = append(reqs, request(tokens[i]))
	}
	return tokens, reqs
}

// sendAccepted returns a function that sends the requests in rotation. It panics if a
// request is not accepted.
func sendAccepted(h http.Handler, reqs []*http.Request) func(int) {
	w := discardWriter{header: http.Header{}}
	return func(i int) {
		w.status = http.StatusOK
		if h.ServeHTTP(&w, reqs[i%len(reqs)]); w.status != http.StatusOK {
			panic(fmt.Sprintf("status %d, want 200", w.status))
		}
	}
}
