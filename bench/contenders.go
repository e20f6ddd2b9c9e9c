package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// A contender puts authentication in front of a handler. It reads the issuer's keys from
// the URL, accepts tokens of the issuer for the audience that are signed with one of the
// algorithms and have the scope, and keeps what it learns until ctx is done. Each is
// wired as its own documentation shows, plus the checks that it leaves to the program.
type contender struct {
	name string
	make func(ctx context.Context, keysURL string, next http.Handler) http.Handler
}

const scope = "mcp:read" // what every contender asks for

var algorithms = []string{"RS256", "ES256", "EdDSA"}

// contenders are the peers, and warder first.
func contenders() []contender {
	return append([]contender{
		{"warder", makeWarder(func(*resource.Config) {})},
		{"warder, nothing remembered", makeWarder(func(c *resource.Config) { c.Limits.CacheTTL = -1 })},
		{"warder on Echo", warderOnEcho},
	}, peers...)
}

func makeWarder(change func(*resource.Config)) func(context.Context, string, http.Handler) http.Handler {
	return func(_ context.Context, keysURL string, next http.Handler) http.Handler {
		return nethttp.Middleware(newResource(keysURL, change))(next)
	}
}

// newResource has what a user gets, at log level info.
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

// discard is io.Discard under another type: slog's handlers know that one, and skip work.
type discard struct{}

func (discard) Write(line []byte) (int, error) { return len(line), nil }
