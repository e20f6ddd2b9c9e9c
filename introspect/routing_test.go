package introspect_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Opaque tokens and JWTs on one resource, by what verifies them (bad-inputs 214).
func TestRouting(t *testing.T) {
	for _, row := range []struct {
		name            string
		arrange         func(c *resource.Config, ask, keys resource.Issuer)
		jwt, opaque     int
		jwtCalls, calls int // to the endpoint, for the JWT and for the opaque token
	}{
		{"only Opaque: JWTs of its issuer too", func(c *resource.Config, ask, _ resource.Issuer) { c.Opaque = &ask }, 200, 200, 1, 1},
		{"keys for JWTs, introspection for the rest", func(c *resource.Config, ask, keys resource.Issuer) {
			c.Issuers, c.Opaque = []resource.Issuer{keys}, &ask
		}, 200, 200, 0, 1},
		{"only keys: opaque tokens are refused without a call", func(c *resource.Config, _, keys resource.Issuer) { c.Issuers = []resource.Issuer{keys} }, 200, 401, 0, 0},
		{"JWTs introspected, no others", func(c *resource.Config, ask, _ resource.Issuer) { c.Issuers = []resource.Issuer{ask} }, 200, 401, 1, 0},
		{"one verifier in both places", func(c *resource.Config, ask, _ resource.Issuer) {
			c.Issuers, c.Opaque = []resource.Issuer{ask}, &ask
		}, 200, 200, 1, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				keys, err := jwks.New(jwks.Config{Issuer: w.issuer.Identifier(), Transport: w.issuer.Transport()})
				if err != nil {
					w.Fatal(err)
				}
				config := resource.Config{Identifier: identifier, Logger: slog.New(slog.NewJSONHandler(w.log, nil)), Limits: resource.Limits{LogPerSecond: -1}}
				row.arrange(&config, resource.Issuer{Verifier: w.verifier}, resource.Issuer{Verifier: keys})
				if w.res, err = resource.New(config); err != nil {
					w.Fatal(err)
				}
				w.door = nethttp.Middleware(w.res)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
				if got := w.ask(w.issuer.Token(resourcetest.Token{})); got.status != row.jwt || w.calls() != row.jwtCalls {
					w.Errorf("JWT: got %d with %d calls, want %d with %d", got.status, w.calls(), row.jwt, row.jwtCalls)
				}
				before := w.calls()
				if got := w.ask(w.token(resourcetest.Token{})); got.status != row.opaque || w.calls()-before != row.calls {
					w.Errorf("opaque: got %d with %d calls, want %d with %d", got.status, w.calls()-before, row.opaque, row.calls)
				}
				w.metrics() // one verifier in both places must not be collected twice
			})
		})
	}
}

// Of a JWT that is introspected the answer counts; its own claims can only refuse.
func TestIntrospectedJWT(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.body(`{"active":true,"sub":"from-the-answer","aud":"https://mcp.example.test/mcp","scope":"a"}`)
		now := time.Now()
		for _, row := range []struct {
			name   string
			token  resourcetest.Token
			status int
			reason resource.Reason
			calls  int
		}{
			{"good", resourcetest.Token{Subject: "mallory"}, 200, "", 1},
			{"signature is for the issuer to check", resourcetest.Token{Fault: resourcetest.WrongSignature}, 200, "", 1},
			{"expired", resourcetest.Token{IssuedAt: now.Add(-time.Hour), Lifetime: time.Minute}, 401, resource.ReasonExpired, 0},
			{"another audience", resourcetest.Token{Audience: "https://other.example.test/"}, 401, resource.ReasonAudience, 0},
			{"no audience", resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Remove}}, 401, resource.ReasonAudience, 0},
			{"another issuer", resourcetest.Token{Claims: map[string]any{"iss": "https://other.example.test"}}, 401, resource.ReasonIssuerUnknown, 0},
			{"ID token", resourcetest.Token{Header: map[string]any{"typ": "id_token"}}, 401, resource.ReasonTokenType, 0},
			{"bound to a key", resourcetest.Token{Claims: map[string]any{"cnf": map[string]any{"jkt": "x"}}}, 401, resource.ReasonSenderConstrained, 0},
			{"alg none", resourcetest.Token{Fault: resourcetest.AlgNone}, 401, resource.ReasonAlgorithmRefused, 0},
			{"malformed", resourcetest.Token{Fault: resourcetest.TruncatedPayload}, 401, resource.ReasonTokenMalformed, 0},
		} {
			before := w.calls()
			got := w.expect(row.name, w.issuer.Token(row.token), row.status, row.reason)
			if n := w.calls() - before; n != row.calls {
				w.Errorf("%s: %d calls, want %d", row.name, n, row.calls)
			}
			if got.status == 200 && got.caller != "25:https://auth.example.test sub:from-the-answer" {
				w.Errorf("%s: caller %q", row.name, got.caller)
			}
		}
		w.body(`{"active":true,"iss":"https://other.example.test","sub":"x","aud":"https://mcp.example.test/mcp"}`)
		w.expect("answer of another issuer", w.issuer.Token(resourcetest.Token{}), 401, resource.ReasonIssuerMismatch)
		w.body(`{"active":true,"sub":"x","aud":"https://other.example.test/"}`)
		w.expect("answer for another resource", w.issuer.Token(resourcetest.Token{}), 401, resource.ReasonAudience)
		w.body(`{"active":false}`)
		w.expect("revoked", w.issuer.Token(resourcetest.Token{}), 401, resource.ReasonInactive)
	})
}

// RFC 9068 to the letter binds the JWT; its answer has other rules (RFC 7662 §2.2).
func TestStrictRFC9068WithIntrospection(t *testing.T) {
	inWorld(t, func(c *resource.Config, _ *introspect.Config) { c.Opaque.StrictRFC9068 = true }, func(w *world) {
		w.body(`{"active":true,"sub":"x","aud":"https://mcp.example.test/mcp"}`)
		w.expect("JWT", w.issuer.Token(resourcetest.Token{}), 200, "")
		w.expect("JWT without jti", w.issuer.Token(resourcetest.Token{Claims: map[string]any{"jti": resourcetest.Remove}}), 401, resource.ReasonClaimMissing)
		w.expect("JWT of typ JWT", w.issuer.Token(resourcetest.Token{Header: map[string]any{"typ": "JWT"}}), 401, resource.ReasonTokenType)
		w.expect("opaque", "opaque-token-of-somebody", 200, "")
	})
}

// Tokens that look a little like a JWT (design decision 7).
func TestOpaqueTokensOfOddShapes(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		for _, text := range []string{"x", "a.b.c.d.e", "abc.def.ghi", "eyJhbGciOiJub25lIn0.e30.a.b.c", "eyJ", "..", "a==", "~/+-._"} {
			w.expect(text, w.token(resourcetest.Token{Text: text, Lifetime: time.Hour}), 200, "")
		}
		before := w.calls()
		for _, text := range []string{"eyJ.e30.x", "eyJ9..", "eyJhbGciOiJub25lIn0.e30."} {
			if got := w.ask(text); got.status != 401 {
				w.Errorf("%s: got %d, want 401", text, got.status)
			}
		}
		if w.calls() != before {
			w.Errorf("a malformed JWT was sent to the endpoint")
		}
	})
}
