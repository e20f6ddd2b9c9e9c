package resourcetest

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"time"
)

// Token describes an access token. The zero value is a valid JWT of RFC 9068 for
// Config.Audience and Config.Subject, without scopes. OpaqueToken uses only the first two groups
// of fields, Claims and Text.
type Token struct {
	Audience string        // "aud"; use Claims for several
	Subject  string        // "sub"; "" is Config.Subject
	ClientID string        // "client_id"; "" is DefaultClientID
	Scope    string        // "scope", separated by spaces; "" omits the claim
	IssuedAt time.Time     // "iat"; the zero time is now
	Lifetime time.Duration // "exp" minus "iat"; 0 is Config.Lifetime, a negative value makes an expired token

	// ProofKey binds the token to the key of a DPoP client: "cnf" has the thumbprint of the key
	// as "jkt" (RFC 9449 section 6.1), and introspection reports the token_type "DPoP".
	ProofKey *ProofKey
	// Certificate binds the token to a client certificate for mutual TLS: "cnf" has the SHA-256
	// of the certificate as "x5t#S256" (RFC 8705 section 3.1). Only its field Raw is used.
	Certificate *x509.Certificate

	// Claims and Header are members to add, replace or remove (with the value Remove). Values
	// are encoded as JSON, except Raw. Header does not change how the token is signed:
	// {"alg": "PS256"} makes an ES256 token with a false "alg".
	Claims map[string]any
	Header map[string]any

	// Alg is the signature algorithm: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384,
	// ES512 or EdDSA, and with Secret also HS256, HS384 or HS512. "" is the algorithm of Key,
	// or that of the endpoints. If the algorithm has no key, a new one is published. A
	// resource that has already fetched the keys fetches them again for its tokens, a limited
	// number of times, and rejects those that are older than its keys. To avoid that, list the
	// algorithms of a test in Config.Algorithms.
	Alg string
	// Key is the id of the key to sign with, which can be withdrawn. "" is the signing key of
	// Alg. Alg can be any algorithm for keys of this kind.
	Key string

	Fault Fault // a fault in the token's form or signature

	// The following fields are for forged tokens.

	// Signer signs instead of the issuer's key, whose id remains in the header. Its kind must
	// be that of Alg.
	Signer crypto.Signer
	// Secret, if not nil, even if it is empty, is the HMAC key to sign with.
	Secret []byte
	// RawHeader and RawPayload, if not nil, are signed verbatim.
	RawHeader, RawPayload []byte
	// Encode replaces unpadded base64url as the encoding of the segments 0, 1 and 2. The
	// signature covers the text that it returns.
	Encode func(segment int, content []byte) string

	Text string // the token itself, for OpaqueToken only; "" is a random one
}

// Token makes a JWT. The introspection endpoint reports it as active until it expires or is
// revoked, unless it is forged: with a Fault, Signer, Secret, RawHeader, RawPayload or Encode.
// Token panics if the fields contradict each other.
func (s *Issuer) Token(t Token) string {
	token, claims := s.compact(t)
	if t.genuine() {
		s.store.put(token, s.accessRecord(t, claims, t.grant()))
	}
	return token
}

// OpaqueToken makes a token that only the introspection endpoint can interpret. Its claims are
// the members of the introspection response. Claims can also set members such as "active",
// "token_type" and "username".
func (s *Issuer) OpaqueToken(t Token) string {
	token := t.Text
	if token == "" {
		token = rand.Text() + rand.Text()
	}
	s.store.put(token, s.accessRecord(t, s.claims(t), t.grant()))
	return token
}

// Revoke makes the introspection endpoint report a token, JWT or opaque, as inactive. Revoking a
// refresh token revokes all tokens of its grant. Unknown tokens are ignored.
func (s *Issuer) Revoke(token string) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.revoke(token)
}

func (t Token) grant() *grant { return &grant{client: cmp.Or(t.ClientID, DefaultClientID)} }

// genuine reports whether the token is not forged.
func (t Token) genuine() bool {
	return t.Fault == "" && t.Signer == nil && t.Secret == nil && t.RawHeader == nil && t.RawPayload == nil && t.Encode == nil
}

// times returns the times of issue and expiry, without the changes of Token.Claims.
func (s *Issuer) times(t Token) (issued, expires time.Time) {
	issued = t.IssuedAt
	if issued.IsZero() {
		issued = time.Now()
	}
	lifetime := t.Lifetime
	if lifetime == 0 {
		lifetime = s.config.Lifetime
	}
	return issued, issued.Add(lifetime)
}

// claims returns the claims of RFC 9068 section 2.2, without the changes of Token.Claims.
func (s *Issuer) claims(t Token) object {
	issued, expires := s.times(t)
	claims := object{
		{"iss", s.Identifier()},
		{"sub", cmp.Or(t.Subject, s.config.Subject)},
		{"aud", cmp.Or(t.Audience, s.config.Audience)},
		{"client_id", cmp.Or(t.ClientID, DefaultClientID)},
	}
	if t.Scope != "" {
		claims = append(claims, member{"scope", t.Scope})
	}
	claims = append(claims, object{{"iat", issued.Unix()}, {"exp", expires.Unix()}, {"jti", rand.Text()}}...)
	if cnf := t.confirmation(); cnf != nil {
		claims = append(claims, member{"cnf", cnf})
	}
	return claims
}

// confirmation returns the claim "cnf" (RFC 7800 section 3.1), or nil for a token that is not
// bound.
func (t Token) confirmation() (cnf object) {
	if t.ProofKey != nil {
		cnf = append(cnf, member{"jkt", t.ProofKey.Thumbprint()})
	}
	if t.Certificate != nil {
		sum := sha256.Sum256(t.Certificate.Raw)
		cnf = append(cnf, member{"x5t#S256", base64.RawURLEncoding.EncodeToString(sum[:])})
	}
	return cnf
}

// tokenType returns the type of the token for clients and for introspection. A token that is
// bound to a certificate is a Bearer token (RFC 8705 section 3).
func (t Token) tokenType() string {
	if t.ProofKey != nil {
		return "DPoP"
	}
	return "Bearer"
}

// accessRecord returns the record of a token for introspection.
func (s *Issuer) accessRecord(t Token, claims object, g *grant) *record {
	_, expires := s.times(t)
	reply := append(object{{"active", true}, {"token_type", t.tokenType()}}, claims...).with(t.Claims)
	return &record{kind: accessKind, grant: g, expires: expires, reply: reply}
}

// signingKey returns the key and the algorithm that Alg, Key, Signer and Fault select.
func (s *Issuer) signingKey(t Token) (key, algorithm) {
	if t.hmac() && hmacHashes[t.Alg] != 0 {
		t.Alg = "" // use the default key, for the kid in the header
	}
	switch {
	case t.Alg != "" || t.Key != "":
	case t.Fault == PSSWrongSalt:
		t.Alg = "PS256"
	case t.Fault == ECDSAAsDER:
		t.Alg = "ES256"
	}
	var k key
	if t.Key == "" {
		k = s.keys.signer(t.Alg)
	} else {
		k = s.keys.get(t.Key)
		k.alg = cmp.Or(t.Alg, k.alg)
	}
	alg, ok := algorithms[k.alg]
	if t.Signer != nil {
		k.signer = t.Signer
	}
	if kind := family(k.signer.Public()); !ok || kind != alg.family {
		panic(fmt.Sprintf("resourcetest: algorithm %q does not fit a key of kind %s", k.alg, kind))
	}
	return k, alg
}
