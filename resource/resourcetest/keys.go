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

// key is one that the issuer made. Withdrawn keys stay, so that tests can sign
// with them.
type key struct {
	kid, alg  string
	signer    crypto.Signer
	withdrawn bool
}

func (k key) jwk() Raw {
	return JWK(k.signer.Public(), map[string]any{"kid": k.kid, "use": "sig", "alg": k.alg})
}

type keyring struct {
	mu       sync.Mutex
	first    string            // the algorithm of what the endpoints issue
	all      []*key            // in the order of making
	signing  map[string]string // algorithm to kid
	stranger map[string]crypto.Signer
	leased   []*rsa.PrivateKey
	override []byte
}

// Publish adds a new key for an algorithm to the JWKS, without signing with it
// yet: see Use. For "" it is the algorithm that the endpoints sign with.
func (s *Issuer) Publish(alg string) (kid string) { return s.keys.publish(alg) }

// Use makes tokens of a key's algorithm be signed with that key from now on.
func (s *Issuer) Use(kid string) { s.keys.use(kid) }

// Rotate publishes a new key and uses it at once. The old one stays published.
func (s *Issuer) Rotate(alg string) (kid string) {
	kid = s.Publish(alg)
	s.Use(kid)
	return kid
}

// Withdraw takes a key out of the JWKS. If it was the signing key it still
// signs: call Rotate or Use first for an orderly withdrawal, and not for tokens
// of a key that is gone.
func (s *Issuer) Withdraw(kid string) {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	s.keys.find(kid).withdrawn = true
}

// ReplaceUnderSameKid puts a new key of the same algorithm in a key's place.
// Tokens signed before no longer verify.
func (s *Issuer) ReplaceUnderSameKid(kid string) {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	k := s.keys.find(kid)
	k.signer = s.keys.generate(algorithms[k.alg].family)
}

// SetJWKS serves these bytes in place of the published keys, nil the published
// keys again. See JWK for writing one key.
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

// SigningKeyID returns the id of the key that signs for an algorithm, for ""
// the endpoints' own. Like Token it publishes one
// for an algorithm that has none.
func (s *Issuer) SigningKeyID(alg string) string { return s.keys.signer(alg).kid }

// PublicKey returns the public half of a key, withdrawn or not.
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

// add makes a key. Its id is unlike those of every other issuer.
func (r *keyring) add(alg string) *key {
	alg = r.algorithm(alg)
	signer := r.generate(algorithms[alg].family)
	k := &key{kid: strings.ToLower(alg + "-" + rand.Text()[:12]), alg: alg, signer: signer}
	r.all = append(r.all, k)
	return k
}

func (r *keyring) algorithm(alg string) string {
	if alg == "" {
		alg = r.first
	}
	if _, ok := algorithms[alg]; !ok {
		panic(fmt.Sprintf("resourcetest: unknown algorithm %q: use Token.Header to lie about it", alg))
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

func (r *keyring) find(kid string) *key {
	for _, k := range r.all {
		if k.kid == kid {
			return k
		}
	}
	panic(fmt.Sprintf("resourcetest: the issuer made no key %q", kid))
}

// signer returns the signing key of an algorithm: the one in use, else the first
// that is published, else a new one.
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

func (r *keyring) get(kid string) key {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *r.find(kid)
}

// unpublished returns a key of a family that the issuer never publishes.
func (r *keyring) unpublished(family string) crypto.Signer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stranger == nil {
		r.stranger = make(map[string]crypto.Signer)
	}
	if r.stranger[family] == nil {
		r.stranger[family] = r.generate(family)
	}
	return r.stranger[family]
}

func (r *keyring) generate(family string) crypto.Signer {
	signer := generate(family)
	if k, ok := signer.(*rsa.PrivateKey); ok {
		r.leased = append(r.leased, k)
	}
	return signer
}

// release gives the RSA keys back for other issuers to use.
func (r *keyring) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	rsaPool.Lock()
	defer rsaPool.Unlock()
	rsaPool.free = append(rsaPool.free, r.leased...)
}
