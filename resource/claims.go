package resource

import (
	"cmp"
	"fmt"
	"time"

	"github.com/warder-go/warder/internal/claimset"
)

// Claims are the claims of a token: the payload of a JWT (RFC 7519 §4, RFC 9068 §2.2) or an
// introspection answer (RFC 7662 §2.2). An absent claim is the zero value. A claim that is null
// or an empty string counts as absent. Do not change Claims that were returned to a [Resource].
type Claims struct {
	Issuer       string
	Subject      string   // sub, or Issuer.SubjectClaim
	Audience     []string // nil: no aud; an empty aud is not nil
	Expiry       time.Time
	NotBefore    time.Time
	IssuedAt     time.Time
	TokenID      string       // jti
	SessionID    string       // sid, the session of the user at the issuer; "" if it is not a string
	ClientID     string       // client_id, otherwise azp, cid or appid
	Scopes       []string     // scope, otherwise scp; never both
	Confirmation Confirmation // cnf: what the token is bound to
	OfClient     bool         // the token belongs to the client itself: see Issuer.ClientTokens; for custom verifiers

	// Introspected marks the answer of an authorization server about the token (RFC 7662
	// §2.2), in contrast to claims that the token itself proves. An answer may lack exp,
	// and also aud if [Issuer].TrustAnswersWithoutAudience is set. The claims that a
	// verifier returns for a token that is not a JWT always count as an answer. If they
	// have no Expiry, the token is verified again after Limits.CacheTTL.
	Introspected bool

	// CacheFor is the longest time for which the result of this verification is cached.
	// 0: Limits.CacheTTL; negative: not at all.
	CacheFor time.Duration

	// StillValid is called on every use of a cached token and must be quick. If it
	// returns false, the token is verified again. Nil always returns true.
	StillValid func(now time.Time) bool

	typeClaims []claimset.Type // claims that name the kind of the token
	noScope    bool            // scope is an empty string
	accessHash bool            // at_hash is present, which is for ID tokens
	codeHash   bool            // c_hash is present, which is for ID tokens
	roles      []string        // see Issuer.RoleClaim
	sub        string          // if Issuer.SubjectClaim has replaced it as Subject
	object     []byte          // the JSON object, for Caller.Decode
	jwtObject  []byte          // that of the JWT, if an issuer has answered about one
}

// ParseClaims reads a JSON object of claims strictly: without duplicate names, without names
// that differ from a registered one only in case, and with the type that the RFCs give to each
// registered claim. A claim that is null or an empty string counts as absent, because issuers
// write that for a claim without a value. Only an empty scope in an introspection answer is a
// value. ParseClaims does not check what the claims mean; a [Resource] does that. It keeps
// object, which must not be changed.
func ParseClaims(object []byte) (*Claims, error) {
	s, err := claimset.Parse(object)
	if err != nil {
		return nil, fmt.Errorf("resource: %w", err)
	}
	return &Claims{
		Issuer: s.Issuer, Subject: s.Subject, Audience: s.Audience, Expiry: s.Expiry, NotBefore: s.NotBefore, IssuedAt: s.IssuedAt,
		TokenID: s.TokenID, SessionID: s.SessionID, ClientID: s.ClientID, Scopes: s.Scopes, Confirmation: Confirmation(s.Confirmation),
		noScope: s.NoScope, typeClaims: s.Types, accessHash: s.AccessTokenHash, codeHash: s.CodeHash, object: object,
	}, nil
}

// asAnswer returns the claims of an introspection answer: an empty scope grants nothing (RFC 7662
// §2.2), even if there is scp. If jwt is not nil, the answer is about a JWT and completed by what
// the JWT says of itself: it is not valid for longer, and has the JWT's claims where the answer
// has none. The answer counts wherever it has a claim, except cnf: a token that the answer or the
// JWT binds is bound.
func (c *Claims) asAnswer(jwt *Claims) *Claims {
	out := *c
	if out.noScope {
		out.Scopes = []string{}
	}
	if jwt == nil {
		return &out
	}
	if out.Expiry.IsZero() || jwt.Expiry.Before(out.Expiry) && !jwt.Expiry.IsZero() {
		out.Expiry = jwt.Expiry
	}
	out.TokenID = cmp.Or(out.TokenID, jwt.TokenID)
	out.SessionID = cmp.Or(out.SessionID, jwt.SessionID)
	out.Subject = cmp.Or(out.Subject, jwt.Subject)
	out.ClientID = cmp.Or(out.ClientID, jwt.ClientID)
	if out.Audience == nil {
		out.Audience = jwt.Audience
	}
	if out.Scopes == nil {
		out.Scopes = jwt.Scopes
	}
	out.Confirmation = out.Confirmation.merge(jwt.Confirmation)
	out.jwtObject = jwt.object
	return &out
}

// boundAs returns the claims with the cnf of the JWT that they are about. The claims that a
// verifier of the program makes itself can lack it, and the token must not count as a bearer token
// then.
func (c *Claims) boundAs(jwt *Claims) *Claims {
	merged := c.Confirmation.merge(jwt.Confirmation)
	if merged == c.Confirmation {
		return c
	}
	out := *c
	out.Confirmation = merged
	return &out
}
