package resourcetest

import (
	"crypto/rand"
	"maps"
	"slices"
	"sync"
	"time"
)

// nonceLifetime is the time until the token endpoint makes a new nonce. The one before remains
// valid for as long.
const nonceLifetime = time.Minute

// proofAlgorithms returns the algorithms for proofs, for the metadata (RFC 9449 section 5.1).
func proofAlgorithms() []string { return slices.Sorted(maps.Keys(algorithms)) }

// proofState is what the token endpoint stores about proofs.
type proofState struct {
	mu               sync.Mutex
	newest, previous string // nonces
	made             time.Time
	seen             map[string]time.Time // when a proof was seen, by the key and "jti"
	prune            int                  // the number of entries at which to remove old ones
}

// proof checks the DPoP proof of a token request and returns the thumbprint of its key, or "" for a
// request without a proof.
func (s *Issuer) proof(r *request) (thumbprint string, err *oauthError) {
	fields := r.Header.Values("DPoP")
	if len(fields) == 0 {
		return "", nil
	}
	now := time.Now()
	p, ok := checkProof(fields[0], r.Method, targetURL(r.Request), now)
	if !ok || len(fields) > 1 {
		return "", badRequest("invalid_dpop_proof", "the DPoP proof is not valid for this request")
	}
	if s.config.DPoPNonce && !s.proofs.validNonce(p, now) {
		return "", badRequest("use_dpop_nonce", "the DPoP proof does not have a current nonce")
	}
	if !s.proofs.first(p, now) {
		return "", badRequest("invalid_dpop_proof", "the DPoP proof was used before")
	}
	return p.thumbprint, nil
}

// withNonce adds the newest nonce to a response of the token endpoint, if it requires nonces (RFC
// 9449 sections 8 and 8.2).
func (s *Issuer) withNonce(a answer) answer {
	if s.config.DPoPNonce {
		a.header.Set("DPoP-Nonce", s.proofs.nonce(time.Now()))
		a.header.Set("Access-Control-Expose-Headers", "DPoP-Nonce")
	}
	return a
}

func (p *proofState) nonce(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renew(now)
	return p.newest
}

func (p *proofState) validNonce(proof checkedProof, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renew(now)
	return proof.nonce != "" && (proof.nonce == p.newest || proof.nonce == p.previous)
}

// renew makes a nonce if the newest one is too old. The caller holds p.mu.
func (p *proofState) renew(now time.Time) {
	switch age := now.Sub(p.made); {
	case p.newest != "" && age < nonceLifetime:
		return
	case age < 2*nonceLifetime:
		p.previous = p.newest
	default:
		p.previous = ""
	}
	p.newest, p.made = rand.Text(), now
}

// first reports whether the proof was not used before (RFC 9449 section 11.1).
func (p *proofState) first(proof checkedProof, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = make(map[string]time.Time)
	}
	if len(p.seen) >= max(p.prune, 1024) {
		maps.DeleteFunc(p.seen, func(_ string, at time.Time) bool { return now.Sub(at) > 2*proofLifetime })
		p.prune = 2 * len(p.seen)
	}
	name := proof.thumbprint + " " + proof.id
	_, found := p.seen[name]
	p.seen[name] = now
	return !found
}
