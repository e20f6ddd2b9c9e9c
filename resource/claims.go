package resource

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// Limits of claims. A token beyond one of them is malformed.
const (
	MaxClaimsBytes = 16 << 10 // the JSON object as text
	MaxAudiences   = 64       // members of aud
	MaxScopes      = 1000     // scopes in one token
	MaxRoles       = 1000     // roles in one token, where Issuer.RoleClaim is set
)

// Claims is what a token says about itself: a JWT's payload (RFC 7519 §4, RFC 9068
// §2.2) or an introspection answer (RFC 7662 §2.2). An absent claim is the zero
// value. Claims must not be changed once they are handed to a [Resource].
type Claims struct {
	Issuer    string
	Subject   string
	Audience  []string // nil: no aud; an aud without a member is not nil
	Expiry    time.Time
	NotBefore time.Time
	IssuedAt  time.Time
	TokenID   string   // jti
	ClientID  string   // client_id, else azp, cid or appid
	Scopes    []string // scope, else scp; never both
	Confirmed bool     // there is a cnf: the token is bound to a key

	// Introspected marks an answer of the authorization server about the token
	// (RFC 7662 §2.2), as against claims that the token itself proves. An answer
	// may lack exp, and aud where [Issuer].TrustAnswersWithoutAudience says so. What a
	// verifier says of a token that is no JWT is an answer in any case: one that sets
	// no Expiry vouches for it until MemoryTTL is over, and is then asked again.
	Introspected bool

	// RememberFor is the most that the token is remembered after this
	// verification; 0: as long as Config.MemoryTTL; negative: not at all.
	RememberFor time.Duration

	// Live is asked on every use of a remembered token and must be quick; false
	// sends the token back to its Verifier. Nil means always true.
	Live func(now time.Time) bool

	use    string   // token_use, no standard
	hash   string   // the claim with the hash of another token, which ID tokens have
	roles  []string // as Issuer.RoleClaim says
	object []byte   // the whole object, for Caller.Decode
}

var claimNames = strictjson.NewNames("iss", "sub", "aud", "exp", "nbf", "iat", "jti",
	"client_id", "azp", "cid", "appid", "scope", "scp", "cnf", "token_use", "at_hash", "c_hash")

// ParseClaims reads a JSON object of claims strictly: no duplicate names, exact
// case, and each registered claim of the type that its RFC gives it. It checks no
// meaning; a [Resource] does. object is kept and must not be changed.
func ParseClaims(object []byte) (*Claims, error) {
	if len(object) > MaxClaimsBytes {
		return nil, fmt.Errorf("resource: claims over %d bytes", MaxClaimsBytes)
	}
	p := claimsParser{claims: Claims{object: object}}
	if err := strictjson.Object(object, claimNames, p.member); err != nil {
		return nil, fmt.Errorf("resource: claims: %w", err)
	}
	c := &p.claims
	// One source of scopes, never the union of two (an escalation where they
	// disagree): scp counts only where there is no scope.
	if c.Scopes = p.scp; p.hasScope {
		c.Scopes = p.scope
	}
	if c.ClientID == "" {
		c.ClientID = firstNonEmpty(p.azp, p.cid, p.appid)
	}
	return c, nil
}

// within holds an answer about a JWT to what the JWT says of itself: it is not good for
// longer, and has its identifier, if the answer leaves them out.
func (c *Claims) within(jwt *Claims) *Claims {
	out := *c
	if out.Expiry.IsZero() || jwt.Expiry.Before(out.Expiry) && !jwt.Expiry.IsZero() {
		out.Expiry = jwt.Expiry
	}
	if out.TokenID == "" {
		out.TokenID = jwt.TokenID
	}
	return &out
}

type claimsParser struct {
	claims          Claims
	hasScope        bool
	scope, scp      []string
	azp, cid, appid string
}

func (p *claimsParser) member(name string, value jsontext.Value) (err error) {
	c := &p.claims
	switch name {
	case "iss":
		c.Issuer, err = nonEmpty(value)
	case "sub":
		c.Subject, err = nonEmpty(value)
	case "jti":
		c.TokenID, err = nonEmpty(value)
	case "client_id":
		c.ClientID, err = nonEmpty(value)
	case "aud":
		c.Audience, err = stringOrStrings(value)
		if len(c.Audience) > MaxAudiences {
			err = fmt.Errorf("has more than %d members", MaxAudiences)
		}
		if c.Audience == nil {
			c.Audience = []string{} // an aud for nobody is not an absent one
		}
	case "exp":
		if c.Expiry, err = numericDate(value); err == nil && c.Expiry.Unix() == 0 {
			err = errors.New("is zero")
		}
	case "nbf":
		c.NotBefore, err = numericDate(value)
	case "iat":
		c.IssuedAt, err = numericDate(value)
	case "azp": // the next three are conventions, so a wrong type is no fault
		p.azp, _ = strictjson.String(value)
	case "cid":
		p.cid, _ = strictjson.String(value)
	case "appid":
		p.appid, _ = strictjson.String(value)
	case "scope":
		p.hasScope = true
		p.scope, err = scopeList(value)
	case "scp":
		p.scp, err = scopeList(value)
	case "token_use":
		if c.use, err = nonEmpty(value); err != nil {
			c.use, err = "no string", nil // of a kind that nobody knows
		}
	case "at_hash", "c_hash": // of whatever form: no access token has the hash of itself
		c.hash = name
	case "cnf": // of whatever form: a bound token never passes as a plain one
		c.Confirmed = true
	}
	return err
}

func nonEmpty(value jsontext.Value) (string, error) {
	s, err := strictjson.String(value)
	if err == nil && s == "" {
		err = errors.New("is empty")
	}
	return s, err
}

func stringOrStrings(value jsontext.Value) ([]string, error) {
	if value.Kind() == '"' {
		s, err := strictjson.String(value)
		return []string{s}, err
	}
	return strictjson.Strings(value)
}

// scopeList reads a space-delimited string (RFC 6749 §3.3) or an array of strings.
// Anything else grants nothing.
func scopeList(value jsontext.Value) (scopes []string, err error) {
	if value.Kind() == '"' {
		text, err := strictjson.String(value)
		if err != nil {
			return nil, err
		}
		scopes = make([]string, 0, min(1+strings.Count(text, " "), MaxScopes))
		for scope := range strings.SplitSeq(text, " ") {
			if scope != "" {
				scopes = append(scopes, scope)
			}
		}
	} else if scopes, err = strictjson.Strings(value); err != nil {
		return nil, nil
	}
	if len(scopes) > MaxScopes {
		return nil, fmt.Errorf("has more than %d scopes", MaxScopes)
	}
	return scopes, nil
}

func firstNonEmpty(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
