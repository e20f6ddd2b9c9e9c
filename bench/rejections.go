package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"
)

// The names of the columns of the rejection tables.
const (
	validToken    = "valid new token"
	missingToken  = "missing"
	malformed     = "malformed"
	expired       = "expired"
	wrongAudience = "wrong audience"
	badSignature  = "bad signature"
	unknownKid    = "unknown kid"
)

// A requestKind is one column of the rejection tables. sign returns the i-th token.
type requestKind struct {
	name string
	sign func(i int) string
}

// requestKinds returns the valid kind first, signed with key, and then the invalid ones.
func requestKinds(key signer) []requestKind {
	forger, unknown := newSigner("RS256", "k1"), newSigner("RS256", "unknown")
	with := func(i int, name string, value any) claims {
		c := maps.Clone(accessToken(i, 700))
		c[name] = value
		return c
	}
	return []requestKind{
		{validToken, func(i int) string { return key.token(i, 700) }},
		{missingToken, func(int) string { return "" }},
		{malformed, func(i int) string { return strings.Repeat("garbage", 20) }},
		{expired, func(i int) string { return key.sign(with(i, "exp", time.Now().Add(-time.Hour).Unix())) }},
		{wrongAudience, func(i int) string { return key.sign(with(i, "aud", "https://other.example.com/mcp")) }},
		{badSignature, func(i int) string { return forger.token(i, 700) }},
		{unknownKid, func(i int) string { return unknown.token(i, 700) }},
	}
}

// rejections measures, for each contender, the time to reject each kind of invalid request.
// The key server answers without delay.
func rejections(ctx context.Context, p plan, goroutines int) []table {
	key := newSigner("RS256", "k1")
	kinds := requestKinds(key)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var out []table
	for _, c := range contenders() {
		if c.name == warderNoCache {
			continue
		}
		server := newKeyServer(key)
		defer server.Close()
		h := c.make(ctx, server.URL, protectedHandler)
		var benchmarks []benchmark
		for _, kind := range kinds {
			_, reqs := mintRequests(p.tokens, kind.sign)
			valid, reset := kind.name == validToken, func() {}
			if valid {
				reset = func() {
					if strings.HasPrefix(c.name, "warder") {
						h = c.make(ctx, server.URL, protectedHandler)
					}
					h.ServeHTTP(newDiscardWriter(), request(key.token(1<<20, 700)))
				}
			}
			benchmarks = append(benchmarks, benchmark{kind.name, goroutines, reset, func() func(int) { return sendExpecting(h, reqs, valid) }})
		}
		out = append(out, table{c.name, compare(p.tokens, p.rounds, benchmarks...)})
	}
	return out
}

// sendExpecting returns a function that sends the requests in rotation. It panics if a
// request is accepted although valid is false, or rejected although valid is true.
func sendExpecting(h http.Handler, reqs []*http.Request, valid bool) func(int) {
	w := discardWriter{header: http.Header{}}
	return func(i int) {
		clear(w.header)
		w.status = http.StatusOK
		if h.ServeHTTP(&w, reqs[i%len(reqs)]); valid != (w.status == http.StatusOK) {
			panic(fmt.Sprintf("status %d for a request whose validity is %v", w.status, valid))
		}
	}
}
