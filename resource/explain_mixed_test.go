package resource_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// mixer makes configurations and requests with random combinations of settings and faults.
type mixer struct {
	*rand.Rand
	issuer *resourcetest.Issuer
	key    *resourcetest.ProofKey
}

const (
	mixedAnswers = "https://answers.example.test"
	mixedKeys    = "https://keys.example.test"
	mixedDynamic = "https://dynamic.example.test"
)

func (m *mixer) odds(one int) bool { return m.IntN(one) == 0 }

func oneOf[T any](m *mixer, all ...T) T { return all[m.IntN(len(all))] }

// configure changes a configuration. Few settings exclude each other.
func (m *mixer) configure(c *resource.Config, _ *jwks.Config) {
	c.Logger, c.Limits.CacheTTL = slog.New(slog.DiscardHandler), -1
	c.Scopes = oneOf(m, nil, []string{"base"}, []string{"base | read"})
	if m.odds(2) {
		c.Identifiers = []string{memberA, memberB}
	}
	c.Opaque = &resource.Issuer{Verifier: m.stub(mixedAnswers)}
	c.Hooks.ResolveIssuer = func(iss string) (*resource.Issuer, bool) {
		return &resource.Issuer{Verifier: m.stub(iss)}, iss == mixedDynamic
	}
	if m.odds(2) {
		c.Hooks.Revocations = resource.RevocationFunc(func(_ context.Context, c *resource.Caller) (bool, error) { return m.revoked(c) })
	}
	c.HTTP.HandlerChallenges = oneOf(m, resource.PassHandlerChallenges, resource.ReplaceHandlerChallenges)
	m.credentials(&c.Credentials)
	if c.Credentials.DPoP.Tokens != resource.BindingRequired {
		c.Opaque.DPoP = oneOf(m, resource.BindingInherited, resource.BindingOff)
	}
	m.operations(&c.Operations, c.Credentials.DPoP.Tokens > resource.BindingOff)
}

func (m *mixer) credentials(c *resource.Credentials) {
	headers := m.odds(2)
	if headers {
		c.Headers = map[string]resource.HeaderVerifier{"X-Key": keywordVerifier{issuer: mixedKeys}}
		c.TokenHeaders = map[string]resource.Issuer{"X-Token": {Verifier: m.stub("https://proxy.example.test")}}
		c.Prefixed = map[string]resource.Issuer{"pat_": {Verifier: keywordVerifier{issuer: mixedKeys}}}
	}
	if c.DPoP.Tokens = oneOf(m, resource.BindingInherited, resource.BindingAccepted, resource.BindingRequired); headers && c.DPoP.Tokens == resource.BindingRequired {
		c.DPoP.Tokens = resource.BindingAccepted
	}
	if c.DPoP.Tokens > resource.BindingOff {
		c.DPoP.RequireNonce = m.odds(3)
	}
	if m.odds(3) {
		c.HeaderClaims = map[string]resource.HeaderClaim{"X-Tenant": {Claim: "tenant", Required: m.odds(2)}}
	}
	if m.odds(3) {
		c.Conditions = []resource.Condition{{Claim: "org", Equals: "acme"}, {Claim: "tenant", OneOf: []any{"a", "b"}}}
	}
	if m.odds(3) {
		c.Authentication = resource.Authentication{ACRValues: []string{"gold", "silver"}, MaxAge: oneOf(m, 0, time.Hour)}
	}
}

func (m *mixer) operations(o *resource.Operations, binds bool) {
	if m.odds(4) {
		return
	}
	*o = testRules
	if m.odds(2) {
		o.Public, o.Stateless = []string{"initialize", "ping"}, true
	}
	if binds && m.odds(2) {
		o.Bound = resource.BoundOperations{Tools: []string{"delete"}}
	}
	if m.odds(2) {
		o.Conditions = resource.OperationConditions{Tools: map[string][]resource.Condition{"echo": {{Claim: "org", Equals: "acme"}}}}
		o.Authentication = resource.OperationAuthentication{Tools: map[string]resource.Authentication{"delete": {ACRValues: []string{"gold"}}}}
	}
	switch m.IntN(4) {
	case 0:
		o.Rule = func(context.Context, resource.Operation, *resource.Caller) ([]string, error) { panic("x") }
	case 1:
		o.Rule = func(_ context.Context, _ resource.Operation, c *resource.Caller) ([]string, error) {
			if !c.Has("base") {
				return nil, errors.New("no base")
			}
			return []string{"read"}, nil
		}
	}
}

// stub is a verifier whose result depends on the token only: a response of an issuer, with other
// claims than a JWT has, an error or a panic.
func (m *mixer) stub(iss string) resource.Verifier {
	return stubVerifier{iss, func(ctx context.Context, t *resource.Token) (*resource.Claims, error) {
		c := &resource.Claims{Issuer: iss, Subject: "s", Audience: []string{identifier}, Expiry: time.Now().Add(time.Hour), Scopes: []string{"base"}, Introspected: true}
		switch raw := t.Raw(); raw[len(raw)-1] % 12 {
		case 0:
			return nil, errors.New("no")
		case 1:
			panic("x")
		case 2:
			return nil, nil
		case 3:
			return nil, &resource.Error{Reason: resource.ReasonInactive}
		case 4:
			return nil, &resource.Error{Reason: resource.ReasonKeysUnavailable, RetryAfter: time.Minute}
		case 5:
			c.Audience = []string{"x"}
		case 6:
			c.Subject, c.Expiry = "", time.Unix(1, 0)
		case 7:
			c.Confirmation = resource.Confirmation{Method: resource.ConfirmationDPoP, Thumbprint: [32]byte{1}}
		}
		return c, ctx.Err()
	}}
}

func (m *mixer) revoked(c *resource.Caller) (bool, error) {
	switch c.TokenID() {
	case "1":
		return true, nil
	case "2":
		return false, errors.New("down")
	case "3":
		panic("x")
	}
	return false, nil
}

// token returns the value of the Authorization field, or "".
func (m *mixer) token() string {
	t := resourcetest.Token{Scope: oneOf(m, "", "base", "base call admin", "read"), Claims: claims{
		"org": oneOf(m, "acme", "x"), "tenant": oneOf(m, "a", "b", ""), "jti": fmt.Sprint(m.IntN(12)), "acr": oneOf(m, "gold", "silver", "x"), "auth_time": time.Now().Unix() - oneOf[int64](m, 60, 6000)}}
	if m.odds(6) {
		t.Claims["aud"] = oneOf[any](m, "x", memberA, []string{memberB, identifier})
	}
	if m.odds(6) {
		t.Lifetime = -time.Hour
	}
	if m.odds(5) {
		t.Claims["iss"] = oneOf(m, mixedAnswers, mixedDynamic, "https://unknown.example.test", "https://proxy.example.test")
	}
	if m.odds(3) {
		t.ProofKey = m.key
	}
	if m.odds(8) {
		t.Fault = resourcetest.WrongSignature
	}
	t.IssuedAt = time.Now().Add(-time.Minute)
	if t.Lifetime < 0 {
		t.IssuedAt = time.Now().Add(-3 * time.Hour)
	}
	switch m.IntN(8) {
	case 0:
		return fmt.Sprintf("opaque-secret-token-%d", m.IntN(100))
	case 1:
		return fmt.Sprintf("pat_secret-token-%d", m.IntN(100))
	case 2:
		return oneOf(m, "", "a b", "eyJ.x", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat("a", 20_000))
	}
	return m.issuer.Token(t)
}

// request returns a function that makes the same request again.
func (m *mixer) request() func() *http.Request {
	token := m.token()
	body := oneOf(m, "", "{", "[]", rpcCall("ping", `{}`), rpcCall("initialize", `{}`), rpcCall("tools/call", `{"name":"delete"}`), rpcCall("tools/call", `{"name":"echo"}`), rpcCall("tools/list", `{}`))
	method := oneOf(m, "POST", "POST", "POST", "POST", "GET", "DELETE", "HEAD", "OPTIONS", "PUT")
	url := oneOf(m, identifier, identifier, identifier, identifier, identifier, memberA, memberB, "https://mcp.example.test/none", "https://x.example.test/mcp", identifier+"?access_token=x")
	header := http.Header{}
	m.present(header, token, method, url)
	if m.odds(8) {
		header.Set("Origin", oneOf(m, "https://evil.example", "https://mcp.example.test"))
	}
	if m.odds(3) {
		header.Set("X-Tenant", oneOf(m, "a", "b", ""))
	}
	if body != "" && !m.odds(10) {
		header.Set("Content-Type", oneOf(m, "application/json", "application/json", "application/json", "text/plain"))
	}
	canceled := m.odds(10)
	return func() *http.Request {
		req := httptest.NewRequest(method, url, strings.NewReader(body))
		req.Header = header.Clone()
		if canceled {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			req = req.WithContext(ctx)
		}
		return req
	}
}

// present sets the credentials.
func (m *mixer) present(header http.Header, token, method, url string) {
	switch m.IntN(20) {
	case 0:
		return
	case 1:
		header.Set("X-Key", oneOf(m, token, "secret-0123456789abcdef", "x", ""))
	case 2:
		header.Set("X-Token", token)
	case 3:
		header["Authorization"] = oneOf(m, []string{"Bearer " + token, "Bearer x"}, []string{"Basic " + token}, []string{"Bearer"}, []string{token})
	case 4, 5, 6, 7, 8:
		header.Set("Authorization", "DPoP "+token)
	default:
		header.Set("Authorization", "Bearer "+token)
	}
	if m.odds(2) && token != "" {
		req := httptest.NewRequest(oneOf(m, method, "POST"), oneOf(m, url, identifier), nil)
		m.key.SetProof(req, oneOf(m, token, "x"))
		header["Dpop"] = req.Header["Dpop"]
	}
	if m.odds(20) {
		header.Add("X-Key", "secret")
	}
}

// Explain and Authenticate agree about random requests to random configurations. The
// seeds of the configurations are fixed; signatures differ in each run.
func TestExplainMixed(t *testing.T) {
	first := newFixture(t, nil)
	seen := map[resource.Reason]int{}
	for seed := range uint64(50) {
		m := &mixer{rand.New(rand.NewPCG(seed, 1)), first.issuer, resourcetest.NewProofKey("ES256")}
		f := newFixtureWith(t, first.issuer, m.configure)
		f.res.Ready(t.Context())
		for n := range 60 {
			e := expectSame(t, fmt.Sprintf("configuration %d, request %d", seed, n), f.res, m.request())
			seen[e.Reason]++
		}
	}
	for _, reason := range []resource.Reason{
		"", resource.ReasonInternalError, resource.ReasonRevoked, resource.ReasonCondition, resource.ReasonHeaderClaim, resource.ReasonBindingRequired, resource.ReasonInsufficientScope,
		resource.ReasonInsufficientAuthentication, resource.ReasonMethodNotAllowed, resource.ReasonRequestCanceled, resource.ReasonMalformedRequest, resource.ReasonExpired,
	} {
		if seen[reason] == 0 {
			t.Errorf("no request has the result %q", reason)
		}
	}
}
