package refusaltest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// certificateField is the field in which a proxy would pass on client certificates.
const certificateField = "X-Client-Cert"

// proofAlgorithm is the only accepted algorithm of proofs.
const proofAlgorithm = "ES256"

var (
	clientKey = sync.OnceValue(func() *resourcetest.ProofKey { return resourcetest.NewProofKey(proofAlgorithm) })
	otherKey  = sync.OnceValue(func() *resourcetest.ProofKey { return resourcetest.NewProofKey(proofAlgorithm) })
	largeKey  = sync.OnceValue(func() *resourcetest.ProofKey { return resourcetest.NewProofKey("ES384") })
)

// possession is what a request shows about the key or the certificate that its token is bound to.
type possession struct {
	key         *resourcetest.ProofKey
	proof       resourcetest.Proof
	without     bool // no proof
	bearer      bool // the scheme Bearer
	certificate *tls.ConnectionState

	// Of the server.
	nonces, certificates bool // both are required
	once                 error
}

// Once implements resource.Replays.
func (p *possession) Once(context.Context, resource.ProofID, time.Time) error { return p.once }

// configure makes the server accept bound tokens.
func (p *possession) configure(c *resource.Config) {
	c.Credentials.DPoP = resource.DPoP{Tokens: resource.BindingAccepted, Algorithms: []string{proofAlgorithm}, RequireNonce: p.nonces, Replays: p}
	c.Operations.Bound.Tools = []string{"pay"}
	if p.certificates {
		c.Issuers[0].Certificates = resource.BindingRequired
	}
}

// bindToCertificate replaces the key of a token by a certificate. Such a token is a bearer token.
func (c *trial) bindToCertificate() {
	c.bearer, c.without = true, true
	c.token.ProofKey, c.token.Certificate = nil, &x509.Certificate{Raw: []byte("client")}
}

// setProof adds the credential of a bound token to a header.
func (c *trial) setProof(credential string) {
	scheme := "DPoP "
	if c.bearer {
		scheme = "Bearer "
	}
	c.set("Authorization", scheme+credential)
	if c.without {
		return
	}
	p := c.proof
	if p.Token == "" {
		p.Token = credential
	}
	c.set("DPoP", c.key.Proof(p))
}

// possessionFaults are faults of a proof or a certificate. Those that use "bearer" have the scheme
// Bearer.
var possessionFaults = []fault{
	{"a certificate field that is not from a proxy", allBound, rowCertificateField, resource.ReasonCertificateField, "certificate field", func(c *trial) { c.set(certificateField, "a") }},

	{"no certificate although it is required", bound, rowPossession, resource.ReasonBindingRequired, "proof", func(c *trial) { c.certificates = true }},
	{"the scheme Bearer", bound, rowPossession, resource.ReasonDPoPScheme, "proof bearer", func(c *trial) { c.bearer = true }},
	{"no proof", bound, rowPossession, resource.ReasonDPoPMissing, "proof", func(c *trial) { c.without = true }},
	{"a proof without jti", bound, rowPossession, resource.ReasonDPoPMalformed, "proof", func(c *trial) { c.proof.Claims = map[string]any{"jti": resourcetest.Remove} }},
	{"a proof with another algorithm", bound, rowPossession, resource.ReasonDPoPAlgorithm, "proof", func(c *trial) { c.key = largeKey() }},
	{"a proof for another method", bound, rowPossession, resource.ReasonDPoPMethod, "proof", func(c *trial) { c.proof.Method = "GET" }},
	{"a proof for another URL", bound, rowPossession, resource.ReasonDPoPURL, "proof", func(c *trial) { c.proof.URL = "https://other.example.test/mcp" }},
	{"an old proof", bound, rowPossession, resource.ReasonDPoPTime, "proof", func(c *trial) { c.proof.IssuedAt = time.Now().Add(-time.Hour) }},
	{"a proof for another token", bound, rowPossession, resource.ReasonDPoPToken, "proof", func(c *trial) { c.proof.Token = "other" }},
	{"a proof of another key", bound, rowPossession, resource.ReasonDPoPKey, "proof", func(c *trial) { c.key = otherKey() }},
	{"a proof without a valid signature", bound, rowPossession, resource.ReasonDPoPSignature, "proof", func(c *trial) { c.proof.Signer = keytest.P256() }},
	{"no nonce", bound, rowPossession, resource.ReasonDPoPNonce, "proof", func(c *trial) { c.nonces = true }},
	{"no certificate", bound, rowPossession, resource.ReasonCertificateMissing, "proof bearer", func(c *trial) { c.bindToCertificate() }},
	{"another certificate", bound, rowPossession, resource.ReasonCertificateMismatch, "proof bearer", func(c *trial) {
		c.bindToCertificate()
		c.certificate = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{{Raw: []byte("other")}}}
	}},

	{"a proof that was used before", bound, rowReplayed, resource.ReasonDPoPReplayed, "replays", func(c *trial) { c.once = resource.ErrReplayed }},
	{"too many proofs", bound, rowTooManyProofs, resource.ReasonDPoPTooMany, "replays", func(c *trial) { c.once = resource.ErrTooManyProofs }},
	{"replays that are not available", bound, rowReplaysUnavailable, resource.ReasonDPoPUnavailable, "replays", func(c *trial) { c.once = errors.New("down") }},

	{"an unbound token for a bound operation", bound, rowBound, resource.ReasonBindingRequired, "operation proof replays bearer", func(c *trial) {
		c.body, c.bearer, c.without, c.token.ProofKey = callTool("pay"), true, true, nil
	}},
}

// possessionError returns the error of a challenge for a reason of this file; "" for others.
func possessionError(reason resource.Reason) string {
	switch reason {
	case resource.ReasonBindingRequired:
		return `error="invalid_token", error_description="The access token is not bound to its client, as this request requires"`
	case resource.ReasonDPoPScheme:
		return `error="invalid_token", error_description="The access token needs another authorization scheme"`
	case resource.ReasonDPoPKey, resource.ReasonCertificateMissing, resource.ReasonCertificateMismatch:
		return `error="invalid_token", error_description="The access token is bound to another key or certificate"`
	case resource.ReasonDPoPNonce:
		return `error="use_dpop_nonce", error_description="The DPoP proof must have a nonce of this server"`
	}
	if strings.HasPrefix(string(reason), "dpop_") {
		return `error="invalid_dpop_proof", error_description="The DPoP proof is missing or invalid"`
	}
	return ""
}

// twoChallenges returns the challenges of a server that offers both schemes. parameters are those
// of a challenge with an error, which is in the challenge of the scheme that the request used.
func (c Case) twoChallenges(parameters string) string {
	without, _, _ := strings.Cut(parameters, ", error=")
	ofBearer, ofDPoP := without, parameters
	for _, f := range c.faults {
		if strings.HasSuffix(f.uses, "bearer") {
			ofBearer, ofDPoP = parameters, without
		}
	}
	return pointer + ofBearer + "\nDPoP" + strings.TrimPrefix(pointer, "Bearer") + ofDPoP + `, algs="` + proofAlgorithm + `"`
}
