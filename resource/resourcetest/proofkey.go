package resourcetest

import (
	"cmp"
	"crypto"
	"fmt"
	"net/http"
	"net/url"
)

// ProofKey is the key of a client for DPoP proofs (RFC 9449). Its methods can be called
// concurrently.
type ProofKey struct {
	alg        string
	signer     crypto.Signer
	jwk        object // the public key
	thumbprint string
	fault      ProofFault // of every proof
	forged     forgedKey  // of faults that replace the key
}

// NewProofKey makes a key for an algorithm: RS256, RS384, RS512, PS256, PS384, PS512, ES256,
// ES384, ES512 or EdDSA. "" is ES256. It panics for other algorithms. RSA keys have 2,048 bits
// and take tens of milliseconds to generate.
func NewProofKey(alg string) *ProofKey {
	alg = cmp.Or(alg, "ES256")
	a, ok := algorithms[alg]
	if !ok {
		panic(fmt.Sprintf("resourcetest: unknown algorithm %q; set Proof.Header for a false \"alg\"", alg))
	}
	return newProofKey(alg, generate(a.family))
}

func newProofKey(alg string, signer crypto.Signer) *ProofKey {
	jwk := publicJWK(signer.Public())
	return &ProofKey{alg: alg, signer: signer, jwk: jwk, thumbprint: thumbprint(jwk)}
}

// Thumbprint returns the SHA-256 thumbprint of the key (RFC 7638), which is the "jkt" of a token
// that is bound to the key. Token.ProofKey sets it.
func (k *ProofKey) Thumbprint() string { return k.thumbprint }

// Public returns the public key. A fault does not change it.
func (k *ProofKey) Public() crypto.PublicKey { return k.signer.Public() }

// Faulty returns a key whose proofs all have a fault. If the fault is one of the key in the
// proof, such as "jwk off the curve", then Thumbprint is that of the faulty key. A token that is
// bound to the returned key therefore fits its proofs, and a resource can reject them only for
// the fault. Faulty panics for an unknown fault.
func (k *ProofKey) Faulty(fault ProofFault) *ProofKey {
	row := findFault(fault)
	k = row.fitting(k)
	faulty := &ProofKey{alg: k.alg, signer: k.signer, jwk: k.jwk, thumbprint: k.thumbprint, fault: fault}
	if row.key != nil {
		faulty.forged = row.key(k)
		faulty.thumbprint = thumbprint(faulty.forged.jwk)
	}
	return faulty
}

// SetProof adds a token and a new proof to a request: "Authorization: DPoP" and "DPoP" (RFC 9449
// section 7.1). The proof is for the method and the URL of the request, and does not have a nonce.
// Without a token, as for a request to the token endpoint (section 5), only the proof is added.
func (k *ProofKey) SetProof(r *http.Request, token string) { k.setProof(r, token, "") }

func (k *ProofKey) setProof(r *http.Request, token, nonce string) {
	if token != "" {
		r.Header.Set("Authorization", "DPoP "+token)
	}
	r.Header.Set("DPoP", k.Proof(Proof{Method: cmp.Or(r.Method, http.MethodGet), URL: targetURL(r), Token: token, Nonce: nonce}))
}

// targetURL returns the target URI of a request without query and fragment (RFC 9110 section
// 7.1). It accepts requests to send and requests that were received.
func targetURL(r *http.Request) string {
	scheme := r.URL.Scheme
	switch {
	case scheme != "":
	case r.TLS != nil:
		scheme = "https"
	default:
		scheme = "http"
	}
	target := url.URL{Scheme: scheme, Host: cmp.Or(r.Host, r.URL.Host), Path: r.URL.Path, RawPath: r.URL.RawPath}
	if target.Path == "" {
		target.Path = "/"
	}
	return target.String()
}
