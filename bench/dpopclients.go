package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"net/http"
	"time"

	jwtmiddleware "github.com/auth0/go-jwt-middleware/v3"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// dpopContenders returns the contenders that accept DPoP (RFC 9449). Each also accepts tokens
// that are not bound to a key.
func dpopContenders() []contender {
	return []contender{
		{warderDefault, makeWarder(acceptDPoP)},
		{"go-jwt-middleware v3", auth0DPoP},
	}
}

func acceptDPoP(c *resource.Config) { c.Credentials.DPoP.Tokens = resource.BindingAccepted }

// dpopWindow is the default of warder: how far the time of a proof can be from now.
const dpopWindow = time.Minute

// auth0DPoP is wired as the library's documentation shows, with the window of warder. The
// documentation has no check that a proof is used only once, and neither does this.
func auth0DPoP(_ context.Context, keysURL string, next http.Handler) http.Handler {
	return must(jwtmiddleware.New(
		jwtmiddleware.WithValidator(auth0Validator(keysURL)),
		jwtmiddleware.WithDPoPMode(jwtmiddleware.DPoPAllowed),
		jwtmiddleware.WithDPoPProofOffset(dpopWindow), jwtmiddleware.WithDPoPIATLeeway(dpopWindow),
	)).CheckJWT(next)
}

// A dpopClient is a client with an access token that is bound to its key.
type dpopClient struct {
	key    *resourcetest.ProofKey
	public crypto.PublicKey
	token  string
}

// newDPoPClients returns n clients whose keys are for alg.
func newDPoPClients(n int, alg string, issuer signer) (clients []dpopClient) {
	for i := range n {
		key := resourcetest.NewProofKey(alg)
		clients = append(clients, dpopClient{key, key.Public(), issuer.boundToken(i, key.Thumbprint())})
	}
	return clients
}

// boundToken signs the i-th access token, bound to a key, with ES256 or EdDSA. It has about 700
// bytes.
func (s signer) boundToken(i int, thumbprint string) string {
	c := accessToken(i, 860)
	c["cnf"] = claims{"jkt": thumbprint}
	return s.sign(c)
}

// request returns a request with a new proof.
func (c dpopClient) request() *http.Request {
	req := dpopRequest()
	c.key.SetProof(req, c.token)
	return req
}

// dpopRequest returns a request without credentials that arrived over TLS. go-jwt-middleware
// compares htu with the scheme of the connection, the Host field and the path. warder compares it
// with its identifier, so that the connection does not matter.
func dpopRequest() *http.Request {
	req := request("")
	req.TLS = &tls.ConnectionState{}
	return req
}

// provenRequests returns n requests with new proofs, of the clients in rotation.
func provenRequests(clients []dpopClient, n int) (reqs []*http.Request) {
	for i := range n {
		reqs = append(reqs, clients[i%len(clients)].request())
	}
	return reqs
}
