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
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
)

const rsSecret = "s:e%c+r e/t&=~!"

// resourceServer registers a client that may only introspect tokens, and returns its
// credentials.
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
	p.registerClient(metadata)
	return auth
}

// resourceServerWithKey registers a resourceServer that authenticates with private_key_jwt.
func (p *provider) resourceServerWithKey(alg string, more map[string]any) introspect.ClientAuth {
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

// writeFile returns the path of a new file.
func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credential")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Opaque tokens are introspected with each client authentication method (RFC 7662 §2.1).
func TestIntrospection(t *testing.T) {
	p := startProvider(t)
	p.registerApp()
	p.registerResource(providerResource{ID: identifier, Format: "opaque"})
	p.registerResource(providerResource{ID: otherIdentifier, Format: "opaque"})
	basic := p.resourceServer("rs", introspect.ClientSecretBasic, nil)
	client, user := p.clientToken(identifier), p.userTokens(identifier)

	credentials := []introspect.ClientAuth{basic, p.resourceServer("rs-post", introspect.ClientSecretPost, nil)}
	for _, alg := range algorithms {
		credentials = append(credentials, p.resourceServerWithKey(alg, nil))
	}
	fromFile := basic
	fromFile.ClientSecret, fromFile.ClientSecretFile = "", writeFile(t, rsSecret+"\n")
	keyFile := credentials[len(credentials)-1]
	keyFile.Signer, keyFile.PrivateKeyFile = nil, writeFile(t, keytest.PEM(keyFile.Signer))
	for _, auth := range append(credentials, fromFile, keyFile) {
		name := strings.TrimSpace(auth.Method + " " + auth.Algorithm)
		s := p.introspectionServer(t, introspect.Config{Auth: auth}, resource.Issuer{})
		check(t, name+": token of a client", acceptedClient, s.send(client))
		check(t, name+": token of a user, code flow", acceptedUser, s.send(user.Access))
	}

	s := p.introspectionServer(t, introspect.Config{Auth: basic}, resource.Issuer{})
	check(t, "opaque token for another resource", invalid(resource.ReasonAudience), s.send(p.clientToken(otherIdentifier)))
	check(t, "random opaque token", invalid(resource.ReasonInactive), s.send(rand.Text()))
	check(t, "opaque token with + / =", invalid(resource.ReasonInactive), s.send(client+"+/=="))
	check(t, "opaque token that is not a b64token (RFC 6750 §2.1)", invalid(resource.ReasonInactive), s.send(client+"!|:&token=x"))
	check(t, "ID token", invalid(resource.ReasonAudience), s.send(user.ID))
	check(t, "refresh token", invalid(resource.ReasonTokenType), s.send(user.Refresh))

	withoutHint := p.introspectionServer(t, introspect.Config{Auth: basic, TokenTypeHint: introspect.NoTokenTypeHint}, resource.Issuer{})
	check(t, "no token_type_hint", acceptedUser, withoutHint.send(user.Access))

	// Tokens of oidc-provider without a resource are for its own userinfo endpoint.
	plain := p.userTokens("")
	trusting := p.introspectionServer(t, introspect.Config{Auth: basic}, resource.Issuer{TrustAnswersWithoutAudience: true})
	check(t, "token without a resource: no aud", invalid(resource.ReasonAudience), s.send(plain.Access))
	check(t, "TrustAnswersWithoutAudience: token for this resource", acceptedUser, trusting.send(user.Access))
	check(t, "TrustAnswersWithoutAudience: token for another resource", invalid(resource.ReasonAudience), trusting.send(p.clientToken(otherIdentifier)))
	check(t, "TrustAnswersWithoutAudience: refresh token", invalid(resource.ReasonTokenType), trusting.send(user.Refresh))

	p.registerResource(providerResource{ID: identifier, Format: "opaque", TTL: 1})
	short := p.clientToken(identifier)
	waitUntil(t.Context(), time.Now().Add(2*time.Second)) // exp is in whole seconds
	check(t, "opaque token after its expiry", invalid(resource.ReasonInactive), s.send(short))
}

// A revoked token (RFC 7009) is rejected once it is removed from the cache, or at once if
// responses are not cached.
func TestRevocation(t *testing.T) {
	p := startProvider(t)
	p.registerApp()
	p.registerResource(providerResource{ID: identifier, Format: "opaque"})
	auth := p.resourceServer("rs", introspect.ClientSecretBasic, nil)
	s := p.introspectionServer(t, introspect.Config{Auth: auth}, resource.Issuer{})
	uncached := p.introspectionServer(t, introspect.Config{Auth: auth, AnswerTTL: -1}, resource.Issuer{})
	byToken, bySubject := p.userTokens(identifier).Access, p.userTokens(identifier).Access
	for _, token := range []string{byToken, bySubject} {
		check(t, "token before revocation", acceptedUser, s.send(token))
		check(t, "token before revocation, no cache", acceptedUser, uncached.send(token))
		p.revoke(token)
		check(t, "revoked: cached", acceptedUser, s.send(token))
		check(t, "revoked: no cache", invalid(resource.ReasonInactive), uncached.send(token))
	}
	s.res.Forget(byToken)
	check(t, "revoked: after Forget", invalid(resource.ReasonInactive), s.send(byToken))
	s.res.ForgetSubject(p.issuer, "alice")
	check(t, "revoked: after ForgetSubject", invalid(resource.ReasonInactive), s.send(bySubject))
}

// A token that the introspection endpoint rejects with an error is not treated as a
// failure of the endpoint.
func TestTokensRejectedByEndpoint(t *testing.T) {
	p := startProvider(t)
	p.registerApp()
	auth := p.resourceServer("rs", introspect.ClientSecretBasic, nil)
	s := p.introspectionServer(t, introspect.Config{Auth: auth}, resource.Issuer{})
	rejected := invalid(resource.ReasonTokenInvalid)

	// oidc-provider answers 400 unsupported_token_type for JWTs.
	p.registerResource(providerResource{ID: identifier, Format: "jwt", Alg: "ES256"})
	check(t, "JWT at the introspection endpoint", rejected, s.send(p.clientToken(identifier)))
	for range 2 * introspect.FailuresToOpen {
		_ = s.send(p.clientToken(identifier))
	}
	p.registerResource(providerResource{ID: identifier, Format: "opaque"})
	check(t, "opaque token after repeated JWTs", acceptedClient, s.send(p.clientToken(identifier)))

	// Above 56 KiB it does not read the form: 400 invalid_request. warder treats 413, which
	// other servers send, in the same way.
	check(t, "token of 64 KiB", rejected, s.send(strings.Repeat("a", 64<<10)))
	for i := range 2 * introspect.FailuresToOpen {
		_ = s.send(strings.Repeat("a", 64<<10+i+1))
	}
	check(t, "opaque token after repeated long tokens", acceptedClient, s.send(p.clientToken(identifier)))
}

// Wrong credentials of the resource server cause 503, and can be corrected without a restart.
func TestCredentials(t *testing.T) {
	p := startProvider(t)
	p.registerApp()
	p.registerResource(providerResource{ID: identifier, Format: "opaque"})
	token := p.clientToken(identifier)
	for _, method := range []string{introspect.ClientSecretBasic, introspect.ClientSecretPost} {
		auth := p.resourceServer("rs", method, nil)
		var secret atomic.Value
		secret.Store("wrong")
		auth.ClientSecret = ""
		auth.ClientSecretFunc = func(context.Context) (string, error) { return secret.Load().(string), nil }
		s := p.introspectionServer(t, introspect.Config{Auth: auth}, resource.Issuer{})
		check(t, method+": wrong secret", unavailable(resource.ReasonIntrospectionCredentials), s.send(token))
		secret.Store(rsSecret)
		check(t, method+": corrected secret", acceptedClient, eventually(t, s, acceptedClient, token))
	}
	key := p.resourceServerWithKey("ES256", nil)
	key.Signer, _ = newKey(t, "ES256")
	s := p.introspectionServer(t, introspect.Config{Auth: key}, resource.Issuer{})
	check(t, "private_key_jwt: key that is not registered", unavailable(resource.ReasonIntrospectionCredentials), s.send(token))
}
