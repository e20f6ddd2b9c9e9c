package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// withStaticKeys returns a protected handler whose issuer has configured keys, so that no
// keys are fetched.
func withStaticKeys(config resource.Config, keys []byte) http.Handler {
	return withStaticKeysBefore(protectedHandler, config, keys)
}

func withStaticKeysBefore(next http.Handler, config resource.Config, keys []byte) http.Handler {
	config.Identifier, config.Scopes = audience, []string{scope}
	config.Issuers = append(config.Issuers, resource.Issuer{Verifier: must(jwks.New(jwks.Config{Issuer: issuer, Keys: keys}))})
	config.Logger = slog.New(slog.DiscardHandler)
	return nethttp.Middleware(must(resource.New(config)))(next)
}

// repeatRequest returns a benchmark that sends the same token in each request.
func repeatRequest(h http.Handler, token string) benchmark {
	return sendInRotation(h, request(token))
}

// sendInRotation returns a benchmark that sends the requests in rotation.
func sendInRotation(h http.Handler, reqs ...*http.Request) benchmark {
	return benchmark{worker: func() func(int) { return sendAccepted(h, reqs) }}
}

// lookupInCacheOf returns a benchmark whose cache contains n tokens. Its requests use 4,000
// tokens spread evenly over those, whatever n is, so that only the cache grows. The tokens
// are as long as JWTs but opaque, because a million JWTs take too long to sign.
func lookupInCacheOf(n int) benchmark {
	res := must(resource.New(resource.Config{Identifier: audience, Opaque: &resource.Issuer{Verifier: acceptAll{}}, Scopes: []string{scope},
		Limits: resource.Limits{CacheEntries: 2 * n, CacheBytes: 2 << 30, CacheTTL: time.Hour}}))
	h := nethttp.Middleware(res)(protectedHandler)
	token := func(i int) string { return fmt.Sprintf("%0680d", i) }
	for i := range n {
		mustAccept(h, request(token(i)))
	}
	const requests = 4000
	_, reqs := mintRequests(requests, func(i int) string { return token(i * n / requests) })
	return sendInRotation(h, reqs...)
}

// acceptAll is a Verifier that accepts every opaque token, for benchmarks that do not
// measure verification.
type acceptAll struct{}

func (acceptAll) Issuer() string { return issuer }

func (acceptAll) Verify(context.Context, *resource.Token) (*resource.Claims, error) {
	return &resource.Claims{Issuer: issuer, Subject: "alice", Audience: []string{audience}, Scopes: []string{scope}, Expiry: time.Now().Add(time.Hour)}, nil
}

// operationRules returns n tool rules and n resource rules. The benchmarks use the first
// rule of each kind.
func operationRules(n int) resource.Operations {
	rules := resource.Operations{Tools: map[string][]string{"echo": {scope}}}
	rules.Resources = append(rules.Resources, resource.ResourceRule{Template: "file:///mine/{name}", Scopes: []string{scope}})
	for i := range n - 1 {
		rules.Tools[fmt.Sprint("tool-", i)] = []string{"mcp:other"}
		rules.Resources = append(rules.Resources, resource.ResourceRule{Template: fmt.Sprintf("file:///dir/%d/{name}", i), Scopes: []string{"mcp:other"}})
	}
	return rules
}

// toolCallTable compares a tool call with a cached token without operation rules, where
// the body is not read, and with them.
func toolCallTable(p plan) table {
	body, key := toolCall(1<<10), newSigner("RS256", "k1")
	without, with := postBody(resource.Operations{}, body, key), postBody(operationRules(1), body, key)
	without.name, with.name = "no rules", "rules"
	return table{"Tool call, cached token, body of 1 KB", compare(10*p.tokens, p.rounds, without, with)}
}

// toolCall returns a tools/call request of size bytes.
func toolCall(size int) string {
	const form = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"%s"}}}`
	return fmt.Sprintf(form, strings.Repeat("x", size-len(form)+2))
}

// postBody returns a benchmark that sends the body with a cached token.
func postBody(rules resource.Operations, body string, key signer) benchmark {
	h := withStaticKeys(resource.Config{Operations: rules, Limits: resource.Limits{MaxBodyBytes: 4 << 20}}, keySet(key))
	req := request(key.token(1, 700))
	req.ContentLength = int64(len(body))
	w := discardWriter{header: http.Header{}}
	return benchmark{worker: func() func(int) {
		return func(int) {
			req.Body = io.NopCloser(strings.NewReader(body))
			w.status = http.StatusOK
			if h.ServeHTTP(&w, req); w.status != http.StatusOK {
				panic(fmt.Sprintf("status %d, want 200", w.status))
			}
		}
	}}
}
