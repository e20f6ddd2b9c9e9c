package resource

import (
	"encoding/hex"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/strictjson"
)

// principalKind says what the ID of a caller consists of besides the issuer.
type principalKind string

const (
	ofSubject principalKind = "sub"    // the subject
	ofClient  principalKind = "client" // the client itself: see Issuer.ClientTokens
	ofToken   principalKind = "token"  // the token, because its claims identify no one
)

// ClientTokens is the condition under which a token belongs to the client itself, and not to a
// user. Exactly one of its two forms is set.
type ClientTokens struct {
	// Claim has the value Value in tokens of clients, such as gty with the value
	// client-credentials, or idtyp with the value app. No token of a user may have it.
	// Claims of RFC 7519 and of OpenID Connect that tokens of users have too, such as
	// client_id, scope and preferred_username, are mistakes.
	Claim, Value string

	// SubjectIsClient is for servers whose tokens of clients have the client_id as sub. It
	// compares the claim sub, also if SubjectClaim names another claim.
	SubjectIsClient bool
}

// isOfClient reports whether a token belongs to the client itself.
func (i *issuer) isOfClient(c *Claims) bool {
	condition := i.config.ClientTokens
	switch {
	case c.OfClient:
		return true
	case condition == nil:
		return false
	case condition.SubjectIsClient:
		// Never SubjectClaim: users can choose a username that equals the client_id.
		sub := i.subOf(c)
		return sub != "" && sub == c.ClientID
	}
	value, err := strictjson.String(c.value(i.clientClaim))
	return err == nil && value == condition.Value
}

// subOf returns the claim sub, which is not the Subject if SubjectClaim is set.
func (i *issuer) subOf(c *Claims) string {
	if i.subjectClaim != nil {
		return c.sub
	}
	return c.Subject
}

// setPrincipal determines whom the caller's ID identifies. An identity never becomes coarser
// by itself: without a subject it is that of the token, unless the issuer's condition for
// tokens of clients is met. checkPrincipal has rejected a user's token without a subject.
func (c *Caller) setPrincipal(from *issuer, claims *Claims, token *Token) {
	switch {
	case from.isOfClient(claims):
		c.kind = ofClient
	case claims.Subject != "":
		c.kind = ofSubject
	default:
		c.kind = ofToken
		d := token.digest()
		c.token = hex.EncodeToString(d[:])
	}
}

// principal returns what identifies the caller besides its kind and its issuer.
func (c *Caller) principal() string {
	switch c.kind {
	case ofSubject:
		return c.subject
	case ofClient:
		return c.clientID
	}
	return c.token
}

// digest identifies the token: see jose.TokenDigest.
func (t *Token) digest() digest.Digest { return jose.TokenDigest(t.Raw()) }

// minDigestKeyBytes is the shortest Credentials.DigestKey.
const minDigestKeyBytes = 32

// setDigestKey takes the configured key, or the random one of the process.
func (b *builder) setDigestKey() {
	key := b.config.Credentials.DigestKey
	if key != nil && len(key) < minDigestKeyBytes {
		b.mistakes.Addf("Credentials.DigestKey: %d bytes; use at least %d from crypto/rand", len(key), minDigestKeyBytes)
	}
	if key == nil {
		key = digest.ProcessKey()
	}
	b.policy.digestKey = append([]byte(nil), key...)
}

// logDigest returns a short digest for logs and audit records: of a token, by its digest, or of
// a token's identifier; "" for "".
func (p *policy) logDigest(text string) string {
	if text == "" {
		return ""
	}
	return digest.Keyed(p.digestKey, text)
}

// faultDigest returns the digest of the token that a fault is about; "" without one.
func (p *policy) faultDigest(f *fault) string {
	switch {
	case f.caller != nil:
		return f.caller.logDigest()
	case f.token == nil || f.token.Raw() == "":
		return ""
	}
	d := f.token.digest()
	return p.logDigest(hex.EncodeToString(d[:]))
}
