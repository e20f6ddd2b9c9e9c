package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
)

// inParallel: as many goroutines as there are cores send new tokens, or a hundred again
// and again. The figures are wall time divided by requests.
func inParallel(ctx context.Context, e effort, again bool) table {
	key := newSigner("RS256", "k1")
	server := newKeyServer(key)
	defer server.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batch, distinct, title := e.tokens, e.tokens, "New tokens"
	limit := subject{name: "limit: crypto, hash, base64, one decode"}
	if again {
		batch, distinct, title = 10*e.tokens, 100, "A hundred tokens again and again"
	}
	tokens, reqs := mint(distinct, func(i int) string { return key.token(i, 700) })
	public := key.private.Public()
	limit.do = func(int) {
		atOnce(runtime.GOMAXPROCS(0), func(g int) {
			for i := g; i < batch; i += runtime.GOMAXPROCS(0) {
				verifyLimit(public, tokens[i%distinct])
			}
		})
	}
	if again {
		limit = subject{name: "limit: hash, look-up, context", do: sendAll(knowing(tokens).middleware(inner), reqs, batch, runtime.GOMAXPROCS(0))}
	}
	subjects := []subject{limit}
	warmUp := request(key.token(1<<20, 700))
	for _, c := range contenders() {
		h := c.make(ctx, server.URL, inner)
		h.ServeHTTP(&nobody{header: http.Header{}}, warmUp)
		s := subject{name: c.name, do: func(int) { sendAll(h, reqs, batch, runtime.GOMAXPROCS(0))(0) }}
		if !again && strings.HasPrefix(c.name, "warder") {
			s.fresh = func() {
				h = c.make(ctx, server.URL, inner)
				h.ServeHTTP(&nobody{header: http.Header{}}, warmUp)
			}
		}
		subjects = append(subjects, s)
	}
	rows := compareBatches(batch, e.rounds, subjects...)
	return table{fmt.Sprintf("%s, RS256, %d bytes, on %d cores at once", title, len(tokens[0]), runtime.GOMAXPROCS(0)), rows}
}

// compareBatches is compare for subjects whose operation is so many requests; the figures
// are for one.
func compareBatches(batch, rounds int, subjects ...subject) []figures {
	rows := compare(1, rounds, subjects...)
	for i := range rows {
		rows[i].ns, rows[i].allocs, rows[i].bytes = rows[i].ns/float64(batch), rows[i].allocs/float64(batch), rows[i].bytes/float64(batch)
	}
	return rows
}

// sendAll sends so many requests, from so many goroutines at once.
func sendAll(h http.Handler, reqs []*http.Request, batch, goroutines int) func(int) {
	return func(int) {
		atOnce(goroutines, func(g int) {
			do := serve(&h, reqs)
			for i := g; i < batch; i += goroutines {
				do(i)
			}
		})
	}
}
