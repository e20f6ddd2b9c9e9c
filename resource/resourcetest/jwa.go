package resourcetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // a hash of the algorithms
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"sync"
)

// algorithm is one row of RFC 7518 section 3.1, or EdDSA (RFC 8037 section 3.1).
type algorithm struct {
	family string // the kind of its keys
	hash   crypto.Hash
	pss    bool
}

// algorithms is never modified.
var algorithms = map[string]algorithm{
	"RS256": {"RSA", crypto.SHA256, false}, "RS384": {"RSA", crypto.SHA384, false}, "RS512": {"RSA", crypto.SHA512, false},
	"PS256": {"RSA", crypto.SHA256, true}, "PS384": {"RSA", crypto.SHA384, true}, "PS512": {"RSA", crypto.SHA512, true},
	"ES256": {"P-256", crypto.SHA256, false}, "ES384": {"P-384", crypto.SHA384, false}, "ES512": {"P-521", crypto.SHA512, false},
	"EdDSA": {"Ed25519", 0, false},
}

// hmacHashes is never modified.
var hmacHashes = map[string]crypto.Hash{"HS256": crypto.SHA256, "HS384": crypto.SHA384, "HS512": crypto.SHA512}

// sign returns the signature of a JWS. For ECDSA it is in DER, see rawECDSA.
func (a algorithm) sign(signer crypto.Signer, input []byte, salt int) []byte {
	digest, opts := input, crypto.SignerOpts(a.hash)
	if a.hash != 0 {
		h := a.hash.New()
		h.Write(input)
		digest = h.Sum(nil)
	}
	if a.pss {
		opts = &rsa.PSSOptions{SaltLength: salt, Hash: a.hash}
	}
	signature, err := signer.Sign(rand.Reader, digest, opts)
	if err != nil {
		panic(fmt.Sprintf("resourcetest: signing: %v", err))
	}
	return signature
}

// jws returns the signature of a JWS in the form of RFC 7518 section 3.
func (a algorithm) jws(signer crypto.Signer, input []byte) []byte {
	signature := a.sign(signer, input, rsa.PSSSaltLengthEqualsHash)
	if _, ec := signer.Public().(*ecdsa.PublicKey); ec {
		return rawECDSA(signature, signer.Public())
	}
	return signature
}

// verify reports whether the signature of a JWS is valid. The key is of the kind a.family.
func (a algorithm) verify(public crypto.PublicKey, input, signature []byte) bool {
	digest := input
	if a.hash != 0 {
		h := a.hash.New()
		h.Write(input)
		digest = h.Sum(nil)
	}
	switch k := public.(type) {
	case *rsa.PublicKey:
		if a.pss {
			return rsa.VerifyPSS(k, a.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(k, a.hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		half := (k.Curve.Params().BitSize + 7) / 8
		return len(signature) == 2*half &&
			ecdsa.Verify(k, digest, new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
	case ed25519.PublicKey:
		return ed25519.Verify(k, digest, signature)
	}
	return false
}

// rawECDSA converts an ECDSA signature from DER to r||s (RFC 7518 section 3.4).
func rawECDSA(der []byte, public crypto.PublicKey) []byte {
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		panic(fmt.Sprintf("resourcetest: the Signer did not return an ECDSA signature in DER: %v", err))
	}
	size := (public.(*ecdsa.PublicKey).Curve.Params().BitSize + 7) / 8
	out := make([]byte, 2*size)
	rs.R.FillBytes(out[:size])
	rs.S.FillBytes(out[size:])
	return out
}

// family returns the kind of a public key, as in algorithm.family.
func family(public crypto.PublicKey) string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return "RSA"
	case *ecdsa.PublicKey:
		return k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	panic(fmt.Sprintf("resourcetest: unsupported public key %T", public))
}

// JWK returns a public key as a JSON Web Key (RFC 7517, RFC 8037), with members added, replaced
// or removed (with the value Remove). It accepts *rsa.PublicKey, *ecdsa.PublicKey and
// ed25519.PublicKey, even if they are weak, and panics for other types.
func JWK(public crypto.PublicKey, members map[string]any) Raw {
	return publicJWK(public).with(members).encode()
}

// publicJWK returns the members that RFC 7518 section 6 and RFC 8037 section 2 require.
func publicJWK(public crypto.PublicKey) object {
	b64 := base64.RawURLEncoding.EncodeToString
	switch k := public.(type) {
	case *rsa.PublicKey:
		return object{{"kty", "RSA"}, {"n", b64(k.N.Bytes())}, {"e", b64(big.NewInt(int64(k.E)).Bytes())}}
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 4, x, y
		if err != nil {
			panic(fmt.Sprintf("resourcetest: invalid EC key: %v", err))
		}
		half := (len(point) - 1) / 2
		return object{{"kty", "EC"}, {"crv", family(k)}, {"x", b64(point[1 : 1+half])}, {"y", b64(point[1+half:])}}
	default:
		return object{{"kty", "OKP"}, {"crv", family(k)}, {"x", b64(k.(ed25519.PublicKey))}}
	}
}

// thumbprint returns the SHA-256 thumbprint of a key: the hash of its required members in
// lexicographic order (RFC 7638 section 3).
func thumbprint(jwk object) string {
	var required object
	for _, name := range []string{"crv", "e", "k", "kty", "n", "x", "y"} {
		if value, ok := jwk.get(name); ok {
			required = append(required, member{name, value})
		}
	}
	sum := sha256.Sum256([]byte(required.encode()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// rsaPool stores the RSA keys of closed issuers for reuse, because generating one takes tens of
// milliseconds. Two open issuers never share a key: otherwise a token of one would be valid with
// the keys of the other. The mutex does not belong to a synctest bubble, so it is never held
// during a blocking call.
var rsaPool struct {
	sync.Mutex
	free []*rsa.PrivateKey
}

// leaseRSA returns a key of the pool, or a new one if the pool is empty.
func leaseRSA() *rsa.PrivateKey {
	rsaPool.Lock()
	if len(rsaPool.free) > 0 {
		key := rsaPool.free[0] // the one that was returned first
		rsaPool.free = rsaPool.free[1:]
		rsaPool.Unlock()
		return key
	}
	rsaPool.Unlock()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	return key
}

// curves is never modified.
var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

func generate(family string) crypto.Signer {
	switch family {
	case "RSA":
		return leaseRSA()
	case "Ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		must(err)
		return key
	}
	key, err := ecdsa.GenerateKey(curves[family], rand.Reader)
	must(err)
	return key
}

// must panics on an error that occurs only if the system's random number generator fails.
func must(err error) {
	if err != nil {
		panic("resourcetest: " + err.Error())
	}
}
