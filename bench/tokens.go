package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/warder-go/warder/resource"
)

// A table is what one workload showed. The rows are compared with the first of them.
type table struct {
	title string
	rows  []figures
}

var inner = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// newTokens: each token comes once, so nobody can remember it.
func newTokens(ctx context.Context, e effort, alg string, size, goroutines int) table {
	key := newSigner(alg, "k1")
	server := newKeyServer(key)
	defer server.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tokens, reqs := mint(e.tokens, func(i int) string { return key.token(i, size) })
	public := key.private.Public()
	subjects := []subject{{"limit: crypto, hash, base64, one decode", goroutines, nil, func() func(int) {
		return func(i int) { verifyLimit(public, tokens[i]) }
	}}}
	warmUp := request(key.token(1<<20, size))
	for _, c := range contenders() {
		var h http.Handler
		w := nobody{}
		fresh := func() {
			if h == nil || strings.HasPrefix(c.name, "warder") { // peers remember nothing
				h = c.make(ctx, server.URL, inner)
			}
			h.ServeHTTP(&w, warmUp)
		}
		subjects = append(subjects, subject{c.name, goroutines, fresh, func() func(int) { return serve(h, reqs) }})
	}
	return table{fmt.Sprintf("New tokens, %s, %d bytes%s", alg, len(tokens[0]), atATime(goroutines)), compare(e.tokens, e.rounds, subjects...)}
}

// repeatingTokens: a hundred tokens come again and again.
func repeatingTokens(ctx context.Context, e effort, size, goroutines int) table {
	const distinct = 100
	key := newSigner("RS256", "k1")
	server := newKeyServer(key)
	defer server.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tokens, reqs := mint(distinct, func(i int) string { return key.token(i, size) })
	limit := knowing(tokens)
	all := append([]contender{
		{"limit: hash, look-up, context", func(_ context.Context, _ string, next http.Handler) http.Handler { return limit.middleware(next) }},
		{"warder, KeepAuthorization", makeWarder(func(c *resource.Config) { c.HTTP.KeepAuthorization = true })},
	}, contenders()...)
	var subjects []subject
	for _, c := range all {
		h := c.make(ctx, server.URL, inner)
		subjects = append(subjects, subject{c.name, goroutines, nil, func() func(int) { return serve(h, reqs) }})
	}
	return table{fmt.Sprintf("A hundred tokens again and again, RS256, %d bytes%s", len(tokens[0]), atATime(goroutines)), compare(10*e.tokens, e.rounds, subjects...)}
}

// atATime is for titles.
func atATime(goroutines int) string {
	if goroutines == 1 {
		return ""
	}
	return fmt.Sprintf(", %d at once", goroutines)
}

func mint(n int, sign func(i int) string) (tokens []string, reqs []*http.Request) {
	for i := range n {
		tokens = append(tokens, sign(i))
		reqs = append(reqs, request(tokens[i]))
	}
	return tokens, reqs
}

// serve sends the requests in turn, and panics if one is not accepted.
func serve(h http.Handler, reqs []*http.Request) func(int) {
	w := nobody{header: http.Header{}}
	return func(i int) {
		w.status = http.StatusOK
		if h.ServeHTTP(&w, reqs[i%len(reqs)]); w.status != http.StatusOK {
			panic(fmt.Sprintf("status %d", w.status))
		}
	}
}
