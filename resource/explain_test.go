package resource_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// outcomes returns the checks with one of the outcomes, as text: the name, the reason, and what is
// said about a skipped one.
func outcomesOf(e *resource.Explanation, outcome resource.CheckOutcome) (all []string) {
	for _, c := range e.Checks {
		if c.Outcome != outcome {
			continue
		}
		text := c.Name + " " + string(c.Reason)
		if outcome == resource.CheckSkipped {
			text = c.Name + ": " + c.Detail
		}
		if c.Unverified {
			text += ", unverified"
		}
		all = append(all, text)
	}
	return all
}

// An explanation has every fault of a token, and the first one is the reason of the rejection. What
// was not verified is marked.
func TestExplainHasEveryFault(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Scopes, c.Operations = []string{"base"}, testRules
		c.Hooks.Revocations = denyID("revoked")
	})
	token := func(fault resourcetest.Fault, c claims) string {
		return f.issuer.Token(resourcetest.Token{IssuedAt: time.Now().Add(-time.Minute), Claims: c, Fault: fault})
	}
	past := time.Now().Add(-time.Hour).Unix()
	for _, row := range []struct {
		name, token, body string
		reason            resource.Reason
		failed, skipped   []string
	}{
		{"nothing", token("", claims{"scope": "base"}), rpcCall("ping", `{}`), "", nil, nil},
		{"expired, for another server, without the scopes", token("", claims{"exp": past, "iat": past - 60, "aud": "x"}), rpcCall("tools/call", `{"name":"delete"}`), resource.ReasonAudience,
			[]string{"aud audience", "exp expired", "scopes insufficient_scope"}, []string{"revocation: an earlier check of the token has failed"}},
		{"expired and forged", token(resourcetest.WrongSignature, claims{"exp": past, "iat": past - 60}), rpcCall("ping", `{}`), resource.ReasonExpired,
			[]string{"exp expired, unverified", "authenticity signature_invalid", "scopes insufficient_scope, unverified"}, []string{"revocation: an earlier check of the token has failed"}},
		{"forged", token(resourcetest.WrongSignature, claims{"scope": "base"}), rpcCall("ping", `{}`), resource.ReasonSignatureInvalid,
			[]string{"authenticity signature_invalid"}, []string{"revocation: an earlier check of the token has failed"}},
		{"revoked, and a body that is not JSON", token("", claims{"jti": "revoked", "scope": "base"}), "{", resource.ReasonRevoked,
			[]string{"revocation revoked", "operation body_malformed"}, nil},
		{"another issuer", token("", claims{"iss": "https://x.example.test"}), rpcCall("ping", `{}`), resource.ReasonIssuerUnknown, []string{"issuer issuer_unknown, unverified"}, nil},
		{"not a token", "a b", rpcCall("ping", `{}`), resource.ReasonMalformedRequest, []string{"token malformed_request, unverified"}, nil},
		{"no token", "", rpcCall("ping", `{}`), resource.ReasonMissingCredentials, []string{"credential missing_credentials"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			req := rpcRequest(row.body, row.token)
			e := f.res.Explain(req)
			checkExplanation(t, e, req)
			if e.Reason != row.reason || !slices.Equal(outcomesOf(e, resource.CheckFailed), row.failed) || !slices.Equal(outcomesOf(e, resource.CheckSkipped), row.skipped) {
				t.Errorf("got %q, failed %q, skipped %q\nwant %q, %q, %q", e.Reason, outcomesOf(e, resource.CheckFailed), outcomesOf(e, resource.CheckSkipped), row.reason, row.failed, row.skipped)
			}
		})
	}
}

// The whole explanation of an accepted request, as JSON.
func TestExplainAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
			c.Scopes = []string{"read"}
			k.Issuer = "https://auth.example.test"
		})
		req := rpcRequest(rpcCall("ping", `{}`), f.token(resourcetest.Token{Scope: "read write", Claims: claims{"jti": "1"}}))
		req.Header.Set("Origin", "https://mcp.example.test")
		e := f.res.Explain(req)
		for n := range e.Checks {
			e.Checks[n].Got = strings.ReplaceAll(e.Checks[n].Got, f.issuer.SigningKeyID(""), "KID")
			if e.Checks[n].Name == "credential" {
				e.Checks[n].Got = "LENGTH"
			}
		}
		got, err := json.MarshalIndent(e, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile("testdata/explanation.json")
		if err != nil {
			t.Fatal(err)
		}
		if string(got)+"\n" != string(want) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	})
}

// Explain changes nothing: it uses up no proof, caches no caller, and counts and logs nothing.
func TestExplainChangesNothing(t *testing.T) {
	f := newFixture(t, acceptDPoP)
	key := resourcetest.NewProofKey("ES256")
	token := f.token(resourcetest.Token{ProofKey: key})
	req := proof(key, token)
	f.res.Ready(t.Context())
	f.log.take()
	registry := prometheus.NewRegistry()
	registry.MustRegister(f.res.Metrics())
	before := scrape(t, registry)
	for range 3 {
		if e := f.res.Explain(req); !e.Accepted || !slices.Equal(outcomesOf(e, resource.CheckSkipped), []string{"proof used once: the check would use up the proof"}) {
			t.Fatalf("got %+v", e)
		}
	}
	if after := scrape(t, registry); after != before {
		t.Errorf("got the metrics\n%s\nwant\n%s", after, before)
	}
	if log := f.log.take(); log != "" {
		t.Errorf("got the log %s", log)
	}
	f.unexplained = true
	f.expectProof("the proof, for the first time", f.sendProof(req), provenAccepted)
	f.sendProof(req)
	f.expectProofReason("the proof, for the second time", resource.ReasonDPoPReplayed)
}

// Functions of the configuration get only callers whose claims are verified and valid.
func TestExplainCallsFunctions(t *testing.T) {
	var revoked, ruled int
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Hooks.Revocations = resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { revoked++; return false, nil })
		c.Operations.Rule = func(context.Context, resource.Operation, *resource.Caller) ([]string, error) {
			ruled++
			return nil, nil
		}
	})
	for _, row := range []struct {
		name  string
		token resourcetest.Token
		calls int
	}{
		{"valid", resourcetest.Token{}, 1},
		{"forged", resourcetest.Token{Fault: resourcetest.WrongSignature}, 0},
		{"for another server", resourcetest.Token{Claims: claims{"aud": "x"}}, 0},
		{"expired", resourcetest.Token{Lifetime: -time.Hour}, 0},
	} {
		revoked, ruled = 0, 0
		f.res.Explain(rpcRequest(rpcCall("ping", `{}`), f.token(row.token)))
		if revoked != row.calls || ruled != row.calls {
			t.Errorf("%s: %d calls of Revoked and %d of Rule, want %d", row.name, revoked, ruled, row.calls)
		}
	}
}

// A panic of a configured function is the reason, unless an earlier check has failed.
func TestExplainPanic(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Rule = func(context.Context, resource.Operation, *resource.Caller) ([]string, error) { panic("secret") }
	})
	for origin, want := range map[string]resource.Reason{"https://mcp.example.test": resource.ReasonInternalError, "https://evil.example": resource.ReasonOrigin} {
		req := rpcRequest(rpcCall("ping", `{}`), f.token(resourcetest.Token{}))
		req.Header.Set("Origin", origin)
		e := f.res.Explain(req)
		checkExplanation(t, e, req)
		if e.Reason != want {
			t.Errorf("%s: got %q, want %q", origin, e.Reason, want)
		}
	}
}

// ExplainToken skips what needs more than a token.
func TestExplainToken(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Scopes, c.Operations = []string{"base"}, testRules
		c.Credentials.HeaderClaims = map[string]resource.HeaderClaim{"X-Tenant": {Claim: "tenant", Required: true}}
	})
	bound := f.token(resourcetest.Token{ProofKey: resourcetest.NewProofKey("ES256"), Scope: "base"})
	bearer := f.token(resourcetest.Token{Scope: "base"})
	skipped := []string{"header fields: needs a request", "operation: needs a request"}
	withProof := append([]string{"proof: needs a request"}, skipped...)
	for _, row := range []struct {
		name, identifier, token string
		reason                  resource.Reason
		skipped                 []string
	}{
		{"alone", "", bearer, "", skipped},
		{"with spaces and a line end, as from a file", "", " " + bearer + "\r\n", "", skipped},
		{"with Bearer", "", "Bearer " + bearer, "", skipped},
		{"with DPoP", identifier, "DPoP " + bearer, resource.ReasonDPoPScheme, skipped},
		{"bound, alone", identifier, bound, "", withProof},
		{"bound, with DPoP", identifier, "DPoP " + bound, "", withProof},
		{"no token", "", "", resource.ReasonMissingCredentials, nil},
		{"another scope", "", f.token(resourcetest.Token{Scope: "other"}), resource.ReasonInsufficientScope, skipped},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := f.res.ExplainToken(t.Context(), row.identifier, row.token)
			checkExplanation(t, e, &http.Request{Header: http.Header{"Authorization": {row.token}}})
			if got := outcomesOf(e, resource.CheckSkipped); e.Reason != row.reason || !slices.Equal(got, row.skipped) {
				t.Errorf("got %q, skipped %q\nwant %q, %q; failed %q", e.Reason, got, row.reason, row.skipped, outcomesOf(e, resource.CheckFailed))
			}
		})
	}
}

// Without a token, credentials are missing, also if the server has public operations.
func TestExplainNoToken(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Public, c.Operations.Stateless = []string{"initialize"}, true
	})
	for _, token := range []string{"", "Bearer", " DPoP "} {
		if e := f.res.ExplainToken(t.Context(), "", token); e.Reason != resource.ReasonMissingCredentials {
			t.Errorf("%q: got %q", token, e.Reason)
		}
	}
}

// With several identifiers, the one that is given decides about the audience and the path.
func TestExplainTokenOfFamily(t *testing.T) {
	f := newFamily(t, nil)
	token := f.token(resourcetest.Token{Audience: memberA})
	for _, row := range []struct {
		identifier string
		resource   string
		reason     resource.Reason
	}{
		{memberA, memberA, ""},
		{memberB, memberB, resource.ReasonAudience},
		{"", identifier, resource.ReasonAudience},
		{"https://mcp.example.test/none", identifier, resource.ReasonPathUnknown},
		{"http://%zz", identifier, resource.ReasonPathUnknown},
	} {
		if e := f.res.ExplainToken(t.Context(), row.identifier, token); e.Resource != row.resource || e.Reason != row.reason {
			t.Errorf("%q: got %q for %s, want %q for %s", row.identifier, e.Reason, e.Resource, row.reason, row.resource)
		}
	}
}

// A Resource that was not made by New rejects everything, also here.
func TestExplainZeroResource(t *testing.T) {
	var res *resource.Resource
	for _, e := range []*resource.Explanation{new(resource.Resource).Explain(httptest.NewRequest(http.MethodPost, identifier, nil)), res.Explain(post(identifier))} {
		if e.Accepted || e.Reason != resource.ReasonInternalError || e.Status != http.StatusInternalServerError {
			t.Errorf("got %+v", e)
		}
	}
}

// An issuer can return the token itself as jti or as another claim.
func TestExplainHidesTokenInClaims(t *testing.T) {
	const opaque = "opaque-token-0123456789-abcdefghij"
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Opaque = &resource.Issuer{Verifier: stubVerifier{"https://opaque.example.test", func(context.Context, *resource.Token) (*resource.Claims, error) {
			return &resource.Claims{Issuer: "https://opaque.example.test", Subject: opaque, Audience: []string{"x " + opaque, opaque[:20]}, TokenID: opaque}, nil
		}}}
	})
	e := f.res.ExplainToken(t.Context(), "", opaque)
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), opaque[:16]) || e.Reason != resource.ReasonAudience {
		t.Errorf("got %s", text)
	}
}

// FuzzExplain tests that Explain and Authenticate agree about every request, and that an explanation
// does not contain the token. The processes of the fuzzer have the same key.
func FuzzExplain(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	x := base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	fixture := newFixture(f, func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		k.Keys = []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"` + x + `"}]}`)
		c.Scopes, c.Operations = []string{"base"}, testRules
		c.Opaque = &resource.Issuer{Verifier: oneToken{}}
		c.Limits.CacheTTL = -1
		c.Logger = slog.New(slog.DiscardHandler)
	})
	token := fixture.token(resourcetest.Token{Scope: "base call", Alg: "EdDSA", Signer: key, Lifetime: 24 * time.Hour, Header: map[string]any{"kid": "1"}})
	if e := fixture.res.ExplainToken(f.Context(), "", token); !e.Accepted {
		f.Fatalf("the valid token is rejected: %+v", e)
	}
	for _, authorization := range []string{"Bearer " + token, "DPoP " + token, "Bearer " + validToken, "Bearer " + token[:len(token)-4], "Bearer " + token[9:], "Basic x", "", "Bearer " + token + "\nBearer x", "Bearer eyJhbGciOiJub25lIn0.e30."} {
		for _, body := range []string{"", rpcCall("ping", `{}`), rpcCall("tools/call", `{"name":"delete"}`), "{", "[]"} {
			f.Add(authorization, "https://mcp.example.test", body)
		}
	}
	f.Fuzz(func(t *testing.T, authorization, origin, body string) {
		request := func() *http.Request {
			req := rpcRequest(body, "")
			req.Header["Authorization"] = strings.Split(authorization, "\n")
			if origin != "" {
				req.Header["Origin"] = []string{origin}
			}
			return req
		}
		req := request()
		e := fixture.res.Explain(req)
		checkExplanation(t, e, req)
		_, refusal := fixture.res.Authenticate(request())
		switch {
		case e.Accepted != (refusal == nil):
			t.Fatalf("Explain says %q, Authenticate %+v", e.Reason, refusal)
		case refusal != nil && (refusal.Reason != e.Reason || explainedRefusal(refusal) != explainedRefusal(e.Refusal())):
			t.Fatalf("Explain says %q %+v, Authenticate %q %+v", e.Reason, explainedRefusal(e.Refusal()), refusal.Reason, explainedRefusal(refusal))
		}
	})
}
