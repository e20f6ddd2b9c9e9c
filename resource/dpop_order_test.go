package resource_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// attempt is a request that is made of independent parts, each of which can be faulty.
type attempt struct {
	token  resourcetest.Token
	scheme string
	proof  resourcetest.Proof
	key    *resourcetest.ProofKey
	header http.Header
	body   string
}

// The first of the faults of a request decides: those of the token, revocation, the scheme, those of
// the proof, the nonce, the replay, a header field, a condition, the body, the operation, scopes.
func TestOrderOfProofs(t *testing.T) {
	key, other := resourcetest.NewProofKey(""), resourcetest.NewProofKey("")
	claim := func(a *attempt, name string, value any) {
		if a.proof.Claims == nil {
			a.proof.Claims = map[string]any{}
		}
		a.proof.Claims[name] = value
	}
	of := func(a *attempt, name string, value any) {
		if a.token.Claims == nil {
			a.token.Claims = map[string]any{}
		}
		a.token.Claims[name] = value
	}
	faults := []struct {
		reason resource.Reason
		change func(*attempt)
	}{
		{resource.ReasonTokenType, func(a *attempt) { of(a, "token_use", "id") }},
		{resource.ReasonAudience, func(a *attempt) { of(a, "aud", "https://other.example.test") }},
		{resource.ReasonExpired, func(a *attempt) { a.token.IssuedAt = time.Now().Add(-time.Hour) }},
		{resource.ReasonSignatureInvalid, func(a *attempt) { a.token.Fault = resourcetest.WrongSignature }},
		{resource.ReasonRevoked, func(a *attempt) { a.token.Subject = "mallory" }},
		{resource.ReasonDPoPScheme, func(a *attempt) { a.scheme = "Bearer" }},
		{resource.ReasonDPoPMalformed, func(a *attempt) { a.proof.Header = map[string]any{"typ": "JWT"} }},
		{resource.ReasonDPoPMethod, func(a *attempt) { claim(a, "htm", "GET") }},
		{resource.ReasonDPoPURL, func(a *attempt) { claim(a, "htu", "https://evil.test") }},
		{resource.ReasonDPoPTime, func(a *attempt) { claim(a, "iat", 1) }},
		{resource.ReasonDPoPToken, func(a *attempt) { claim(a, "ath", strings.Repeat("A", 43)) }},
		{resource.ReasonDPoPKey, func(a *attempt) { a.key = other }},
		{resource.ReasonDPoPSignature, func(a *attempt) { a.proof.Signer = signerOf(t) }},
		{resource.ReasonDPoPNonce, func(a *attempt) { a.proof.Nonce = "old" }},
		{resource.ReasonDPoPReplayed, func(a *attempt) { a.proof.ID = "used" }},
		{resource.ReasonHeaderClaim, func(a *attempt) { a.header.Set("X-Tenant", "other") }},
		{resource.ReasonCondition, func(a *attempt) { of(a, "plan", "free") }},
		{resource.ReasonBodyMalformed, func(a *attempt) { a.body = "{" }},
	}
	const reasonOfOperation = resource.ReasonInsufficientScope
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		requireNonce()(c, k)
		c.Operations.Tools = map[string][]string{"delete": {"admin"}}
		c.Credentials.HeaderClaims = map[string]resource.HeaderClaim{"X-Tenant": {Claim: "tenant"}}
		c.Credentials.Conditions = []resource.Condition{{Claim: "plan", Equals: "paid"}}
		c.Hooks.Revocations = resource.RevocationFunc(func(_ context.Context, c *resource.Caller) (bool, error) { return c.Subject() == "mallory", nil })
	})
	n := newNonceTest(f)
	nonce := n.refused("no nonce", "")
	send := func(changes ...func(*attempt)) resource.Reason {
		a := attempt{scheme: "DPoP", key: key, header: http.Header{"X-Tenant": {"acme"}}, body: rpcMessage("tools/call", "delete")}
		a.token = resourcetest.Token{ProofKey: key, Claims: map[string]any{"tenant": "acme", "plan": "paid"}}
		a.proof.Nonce = nonce
		for _, change := range changes {
			change(&a)
		}
		token := f.token(a.token)
		req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(a.body))
		req.Header = a.header
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", a.scheme+" "+token)
		a.proof.Token = token
		req.Header.Set("DPoP", a.key.Proof(a.proof))
		f.log.take()
		f.sendProof(req)
		return loggedReason(f.log.take())
	}
	if got := send(func(a *attempt) { a.proof.ID = "used" }); got != reasonOfOperation {
		t.Fatalf("no fault but a missing scope: got %q", got)
	}
	for i, first := range faults {
		if got := send(first.change); got != first.reason {
			t.Errorf("%s alone: got %q", first.reason, got)
		}
		for _, second := range faults[i+1:] {
			if got := send(first.change, second.change); got != first.reason {
				t.Errorf("%s and %s: got %q", first.reason, second.reason, got)
			}
		}
	}
}

// Public operations need no credentials. A faulty credential is not none.
func TestPublicOperationsAndProofs(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) { acceptDPoP(c, k); c.Operations.Public = []string{"ping"} })
	key := resourcetest.NewProofKey("")
	bound, unbound := f.token(resourcetest.Token{ProofKey: key}), f.token(resourcetest.Token{})
	public := func(change func(*http.Request)) *http.Request {
		req := rpcRequest(rpcMessage("ping", ""), "")
		change(req)
		return req
	}
	replay := public(func(r *http.Request) { key.SetProof(r, bound) })
	for _, row := range []struct {
		name string
		req  *http.Request
		want proven
	}{
		{"no credentials", public(func(*http.Request) {}), provenAccepted},
		{"only a proof", public(func(r *http.Request) { key.SetProof(r, "") }), provenAccepted},
		{"DPoP without a token", public(func(r *http.Request) { r.Header.Set("Authorization", "DPoP") }), provenAccepted},
		{"a bound token", replay, provenAccepted},
		{"a replay", public(func(r *http.Request) { r.Header = replay.Header.Clone() }), refusedDPoP(401, invalidProof)},
		{"a bound token without a proof", public(func(r *http.Request) { r.Header.Set("Authorization", "DPoP "+bound) }), refusedDPoP(401, invalidProof)},
		{"a bound token with Bearer", public(func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+bound) }), refusedBearer(401, otherScheme)},
		{"an unbound token with DPoP", public(func(r *http.Request) { key.SetProof(r, unbound) }), refusedDPoP(401, otherScheme)},
		{"an invalid token with DPoP", public(func(r *http.Request) { key.SetProof(r, "a.b") }), refusedDPoP(401, invalidToken)},
	} {
		f.expectProof(row.name, f.sendProof(row.req), row.want)
	}
	// Where DPoP is off, its scheme is one that is not read, and not anonymous either.
	off := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations.Public = []string{"ping"} })
	got := off.sendProof(public(func(r *http.Request) { key.SetProof(r, off.token(resourcetest.Token{ProofKey: key})) }))
	off.expectProof("DPoP is off", got, proven{401, []string{"Bearer " + pointer}, ""})
}

// A credential in a header field beside a token is malformed, whatever the scheme. Credentials in
// header fields need no proof, and a proof beside them does not matter.
func TestHeaderCredentialsAndProofs(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Api-Key": keywordVerifier{issuer: "https://keys.example.test"}}
	})
	key := resourcetest.NewProofKey("")
	bound := f.token(resourcetest.Token{ProofKey: key})
	withKey := func(change func(*http.Request)) *http.Request {
		req := post(identifier)
		req.Header.Set("X-Api-Key", "secret")
		change(req)
		return req
	}
	for _, row := range []struct {
		name string
		req  *http.Request
		want proven
	}{
		{"a key", withKey(func(*http.Request) {}), provenAccepted},
		{"a key and a proof", withKey(func(r *http.Request) { key.SetProof(r, "") }), provenAccepted},
		{"a key and DPoP without a token", withKey(func(r *http.Request) { r.Header.Set("Authorization", "DPoP ") }), provenAccepted},
		{"a key and a bound token", withKey(func(r *http.Request) { key.SetProof(r, bound) }), refusedDPoP(400, badRequest)},
		{"a key and a bearer token", withKey(func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+bound) }), refusedBearer(400, badRequest)},
	} {
		f.expectProof(row.name, f.sendProof(row.req), row.want)
	}
	// A key whose verifier claims that it is bound.
	f = newFixture(t, func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Api-Key": keywordVerifier{"https://keys.example.test", func(c *resource.Claims) {
			c.Confirmation = resource.Confirmation{Method: resource.ConfirmationDPoP}
		}}}
	})
	if got := f.sendProof(withKey(func(r *http.Request) { key.SetProof(r, "") })).status; got != 401 {
		t.Errorf("a bound key: got %d", got)
	}
}

// Credentials.Prefixed: tokens of another issuer in the Authorization header, which can be bound too.
func TestPrefixedTokensAndProofs(t *testing.T) {
	key := resourcetest.NewProofKey("")
	bound := resource.Confirmation{Method: resource.ConfirmationDPoP, Thumbprint: unbase64(t, key.Thumbprint())}
	for _, row := range []struct {
		name         string
		confirmation resource.Confirmation
		binding      resource.Binding
		bearer, dpop resource.Reason
	}{
		{"not bound", resource.Confirmation{}, resource.BindingInherited, "", resource.ReasonDPoPScheme},
		{"bound", bound, resource.BindingInherited, resource.ReasonDPoPScheme, ""},
		{"bound, off", bound, resource.BindingOff, resource.ReasonSenderConstrained, resource.ReasonSenderConstrained},
		{"not bound, required", resource.Confirmation{}, resource.BindingRequired, resource.ReasonBindingRequired, resource.ReasonBindingRequired},
	} {
		f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
			acceptDPoP(c, k)
			c.Credentials.Prefixed = map[string]resource.Issuer{"key_": {DPoP: row.binding, Verifier: keywordVerifier{"https://keys.example.test", func(c *resource.Claims) {
				c.Confirmation = row.confirmation
			}}}}
		})
		for _, use := range []string{"new", "cached"} {
			for scheme, want := range map[string]resource.Reason{"Bearer": row.bearer, "DPoP": row.dpop} {
				req := proof(key, "key_secret")
				replaceScheme(req, scheme)
				f.log.take()
				f.sendProof(req)
				if got := loggedReason(f.log.take()); got != want {
					t.Errorf("%s, %s, %s: got %q, want %q", row.name, scheme, use, got, want)
				}
			}
		}
	}
}
