package resource_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func scoped(scope string) string {
	return `Bearer resource_metadata="` + metadataURL + `", scope="` + scope + `"`
}

func insufficient(scope string) answer {
	const description = "The access token lacks a scope that this request needs"
	return answer{403, scoped(scope) + `, error="insufficient_scope", error_description="` + description + `"`,
		`{"error":"insufficient_scope","error_description":"` + description + `"}` + "\n"}
}

func TestResponseStatuses(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Scopes = []string{"mcp:read", "mcp:list"} })
	old := time.Now().Add(-time.Hour)
	withScope := func(a answer) answer {
		a.challenge = scoped("mcp:read mcp:list") + a.challenge[len(noCredentials.challenge):]
		return a
	}
	f.expect("valid", f.bearer(f.token(resourcetest.Token{Scope: "mcp:list mcp:read"})), accepted)
	f.expect("no credentials", f.authorize(), withScope(noCredentials))
	f.expect("malformed: the challenge names no scopes", f.authorize("Bearer a b"), malformed)
	f.expect("expired", f.bearer(f.token(resourcetest.Token{IssuedAt: old})), withScope(expired))
	f.expect("expired and without scopes: 401, not 403", f.bearer(f.token(resourcetest.Token{IssuedAt: old, Scope: "x"})), withScope(expired))
	f.expect("another audience", f.bearer(f.token(resourcetest.Token{Audience: "https://other.example.test/"})), withScope(invalid))
	f.expect("one scope missing: the challenge names all required scopes", f.bearer(f.token(resourcetest.Token{Scope: "mcp:list"})), insufficient("mcp:read mcp:list"))
	f.expect("no scopes", f.bearer(f.token(resourcetest.Token{})), insufficient("mcp:read mcp:list"))
	f.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Status: 500})
	noKeys := newFixtureWith(t, f.issuer, nil)
	noKeys.expect("keys unavailable", noKeys.bearer(f.token(resourcetest.Token{})), unavailable)
}

func TestChallengeScopes(t *testing.T) { // RFC 6750 §3; MCP authorization, "Scope Selection Strategy"
	for _, row := range []struct {
		name  string
		hint  []string
		scope string
	}{
		{"nil: the required scopes", nil, `, scope="a"`},
		{"configured", []string{"b", "c"}, `, scope="b c"`},
		{"empty: no scopes", []string{}, ``},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Scopes, c.ScopeOptions.Challenge = []string{"a"}, row.hint })
		want := noCredentials
		want.challenge += row.scope
		f.expect(row.name, f.authorize(), want)
		f.expect(row.name+", a 403 names the required scopes", f.bearer(f.token(resourcetest.Token{})), insufficient("a"))
	}
}

func TestScopeHierarchy(t *testing.T) { // MCP authorization: MUST account for scope hierarchies
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Scopes = []string{"files:read"}
		c.ScopeOptions.Implies = map[string][]string{"admin": {"files:write"}, "files:write": {"files:read"}, "loop": {"pool"}, "pool": {"loop"}}
	})
	for _, row := range []struct {
		scope string
		want  answer
	}{
		{"files:read", accepted},
		{"files:write", accepted},
		{"admin", accepted},
		{"loop", insufficient("files:read")},
		{"files", insufficient("files:read")},
		{"Files:Read", insufficient("files:read")},
		{"files:read2", insufficient("files:read")},
		{"files:*", insufficient("files:read")},
	} {
		f.expect(row.scope, f.bearer(f.token(resourcetest.Token{Scope: row.scope})), row.want)
	}
	f.inner = func(_ http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		if got := fmt.Sprint(caller.Scopes(), caller.AllScopes()); got != "[admin x] [admin x files:read files:write]" {
			t.Errorf("got %s", got)
		}
		if !caller.Has("files:write", "x") || caller.Has("files:write", "y") || !caller.Has() {
			t.Error("Has is wrong")
		}
	}
	f.bearer(f.token(resourcetest.Token{Scope: "admin x"}))
}

func TestSeveralIssuers(t *testing.T) { // each issuer has separate keys, algorithms and audiences
	first, second := resourcetest.Start(t), resourcetest.Start(t, resourcetest.Config{Algorithms: []string{"ES256", "RS256"}})
	unknown := resourcetest.Start(t)
	verifier := func(issuer *resourcetest.Issuer, algorithms ...string) resource.Verifier {
		v, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Algorithms: algorithms})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers = []resource.Issuer{
			{Verifier: verifier(first, "ES256"), Audiences: []string{"first-audience"}},
			{Verifier: verifier(second, "ES256", "RS256")},
		}
	})
	ago := time.Now().Add(-time.Minute)
	mint := func(from *resourcetest.Issuer, t resourcetest.Token) string { t.IssuedAt = ago; return from.Token(t) }
	claim := func(iss string) map[string]any { return map[string]any{"iss": iss} }
	for _, row := range []struct {
		name, token string
		want        answer
	}{
		{"from the first issuer", mint(first, resourcetest.Token{}), accepted},
		{"from the second issuer", mint(second, resourcetest.Token{}), accepted},
		{"the first issuer's extra audience", mint(first, resourcetest.Token{Audience: "first-audience"}), accepted},
		{"the first issuer's extra audience, from the second issuer", mint(second, resourcetest.Token{Audience: "first-audience"}), invalid},
		{"from the first issuer, with an algorithm of the second issuer only", mint(first, resourcetest.Token{Alg: "RS256"}), invalid},
		{"from the second issuer, with that algorithm", mint(second, resourcetest.Token{Alg: "RS256"}), accepted},
		{"from the second issuer, with the first issuer as iss", mint(second, resourcetest.Token{Claims: claim(first.Identifier())}), invalid},
		{"from an unknown issuer", mint(unknown, resourcetest.Token{}), invalid},
		{"from an unknown issuer, with the first issuer as iss", mint(unknown, resourcetest.Token{Claims: claim(first.Identifier())}), invalid},
		{"with a slash appended to iss", mint(first, resourcetest.Token{Claims: claim(first.Identifier() + "/")}), invalid},
	} {
		f.expect(row.name, f.bearer(row.token), row.want)
	}
	if n := unknown.Count(resourcetest.Any); n != 0 {
		t.Errorf("the unknown issuer got %d requests: an iss must not cause a request", n)
	}
}

func TestRevoked(t *testing.T) {
	revoked := ""
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Hooks.Revocations = resource.RevocationFunc(func(_ context.Context, caller *resource.Caller) (bool, error) {
			return caller.TokenID() == revoked, nil
		})
	})
	token := f.token(resourcetest.Token{Claims: map[string]any{"jti": "one"}})
	f.expect("before", f.bearer(token), accepted)
	revoked = "one"
	f.expect("cached, Revoked is called again", f.bearer(token), invalid)
	revoked = "two"
	f.expect("no longer revoked", f.bearer(token), accepted)
}

func TestPanicsRejectRequests(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Hooks.Revocations = resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { panic("secret") })
	})
	f.expect("Revoked panics", f.bearer(f.token(resourcetest.Token{})), failed)
	f.expect("Revoked panics again, another token", f.bearer(f.token(resourcetest.Token{})), failed)
	f = newFixture(t, func(c *resource.Config, k *jwks.Config) {
		c.Issuers[0].Verifier = verifierFunc{k.Issuer, func() (*resource.Claims, error) { panic("secret") }}
	})
	f.expect("Verifier panics", f.bearer(f.token(resourcetest.Token{})), failed)
	f = newFixture(t, func(c *resource.Config, k *jwks.Config) {
		c.Issuers[0].Verifier = verifierFunc{k.Issuer, func() (*resource.Claims, error) { return nil, nil }}
	})
	f.expect("Verifier returns nothing", f.bearer(f.token(resourcetest.Token{})), failed)
}

func TestZeroResourceRejects(t *testing.T) {
	for name, res := range map[string]*resource.Resource{"zero": new(resource.Resource), "nil": nil} {
		req := httptest.NewRequest(http.MethodGet, identifier, nil)
		req.Header.Set("Authorization", "Bearer x")
		decision, refusal := res.Authenticate(req)
		if decision.Caller != nil || refusal == nil || refusal.Status != 500 {
			t.Errorf("%s: got %+v, %+v; want status 500", name, decision, refusal)
		}
	}
}

// verifierFunc is a custom Verifier that calls a function.
type verifierFunc struct {
	issuer string
	verify func() (*resource.Claims, error)
}

func (v verifierFunc) Issuer() string { return v.issuer }
func (v verifierFunc) Verify(context.Context, *resource.Token) (*resource.Claims, error) {
	return v.verify()
}

func TestVerifierContract(t *testing.T) {
	claimsOf := func(issuer string) *resource.Claims {
		return &resource.Claims{Issuer: issuer, Subject: "alice", Audience: []string{identifier}, Expiry: time.Now().Add(time.Hour)}
	}
	for _, row := range []struct {
		name  string
		err   error
		want  answer
		after time.Duration
	}{
		{"no error", nil, accepted, 0},
		{"any error", errors.New("no"), invalid, 0},
		{"a reason of 401", &resource.Error{Reason: resource.ReasonInactive}, invalid, 0},
		{"expired", &resource.Error{Reason: resource.ReasonExpired}, expired, 0},
		{"a reason of 503", &resource.Error{Reason: resource.ReasonVerifierUnavailable}, unavailable, time.Second},
		{"a reason of 503 with RetryAfter, wrapped", fmt.Errorf("x: %w", &resource.Error{Reason: resource.ReasonVerifierUnavailable, RetryAfter: 1500 * time.Millisecond}), unavailable, 2 * time.Second},
		{"its context was canceled", context.Canceled, unavailable, time.Second},
		{"the deadline of its context passed", fmt.Errorf("x: %w", context.DeadlineExceeded), unavailable, time.Second},
		{"a reason that verifiers may not return", &resource.Error{Reason: resource.ReasonInsufficientScope}, failed, 0},
		{"an unknown reason", &resource.Error{Reason: "nonsense"}, failed, 0},
	} {
		f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
			c.Issuers[0].Verifier = verifierFunc{k.Issuer, func() (*resource.Claims, error) {
				if row.err != nil {
					return nil, row.err
				}
				return claimsOf(k.Issuer), nil
			}}
		})
		token := f.token(resourcetest.Token{})
		f.expect(row.name, f.bearer(token), row.want)
		req := httptest.NewRequest(http.MethodGet, identifier, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		if _, refusal := f.res.Authenticate(req); refusal != nil && refusal.RetryAfter != row.after {
			t.Errorf("%s: Retry-After %s, want %s", row.name, refusal.RetryAfter, row.after)
		}
	}
}

// The claims that a verifier returns pass the same checks as those of a JWT.
func TestVerifiedClaimsAreChecked(t *testing.T) {
	now := time.Now()
	for _, row := range []struct {
		name   string
		change func(c *resource.Claims)
		want   answer
	}{
		{"valid", func(*resource.Claims) {}, accepted},
		{"another issuer", func(c *resource.Claims) { c.Issuer += "/" }, invalid},
		{"another audience", func(c *resource.Claims) { c.Audience = []string{"x"} }, invalid},
		{"expired", func(c *resource.Claims) { c.Expiry = now.Add(-time.Hour) }, expired},
		{"not yet valid", func(c *resource.Claims) { c.NotBefore = now.Add(time.Hour) }, invalid},
		{"bound to a key", func(c *resource.Claims) { c.Confirmation.Method = resource.ConfirmationDPoP }, invalid},
		{"neither subject nor client", func(c *resource.Claims) { c.Subject = "" }, accepted},
		{"a client without a subject", func(c *resource.Claims) { c.Subject, c.ClientID = "", "robot" }, accepted},
	} {
		f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
			claims := &resource.Claims{Issuer: k.Issuer, Subject: "alice", Audience: []string{identifier}, Expiry: now.Add(time.Hour)}
			row.change(claims)
			c.Issuers[0].Verifier = verifierFunc{k.Issuer, func() (*resource.Claims, error) { return claims, nil }}
		})
		f.expect(row.name, f.bearer(f.token(resourcetest.Token{})), row.want)
	}
}

func TestOpaqueTokens(t *testing.T) {
	var seen []string
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Opaque = &resource.Issuer{Verifier: opaqueVerifier{func(token *resource.Token) (*resource.Claims, error) {
			seen = append(seen, token.Raw())
			return &resource.Claims{Issuer: "https://opaque.example.test", Subject: "bob", Audience: []string{identifier}}, nil
		}}}
	})
	f.unexplained = true // the test counts calls
	f.expect("opaque", f.bearer("opaque-token"), accepted)
	f.expect("five segments", f.bearer("a.b.c.d.e"), accepted)
	f.expect("three segments, the first is not JSON", f.bearer("abc.def.ghi"), accepted)
	f.expect("a JWT is verified by its issuer", f.bearer(f.token(resourcetest.Token{})), accepted)
	f.expect("a malformed JWT is sent to no verifier", f.bearer("eyJ9.e30.x"), invalid)
	f.expect("a JWT of an unknown issuer is sent to no verifier", f.bearer(f.token(resourcetest.Token{Claims: map[string]any{"iss": "https://unknown.example.test"}})), invalid)
	if got := fmt.Sprint(seen); got != "[opaque-token a.b.c.d.e abc.def.ghi]" {
		t.Errorf("the verifier for opaque tokens got %s", got)
	}
	without := newFixture(t, nil)
	without.expect("without Opaque", without.bearer("opaque-token"), invalid)
	without.expect("without Opaque, not a b64token", without.bearer("00DE0!AQcA"), invalid)
}

// Opaque tokens are visible ASCII without comma, double quote and backslash. Servers issue more
// than a b64token (RFC 6750 §2.1) allows; RFC 6749 §A.12 allows it. Text that cannot be one token
// is 400, because the same client would write the next token like this too.
func TestGrammarOfOpaqueTokens(t *testing.T) {
	var seen []string
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Opaque = &resource.Issuer{Verifier: opaqueVerifier{func(token *resource.Token) (*resource.Claims, error) {
			seen = append(seen, token.Raw())
			return &resource.Claims{Issuer: "https://opaque.example.test", Subject: "bob", Audience: []string{identifier}}, nil
		}}}
	})
	f.unexplained = true // the test counts calls
	jwt := f.token(resourcetest.Token{})
	for _, row := range []struct {
		name, token string
		want        answer
		asked       bool
	}{
		{"Salesforce", "00DE0!AQcA", accepted, true},
		{"Laravel Sanctum", "1|abc", accepted, true},
		{"YouTrack", "perm:cm9vdA==.NDUtMQ==.abc", accepted, true},
		{"every character", "!#$%&'()*+-./0123456789:;<=>?@ABCZ[]^_`abcz{|}~", accepted, true},
		{"only equals signs", "==", accepted, true},
		{"begins like a JWT, without dots", "ey!abc", accepted, true},
		{"a JWT with another character", strings.Replace(jwt, ".", "!.", 1), invalid, false},
		{"a JWT with a character at its end", jwt + ";", invalid, false},
		{"a JWT in single quotes", "'" + jwt + "'", malformed, false},
		{"a JWT in braces", "${" + jwt + "}", malformed, false},
		{"a malformed JWT in angle brackets", "<eyJ9.e30.x>", malformed, false},
		{"a comma", "a,b", malformed, false},
		{"a double quote", `"abc"`, malformed, false},
		{"a backslash", `a\b`, malformed, false},
		{"a space", "a b", malformed, false},
		{"a tab", "a\tb", malformed, false},
		{"DEL", "a\x7f", malformed, false},
		{"a letter outside ASCII", "ä", malformed, false},
	} {
		seen = nil
		f.expect(row.name, f.bearer(row.token), row.want)
		if row.asked != slices.Equal(seen, []string{row.token}) || !row.asked && len(seen) > 0 {
			t.Errorf("%s: the verifier got %q", row.name, seen)
		}
	}
}

type opaqueVerifier struct {
	verify func(*resource.Token) (*resource.Claims, error)
}

func (opaqueVerifier) Issuer() string { return "https://opaque.example.test" }
func (v opaqueVerifier) Verify(_ context.Context, t *resource.Token) (*resource.Claims, error) {
	return v.verify(t)
}

func TestExpiryBoundary(t *testing.T) { // RFC 7519 §4.1.4
	for name, ttl := range map[string]time.Duration{"not cached": -1, "cached": 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Limits.CacheTTL = ttl })
				token := f.issuer.Token(resourcetest.Token{Lifetime: time.Minute})
				f.expect("immediately", f.bearer(token), accepted)
				time.Sleep(time.Minute)
				f.expect("at exp, within the leeway", f.bearer(token), accepted)
				time.Sleep(30*time.Second - 1)
				f.expect("a nanosecond before exp + leeway", f.bearer(token), accepted)
				time.Sleep(1)
				f.expect("at exp + leeway", f.bearer(token), expired)
			})
		})
	}
}

// An introspected JWT expires at the exp in the token if the introspection answer has none.
func TestIntrospectedJWTExpiry(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		claims := &resource.Claims{Issuer: k.Issuer, Subject: "alice", Audience: []string{identifier}, Introspected: true}
		c.Issuers[0].Verifier = verifierFunc{k.Issuer, func() (*resource.Claims, error) { return claims, nil }}
	})
	issued := time.Now().Truncate(time.Second)
	caller := f.accept(f.issuer.Token(resourcetest.Token{IssuedAt: issued, Lifetime: time.Minute, Claims: map[string]any{"jti": "one"}})).Caller
	if !caller.Expiry().Equal(issued.Add(time.Minute)) || caller.TokenID() != "one" {
		t.Errorf("got exp %s and jti %q, want those of the token", caller.Expiry(), caller.TokenID())
	}
}
