package main

import (
	"context"
	"net/http"

	"github.com/lestrrat-go/httprc/v3"
	jwk2 "github.com/lestrrat-go/jwx/v2/jwk"
	jwt2 "github.com/lestrrat-go/jwx/v2/jwt"
	jwk3 "github.com/lestrrat-go/jwx/v3/jwk"
	jwt3 "github.com/lestrrat-go/jwx/v3/jwt"
)

// jwx2 uses jwx v2 with its key cache, as its examples show.
func jwx2(ctx context.Context, keysURL string, next http.Handler) http.Handler {
	cache := jwk2.NewCache(ctx)
	if err := cache.Register(keysURL); err != nil {
		panic(err)
	}
	return bearer(next, func(ctx context.Context, raw string) (any, error) {
		keys, err := cache.Get(ctx, keysURL)
		if err != nil {
			return nil, err
		}
		token, err := jwt2.ParseString(raw, jwt2.WithKeySet(keys), jwt2.WithValidate(true),
			jwt2.WithIssuer(issuer), jwt2.WithAudience(audience), jwt2.WithRequiredClaim("exp"))
		if err != nil {
			return nil, err
		}
		scopes, _ := token.Get("scope")
		text, _ := scopes.(string)
		return token, requireScope(text)
	})
}

// jwx3 uses jwx v3 with its key cache, as its examples show.
func jwx3(ctx context.Context, keysURL string, next http.Handler) http.Handler {
	cache := must(jwk3.NewCache(ctx, httprc.NewClient()))
	if err := cache.Register(ctx, keysURL); err != nil {
		panic(err)
	}
	return bearer(next, func(ctx context.Context, raw string) (any, error) {
		keys, err := cache.Lookup(ctx, keysURL)
		if err != nil {
			return nil, err
		}
		token, err := jwt3.ParseString(raw, jwt3.WithKeySet(keys), jwt3.WithValidate(true),
			jwt3.WithIssuer(issuer), jwt3.WithAudience(audience), jwt3.WithRequiredClaim("exp"))
		if err != nil {
			return nil, err
		}
		var scopes string
		if err := token.Get("scope", &scopes); err != nil {
			return nil, err
		}
		return token, requireScope(scopes)
	})
}
