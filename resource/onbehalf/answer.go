package onbehalf

import (
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/heldtoken"
	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/strictjson"
	"github.com/warder-go/warder/resource"
)

// Limits of answers.
const (
	maxAnswerBytes = 64 << 10 // after decompression
	maxTokenBytes  = 32 << 10 // of an issued token

	// defaultLifetime is the lifetime of a token whose answer has no expires_in (RFC 6749 §5.1
	// recommends it), unless the token is a JWT with exp that is sooner.
	defaultLifetime = time.Minute

	// maxLifetime is the longest time for which a token is used, whatever the answer says.
	maxLifetime = 24 * time.Hour
)

// answer is a token answer (RFC 6749 §5.1, RFC 8693 §2.2.1). A refresh token in it is ignored.
type answer struct {
	accessToken, tokenType, issuedType string
	scope                              *string        // nil: absent
	expiresIn                          *time.Duration // nil: absent
}

var answerNames = strictjson.NewNames("access_token", "token_type", "issued_token_type", "expires_in", "scope", "refresh_token")

// parseAnswer reads an answer. It rejects duplicate members, and names that differ only in case.
func parseAnswer(object []byte) (a answer, err error) {
	err = strictjson.Object(object, answerNames, func(name string, value jsontext.Value) (err error) {
		switch {
		case strictjson.IsAbsent(value) && name != "scope":
		case name == "access_token":
			a.accessToken, err = strictjson.String(value)
		case name == "token_type":
			a.tokenType, err = strictjson.String(value)
		case name == "issued_token_type":
			a.issuedType, err = strictjson.String(value)
		case name == "scope" && string(value) != "null":
			a.scope = new(string)
			*a.scope, err = strictjson.String(value)
		case name == "expires_in":
			a.expiresIn, err = lifetime(value)
		}
		if err != nil {
			return fmt.Errorf("member %q: %w", name, err)
		}
		return nil
	})
	return a, err
}

// lifetime reads expires_in: a JSON number of whole seconds. A number of more than maxLifetime is
// lowered to that.
func lifetime(value jsontext.Value) (*time.Duration, error) {
	if value.Kind() != '0' {
		return nil, errors.New("is not a number")
	}
	n, err := strconv.ParseUint(string(value), 10, 64)
	if err != nil {
		return nil, errors.New("is not a whole number of seconds")
	}
	d := maxLifetime
	if n < uint64(maxLifetime/time.Second) {
		d = time.Duration(n) * time.Second
	}
	return &d, nil
}

// readAnswer reads the answer with status 200 to an exchange of the token subject, which was received
// at a time. The error has KindUnusable.
func (t *target) readAnswer(r *outbound.Response, subject string, at time.Time) (*Token, *Error) {
	if !isJSON(r.Header) {
		return nil, unusable(DetailContentType, errors.New("want application/json"))
	}
	a, err := parseAnswer(r.Body)
	if err != nil {
		return nil, unusable(DetailMalformed, err)
	}
	if e := t.checkTypes(a); e != nil {
		return nil, e
	}
	switch {
	case a.accessToken == "" || len(a.accessToken) > maxTokenBytes || !grammar.IsB64Token(a.accessToken):
		return nil, unusable(DetailAccessToken, errors.New("missing, too long, or not a b64token (RFC 6750 §2.1)"))
	case jose.TokenDigest(a.accessToken) == jose.TokenDigest(subject):
		return nil, unusable(DetailSameToken, errors.New("the issuer returned the caller's token"))
	}
	scopes, e := t.readScope(a.scope)
	if e != nil {
		return nil, e
	}
	expiry := at.Add(defaultLifetime)
	if a.expiresIn != nil {
		expiry = at.Add(*a.expiresIn)
	}
	if expiry, e = t.checkJWT(a.accessToken, expiry); e != nil {
		return nil, e
	}
	if !at.Before(expiry) {
		return nil, unusable(DetailExpired, errors.New("the issued token has expired already"))
	}
	return &Token{access: heldtoken.New(a.accessToken), expiry: expiry, scopes: scopes}, nil
}

func unusable(detail string, err error) *Error {
	return &Error{Kind: KindUnusable, Detail: detail, Err: err}
}

// checkTypes checks token_type and issued_token_type. N_A is the type of tokens that are not access
// tokens (RFC 8693 §2.2.1), and DPoP that of tokens that need a key (RFC 9449 §5).
func (t *target) checkTypes(a answer) *Error {
	if !strings.EqualFold(a.tokenType, "Bearer") {
		return unusable(DetailTokenType, errors.New("token_type is not Bearer"))
	}
	if t.Grant == TokenExchange && a.issuedType != t.IssuedTokenType {
		return unusable(DetailIssuedType, fmt.Errorf("issued_token_type is not %q", t.IssuedTokenType))
	}
	return nil
}

// readScope returns the granted scopes. They must not be wider than those that were requested. If
// none were requested, the issuer chooses (RFC 6749 §3.3).
func (t *target) readScope(scope *string) ([]string, *Error) {
	if scope == nil {
		return t.Scopes, nil
	}
	return t.checkScopes(strings.FieldsFunc(*scope, func(r rune) bool { return r == ' ' }))
}

// checkScopes returns the granted scopes, or an error if one of them is malformed or was not requested.
func (t *target) checkScopes(granted []string) ([]string, *Error) {
	for _, s := range granted {
		if !grammar.IsScopeToken(s) {
			return nil, unusable(DetailScope, errors.New("scope is malformed (RFC 6749 §3.3)"))
		}
		if len(t.Scopes) > 0 && !t.anyScope && !t.isRequested(s) {
			return nil, unusable(DetailScope, errors.New("the issuer granted a scope that was not requested: limit the scopes of this client at the issuer, or set Target.AcceptWiderScopes"))
		}
	}
	return granted, nil
}

// isRequested reports whether a scope of an answer was requested. Entra can name it without the
// target, as in the claim scp: "Mail.Read" for "https://graph.example.com/Mail.Read". All scopes of a
// request are for one target there.
func (t *target) isRequested(scope string) bool {
	return slices.ContainsFunc(t.Scopes, func(requested string) bool {
		return scope == requested || t.Grant == EntraOnBehalfOf && scope == requested[strings.LastIndexByte(requested, '/')+1:]
	})
}

// checkJWT checks the audience and the scopes of an issued token that is a readable JWT, and returns its expiry if
// that is sooner. The signature is not verified: the target does that.
func (t *target) checkJWT(token string, expiry time.Time) (time.Time, *Error) {
	if !jose.LooksLikeJWS(token) {
		return expiry, nil
	}
	segments := strings.Split(token, ".")
	payload, err := base64.RawURLEncoding.Strict().DecodeString(segments[1])
	if err != nil {
		return expiry, unusable(DetailAccessToken, errors.New("the issued token looks like a JWT and is malformed"))
	}
	claims, err := resource.ParseClaims(payload)
	if err != nil { // the error can quote a name of a claim, but no value
		return expiry, unusable(DetailAccessToken, errors.New("the issued token looks like a JWT and has malformed claims"))
	}
	for _, want := range t.audiences {
		if !slices.Contains(claims.Audience, want) {
			return expiry, unusable(DetailAudience, fmt.Errorf("the issued token is not for %q: if aud has another name of the target, set Target.IssuedAudiences", want))
		}
	}
	if _, e := t.checkScopes(claims.Scopes); e != nil {
		return expiry, e
	}
	if !claims.Expiry.IsZero() && claims.Expiry.Before(expiry) {
		expiry = claims.Expiry
	}
	return expiry, nil
}

// isJSON reports whether the header has exactly one content type, application/json in UTF-8.
func isJSON(header http.Header) bool {
	values := header.Values("Content-Type")
	if len(values) != 1 {
		return false
	}
	media, params, err := mime.ParseMediaType(values[0])
	charset, ok := params["charset"]
	return err == nil && media == "application/json" && (!ok || strings.EqualFold(charset, "utf-8"))
}
