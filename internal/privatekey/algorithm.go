package privatekey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// Algorithm signs JWTs (RFC 7518 §3.1, RFC 8037 §3.1). [AlgorithmOf] makes it.
type Algorithm struct {
	Name string      // alg
	hash crypto.Hash // 0: the signer receives the message, not its hash
	pss  bool
	size int // size of R and of S in bytes; 0: not ECDSA
}

// ErrNoAlgorithm is the error for a key that cannot be used with the algorithm.
var ErrNoAlgorithm = errors.New("no algorithm")

// AlgorithmOf returns the algorithm with the given name, or the default algorithm for the type
// of the key if name is empty. It returns an error if the key is too short or of another type.
func AlgorithmOf(signer crypto.Signer, name string) (Algorithm, error) {
	var supported []Algorithm // the default first
	switch public := signer.Public().(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < 2048 { // RFC 7518 §3.3
			return Algorithm{}, errors.New("the RSA key is shorter than 2048 bits")
		}
		supported = []Algorithm{
			{"RS256", crypto.SHA256, false, 0}, {"RS384", crypto.SHA384, false, 0}, {"RS512", crypto.SHA512, false, 0},
			{"PS256", crypto.SHA256, true, 0}, {"PS384", crypto.SHA384, true, 0}, {"PS512", crypto.SHA512, true, 0},
		}
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			supported = []Algorithm{{"ES256", crypto.SHA256, false, 32}}
		case elliptic.P384():
			supported = []Algorithm{{"ES384", crypto.SHA384, false, 48}}
		case elliptic.P521():
			supported = []Algorithm{{"ES512", crypto.SHA512, false, 66}}
		}
	case ed25519.PublicKey:
		supported = []Algorithm{{"EdDSA", 0, false, 0}, {"Ed25519", 0, false, 0}}
	}
	for _, alg := range supported {
		if name == "" || name == alg.Name {
			return alg, nil
		}
	}
	return Algorithm{}, fmt.Errorf("%w %q for a key of type %T", ErrNoAlgorithm, name, signer.Public())
}

// Sign returns the JWS signature of message.
func (alg Algorithm) Sign(signer crypto.Signer, message []byte) ([]byte, error) {
	var options crypto.SignerOpts = alg.hash
	if alg.hash != 0 {
		hash := alg.hash.New()
		hash.Write(message)
		message = hash.Sum(nil)
	}
	if alg.pss { // RFC 7518 §3.5: the salt is as long as the hash
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: alg.hash}
	}
	signature, err := signer.Sign(rand.Reader, message, options)
	if err != nil || alg.size == 0 {
		return signature, err
	}
	// RFC 7518 §3.4: R and S have a fixed length. A crypto.Signer returns DER.
	var pair struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &pair); err != nil || len(rest) > 0 ||
		pair.R.Sign() <= 0 || pair.S.Sign() <= 0 || pair.R.BitLen() > 8*alg.size || pair.S.BitLen() > 8*alg.size {
		return nil, errors.New("the signer did not return a valid ECDSA signature")
	}
	out := make([]byte, 2*alg.size)
	pair.R.FillBytes(out[:alg.size])
	pair.S.FillBytes(out[alg.size:])
	return out, nil
}
