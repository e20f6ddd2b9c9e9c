// Package claimset reads the registered claims of a JSON object: the payload of a JWT (RFC 7519
// §4, RFC 9068 §2.2) or an introspection answer (RFC 7662 §2.2). It does not check what the
// claims mean.
package claimset

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/strictjson"
)

// Limits of claims. They are far above what issuers send. The claims of a JWT are shorter than the
// token, which has a limit of its own.
const (
	maxClaimsBytes = 256 << 10 // the JSON object
	maxAudiences   = 1000      // members of aud
	maxScopes      = 1000      // scopes in one token
)

// ErrTooMany means that a claim has more values than the limit.
var ErrTooMany = errors.New("too many values")

// Set holds claims. An absent claim is the zero value. A claim that is null or an empty string
// counts as absent, because issuers write that for a claim without a value.
type Set struct {
	Issuer    string
	Subject   string
	Audience  []string // nil: no aud; an empty aud is not nil
	Expiry    time.Time
	NotBefore time.Time
	IssuedAt  time.Time
	TokenID   string   // jti
	SessionID string   // sid; "" if it is not a string
	ClientID  string   // client_id, otherwise azp, cid or appid
	Scopes    []string // scope, otherwise scp; never both
	NoScope   bool     // scope is an empty string, which grants nothing in an introspection answer

	Confirmation    Confirmation
	Types           []Type // claims that name the kind of the token
	AccessTokenHash bool   // at_hash is present
	CodeHash        bool   // c_hash is present
}

// Type is a claim that names the kind of the token, which no RFC defines.
type Type struct{ Name, Value string }

// claimNames are the claims that Parse reads. A claim that differs from one of these only in case
// makes the token malformed:
//   - The first are registered (IANA JSON Web Token Claims and OAuth Token Introspection
//     Response). A program that ignores case could read the variant as the registered claim.
//   - typ, token_use and tokenName are not registered, but they reject tokens that are not access
//     tokens. If a variant of them counted as another claim, it would reject nothing.
//
// The private names have no such protection. They can only grant scopes (scp) or name the client
// (cid, appid), and only in the exact spelling, so a variant of them grants nothing and names
// nobody. Issuers use such variants for claims of their own, such as appId. A variant of sid names no
// session.
var claimNames = strictjson.NewNames("iss", "sub", "aud", "exp", "nbf", "iat", "jti",
	"client_id", "azp", "scope", "cnf", "token_type", "at_hash", "c_hash",
	"typ", "token_use", "tokenName").WithPrivate("scp", "cid", "appid", "sid")

// Parse reads claims strictly: without duplicate names, with names in exact case, and with the
// type that the RFCs give to each registered claim. The error wraps ErrTooMany if a list is too
// long.
func Parse(object []byte) (Set, error) {
	if len(object) > maxClaimsBytes {
		return Set{}, fmt.Errorf("claims over %d bytes", maxClaimsBytes)
	}
	var p parser
	if err := strictjson.Object(object, claimNames, p.member); err != nil {
		return Set{}, fmt.Errorf("claims: %w", err)
	}
	// Scopes come from one claim, never from the union of two, which would grant more
	// than either if they disagree. scp counts only without scope.
	if p.set.Scopes = p.scp; p.hasScope {
		p.set.Scopes = p.scope
	}
	p.set.ClientID = cmp.Or(p.set.ClientID, p.azp, p.cid, p.appid)
	return p.set, nil
}

type parser struct {
	set             Set
	hasScope        bool
	scope, scp      []string
	azp, cid, appid string
}

// member reads one claim.
func (p *parser) member(name string, value jsontext.Value) (err error) {
	c := &p.set
	if strictjson.IsAbsent(value) {
		c.NoScope = c.NoScope || name == "scope" && value.Kind() == '"'
		return nil
	}
	switch name {
	case "iss":
		c.Issuer, err = strictjson.String(value)
	case "sub":
		c.Subject, err = strictjson.String(value)
	case "sid":
		c.SessionID, _ = strictjson.String(value) // an issuer can have a claim of its own with this name
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
		p.scope, err = Scopes(value)
	case "scp":
		p.scp, err = Scopes(value)
	default:
		p.convention(name, value)
	}
	return err
}

// convention reads a claim whose type no RFC requires, or whose presence alone counts.
func (p *parser) convention(name string, value jsontext.Value) {
	c := &p.set
	switch name {
	case "azp":
		p.azp, _ = strictjson.String(value)
	case "cid":
		p.cid, _ = strictjson.String(value)
	case "appid":
		p.appid, _ = strictjson.String(value)
	case "typ", "token_use", "tokenName", "token_type":
		text, err := strictjson.String(value)
		if err != nil {
			text = "not a string" // rejected like any unknown type
		}
		c.Types = append(c.Types, Type{name, text})
	case "at_hash": // of any type: an access token does not have its own hash
		c.AccessTokenHash = true
	case "c_hash": // of any type: only an ID token has the hash of a code
		c.CodeHash = true
	case "cnf": // of any type: a bound token is never accepted as a bearer token
		c.Confirmation = confirmation(value)
	}
}

// audience reads aud. An empty one is not nil, because it differs from an absent one.
func audience(value jsontext.Value) ([]string, error) {
	list, err := StringOrStrings(value)
	switch {
	case err != nil:
		return nil, err
	case len(list) > maxAudiences:
		return nil, fmt.Errorf("%w: more than %d members", ErrTooMany, maxAudiences)
	case list == nil:
		return []string{}, nil
	}
	return list, nil
}

// StringOrStrings reads a string, which is a list of one, or an array of strings.
func StringOrStrings(value jsontext.Value) ([]string, error) {
	if value.Kind() == '"' {
		s, err := strictjson.String(value)
		return []string{s}, err
	}
	return strictjson.Strings(value)
}

// Scopes reads a space-delimited string (RFC 6749 §3.3) or an array of strings. Any
// other value grants nothing. The result is nil only for an absent value.
func Scopes(value jsontext.Value) (scopes []string, err error) {
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
			if len(scopes) > maxScopes {
				break
			}
		}
	} else if scopes, err = strictjson.Strings(value); err != nil || scopes == nil {
		scopes = []string{}
	}
	if len(scopes) > maxScopes {
		return nil, fmt.Errorf("%w: more than %d scopes", ErrTooMany, maxScopes)
	}
	return scopes, nil
}

// userSigns are claims that describe a user or a login. Those that no RFC registers are not private
// names here: a variant of them describes a user as well, and then it rejects.
var userSigns = strictjson.NewNames("username", "preferred_username", "email", "name", "upn", "oid", "unique_name",
	"auth_time", "sid", "acr", "amr", "nonce")

// UserSign returns a claim of the object that describes a user; "" if there is none, or if object
// is nil. A token with such a claim belongs to a user, even if it has no sub. UserSign
// also reports an object that it cannot read: fail closed.
func UserSign(object []byte) (sign string) {
	if object == nil {
		return ""
	}
	err := strictjson.Object(object, userSigns, func(name string, value jsontext.Value) error {
		if !strictjson.IsAbsent(value) {
			sign = name
		}
		return nil
	})
	if err != nil { // such as a name in another case
		return "a claim that describes a user"
	}
	return sign
}
