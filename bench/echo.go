package main

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
	echojwt "github.com/labstack/echo-jwt/v4"
	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/resource"
)

func onEcho(next http.Handler, middleware ...echo.MiddlewareFunc) http.Handler {
	e := echo.New()
	e.Any("/mcp", echo.WrapHandler(next), middleware...)
	return e
}

func warderOnEcho(_ context.Context, keysURL string, next http.Handler) http.Handler {
	return onEcho(next, echoadapter.Middleware(newResource(keysURL, func(*resource.Config) {})))
}

// echoJWT uses echo-jwt, which leaves claims and scopes to the program.
func echoJWT(ctx context.Context, keysURL string, next http.Handler) http.Handler {
	parse := golangJWT(ctx, keysURL)
	check := echojwt.WithConfig(echojwt.Config{
		ParseTokenFunc: func(c echo.Context, token string) (any, error) { return parse(token) },
	})
	scoped := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if !slices.Contains(strings.Fields(c.Get("user").(*jwt.Token).Claims.(*jwtClaims).Scope), scope) {
				return echo.ErrForbidden
			}
			return next(c)
		}
	}
	return onEcho(next, check, scoped)
}
