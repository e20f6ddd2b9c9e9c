package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	jwtmiddleware "github.com/auth0/go-jwt-middleware/v3"
	auth0jwks "github.com/auth0/go-jwt-middleware/v3/jwks"
	"github.com/auth0/go-jwt-middleware/v3/validator"
	coreos "github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	zitadel "github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

var peers = []contender{
	{"go-jwt-middleware v3", auth0},
	{"golang-jwt + keyfunc", golangJWTMiddleware},
	{"go-oidc", goOIDC},
	{"zitadel/oidc", zitadelOIDC},
	{"echo-jwt + keyfunc", echoJWT},
	{"go-sdk + golang-jwt + keyfunc", goSDK},
	{"jwx v2", jwx2},
	{"jwx v3", jwx3},
}

type claimsKey struct{}

var errScope = errors.New("missing scope")

// bearer is the middleware that a program writes around a function that verifies tokens.
func bearer(next http.Handler, verify func(context.Context, string) (claims any, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		kind, token, ok := strings.Cut(req.Header.Get("Authorization"), " ")
		if !ok || !strings.EqualFold(kind, "Bearer") {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		claims, err := verify(req.Context(), token)
		switch {
		case errors.Is(err, errScope):
			w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
			http.Error(w, "Forbidden", http.StatusForbidden)
		case err != nil:
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), claimsKey{}, claims)))
		}
	})
}

type auth0Claims struct {
	Scope  string `json:"scope"`
	Expiry int64  `json:"exp"`
}

func (c *auth0Claims) Validate(context.Context) error {
	if c.Expiry == 0 { // the library accepts a token without exp
		return errors.New("no exp")
	}
	if !slices.Contains(strings.Fields(c.Scope), scope) {
		return errScope
	}
	return nil
}

func auth0(_ context.Context, keysURL string, next http.Handler) http.Handler {
	return must(jwtmiddleware.New(jwtmiddleware.WithValidator(auth0Validator(keysURL)))).CheckJWT(next)
}

func auth0Validator(keysURL string) *validator.Validator {
	provider := must(auth0jwks.NewCachingProvider(
		auth0jwks.WithIssuerURL(must(url.Parse(issuer))), auth0jwks.WithCustomJWKSURI(must(url.Parse(keysURL)))))
	return must(validator.New(
		validator.WithKeyFunc(provider.KeyFunc),
		validator.WithAlgorithms([]validator.SignatureAlgorithm{validator.RS256, validator.ES256, validator.EdDSA}),
		validator.WithIssuer(issuer), validator.WithAudience(audience),
		validator.WithCustomClaims(func() *auth0Claims { return &auth0Claims{} })))
}

type jwtClaims struct {
	jwt.RegisteredClaims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
}

// golangJWT returns a function that parses and verifies tokens, wired as keyfunc's
// documentation shows.
func golangJWT(ctx context.Context, keysURL string) func(token string) (*jwt.Token, error) {
	keys := must(keyfunc.NewDefaultOverrideCtx(ctx, []string{keysURL}, keyfunc.Override{
		RefreshErrorHandlerFunc: func(string) func(context.Context, error) { return func(context.Context, error) {} },
	}))
	parser := jwt.NewParser(jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithValidMethods(algorithms), jwt.WithExpirationRequired())
	return func(token string) (*jwt.Token, error) {
		return parser.ParseWithClaims(token, &jwtClaims{}, keys.Keyfunc)
	}
}

func golangJWTMiddleware(ctx context.Context, keysURL string, next http.Handler) http.Handler {
	parse := golangJWT(ctx, keysURL)
	return bearer(next, func(_ context.Context, token string) (any, error) {
		parsed, err := parse(token)
		if err != nil {
			return nil, err
		}
		claims := parsed.Claims.(*jwtClaims)
		return claims, requireScope(claims.Scope)
	})
}

// requireScope returns errScope unless the space-separated scopes contain scope.
func requireScope(scopes string) error {
	if !slices.Contains(strings.Fields(scopes), scope) {
		return errScope
	}
	return nil
}

func goSDK(ctx context.Context, keysURL string, next http.Handler) http.Handler {
	parse := golangJWT(ctx, keysURL)
	verify := func(_ context.Context, token string, _ *http.Request) (*auth.TokenInfo, error) {
		parsed, err := parse(token)
		if err != nil {
			return nil, errors.Join(auth.ErrInvalidToken, err)
		}
		claims := parsed.Claims.(*jwtClaims)
		return &auth.TokenInfo{Scopes: strings.Fields(claims.Scope), Expiration: claims.ExpiresAt.Time, UserID: claims.Subject}, nil
	}
	return auth.RequireBearerToken(verify, &auth.RequireBearerTokenOptions{
		ResourceMetadataURL: "https://mcp.example.com/.well-known/oauth-protected-resource/mcp", Scopes: []string{scope},
	})(next)
}

func goOIDC(ctx context.Context, keysURL string, next http.Handler) http.Handler {
	verifier := coreos.NewVerifier(issuer, coreos.NewRemoteKeySet(ctx, keysURL),
		&coreos.Config{ClientID: audience, SupportedSigningAlgs: algorithms})
	return bearer(next, func(ctx context.Context, raw string) (any, error) {
		token, err := verifier.Verify(ctx, raw)
		if err != nil {
			return nil, err
		}
		var claims struct{ Scope string }
		if err := token.Claims(&claims); err != nil {
			return nil, err
		}
		return token, requireScope(claims.Scope)
	})
}

func zitadelOIDC(_ context.Context, keysURL string, next http.Handler) http.Handler {
	verifier := op.NewAccessTokenVerifier(issuer, rp.NewRemoteKeySet(http.DefaultClient, keysURL),
		op.WithSupportedAccessTokenSigningAlgorithms(algorithms...))
	return bearer(next, func(ctx context.Context, token string) (any, error) {
		claims, err := op.VerifyAccessToken[*zitadel.AccessTokenClaims](ctx, token, verifier)
		if err != nil {
			return nil, err
		}
		if err := zitadel.CheckAudience(claims, audience); err != nil {
			return nil, err
		}
		if claims.NotBefore.AsTime().After(time.Now()) { // the library ignores nbf
			return nil, errors.New("not yet valid")
		}
		return claims, requireScope(strings.Join(claims.Scopes, " "))
	})
}
