package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

// A curve is the time of an operation as a function of a parameter.
type curve struct {
	title, parameter string
	points           []point
}

type point struct {
	x      float64
	ns     float64 // median over the rounds
	ratio  float64 // to the first point, median over the rounds
	allocs float64
}

// The parameters of those curves that have targets.
const (
	byIssuers        = "issuers"
	byKeys           = "keys in the issuer's set"
	byOperationRules = "operation rules"
	byResourceRules  = "resource rules"
)

// measureCurve measures one benchmark for each size. The benchmarks take turns.
func measureCurve(title, parameter string, ops, rounds int, sizes []int, make func(size int) benchmark) curve {
	var benchmarks []benchmark
	for _, size := range sizes {
		benchmarks = append(benchmarks, make(size))
	}
	return newCurve(title, parameter, sizes, compare(ops, rounds, benchmarks...))
}

func newCurve(title, parameter string, sizes []int, rows []measurement) curve {
	c := curve{title: title, parameter: parameter}
	for i, m := range rows {
		c.points = append(c.points, point{float64(sizes[i]), m.ns, m.ratio, m.allocs})
	}
	return c
}

func growthCurves(p plan) []curve {
	key := newSigner("ES256", "k1")
	token := func(size int) string { return key.token(1, size) }
	noCache := resource.Config{Limits: resource.Limits{CacheTTL: -1}}
	return []curve{
		measureCurve("New token", byIssuers, p.tokens, p.rounds, []int{1, 10, 100, 1000}, func(n int) benchmark {
			config := noCache
			for i := range n - 1 {
				config.Issuers = append(config.Issuers, resource.Issuer{Verifier: must(jwks.New(jwks.Config{Issuer: fmt.Sprintf("%s/%d", issuer, i), Keys: keySet(key)}))})
			}
			return repeatRequest(withStaticKeys(config, keySet(key)), token(700))
		}),
		measureCurve("New token", byKeys, p.tokens, p.rounds, []int{1, 8, 64}, func(n int) benchmark {
			var keys []signer
			for i := range n - 1 {
				keys = append(keys, newSigner("ES256", fmt.Sprint("other-", i)))
			}
			return repeatRequest(withStaticKeys(noCache, keySet(append(keys, key)...)), token(700))
		}),
		measureCurve("New token", "scopes in the token", p.tokens, p.rounds, []int{1, 10, 100, 500}, func(n int) benchmark {
			c := accessToken(1, 0)
			c["scope"] = strings.Repeat("a:b ", n-1) + scope
			return repeatRequest(withStaticKeys(noCache, keySet(key)), key.sign(c))
		}),
		measureCurve("New token", "token size in bytes", p.tokens, p.rounds, []int{500, 1000, 2000, 4000, 8000, 16000}, func(n int) benchmark {
			return repeatRequest(withStaticKeys(noCache, keySet(key)), token(n))
		}),
		measureCurve("Cached token", "token size in bytes", 10*p.tokens, p.rounds, []int{500, 1000, 2000, 4000, 8000, 16000}, func(n int) benchmark {
			return repeatRequest(withStaticKeys(resource.Config{}, keySet(key)), token(n))
		}),
		measureCurve("Cached token", "cached tokens", 10*p.tokens, p.rounds, p.cacheSizes, lookupInCacheOf),
		measureCurve("Tool call, cached token, body of 1 KB", byOperationRules, 10*p.tokens, p.rounds, []int{1, 10, 100, 1000}, func(n int) benchmark {
			return postBody(operationRules(n), toolCall(1<<10), key)
		}),
		measureCurve("Resource read, cached token", byResourceRules, 10*p.tokens, p.rounds, []int{1, 10, 100, 1000}, func(n int) benchmark {
			return postBody(operationRules(n), `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///mine/a"}}`, key)
		}),
		measureCurve("Resource read, cached token, URI that is not plain", "URI size in bytes", p.tokens, p.rounds, []int{1 << 10, 4 << 10, 16 << 10, 63 << 10}, func(n int) benchmark {
			const form = `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"%s"}}`
			return postBody(operationRules(1), fmt.Sprintf(form, "x:"+strings.Repeat("/", n-3)+"a"), key)
		}),
		measureCurve("Tool call, cached token, with rules", "body size in bytes", p.tokens/4, p.rounds, []int{1 << 10, 16 << 10, 256 << 10, 4<<20 - 1}, func(n int) benchmark {
			return postBody(operationRules(1), toolCall(n), key)
		}),
	}
}

// goroutineCurve measures concurrent requests with cached tokens.
func goroutineCurve(p plan) curve {
	key := newSigner("ES256", "k1")
	h := withStaticKeys(resource.Config{}, keySet(key))
	_, reqs := mintRequests(100, func(i int) string { return key.token(i, 700) })
	sizes := []int{1, 2, 4, 8, 16}
	var benchmarks []benchmark
	for _, n := range sizes {
		benchmarks = append(benchmarks, benchmark{goroutines: n, worker: func() func(int) { return sendAccepted(h, reqs) }})
	}
	return newCurve("Cached token, concurrent requests", fmt.Sprintf("goroutines on %d cores", runtime.GOMAXPROCS(0)), sizes,
		compare(20*p.tokens, p.rounds, benchmarks...))
}
