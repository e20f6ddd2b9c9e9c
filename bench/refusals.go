package main

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"time"
)

// refusals: what each contender spends on requests that it turns away. The key server
// answers at once; how often it was asked is counted too.
func refusals(ctx context.Context, e effort, goroutines int) []table {
	key, stranger, unknown := newSigner("RS256", "k1"), newSigner("RS256", "k1"), newSigner("RS256", "unknown")
	with := func(i int, name string, value any) claims {
		c := maps.Clone(accessToken(i, 700))
		c[name] = value
		return c
	}
	kinds := []struct {
		what string
		sign func(i int) string
	}{
		{"a good new token", func(i int) string { return key.token(i, 700) }},
		{"missing", func(int) string { return "" }},
		{"garbage", func(i int) string { return strings.Repeat("garbage", 20) }},
		{"expired", func(i int) string { return key.sign(with(i, "exp", time.Now().Add(-time.Hour).Unix())) }},
		{"wrong audience", func(i int) string { return key.sign(with(i, "aud", "https://other.example.com/mcp")) }},
		{"bad signature", func(i int) string { return stranger.token(i, 700) }},
		{"unknown kid", func(i int) string { return unknown.token(i, 700) }},
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var out []table
	for _, c := range contenders() {
		if c.name == "warder, nothing remembered" {
			continue
		}
		server := newKeyServer(key)
		defer server.Close()
		h := c.make(ctx, server.URL, inner)
		var subjects []subject
		for _, kind := range kinds {
			_, reqs := mint(e.tokens, kind.sign)
			fresh := func() {}
			if kind.what == "a good new token" {
				fresh = func() {
					if strings.HasPrefix(c.name, "warder") {
						h = c.make(ctx, server.URL, inner)
					}
					h.ServeHTTP(&nobody{header: http.Header{}}, request(key.token(1<<20, 700)))
				}
			}
			subjects = append(subjects, subject{kind.what, goroutines, fresh, func() func(int) { return refuse(h, reqs, kind.what != "a good new token") }})
		}
		rows := compare(e.tokens, e.rounds, subjects...)
		out = append(out, table{"Refusals: " + c.name, rows})
	}
	return out
}

// refuse sends the requests in turn, and panics if an answer is not as expected.
func refuse(h http.Handler, reqs []*http.Request, refused bool) func(int) {
	w := nobody{header: http.Header{}}
	return func(i int) {
		clear(w.header)
		w.status = http.StatusOK
		if h.ServeHTTP(&w, reqs[i%len(reqs)]); refused != (w.status != http.StatusOK) {
			panic("bench: a refusal was expected, or none")
		}
	}
}
