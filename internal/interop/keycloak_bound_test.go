package interop_test

import (
	"crypto"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// keycloakApp is the public client app, as the administration API names it.
const keycloakApp = "/clients/cccccccc-0000-4000-8000-000000000001"

// TestKeycloakBoundTokens tests tokens that Keycloak binds to a key and to a certificate of the
// client app. It listens with and without TLS, and has the same issuer at both addresses.
func TestKeycloakBoundTokens(t *testing.T) {
	server, own, other := newCertificate(t), newCertificate(t), newCertificate(t)
	dir, address, secure := t.TempDir(), freeAddress(t), freeAddress(t)
	for name, content := range map[string]string{
		"server.crt": certificatePEM(server), "server.key": keytest.PEM(server.PrivateKey.(crypto.Signer)), "clients.pem": certificatePEM(own) + certificatePEM(other),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k := startKeycloakAt(t, address, "--hostname="+address,
		"--https-port="+secure[strings.LastIndexByte(secure, ':')+1:], "--https-client-auth=request",
		"--https-certificate-file="+filepath.Join(dir, "server.crt"), "--https-certificate-key-file="+filepath.Join(dir, "server.key"),
		"--https-trust-store-file="+filepath.Join(dir, "clients.pem"), "--https-trust-store-type=PEM")
	t.Run("DPoP", k.testDPoP)
	t.Run("certificates", func(t *testing.T) {
		bound := *k
		bound.endpoints, bound.client = "https://"+strings.TrimPrefix(secure, "http://"), clientWith(t, server, own)
		bound.testCertificates(t, server, own, other)
	})
}

// withProofs returns Keycloak with a client that adds DPoP proofs to token requests.
func (k *keycloak) withProofs(key *resourcetest.ProofKey) *keycloak {
	bound := *k
	bound.client = &http.Client{Transport: key.Transport(http.DefaultTransport, nil)}
	return &bound
}

// refresh requests tokens with a refresh token of the client app.
func (k *keycloak) refresh(token string) (issued keycloakTokens, failed string) {
	k.t.Helper()
	return k.request("interop", url.Values{"grant_type": {"refresh_token"}, "client_id": {"app"}, "refresh_token": {token}})
}

func (k *keycloak) testDPoP(t *testing.T) {
	const scope = "openid mcp:read"
	key, other := resourcetest.NewProofKey(""), resourcetest.NewProofKey("")
	server := func(dpop resource.DPoP) *protectedServer {
		c := k.provider(t).jwtConfig(t, jwks.Config{})
		c.Credentials.DPoP = dpop
		return newProtectedServer(t, c)
	}
	s, required := server(acceptsDPoP), server(requiresDPoP)
	voluntary := k.withProofs(key).ofUser("app", "alice", scope)
	check(t, "Keycloak, DPoP: client without the setting, token_type with a proof", "DPoP", voluntary.Type)
	check(t, "Keycloak, DPoP: client without the setting, token with a proof", keycloakAlice, onlyScope(s.sendWith(proofFor(key, voluntary.Access, ""))))
	unbound := k.ofUser("app", "alice", scope)
	check(t, "Keycloak, DPoP: client without the setting, token_type without a proof", "Bearer", unbound.Type)
	check(t, "Keycloak, DPoP: client without the setting, token without a proof, DPoP is required", invalidProof("invalid_token", resource.ReasonBindingRequired), required.send(unbound.Access))

	k.setAttribute(keycloakApp, "dpop.bound.access.tokens", "true")
	defer k.setAttribute(keycloakApp, "dpop.bound.access.tokens", "false")
	_, failed := k.request("interop", url.Values{"grant_type": {"password"}, "client_id": {"app"}, "username": {"alice"}, "password": {"secret"}, "scope": {scope}})
	check(t, "Keycloak, DPoP: token request without a proof", "invalid_request", failed)
	issued := k.withProofs(key).ofUser("app", "alice", scope)
	check(t, "Keycloak, DPoP: token_type", "DPoP", issued.Type)
	first := proofFor(key, issued.Access, "")
	check(t, "Keycloak, DPoP: bound token with a proof", keycloakAlice, onlyScope(s.sendWith(first)))
	check(t, "Keycloak, DPoP: the same proof again", invalidProof("invalid_dpop_proof", resource.ReasonDPoPReplayed), s.sendWith(first))
	check(t, "Keycloak, DPoP: bound token as Bearer", invalid(resource.ReasonDPoPScheme), s.send(issued.Access))
	check(t, "Keycloak, DPoP: proof of another key", invalidProof("invalid_token", resource.ReasonDPoPKey), s.sendWith(proofFor(other, issued.Access, "")))
	check(t, "Keycloak, DPoP: DPoP is required", keycloakAlice, onlyScope(required.sendWith(proofFor(key, issued.Access, ""))))
	nonces := server(resource.DPoP{Tokens: resource.BindingRequired, RequireNonce: true})
	outcome, nonce := nonces.sendForNonce(proofFor(key, issued.Access, ""))
	check(t, "Keycloak, DPoP: nonce is required", `401 DPoP error="use_dpop_nonce" DPoP-Nonce (dpop_nonce)`, outcome)
	check(t, "Keycloak, DPoP: the request again with the nonce", keycloakAlice, onlyScope(nonces.sendWith(proofFor(key, issued.Access, nonce))))

	_, failed = k.withProofs(other).refresh(issued.Refresh)
	check(t, "Keycloak, DPoP: refresh of a public client with another key", "invalid_grant", failed)
	refreshed, _ := k.withProofs(key).refresh(issued.Refresh)
	check(t, "Keycloak, DPoP: refreshed token", keycloakAlice, onlyScope(s.sendWith(proofFor(key, refreshed.Access, ""))))
	check(t, "Keycloak, DPoP: refreshed token as Bearer", invalid(resource.ReasonDPoPScheme), s.send(refreshed.Access))

	introspected := k.introspectionServer(t, func(c *resource.Config) { c.Credentials.DPoP = requiresDPoP })
	check(t, "Keycloak, DPoP, introspection: bound token with a proof", keycloakAlice, onlyScope(introspected.sendWith(proofFor(key, refreshed.Access, ""))))
	check(t, "Keycloak, DPoP, introspection: bound token as Bearer", invalidBound, introspected.send(refreshed.Access))
}

// introspectionServer returns a server that introspects the tokens of Keycloak, which are JWTs.
func (k *keycloak) introspectionServer(t *testing.T, change func(*resource.Config)) *protectedServer {
	t.Helper()
	logger, _ := keyLog()
	v, err := introspect.New(introspect.Config{Issuer: k.issuer, Logger: logger, Auth: introspect.ClientAuth{ClientID: keycloakServer, ClientSecret: "server-secret"}})
	if err != nil {
		t.Fatal(err)
	}
	c := resource.Config{Limits: resource.Limits{Leeway: -1}, Issuers: []resource.Issuer{{Verifier: v}}}
	change(&c)
	return newProtectedServer(t, c)
}

// testCertificates uses the address with TLS for token requests.
func (k *keycloak) testCertificates(t *testing.T, server, own, other tls.Certificate) {
	const scope = "openid mcp:read"
	k.plain().setAttribute(keycloakApp, "tls.client.certificate.bound.access.tokens", "true")
	c := k.provider(t).jwtConfig(t, jwks.Config{})
	c.Credentials.Certificates.Tokens = resource.BindingRequired
	s := startProtectedServer(t, c, func(s *httptest.Server) {
		s.TLS = &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequestClientCert}
		s.StartTLS()
	})
	send := func(token string, presented ...tls.Certificate) string {
		s.client = clientWith(t, server, presented...)
		return onlyScope(s.send(token))
	}
	_, failed := k.plain().request("interop", url.Values{"grant_type": {"password"}, "client_id": {"app"}, "username": {"alice"}, "password": {"secret"}, "scope": {scope}})
	check(t, "Keycloak, certificate: token request without TLS", "invalid_request", failed)
	issued := k.ofUser("app", "alice", scope)
	check(t, "Keycloak, certificate: token_type", "Bearer", issued.Type)
	check(t, "Keycloak, certificate: certificate of the token", keycloakAlice, send(issued.Access, own))
	check(t, "Keycloak, certificate: another certificate", invalid(resource.ReasonCertificateMismatch), send(issued.Access, other))
	check(t, "Keycloak, certificate: no certificate", invalid(resource.ReasonCertificateMissing), send(issued.Access))
	refreshed, _ := k.refresh(issued.Refresh)
	check(t, "Keycloak, certificate: refreshed token", keycloakAlice, send(refreshed.Access, own))
	check(t, "Keycloak, certificate: refreshed token, another certificate", invalid(resource.ReasonCertificateMismatch), send(refreshed.Access, other))
}

// plain returns Keycloak at the address without TLS.
func (k *keycloak) plain() *keycloak {
	plain := *k
	plain.endpoints, plain.client = "", nil
	return &plain
}
