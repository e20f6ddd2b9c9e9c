package resourcetest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// key is a key of the issuer. Withdrawn keys are kept, so that tests can sign with them.
type key struct {
	kid, alg  string
	signer    crypto.Signer
	withdrawn bool
}

func (k key) jwk() Raw {
	return JWK(k.signer.Public(), map[string]any{"kid": k.kid, "use": "sig", "alg": k.alg})
}

type keyring struct {
	mu          sync.Mutex
	defaultAlg  string                   // the algorithm of the tokens that the endpoints issue
	all         []*key                   // the oldest first
	signing     map[string]string        // the kid of the signing key by algorithm
	unpublished map[string]crypto.Signer // keys that are never published, by family
	leased      []*rsa.PrivateKey        // keys of rsaPool
	override    []byte                   // set by SetJWKS
}

// Publish adds a new key for an algorithm to the JWKS and returns its id. "" is the algorithm of
// the endpoints. The issuer does not sign with the key until Use is called, unless the algorithm
// has no other key.
func (s *Issuer) Publish(alg string) (kid string) { return s.keys.publish(alg) }

// Use makes a key the signing key of its algorithm.
func (s *Issuer) Use(kid string) { s.keys.use(kid) }

// Rotate publishes a new key for an algorithm and makes it the signing key. The previous one
// remains published.
func (s *Issuer) Rotate(alg string) (kid string) {
	kid = s.Publish(alg)
	s.Use(kid)
	return kid
}

// Withdraw removes a key from the JWKS. If it is the signing key, it continues to sign, which
// makes tokens of a withdrawn key. Call Rotate or Use first if new tokens must be valid.
func (s *Issuer) Withdraw(kid string) {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	s.keys.find(kid).withdrawn = true
}

// ReplaceUnderSameKid replaces a key with a new one of the same algorithm and id. Tokens that
// were signed with the old one are no longer valid.
func (s *Issuer) ReplaceUnderSameKid(kid string) {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	k := s.keys.find(kid)
	k.signer = s.keys.generate(algorithms[k.alg].family)
}

// SetJWKS serves these bytes instead of the published keys. nil serves the published keys again.
// JWK encodes a key.
func (s *Issuer) SetJWKS(document []byte) {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	s.keys.override = slices.Clone(document)
}

// KeyIDs returns the ids of the published keys, the oldest first.
func (s *Issuer) KeyIDs() []string {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	var ids []string
	for _, k := range s.keys.all {
		if !k.withdrawn {
			ids = append(ids, k.kid)
		}
	}
	return ids
}

// SigningKeyID returns the id of the signing key of an algorithm. "" is the algorithm of the
// endpoints. Like Token, it publishes a new key for an algorithm without one.
func (s *Issuer) SigningKeyID(alg string) string { return s.keys.signer(alg).kid }

// PublicKey returns the public key with this id, even if it is withdrawn.
func (s *Issuer) PublicKey(kid string) crypto.PublicKey {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	return s.keys.find(kid).signer.Public()
}

func (s *Issuer) serveJWKS(*request) answer {
	return answer{http.StatusOK, http.Header{"Content-Type": {"application/json"}}, s.keys.document()}
}

func (r *keyring) document() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.override != nil {
		return slices.Clone(r.override)
	}
	var keys []string
	for _, k := range r.all {
		if !k.withdrawn {
			keys = append(keys, string(k.jwk()))
		}
	}
	return []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`)
}

func (r *keyring) publish(alg string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.add(alg).kid
}

// add makes a key. Its id is unique among all issuers.
func (r *keyring) add(alg string) *key {
	alg = r.algorithm(alg)
	signer := r.generate(algorithms[alg].family)
	k := &key{kid: strings.ToLower(alg + "-" + rand.Text()[:12]), alg: alg, signer: signer}
	r.all = append(r.all, k)
	return k
}

// algorithm returns the default for "", and panics for an unknown algorithm.
func (r *keyring) algorithm(alg string) string {
	if alg == "" {
		alg = r.defaultAlg
	}
	if _, ok := algorithms[alg]; !ok {
		panic(fmt.Sprintf("resourcetest: unknown algorithm %q; set Token.Header for a false \"alg\"", alg))
	}
	return alg
}

func (r *keyring) use(kid string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.signing == nil {
		r.signing = make(map[string]string)
	}
	r.signing[r.find(kid).alg] = kid
}

// find returns the key with this id and panics if there is none. The caller holds r.mu.
func (r *keyring) find(kid string) *key {
	for _, k := range r.all {
		if k.kid == kid {
			return k
		}
	}
	panic(fmt.Sprintf("resourcetest: the issuer does not have a key %q", kid))
}

// signer returns the signing key of an algorithm: the one set by Use, or else the first
// published one, or else a new one.
func (r *keyring) signer(alg string) key {
	r.mu.Lock()
	defer r.mu.Unlock()
	alg = r.algorithm(alg)
	if kid, ok := r.signing[alg]; ok {
		return *r.find(kid)
	}
	i := slices.IndexFunc(r.all, func(k *key) bool { return k.alg == alg && !k.withdrawn })
	if i < 0 {
		r.add(alg)
		i = len(r.all) - 1
	}
	r.signing[alg] = r.all[i].kid
	return *r.all[i]
}

// get is find for callers that do not hold r.mu.
func (r *keyring) get(kid string) key {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *r.find(kid)
}

// unpublishedKey returns a key of a family that the issuer never publishes.
func (r *keyring) unpublishedKey(family string) crypto.Signer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unpublished == nil {
		r.unpublished = make(map[string]crypto.Signer)
	}
	if r.unpublished[family] == nil {
		r.unpublished[family] = r.generate(family)
	}
	return r.unpublished[family]
}

func (r *keyring) generate(family string) crypto.Signer {
	signer := generate(family)
	if k, ok := signer.(*rsa.PrivateKey); ok {
		r.leased = append(r.leased, k)
	}
	return signer
}

// release returns the RSA keys to the pool.
func (r *keyring) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	rsaPool.Lock()
	defer rsaPool.Unlock()
	rsaPool.free = append(rsaPool.free, r.leased...)
}
