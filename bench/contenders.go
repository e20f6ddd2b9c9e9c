package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// A contender adds authentication to a handler. It loads the issuer's keys from keysURL
// and accepts tokens that have the expected issuer and audience, are signed with one of
// algorithms and contain scope. Its caches and goroutines may live until ctx is done. Each
// contender is wired as its documentation shows, plus the checks that it leaves to the program.
type contender struct {
	name string
	make func(ctx context.Context, keysURL string, next http.Handler) http.Handler
}

const scope = "mcp:read" // required by every contender

var algorithms = []string{"RS256", "ES256", "EdDSA"}

// The names of the warder variants in the tables.
const (
	warderDefault    = "warder"
	warderKeepHeader = "warder, KeepAuthorization"
	warderNoCache    = "warder, no cache"
	warderEcho       = "warder on Echo"
)

// contenders returns the variants of warder, followed by the peers.
func contenders() []contender {
	return append([]contender{
		{warderDefault, makeWarder(func(*resource.Config) {})},
		{warderNoCache, makeWarder(func(c *resource.Config) { c.Limits.CacheTTL = -1 })},
		{warderEcho, warderOnEcho},
	}, peers...)
}

func makeWarder(change func(*resource.Config)) func(context.Context, string, http.Handler) http.Handler {
	return func(_ context.Context, keysURL string, next http.Handler) http.Handler {
		return nethttp.Middleware(newResource(keysURL, change))(next)
	}
}

// newResource returns a Resource with the default settings and log level info.
func newResource(keysURL string, change func(*resource.Config)) *resource.Resource {
	keys := must(jwks.New(jwks.Config{Issuer: issuer, URL: keysURL, AllowHTTP: true, Algorithms: algorithms}))
	config := resource.Config{
		Identifier: audience,
		Issuers:    []resource.Issuer{{Verifier: keys}},
		Scopes:     []string{scope},
		Logger:     slog.New(slog.NewJSONHandler(discard{}, nil)),
	}
	change(&config)
	return must(resource.New(config))
}

// discard is io.Discard as a different type: slog handlers skip work for io.Discard itself.
type discard struct{}

func (discard) Write(line []byte) (int, error) { return len(line), nil }
