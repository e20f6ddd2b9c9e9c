package probe

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // registers SHA-384 and SHA-512
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/warder-go/warder/internal/privatekey"
)

// forge makes tokens: valid ones, if it has the key of a test issuer, and wrong ones.
type forge struct {
	issuer, audience, scope string
	now                     time.Time
	test                    privatekey.Key // of the test issuer; without a Signer: none
	published               []publicKey    // that the server trusts, as far as they are known
	attacker                *ecdsa.PrivateKey
}

// members are members of a header or of claims. A nil value removes a member.
type members map[string]any

func (e *evidence) newForge(ctx context.Context) *forge {
	f := &forge{issuer: e.cfg.Issuer, audience: e.cfg.Audience, scope: e.scope(), now: time.Now(), test: e.cfg.Key}
	if f.audience == "" {
		f.audience = e.metadata.text("resource")
	}
	if f.audience == "" {
		f.audience = e.cfg.URL
	}
	if f.issuer == "" && len(e.servers) > 0 {
		f.issuer = e.servers[0].issuer
	}
	if f.issuer == "" {
		f.issuer = "https://issuer.invalid"
	}
	f.published = e.publishedKeys(ctx)
	if f.test.Signer != nil {
		f.test.ID = cmp.Or(f.test.ID, kidIn(f.published, f.test.Signer.Public()))
		f.published = slices.Insert(f.published, 0, publicKey{id: f.test.ID, key: f.test.Signer.Public()})
	}
	f.attacker, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // crypto/rand does not fail
	return f
}

// kidIn returns the kid with which a key is published, for a key in PEM, which has no kid.
func kidIn(published []publicKey, key crypto.PublicKey) string {
	for _, p := range published {
		if k, ok := p.key.(interface{ Equal(crypto.PublicKey) bool }); ok && k.Equal(key) {
			return p.id
		}
	}
	return ""
}

// scope returns the scope of valid tokens.
func (e *evidence) scope() string {
	if e.cfg.Scope != "" {
		return e.cfg.Scope
	}
	if named, _ := e.bearer().get("scope"); named.value != "" {
		return named.value
	}
	return strings.Join(e.metadata.list("scopes_supported"), " ")
}

// claims returns valid claims (RFC 9068 §2.2) with changes.
func (f *forge) claims(changes members) members {
	c := members{
		"iss": f.issuer, "aud": f.audience, "sub": "warder-probe", "client_id": "warder-probe",
		"iat": f.now.Unix(), "exp": f.now.Add(5 * time.Minute).Unix(), "jti": random(),
	}
	if f.scope != "" {
		c["scope"] = f.scope
	}
	return c.with(changes)
}

func (m members) with(changes members) members {
	m = maps.Clone(m)
	maps.Copy(m, changes)
	maps.DeleteFunc(m, func(_ string, value any) bool { return value == nil })
	return m
}

// compact encodes a token. sign gets the signing input.
func compact(header, claims members, sign func(input string) []byte) string {
	input := segment(header) + "." + segment(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(sign(input))
}

func segment(m members) string {
	text, err := json.Marshal(map[string]any(m), json.Deterministic(true))
	if err != nil {
		panic(err) // the members are strings, numbers, and maps and slices of them
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// signed returns a token of the test issuer with changes.
func (f *forge) signed(header, claims members) string {
	a, _ := algorithmOf(f.test) // checked by New
	h := members{"alg": a.name, "typ": "at+jwt", "kid": nil}
	if f.test.ID != "" {
		h["kid"] = f.test.ID
	}
	return compact(h.with(header), f.claims(claims), func(input string) []byte { return a.sign(f.test.Signer, input) })
}

// attacked returns a token with valid claims that is signed with a key of the attacker.
func (f *forge) attacked(header members) string {
	h := members{"alg": "ES256", "typ": "at+jwt"}
	return compact(h.with(header), f.claims(nil), func(input string) []byte { return es256.sign(f.attacker, input) })
}

// unsigned returns a token with valid claims and an arbitrary signature.
func (f *forge) unsigned(header members, signature []byte) string {
	h := members{"typ": "at+jwt"}
	return compact(h.with(header), f.claims(nil), func(string) []byte { return signature })
}

// hmacked returns a token that is signed with HMAC.
func (f *forge) hmacked(header members, secret []byte) string {
	h := members{"alg": "HS256", "typ": "at+jwt"}
	return compact(h.with(header), f.claims(nil), func(input string) (sum []byte) {
		fips140.WithoutEnforcement(func() { // it forbids short keys, which attackers use
			m := hmac.New(sha256.New, secret)
			m.Write([]byte(input))
			sum = m.Sum(nil)
		})
		return sum
	})
}

// algorithm is a signature algorithm of RFC 7518 or RFC 8037.
type algorithm struct {
	name string
	hash crypto.Hash
	size int // of r and of s, for ECDSA
	pss  bool
}

var es256 = algorithm{name: "ES256", hash: crypto.SHA256, size: 32}

// algorithmOf returns the algorithm of a key: the one that a JWK names, or the usual one.
func algorithmOf(key privatekey.Key) (algorithm, error) {
	return algorithmFor(key.Signer.Public(), key.Algorithm)
}

// algorithmFor returns the algorithm with a name, which must fit the key, or the usual one if the
// name is "".
func algorithmFor(public crypto.PublicKey, named string) (algorithm, error) {
	known := map[string]algorithm{
		"RS256": {"RS256", crypto.SHA256, 0, false}, "RS384": {"RS384", crypto.SHA384, 0, false}, "RS512": {"RS512", crypto.SHA512, 0, false},
		"PS256": {"PS256", crypto.SHA256, 0, true}, "PS384": {"PS384", crypto.SHA384, 0, true}, "PS512": {"PS512", crypto.SHA512, 0, true},
		"ES256": es256, "ES384": {"ES384", crypto.SHA384, 48, false}, "ES512": {"ES512", crypto.SHA512, 66, false},
		"EdDSA": {name: "EdDSA"}, "Ed25519": {name: "Ed25519"},
	}
	name, family := "", ""
	switch public := public.(type) {
	case *rsa.PublicKey:
		name, family = "RS256", "RS256 RS384 RS512 PS256 PS384 PS512"
	case *ecdsa.PublicKey:
		name = map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[public.Curve.Params().Name]
		family = name
	case ed25519.PublicKey:
		name, family = "EdDSA", "EdDSA Ed25519"
	}
	if named != "" {
		name = named
	}
	a, ok := known[name]
	if !ok || !strings.Contains(" "+family+" ", " "+name+" ") {
		return algorithm{}, errors.New("the key of the test issuer does not fit an algorithm that is supported")
	}
	return a, nil
}

// sign returns the signature of a JWS.
func (a algorithm) sign(signer crypto.Signer, input string) []byte {
	message := []byte(input)
	if a.hash != 0 {
		h := a.hash.New()
		h.Write(message)
		message = h.Sum(nil)
	}
	var options crypto.SignerOpts = a.hash
	if a.pss {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash}
	}
	signature, err := signer.Sign(rand.Reader, message, options)
	if err != nil {
		return nil // for example an RSA key that is too short for the hash: the server rejects the token
	}
	if a.size == 0 {
		return signature
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &pair); err != nil {
		return nil
	}
	out := make([]byte, 2*a.size)
	pair.R.FillBytes(out[:a.size])
	pair.S.FillBytes(out[a.size:])
	return out
}

// publicPEM returns a public key as programs store it in files.
func publicPEM(key crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}
