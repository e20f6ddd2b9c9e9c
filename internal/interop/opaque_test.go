package interop_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
)

const rsSecret = "s:e%c+r e/t&=~!"

// resourceServer registers a client that asks about tokens and never gets one, and
// returns its credentials.
func (p *provider) resourceServer(id, method string, more map[string]any) introspect.ClientAuth {
	p.t.Helper()
	auth := introspect.ClientAuth{Method: method, ClientID: id}
	metadata := map[string]any{
		"client_id": id, "token_endpoint_auth_method": method,
		"grant_types": []string{}, "response_types": []string{}, "redirect_uris": []string{},
	}
	if method != introspect.PrivateKeyJWT {
		metadata["client_secret"], auth.ClientSecret = rsSecret, rsSecret
	}
	for name, value := range more {
		metadata[name] = value
	}
	p.client(metadata)
	return auth
}

// keyedServer is a resourceServer with a key of its own.
func (p *provider) keyedServer(alg string, more map[string]any) introspect.ClientAuth {
	p.t.Helper()
	signer, jwk := newKey(p.t, alg)
	metadata := map[string]any{"jwks": map[string]any{"keys": []any{jwk}}, "token_endpoint_auth_signing_alg": alg}
	for name, value := range more {
		metadata[name] = value
	}
	auth := p.resourceServer("rs-"+alg, introspect.PrivateKeyJWT, metadata)
	auth.Signer, auth.Algorithm, auth.KeyID = signer, alg, alg
	return auth
}

// newKey returns a key and its public JWK (RFC 7517).
func newKey(t *testing.T, alg string) (crypto.Signer, map[string]string) {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	jwk := map[string]string{"kid": alg, "alg": alg, "use": "sig"}
	switch alg {
	case "ES256":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := key.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", "P-256", encode(point[1:33]), encode(point[33:])
		return key, jwk
	case "EdDSA":
		public, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", encode(public)
		return key, jwk
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	jwk["kty"], jwk["n"], jwk["e"] = "RSA", encode(key.N.Bytes()), encode(big.NewInt(int64(key.E)).Bytes())
	return key, jwk
}

// Opaque tokens, asked about with each kind of credentials (RFC 7662 §2.1).
func TestIntrospection(t *testing.T) {
	p := startProvider(t)
	p.app()
	p.resource(target{ID: ours, Format: "opaque"})
	p.resource(target{ID: another, Format: "opaque"})
	basic := p.resourceServer("rs", introspect.ClientSecretBasic, nil)
	client, user := p.clientToken(ours), p.userTokens(ours)

	asking := []introspect.ClientAuth{basic, p.resourceServer("rs-post", introspect.ClientSecretPost, nil)}
	for _, alg := range algorithms {
		asking = append(asking, p.keyedServer(alg, nil))
	}
	for _, auth := range asking {
		name := strings.TrimSpace(auth.Method + " " + auth.Algorithm)
		s := p.opaqueSite(t, introspect.Config{Auth: auth}, resource.Issuer{})
		check(t, name+": token of a client", letsClient, s.ask(client))
		check(t, name+": token of a user, by the code flow", letsUser, s.ask(user.Access))
	}

	s := p.opaqueSite(t, introspect.Config{Auth: basic}, resource.Issuer{})
	check(t, "opaque token for another resource", invalid(resource.ReasonAudience), s.ask(p.clientToken(another)))
	check(t, "opaque token that nobody issued", invalid(resource.ReasonInactive), s.ask(rand.Text()))
	check(t, "opaque token with + / = in it", invalid(resource.ReasonInactive), s.ask(client+"+/=="))
	check(t, "ID token", invalid(resource.ReasonAudience), s.ask(user.ID))
	check(t, "refresh token", invalid(resource.ReasonTokenType), s.ask(user.Refresh))

	// oidc-provider's tokens without resource are for its own userinfo endpoint.
	plain := p.userTokens("")
	trusting := p.opaqueSite(t, introspect.Config{Auth: basic}, resource.Issuer{TrustAnswersWithoutAudience: true})
	check(t, "token for no resource: no aud", invalid(resource.ReasonAudience), s.ask(plain.Access))
	check(t, "answers without aud trusted: token for a resource", letsUser, trusting.ask(user.Access))
	check(t, "answers without aud trusted: token for another resource", invalid(resource.ReasonAudience), trusting.ask(p.clientToken(another)))
	check(t, "answers without aud trusted: refresh token", invalid(resource.ReasonTokenType), trusting.ask(user.Refresh))

	p.resource(target{ID: ours, Format: "opaque", TTL: 1})
	short := p.clientToken(ours)
	pause(t.Context(), time.Now().Add(2*time.Second)) // its exp is in whole seconds
	check(t, "opaque token after its end", invalid(resource.ReasonInactive), s.ask(short))
}

// Revocation (RFC 7009) shows when the token is forgotten, or at once where nothing is
// remembered.
func TestRevocation(t *testing.T) {
	p := startProvider(t)
	p.app()
	p.resource(target{ID: ours, Format: "opaque"})
	auth := p.resourceServer("rs", introspect.ClientSecretBasic, nil)
	s := p.opaqueSite(t, introspect.Config{Auth: auth}, resource.Issuer{})
	strict := p.opaqueSite(t, introspect.Config{Auth: auth, AnswerTTL: -1}, resource.Issuer{})
	byToken, bySubject := p.userTokens(ours).Access, p.userTokens(ours).Access
	for _, token := range []string{byToken, bySubject} {
		check(t, "token to be revoked", letsUser, s.ask(token))
		check(t, "the same where nothing is remembered", letsUser, strict.ask(token))
		p.revoke(token)
		check(t, "revoked: remembered", letsUser, s.ask(token))
		check(t, "revoked: where nothing is remembered", invalid(resource.ReasonInactive), strict.ask(token))
	}
	s.res.Forget(byToken)
	check(t, "revoked: after Forget", invalid(resource.ReasonInactive), s.ask(byToken))
	s.res.ForgetSubject(p.issuer, "alice")
	check(t, "revoked: after ForgetSubject", invalid(resource.ReasonInactive), s.ask(bySubject))
}

// What a client sends must not look like a fault of the server (bad-inputs 200).
func TestTokensThatTheEndpointRefuses(t *testing.T) {
	p := startProvider(t)
	p.app()
	auth := p.resourceServer("rs", introspect.ClientSecretBasic, nil)
	s := p.opaqueSite(t, introspect.Config{Auth: auth}, resource.Issuer{})
	refused := invalid(resource.ReasonTokenInvalid)

	// oidc-provider introspects no JWTs: 400 unsupported_token_type.
	p.resource(target{ID: ours, Format: "jwt", Alg: "ES256"})
	check(t, "JWT at the introspection endpoint", refused, s.ask(p.clientToken(ours)))
	for range 2 * introspect.FailuresToOpen {
		_ = s.ask(p.clientToken(ours))
	}
	p.resource(target{ID: ours, Format: "opaque"})
	check(t, "opaque token after a dozen JWTs", letsClient, s.ask(p.clientToken(ours)))

	// Beyond 56 KiB it reads no form: 400 invalid_request. Where that
	// is 413 it means the same.
	check(t, "token of 64 KiB", refused, s.ask(strings.Repeat("a", 64<<10)))
	for i := range 2 * introspect.FailuresToOpen {
		_ = s.ask(strings.Repeat("a", 64<<10+i+1))
	}
	check(t, "opaque token after a dozen long ones", letsClient, s.ask(p.clientToken(ours)))
}

// Our own credentials are wrong: no caller's fault, and mended without a restart.
func TestCredentials(t *testing.T) {
	p := startProvider(t)
	p.app()
	p.resource(target{ID: ours, Format: "opaque"})
	token := p.clientToken(ours)
	for _, method := range []string{introspect.ClientSecretBasic, introspect.ClientSecretPost} {
		auth := p.resourceServer("rs", method, nil)
		var secret atomic.Value
		secret.Store("wrong")
		auth.ClientSecret = ""
		auth.ClientSecretFunc = func(context.Context) (string, error) { return secret.Load().(string), nil }
		s := p.opaqueSite(t, introspect.Config{Auth: auth}, resource.Issuer{})
		check(t, method+": wrong secret", unavailable(resource.ReasonIntrospectionCredentials), s.ask(token))
		secret.Store(rsSecret)
		check(t, method+": secret put right", letsClient, recovers(t, s, letsClient, token))
	}
	key := p.keyedServer("ES256", nil)
	key.Signer, _ = newKey(t, "ES256")
	s := p.opaqueSite(t, introspect.Config{Auth: key}, resource.Issuer{})
	check(t, "private_key_jwt: another key than registered", unavailable(resource.ReasonIntrospectionCredentials), s.ask(token))
}
