package resourcetest

import (
	"crypto"
	"crypto/rand"
	"fmt"
	"time"
)

// Token describes an access token. The zero value is a good one: a JWT as
// RFC 9068 wants it, for Config.Audience and Config.Subject, without scopes.
// OpaqueToken reads the first group of fields, Claims and Text.
type Token struct {
	Audience string        // "aud"; for several use Claims
	Subject  string        // "sub"
	ClientID string        // "client_id"; "" is DefaultClientID
	Scope    string        // "scope", separated by spaces; "" leaves it out
	IssuedAt time.Time     // "iat"; zero is now
	Lifetime time.Duration // "exp" less "iat"; 0 is Config.Lifetime, negative makes it expired

	// Claims and Header are added, replace what would be there, or take it
	// away (Remove). Values are encoded as JSON; Raw is not even looked at.
	// Header changes no signature: {"alg": "PS256"} lies about an ES256 one.
	Claims map[string]any
	Header map[string]any

	// Alg signs: RS, PS or ES with 256, 384 or 512, or EdDSA, and with Secret
	// HS256 and its like. "" is the algorithm of Key, or that of the endpoints.
	// An algorithm without a key gets one, published from then on: a resource that has
	// the keys already learns of it within five seconds, so list the algorithms of a
	// test in Config.Algorithms.
	Alg string
	// Key is the id of the key that signs, withdrawn ones included; "" is the
	// signing key of Alg. Alg may be another of the same kind of key.
	Key string

	Fault Fault // what is wrong with the token's form or signature

	// For a token of an attacker. Signer signs in place of the issuer's key,
	// whose id stays in the header; it must be of Alg's kind. Secret, even an
	// empty one that is not nil, signs with HMAC.
	Signer crypto.Signer
	Secret []byte
	// RawHeader and RawPayload are signed verbatim, if not nil.
	RawHeader, RawPayload []byte
	// Encode writes segment 0, 1 and 2 in place of unpadded base64url, for a
	// signature over a non-canonical text.
	Encode func(segment int, content []byte) string

	Text string // OpaqueToken only: the token itself; "" is a random one
}

// Token makes a JWT. The introspection endpoint knows it as active until it
// expires or is revoked, unless it is one that no issuer would make: with a
// Fault, Signer, Secret, RawHeader, RawPayload or Encode. It panics when the
// fields contradict each other.
func (s *Issuer) Token(t Token) string {
	token, claims := s.compact(t)
	if t.genuine() {
		s.store.put(token, s.accessRecord(t, claims, t.grant()))
	}
	return token
}

// OpaqueToken makes a token that means something to the introspection endpoint
// only. Its claims become the members of the answer there, where Claims can
// also say "active", "token_type" or "username".
func (s *Issuer) OpaqueToken(t Token) string {
	token := t.Text
	if token == "" {
		token = rand.Text() + rand.Text()
	}
	s.store.put(token, s.accessRecord(t, s.claims(t), t.grant()))
	return token
}

// Revoke makes introspection call a token inactive, whether a JWT or opaque. A
// refresh token takes all tokens of its grant with it. Unknown ones are ignored.
func (s *Issuer) Revoke(token string) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.revoke(token)
}

func (t Token) grant() *grant { return &grant{client: or(t.ClientID, DefaultClientID)} }

func (t Token) genuine() bool {
	return t.Fault == "" && t.Signer == nil && t.Secret == nil && t.RawHeader == nil && t.RawPayload == nil && t.Encode == nil
}

// times returns when a token begins and ends, whatever its Claims say.
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

// claims are those of RFC 9068 section 2.2, without Token.Claims.
func (s *Issuer) claims(t Token) object {
	issued, expires := s.times(t)
	claims := object{
		{"iss", s.Identifier()},
		{"sub", or(t.Subject, s.config.Subject)},
		{"aud", or(t.Audience, s.config.Audience)},
		{"client_id", or(t.ClientID, DefaultClientID)},
	}
	if t.Scope != "" {
		claims = append(claims, member{"scope", t.Scope})
	}
	return append(claims, object{{"iat", issued.Unix()}, {"exp", expires.Unix()}, {"jti", rand.Text()}}...)
}

// accessRecord is what introspection will know of a token.
func (s *Issuer) accessRecord(t Token, claims object, g *grant) *record {
	_, expires := s.times(t)
	reply := append(object{{"active", true}, {"token_type", "Bearer"}}, claims...).with(t.Claims)
	return &record{kind: accessKind, grant: g, expires: expires, reply: reply}
}

// signingKey resolves Alg and Key.
func (s *Issuer) signingKey(t Token) (key, algorithm) {
	if t.hmac() && hmacHashes[t.Alg] != 0 {
		t.Alg = "" // no key takes it; its id and kind are those of the default
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
		k.alg = or(t.Alg, k.alg)
	}
	alg, ok := algorithms[k.alg]
	if t.Signer != nil {
		k.signer = t.Signer
	}
	if kind := family(k.signer.Public()); !ok || kind != alg.family {
		panic(fmt.Sprintf("resourcetest: no %q signature by a key of kind %s", k.alg, kind))
	}
	return k, alg
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
