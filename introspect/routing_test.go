package introspect_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Which verifier is used for opaque tokens and for JWTs on one resource.
func TestRouting(t *testing.T) {
	for _, row := range []struct {
		name            string
		configure       func(c *resource.Config, introspection, keys resource.Issuer)
		jwt, opaque     int
		jwtCalls, calls int // calls to the endpoint, for the JWT and for the opaque token
	}{
		{"only Opaque: also JWTs of its issuer", func(c *resource.Config, introspection, _ resource.Issuer) { c.Opaque = &introspection }, 200, 200, 1, 1},
		{"keys for JWTs, introspection for opaque tokens", func(c *resource.Config, introspection, keys resource.Issuer) {
			c.Issuers, c.Opaque = []resource.Issuer{keys}, &introspection
		}, 200, 200, 0, 1},
		{"only keys: opaque tokens are rejected without a call", func(c *resource.Config, _, keys resource.Issuer) { c.Issuers = []resource.Issuer{keys} }, 200, 401, 0, 0},
		{"introspection only for JWTs", func(c *resource.Config, introspection, _ resource.Issuer) {
			c.Issuers = []resource.Issuer{introspection}
		}, 200, 401, 1, 0},
		{"the same verifier in Issuers and Opaque", func(c *resource.Config, introspection, _ resource.Issuer) {
			c.Issuers, c.Opaque = []resource.Issuer{introspection}, &introspection
		}, 200, 200, 1, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, nil, func(fx *fixture) {
				keys, err := jwks.New(jwks.Config{Issuer: fx.issuer.Identifier(), Transport: fx.issuer.Transport()})
				if err != nil {
					fx.Fatal(err)
				}
				config := resource.Config{Identifier: identifier, Logger: slog.New(slog.NewJSONHandler(fx.log, nil)), Limits: resource.Limits{LogPerSecond: -1}}
				row.configure(&config, resource.Issuer{Verifier: fx.verifier}, resource.Issuer{Verifier: keys})
				if fx.res, err = resource.New(config); err != nil {
					fx.Fatal(err)
				}
				fx.handler = nethttp.Middleware(fx.res)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
				if got := fx.request(fx.issuer.Token(resourcetest.Token{})); got.status != row.jwt || fx.calls() != row.jwtCalls {
					fx.Errorf("JWT: got %d with %d calls, want %d with %d", got.status, fx.calls(), row.jwt, row.jwtCalls)
				}
				before := fx.calls()
				if got := fx.request(fx.token(resourcetest.Token{})); got.status != row.opaque || fx.calls()-before != row.calls {
					fx.Errorf("opaque: got %d with %d calls, want %d with %d", got.status, fx.calls()-before, row.opaque, row.calls)
				}
				fx.metrics() // the same verifier in Issuers and Opaque must be collected once
			})
		})
	}
}

// The answer determines the caller of an introspected JWT. The claims in the JWT can only cause a
// rejection.
func TestIntrospectedJWT(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		fx.endpointAnswers(`{"active":true,"sub":"from-the-answer","aud":"https://mcp.example.test/mcp","scope":"a"}`)
		now := time.Now()
		for _, row := range []struct {
			name   string
			token  resourcetest.Token
			status int
			reason resource.Reason
			calls  int
		}{
			{"valid", resourcetest.Token{Subject: "mallory"}, 200, "", 1},
			{"wrong signature, which the issuer checks", resourcetest.Token{Fault: resourcetest.WrongSignature}, 200, "", 1},
			{"expired", resourcetest.Token{IssuedAt: now.Add(-time.Hour), Lifetime: time.Minute}, 401, resource.ReasonExpired, 0},
			{"another audience", resourcetest.Token{Audience: "https://other.example.test/"}, 401, resource.ReasonAudience, 0},
			{"no audience", resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Remove}}, 401, resource.ReasonAudience, 0},
			{"another issuer", resourcetest.Token{Claims: map[string]any{"iss": "https://other.example.test"}}, 401, resource.ReasonIssuerUnknown, 0},
			{"ID token", resourcetest.Token{Header: map[string]any{"typ": "id_token"}}, 401, resource.ReasonTokenType, 0},
			{"bound to a key", resourcetest.Token{Claims: map[string]any{"cnf": map[string]any{"jkt": "x"}}}, 401, resource.ReasonSenderConstrained, 0},
			{"alg none", resourcetest.Token{Fault: resourcetest.AlgNone}, 401, resource.ReasonAlgorithmRefused, 0},
			{"malformed", resourcetest.Token{Fault: resourcetest.TruncatedPayload}, 401, resource.ReasonTokenMalformed, 0},
		} {
			before := fx.calls()
			got := fx.expect(row.name, fx.issuer.Token(row.token), row.status, row.reason)
			if n := fx.calls() - before; n != row.calls {
				fx.Errorf("%s: %d calls, want %d", row.name, n, row.calls)
			}
			if got.status == 200 && got.caller != "25:https://auth.example.test sub:from-the-answer" {
				fx.Errorf("%s: caller %q", row.name, got.caller)
			}
		}
		fx.endpointAnswers(`{"active":true,"iss":"https://other.example.test","sub":"x","aud":"https://mcp.example.test/mcp"}`)
		fx.expect("answer with another issuer", fx.issuer.Token(resourcetest.Token{}), 401, resource.ReasonIssuerMismatch)
		fx.endpointAnswers(`{"active":true,"sub":"x","aud":"https://other.example.test/"}`)
		fx.expect("answer for another resource", fx.issuer.Token(resourcetest.Token{}), 401, resource.ReasonAudience)
		fx.endpointAnswers(`{"active":false}`)
		fx.expect("revoked", fx.issuer.Token(resourcetest.Token{}), 401, resource.ReasonInactive)
	})
}

// StrictRFC9068 applies to the JWT, not to the answer about it (RFC 7662 §2.2).
func TestStrictRFC9068WithIntrospection(t *testing.T) {
	inBubble(t, func(c *resource.Config, _ *introspect.Config) { c.Opaque.StrictRFC9068 = true }, func(fx *fixture) {
		fx.endpointAnswers(`{"active":true,"sub":"x","aud":"https://mcp.example.test/mcp"}`)
		fx.expect("JWT", fx.issuer.Token(resourcetest.Token{}), 200, "")
		fx.expect("JWT without jti", fx.issuer.Token(resourcetest.Token{Claims: map[string]any{"jti": resourcetest.Remove}}), 401, resource.ReasonClaimMissing)
		fx.expect("JWT of typ JWT", fx.issuer.Token(resourcetest.Token{Header: map[string]any{"typ": "JWT"}}), 401, resource.ReasonTokenType)
		fx.expect("opaque", "opaque-token-of-somebody", 200, "")
	})
}

// Opaque tokens that resemble a JWT are introspected, and malformed JWTs are not.
func TestUnusualOpaqueTokens(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		for _, text := range []string{"x", "a.b.c.d.e", "abc.def.ghi", "eyJhbGciOiJub25lIn0.e30.a.b.c", "eyJ", "..", "a==", "~/+-._"} {
			fx.expect(text, fx.token(resourcetest.Token{Text: text, Lifetime: time.Hour}), 200, "")
		}
		before := fx.calls()
		for _, text := range []string{"eyJ.e30.x", "eyJ9..", "eyJhbGciOiJub25lIn0.e30."} {
			if got := fx.request(text); got.status != 401 {
				fx.Errorf("%s: got %d, want 401", text, got.status)
			}
		}
		if fx.calls() != before {
			fx.Errorf("a malformed JWT was sent to the endpoint")
		}
	})
}

// The verifier can be that of a header field, for opaque tokens and for JWTs.
func TestTokenInHeaderField(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		config := resource.Config{Identifier: identifier, Logger: slog.New(slog.NewJSONHandler(fx.log, nil)), Limits: resource.Limits{LogPerSecond: -1}}
		config.Credentials.TokenHeaders = map[string]resource.Issuer{"X-Proxy-Token": {Verifier: fx.verifier}}
		config.Metadata.AuthorizationServers = []string{"https://login.example.test"}
		res, err := resource.New(config)
		if err != nil {
			fx.Fatal(err)
		}
		for _, row := range []struct {
			name, field, token, want string
		}{
			{"an opaque token", "X-Proxy-Token", fx.token(resourcetest.Token{Subject: "alice"}), "alice"},
			{"a JWT", "X-Proxy-Token", fx.issuer.Token(resourcetest.Token{Subject: "bob"}), "bob"},
			{"an unknown token", "X-Proxy-Token", "unknown-opaque-token", "401 inactive"},
			{"the opaque token after Bearer", "Authorization", "Bearer " + fx.token(resourcetest.Token{}), "401 opaque_unsupported"},
		} {
			req := httptest.NewRequestWithContext(fx.Context(), http.MethodPost, identifier, nil)
			req.Header.Set(row.field, row.token)
			decision, refusal := res.Authenticate(req)
			decision.Done()
			got := ""
			if refusal != nil {
				got = fmt.Sprint(refusal.Status, " ", refusal.Reason)
			} else {
				got = decision.Caller.Subject()
			}
			if got != row.want {
				fx.Errorf("%s: got %s, want %s", row.name, got, row.want)
			}
		}
		if servers := res.Metadata().AuthorizationServers; !slices.Equal(servers, config.Metadata.AuthorizationServers) {
			fx.Errorf("the metadata names %q", servers)
		}
	})
}
