package main

import (
	"context"
	"crypto"
	"fmt"
	"net/http"
	"strings"

	"github.com/warder-go/warder/resource/resourcetest"
)

// The names of the rows of the tables of rejected proofs.
const (
	validProof     = "valid proof"
	missingProof   = "missing proof"
	malformedProof = "malformed proof"
	wrongURL       = "wrong htu"
	otherKey       = "other key"
	falseSignature = "false signature"
	replayedProof  = "replayed proof"
)

// A proofKind is one row of the tables of rejected proofs. proof returns a new proof of a client;
// "" is none.
type proofKind struct {
	name  string
	proof func(c dpopClient) string
}

// proofKinds returns the valid kind first, and then the invalid ones except replayed proofs. Except
// the malformed one, each is well-formed and differs from a valid proof in one thing. A false
// signature is one by another key.
func proofKinds(alg string) []proofKind {
	other := resourcetest.NewProofKey(alg)
	forger := newSigner(alg, "").private
	with := func(c dpopClient, url string, signer crypto.Signer) string {
		return c.key.Proof(resourcetest.Proof{URL: url, Token: c.token, Signer: signer})
	}
	return []proofKind{
		{validProof, func(c dpopClient) string { return with(c, audience, nil) }},
		{missingProof, func(dpopClient) string { return "" }},
		{malformedProof, func(dpopClient) string { return strings.Repeat("garbage", 60) }},
		{wrongURL, func(c dpopClient) string { return with(c, "https://other.example.com/mcp", nil) }},
		{otherKey, func(c dpopClient) string {
			return other.Proof(resourcetest.Proof{URL: audience, Token: c.token})
		}},
		{falseSignature, func(c dpopClient) string { return with(c, audience, forger) }},
	}
}

// request returns a request with a proof of this kind.
func (k proofKind) request(c dpopClient) *http.Request {
	req := dpopRequest()
	req.Header.Set("Authorization", "DPoP "+c.token)
	if proof := k.proof(c); proof != "" {
		req.Header.Set("DPoP", proof)
	}
	return req
}

// proofRejections measures requests with cached tokens and invalid proofs. replays adds proofs that
// were used before, if the contender rejects them.
func proofRejections(ctx context.Context, p plan, alg string, c contender, replays bool) table {
	key := newSigner(alg, "k1")
	server := newKeyServer(key)
	defer server.Close()
	clients := newDPoPClients(min(100, p.tokens), alg, key)
	h := c.make(ctx, server.URL, protectedHandler)
	for _, client := range clients {
		mustAccept(h, client.request())
	}
	var benchmarks []benchmark
	add := func(name string, kind proofKind, use bool) {
		reqs := make([]*http.Request, p.tokens)
		reset := func() {
			for i := range reqs {
				if reqs[i] = kind.request(clients[i%len(clients)]); use {
					mustAccept(h, reqs[i])
				}
			}
		}
		benchmarks = append(benchmarks, benchmark{name, 1, reset, func() func(int) { return sendExpecting(h, reqs, name == validProof) }})
	}
	kinds := proofKinds(alg)
	for _, kind := range kinds {
		add(kind.name, kind, false)
	}
	if replays {
		add(replayedProof, kinds[0], true)
	}
	return table{fmt.Sprintf("DPoP, cached tokens, invalid proofs, %s, %s", alg, c.name), compare(p.tokens, p.rounds, benchmarks...)}
}
