package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// handlerTable measures the handlers of the proxies in this process, without a server. The times and the
// allocations include those of the Transport and the connection to the upstream.
func (b *gateBench) handlerTable(g gatePlan, upstream gateProcess) table {
	var benchmarks []benchmark
	for _, kind := range []string{plainKind, flushKind, gateKind, identityKind, rulesKind, bothKind} {
		h := b.setup(kind, "http://"+upstream.address).handler()
		send := b.sendCalls(h)
		for i := range gateTokens {
			send(i) // each token is cached now
		}
		benchmarks = append(benchmarks, benchmark{kind, 1, nil, func() func(int) { return send }})
	}
	return table{"The handlers alone, cached tokens", compare(g.handlerTurn, g.handlerRounds, benchmarks...)}
}

// flushWriter is a discardWriter that can flush, as the writers of servers can.
type flushWriter struct{ discardWriter }

func (*flushWriter) Flush() {}

// sendCalls returns a function that sends tool calls with the tokens in rotation. It panics if one is not accepted.
func (b *gateBench) sendCalls(h http.Handler) func(int) {
	var reqs []*http.Request
	for _, token := range b.tokens {
		req := request(token)
		req.RequestURI, req.RemoteAddr, req.ContentLength = "/mcp", "127.0.0.1:1234", int64(len(callBody))
		reqs = append(reqs, req)
	}
	w := flushWriter{*newDiscardWriter()}
	return func(i int) {
		req := reqs[i%len(reqs)]
		req.URL.Scheme, req.URL.Host = "", "" // as a server reads it
		req.Body = io.NopCloser(strings.NewReader(callBody))
		clear(w.header)
		w.status = http.StatusOK
		h.ServeHTTP(&w, req)
		if w.status != http.StatusOK || !slices.Equal(w.header["Content-Type"], []string{"application/json"}) {
			panic(fmt.Sprintf("status %d, want 200", w.status))
		}
	}
}
