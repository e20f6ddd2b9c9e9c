package resource_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A token is bound to one thing. If one is required, tokens that are bound to the other are never
// accepted, so neither the challenges nor the metadata offer it: clients would log in again and again.
func TestRequiredBindingIsTheOnlyOffer(t *testing.T) {
	const accepted, required = resource.BindingAccepted, resource.BindingRequired
	const offersDPoP, offersCertificates = `"dpop_signing_alg_values_supported"`, `"tls_client_certificate_bound_access_tokens":true`
	for _, row := range []struct {
		name               string
		dpop, certificates resource.Binding
		ofIssuer           resource.Issuer
		want               string // schemes of challenges
		document           []string
	}{
		{"both accepted", accepted, accepted, resource.Issuer{}, "Bearer DPoP", []string{offersDPoP, offersCertificates}},
		{"a certificate required", accepted, required, resource.Issuer{}, "Bearer", []string{offersCertificates}},
		{"a key required", required, accepted, resource.Issuer{}, "DPoP", []string{offersDPoP}},
		{"a certificate required by the issuer", accepted, accepted, resource.Issuer{Certificates: required}, "Bearer", []string{offersCertificates}},
		{"a key required by the issuer", accepted, accepted, resource.Issuer{DPoP: required}, "DPoP", []string{offersDPoP}},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Credentials.DPoP.Tokens, c.Credentials.Certificates.Tokens = row.dpop, row.certificates
			c.Issuers[0].DPoP, c.Issuers[0].Certificates = row.ofIssuer.DPoP, row.ofIssuer.Certificates
		})
		var schemes []string
		for _, challenge := range f.sendProof(post(identifier)).challenges {
			scheme, _, _ := strings.Cut(challenge, " ")
			schemes = append(schemes, scheme)
		}
		if got := strings.Join(schemes, " "); got != row.want {
			t.Errorf("%s: got challenges for %s, want %s", row.name, got, row.want)
		}
		recorder := httptest.NewRecorder()
		nethttp.Metadata(f.res).ServeHTTP(recorder, httptest.NewRequest("GET", metadataURL, nil))
		for _, member := range []string{offersDPoP, offersCertificates} {
			want := strings.Contains(strings.Join(row.document, " "), member)
			if got := strings.Contains(recorder.Body.String(), member); got != want {
				t.Errorf("%s: the metadata has %s: %v, want %v", row.name, member, got, want)
			}
		}
	}
}

// An issuer that requires a key gets only the challenge for DPoP, also if the caller is known and
// another issuer has bearer tokens.
func TestChallengeOfIssuerThatRequiresKey(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers[0].DPoP = resource.BindingRequired
		c.Issuers = append(c.Issuers, resource.Issuer{Verifier: verifierFunc{"https://other.example.test", nil}})
		c.Scopes = []string{"read"}
	})
	key := resourcetest.NewProofKey("")
	got := f.sendProof(proof(key, f.token(resourcetest.Token{ProofKey: key, Scope: "other"})))
	f.expectProof("a scope is missing", got, proven{403, []string{"DPoP " + pointer + lacksScopeRead + algs}, ""})
}

// A token in a field of Credentials.TokenHeaders cannot be bound, also if the request has what it is
// bound to.
func TestBoundTokenInAnotherField(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		acceptCertificates(c, k)
		keys, err := jwks.New(*k)
		if err != nil {
			t.Fatal(err)
		}
		c.Issuers[0].Verifier = keys
		c.Credentials.TokenHeaders = map[string]resource.Issuer{"X-Token": {Verifier: keys}}
	})
	own := keytest.Certificate()
	for name, row := range map[string]struct {
		token  string
		status int
	}{
		"not bound":              {f.token(resourcetest.Token{}), 200},
		"bound to a certificate": {f.token(resourcetest.Token{Certificate: own.Leaf}), 401},
		"bound to a key":         {f.token(resourcetest.Token{ProofKey: resourcetest.NewProofKey("")}), 401},
	} {
		req := post(identifier)
		req.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{own.Leaf}}
		req.Header.Set("X-Token", row.token)
		if got := f.sendProof(req); got.status != row.status {
			t.Errorf("%s: got %+v, want %d", name, got, row.status)
		}
		if row.status == 401 {
			f.expectProofReason(name, resource.ReasonSenderConstrained)
		}
	}
}
