package resource

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/strictjson"
)

// Limits of claims. A token beyond one of them is malformed.
const (
	maxClaimsBytes = 16 << 10 // the JSON object
	maxAudiences   = 64       // members of aud
	maxScopes      = 1000     // scopes in one token
	maxRoles       = 1000     // roles in one token, if Issuer.RoleClaim is set
)

// Claims are the claims of a token: the payload of a JWT (RFC 7519 §4, RFC 9068 §2.2) or an
// introspection answer (RFC 7662 §2.2). An absent claim is the zero value. A claim that is
// null or an empty string counts as absent. Do not change
// Claims that were returned to a [Resource].
type Claims struct {
	Issuer    string
	Subject   string   // sub, or Issuer.SubjectClaim
	Audience  []string // nil: no aud; an empty aud is not nil
	Expiry    time.Time
	NotBefore time.Time
	IssuedAt  time.Time
	TokenID   string   // jti
	ClientID  string   // client_id, otherwise azp, cid or appid
	Scopes    []string // scope, otherwise scp; never both
	Confirmed bool     // cnf is present: the token is bound to a key
	OfClient  bool     // the token belongs to the client itself: see Issuer.ClientTokens; for custom verifiers

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

	typeClaims  []typeClaim // claims that name the kind of the token
	idTokenHash string      // name of a claim that only ID tokens have
	roles       []string    // see Issuer.RoleClaim
	object      []byte      // the JSON object, for Caller.Decode
	jwtObject   []byte      // that of the JWT, if an issuer has answered about one
}

// typeClaim is a claim that names the kind of the token, which no RFC defines.
type typeClaim struct{ name, value string }

var claimNames = strictjson.NewNames("iss", "sub", "aud", "exp", "nbf", "iat", "jti",
	"client_id", "azp", "cid", "appid", "scope", "scp", "cnf", "typ", "token_use", "tokenName", "at_hash", "c_hash")

// ParseClaims reads a JSON object of claims strictly: without duplicate names, with names in
// exact case, and with the type that the RFCs give to each registered claim. A claim that is
// null or an empty string counts as absent, because issuers write that for a claim without a
// value. ParseClaims does not check what the claims mean; a [Resource] does that. It keeps
// object, which must not be changed.
func ParseClaims(object []byte) (*Claims, error) {
	if len(object) > maxClaimsBytes {
		return nil, fmt.Errorf("resource: claims over %d bytes", maxClaimsBytes)
	}
	p := claimsParser{claims: Claims{object: object}}
	if err := strictjson.Object(object, claimNames, p.member); err != nil {
		return nil, fmt.Errorf("resource: claims: %w", err)
	}
	c := &p.claims
	// Scopes come from one claim, never from the union of two, which would grant more
	// than either if they disagree. scp counts only without scope.
	if c.Scopes = p.scp; p.hasScope {
		c.Scopes = p.scope
	}
	if c.ClientID == "" {
		c.ClientID = firstNonEmpty(p.azp, p.cid, p.appid)
	}
	return c, nil
}

// completedBy returns an introspection answer about a JWT, completed by what the JWT says of
// itself: it is not valid for longer, and has the JWT's claims where the answer has none. The
// answer counts wherever it has a claim.
func (c *Claims) completedBy(jwt *Claims) *Claims {
	out := *c
	if out.Expiry.IsZero() || jwt.Expiry.Before(out.Expiry) && !jwt.Expiry.IsZero() {
		out.Expiry = jwt.Expiry
	}
	out.TokenID = firstNonEmpty(out.TokenID, jwt.TokenID)
	out.Subject = firstNonEmpty(out.Subject, jwt.Subject)
	out.ClientID = firstNonEmpty(out.ClientID, jwt.ClientID)
	if out.Audience == nil {
		out.Audience = jwt.Audience
	}
	if out.Scopes == nil {
		out.Scopes = jwt.Scopes
	}
	out.jwtObject = jwt.object
	return &out
}

type claimsParser struct {
	claims          Claims
	hasScope        bool
	scope, scp      []string
	azp, cid, appid string
}

// member reads one claim.
func (p *claimsParser) member(name string, value jsontext.Value) (err error) {
	if strictjson.IsAbsent(value) {
		return nil
	}
	c := &p.claims
	switch name {
	case "iss":
		c.Issuer, err = strictjson.String(value)
	case "sub":
		c.Subject, err = strictjson.String(value)
	case "jti":
		c.TokenID, err = strictjson.String(value)
	case "client_id":
		c.ClientID, err = strictjson.String(value)
	case "aud":
		c.Audience, err = audience(value)
	case "exp":
		c.Expiry, err = jose.NumericDate(value) // 0 is the year 1970, not an absent exp
	case "nbf":
		c.NotBefore, err = jose.NumericDate(value)
	case "iat":
		c.IssuedAt, err = jose.NumericDate(value)
	case "scope":
		p.hasScope = true
		p.scope, err = scopeList(value)
	case "scp":
		p.scp, err = scopeList(value)
	default:
		p.convention(name, value)
	}
	return err
}

// convention reads a claim whose type no RFC requires, or whose presence alone counts.
func (p *claimsParser) convention(name string, value jsontext.Value) {
	c := &p.claims
	switch name {
	case "azp":
		p.azp, _ = strictjson.String(value)
	case "cid":
		p.cid, _ = strictjson.String(value)
	case "appid":
		p.appid, _ = strictjson.String(value)
	case "typ", "token_use", "tokenName":
		text, err := strictjson.String(value)
		if err != nil {
			text = "not a string" // rejected like any unknown type
		}
		c.typeClaims = append(c.typeClaims, typeClaim{name, text})
	case "at_hash", "c_hash": // of any type: an access token does not have its own hash
		c.idTokenHash = name
	case "cnf": // of any type: a bound token is never accepted as a bearer token
		c.Confirmed = true
	}
}

// audience reads aud. An empty one is not nil, because it differs from an absent one.
func audience(value jsontext.Value) ([]string, error) {
	list, err := stringOrStrings(value)
	switch {
	case err != nil:
		return nil, err
	case len(list) > maxAudiences:
		return nil, fmt.Errorf("has more than %d members", maxAudiences)
	case list == nil:
		return []string{}, nil
	}
	return list, nil
}

func stringOrStrings(value jsontext.Value) ([]string, error) {
	if value.Kind() == '"' {
		s, err := strictjson.String(value)
		return []string{s}, err
	}
	return strictjson.Strings(value)
}

// scopeList reads a space-delimited string (RFC 6749 §3.3) or an array of strings. Any
// other value grants nothing. The result is nil only for an absent value.
func scopeList(value jsontext.Value) (scopes []string, err error) {
	if strictjson.IsAbsent(value) {
		return nil, nil
	}
	if value.Kind() == '"' {
		text, err := strictjson.String(value)
		if err != nil {
			return nil, err
		}
		scopes = make([]string, 0, min(1+strings.Count(text, " "), maxScopes))
		for scope := range strings.SplitSeq(text, " ") {
			if scope != "" {
				scopes = append(scopes, scope)
			}
		}
	} else if scopes, err = strictjson.Strings(value); err != nil || scopes == nil {
		scopes = []string{}
	}
	if len(scopes) > maxScopes {
		return nil, fmt.Errorf("has more than %d scopes", maxScopes)
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
