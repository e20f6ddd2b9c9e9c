package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// A curve is what an operation takes as something grows.
type curve struct {
	title, grows string
	points       []point
}

type point struct {
	x      float64
	ns     float64 // median of the rounds
	ratio  float64 // to the first point, median of the rounds
	allocs float64
}

// grow measures one subject for each size, in turns.
func grow(title, grows string, ops, rounds int, sizes []int, make func(size int) subject) curve {
	var subjects []subject
	for _, size := range sizes {
		subjects = append(subjects, make(size))
	}
	return curveOf(title, grows, sizes, compare(ops, rounds, subjects...))
}

func curveOf(title, grows string, sizes []int, rows []figures) curve {
	c := curve{title: title, grows: grows}
	for i, f := range rows {
		c.points = append(c.points, point{float64(sizes[i]), f.ns, f.ratio, f.allocs})
	}
	return c
}

// wired is warder with keys at hand.
func wired(config resource.Config, keys []byte) http.Handler {
	config.Identifier, config.Scopes = audience, []string{scope}
	config.Issuers = append(config.Issuers, resource.Issuer{Verifier: must(jwks.New(jwks.Config{Issuer: issuer, Keys: keys}))})
	config.Logger = slog.New(slog.DiscardHandler)
	return nethttp.Middleware(must(resource.New(config)))(inner)
}

// repeat is a subject that sends the same requests again and again.
func repeat(h http.Handler, reqs ...*http.Request) subject {
	return subject{worker: func() func(int) { return serve(h, reqs) }}
}

func growths(e effort) []curve {
	key := newSigner("ES256", "k1")
	token := func(size int) *http.Request { return request(key.token(1, size)) }
	fresh := resource.Config{Limits: resource.Limits{CacheTTL: -1}}
	return []curve{
		grow("A new token", "issuers", e.tokens, e.rounds, []int{1, 10, 100, 1000}, func(n int) subject {
			config := fresh
			for i := range n - 1 {
				config.Issuers = append(config.Issuers, resource.Issuer{Verifier: must(jwks.New(jwks.Config{Issuer: fmt.Sprintf("%s/%d", issuer, i), Keys: keySet(key)}))})
			}
			return repeat(wired(config, keySet(key)), token(700))
		}),
		grow("A new token", "keys in the issuer's set", e.tokens, e.rounds, []int{1, 8, 64}, func(n int) subject {
			var keys []signer
			for i := range n - 1 {
				keys = append(keys, newSigner("ES256", fmt.Sprint("other-", i)))
			}
			return repeat(wired(fresh, keySet(append(keys, key)...)), token(700))
		}),
		grow("A new token", "scopes in the token", e.tokens, e.rounds, []int{1, 10, 100, 500}, func(n int) subject {
			c := accessToken(1, 0)
			c["scope"] = strings.Repeat("a:b ", n-1) + scope
			return repeat(wired(fresh, keySet(key)), request(key.sign(c)))
		}),
		grow("A new token", "bytes of the token", e.tokens, e.rounds, []int{500, 1000, 2000, 4000, 8000, 16000}, func(n int) subject {
			return repeat(wired(fresh, keySet(key)), token(n))
		}),
		grow("A remembered token", "bytes of the token", 10*e.tokens, e.rounds, []int{500, 1000, 2000, 4000, 8000, 16000}, func(n int) subject {
			return repeat(wired(resource.Config{}, keySet(key)), token(n))
		}),
		grow("A remembered token", "remembered tokens", 10*e.tokens, e.rounds, e.remembered, remembering),
		grow("A call by a remembered token, body of 1 KB", "operation rules", 10*e.tokens, e.rounds, []int{1, 10, 100, 1000}, func(n int) subject {
			return calling(ruled(n), toolCall(1<<10), key)
		}),
		grow("A resource read by a remembered token", "rules for resources", 10*e.tokens, e.rounds, []int{1, 10, 100, 1000}, func(n int) subject {
			return calling(ruled(n), `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///mine/a"}}`, key)
		}),
		grow("A call by a remembered token, with rules", "bytes of the body", e.tokens/4, e.rounds, []int{1 << 10, 16 << 10, 256 << 10, 4<<20 - 1}, func(n int) subject {
			return calling(ruled(1), toolCall(n), key)
		}),
	}
}

// remembering is asked with tokens from all over the n that it remembers, four thousand
// requests whatever n, so that only the memory grows. The tokens are as long as others, but
// opaque, so that a million of them can be made.
func remembering(n int) subject {
	res := must(resource.New(resource.Config{Identifier: audience, Opaque: &resource.Issuer{Verifier: everybody{}}, Scopes: []string{scope},
		Limits: resource.Limits{CacheEntries: 2 * n, CacheBytes: 2 << 30, CacheTTL: time.Hour}}))
	h := nethttp.Middleware(res)(inner)
	token := func(i int) string { return fmt.Sprintf("%0680d", i) }
	w := nobody{http.Header{}, http.StatusOK}
	for i := range n {
		h.ServeHTTP(&w, request(token(i)))
	}
	const requests = 4000
	_, reqs := mint(requests, func(i int) string { return token(i * n / requests) })
	return repeat(h, reqs...)
}

// ruled has so many rules of either kind; of each, the first is what is called for.
func ruled(n int) resource.Operations {
	rules := resource.Operations{Tools: map[string][]string{"echo": {scope}}}
	rules.Resources = append(rules.Resources, resource.ResourceRule{Template: "file:///mine/{name}", Scopes: []string{scope}})
	for i := range n - 1 {
		rules.Tools[fmt.Sprint("tool-", i)] = []string{"mcp:other"}
		rules.Resources = append(rules.Resources, resource.ResourceRule{Template: fmt.Sprintf("file:///dir/%d/{name}", i), Scopes: []string{"mcp:other"}})
	}
	return rules
}

// ruledCalls: the same call by a remembered token without rules, when nothing reads the
// body, and with some.
func ruledCalls(e effort) table {
	body, key := toolCall(1<<10), newSigner("RS256", "k1")
	without, with := calling(resource.Operations{}, body, key), calling(ruled(1), body, key)
	without.name, with.name = "no rules", "rules"
	return table{"A call by a remembered token, body of 1 KB", compare(10*e.tokens, e.rounds, without, with)}
}

// toolCall is one of that many bytes.
func toolCall(size int) string {
	const form = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"%s"}}}`
	return fmt.Sprintf(form, strings.Repeat("x", size-len(form)+2))
}

// calling sends the body with a remembered token.
func calling(rules resource.Operations, body string, key signer) subject {
	h := wired(resource.Config{Operations: rules, Limits: resource.Limits{MaxBodyBytes: 4 << 20}}, keySet(key))
	req := request(key.token(1, 700))
	req.ContentLength = int64(len(body))
	w := nobody{header: http.Header{}}
	return subject{worker: func() func(int) {
		return func(int) {
			req.Body = io.NopCloser(strings.NewReader(body))
			w.status = http.StatusOK
			if h.ServeHTTP(&w, req); w.status != http.StatusOK {
				panic(fmt.Sprint("status ", w.status))
			}
		}
	}}
}

// goroutines measures requests with remembered tokens by several goroutines at once.
func goroutines(e effort) curve {
	key := newSigner("ES256", "k1")
	h := wired(resource.Config{}, keySet(key))
	_, reqs := mint(100, func(i int) string { return key.token(i, 700) })
	sizes := []int{1, 2, 4, 8, 16}
	var subjects []subject
	for _, n := range sizes {
		subjects = append(subjects, subject{goroutines: n, worker: func() func(int) { return serve(h, reqs) }})
	}
	return curveOf("A remembered token, at once", fmt.Sprintf("goroutines on %d cores", runtime.GOMAXPROCS(0)), sizes,
		compare(20*e.tokens, e.rounds, subjects...))
}
