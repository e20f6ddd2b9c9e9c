package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/warder-go/warder/resource/resourcetest"
)

// proofAlgorithms are the algorithms that warder accepts in proofs by default.
const proofAlgorithms = "ES256 ES384 ES512 PS256 PS384 PS512 EdDSA Ed25519"

// proofTransport lets a client that supports only bearer tokens use tokens that are bound to a
// key (RFC 9449). It adds a proof to token requests and to requests with a token, and translates
// the authorization scheme: DPoP for the servers, Bearer for the client. It does not support
// nonces and keeps its key in memory only.
type proofTransport struct {
	key  *resourcetest.ProofKey
	base http.RoundTripper
}

func newProofTransport(base http.RoundTripper) *proofTransport {
	return &proofTransport{resourcetest.NewProofKey("ES256"), base}
}

// RoundTrip implements http.RoundTripper.
func (t *proofTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	token, isBearer := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	if !isBearer {
		token = ""
	}
	if isBearer || isTokenRequest(req) {
		req = req.Clone(req.Context()) // a RoundTripper must not modify the request
		t.key.SetProof(req, token)
	}
	response, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	// The SDK reads the scope and the error only in challenges with the scheme Bearer.
	for i, challenge := range response.Header["Www-Authenticate"] {
		if parameters, ok := strings.CutPrefix(challenge, "DPoP "); ok {
			response.Header["Www-Authenticate"][i] = "Bearer " + parameters
		}
	}
	return response, nil
}

// isTokenRequest reports whether a request is for a token. The client sends no other forms.
func isTokenRequest(req *http.Request) bool {
	return req.Method == http.MethodPost && mediaType(req.Header) == "application/x-www-form-urlencoded"
}

// proofNotes are what the explanations of the steps do not say about proofs, by step.
var proofNotes = map[int]string{
	1: "DPoP is the only scheme that it offers.",
	7: "The field DPoP has a proof, signed with a key that the client made for this demo. The token is bound to this key.",
	8: "The new proof is for this method, this URL and this token.",
}

func addProofNotes(steps []step) {
	for number, note := range proofNotes {
		steps[number-1].explanation += " " + note
	}
}

// theftSteps is what a thief can do with a request of the client, for example with one from the
// log of a proxy: nothing.
func theftSteps(s *servers, c *client) []step {
	const (
		otherScheme = `, error="invalid_token", error_description="The access token needs another authorization scheme"`
		noProof     = `, error="invalid_dpop_proof", error_description="The DPoP proof is missing or invalid"`
	)
	return []step{{
		title: "A thief has copied the request of step 17, and sends its token as a bearer token.",
		do:    c.traffic.repeat(sendAsBearer), method: "POST", url: s.url, status: http.StatusUnauthorized,
		check:       responseHeader("WWW-Authenticate", s.challenge(basicScope, otherScheme)),
		explanation: "Rejected. A token that is bound to a key is not accepted without a proof.",
	}, {
		title: "The thief sends the copied request as it is, with its proof.",
		do:    c.traffic.repeat(func(http.Header) {}), method: "POST", url: s.url, status: http.StatusUnauthorized,
		check:       responseHeader("WWW-Authenticate", s.challenge(basicScope, noProof)),
		explanation: "Rejected. A proof is accepted once. A new proof needs the client's private key, which is in none of its requests.",
	}}
}

func sendAsBearer(header http.Header) {
	token := strings.TrimPrefix(header.Get("Authorization"), "DPoP ")
	header.Set("Authorization", "Bearer "+token)
	header.Del("DPoP")
}

// repeat returns a function that sends the latest successful request again, with a changed
// header.
func (r *recorder) repeat(change func(http.Header)) func(context.Context) error {
	return func(ctx context.Context) error {
		x := r.latestSuccess()
		if x == nil {
			return errors.New("no request to repeat")
		}
		req, err := http.NewRequestWithContext(ctx, x.method, x.url.String(), bytes.NewReader(x.sent.body))
		if err != nil {
			return err
		}
		req.Header = x.sent.header.Clone()
		change(req.Header)
		response, err := r.RoundTrip(req)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
}

// latestSuccess returns the latest exchange with the status 200, or nil.
func (r *recorder) latestSuccess() (latest *exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.exchanges {
		if x.status == http.StatusOK {
			latest = x
		}
	}
	return latest
}
