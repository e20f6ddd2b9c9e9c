package introspect

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/strictjson"
	"github.com/warder-go/warder/resource"
)

const (
	plainType  = "application/json"                    // RFC 7662 §2.2
	signedType = "application/token-introspection+jwt" // RFC 9701 §4
)

func (v *Verifier) accepts() string {
	if v.keys != nil {
		return signedType
	}
	return plainType
}

// read turns an answer of status 200 into claims. asked is when we asked. An answer that
// can't be understood is 503, though it may call the token active or not: what a broken
// document says is not said in due form. The token is not used up by it.
func (v *Verifier) read(ctx context.Context, jwt *resource.Claims, r *outbound.Response, asked time.Time) (*resource.Claims, *failure) {
	// Exactly the type that was asked for: a login page is no answer, and an
	// unsigned answer none that was to be signed.
	if !hasType(r.Header.Values("Content-Type"), v.accepts()) {
		return nil, fail(wrongType, fmt.Errorf("answer is not of type %q", v.accepts()))
	}
	object := r.Body
	if v.keys != nil {
		var f *failure
		if object, f = v.proven(ctx, r.Body, asked); f != nil {
			return nil, f
		}
	}
	a, err := parseAnswer(object)
	switch {
	case err != nil && saysWhether(object):
		return nil, fail(badClaims, err)
	case err != nil:
		return nil, fail(malformed, err)
	}
	if !a.active {
		return nil, fail(inactive, nil)
	}
	claims, f := v.claims(a, slices.Clone(object))
	if f != nil {
		return nil, f
	}
	if v.keys != nil && jwt != nil && !sameToken(jwt, claims) {
		return nil, fail(otherToken, errors.New("signed answer is about another token: its jti or exp differs"))
	}
	return claims, nil
}

// hasType compares media types. A charset other than UTF-8 is another type: JSON has
// no other (RFC 8259 §8.1).
func hasType(header []string, want string) bool {
	if len(header) != 1 {
		return false
	}
	got, params, err := mime.ParseMediaType(header[0])
	if err != nil || got != want {
		return false
	}
	charset, ok := params["charset"]
	return !ok || strings.EqualFold(charset, "utf-8")
}

// answer is what introspection says besides the claims (RFC 7662 §2.2).
type answer struct {
	active              bool
	tokenType, tokenUse jsontext.Value // nil: absent
}

var answerNames = strictjson.NewNames("active", "token_type", "token_use")

// parseAnswer reads the document. Its active must be the JSON literal true or false:
// "true", 1 and null are an endpoint that can't be understood, neither yes nor no.
func parseAnswer(object []byte) (a answer, err error) {
	said := false
	err = strictjson.Object(object, answerNames, func(name string, value jsontext.Value) (err error) {
		switch name {
		case "active":
			said = true
			a.active, err = strictjson.Bool(value)
		case "token_type":
			a.tokenType = value
		case "token_use":
			a.tokenUse = value
		}
		return err
	})
	if err == nil && !said {
		err = errors.New("member \"active\" is absent")
	}
	if err != nil {
		return answer{}, fmt.Errorf("answer: %w", err)
	}
	return a, nil
}

// saysWhether reports whether an answer that can't be read is at least an object with
// an active of true or false. Then what is wrong with it may come from the token, such
// as the subject's name, and the endpoint is not to blame.
func saysWhether(object jsontext.Value) bool {
	return slices.ContainsFunc(strictjson.Glimpse(object, "active"), func(value jsontext.Value) bool {
		return value.Kind() == 't' || value.Kind() == 'f'
	})
}

// isBearerAccessToken tells access tokens from refresh and ID tokens, and from those
// that are bound to a key (RFC 7662 §2.2, RFC 9449 §6.2), as far as the answer says.
func (a answer) isBearerAccessToken() (bool, error) {
	if a.tokenType != nil {
		kind, err := strictjson.String(a.tokenType)
		if err != nil {
			return false, fmt.Errorf("answer: member \"token_type\": %w", err)
		}
		if !strings.EqualFold(kind, "Bearer") { // RFC 6749 §5.1: case-insensitive
			return false, nil
		}
	}
	if a.tokenUse != nil { // no standard; Hydra and Cognito have it
		use, err := strictjson.String(a.tokenUse)
		if err != nil {
			return false, fmt.Errorf("answer: member \"token_use\": %w", err)
		}
		return use == "access_token" || use == "access", nil
	}
	return true, nil
}

// claims reads what an active token stands for, to be screened like a JWT's claims.
func (v *Verifier) claims(a answer, object []byte) (*resource.Claims, *failure) {
	switch ok, err := a.isBearerAccessToken(); {
	case err != nil:
		return nil, fail(badClaims, err)
	case !ok:
		return nil, fail(notAccess, errors.New("issuer calls it another token than a bearer access token"))
	}
	c, err := resource.ParseClaims(object)
	if err != nil {
		return nil, fail(badClaims, err)
	}
	// oidc-provider calls refresh tokens active too, without aud and token_type. An
	// answer that says neither for whom nor of what kind a token is, is about none of
	// ours, even where answers without aud are trusted.
	if c.Audience == nil && a.tokenType == nil && a.tokenUse == nil {
		return nil, fail(notAccess, errors.New("answer says neither for whom the token is nor of what kind"))
	}
	if c.Issuer == "" { // optional in an answer; that it came from the issuer we know
		c.Issuer = v.issuer
	}
	c.Introspected = true // CacheFor is set for each request that shares the answer
	return c, nil
}

// rememberFor says how long an answer that came at a time may still stand for the next
// ones: never beyond exp (RFC 7662 §4), and not for long where there is no exp.
func (v *Verifier) rememberFor(expiry, came time.Time) time.Duration {
	until := expiry
	if until.IsZero() {
		until = came.Add(NoExpiryTTL)
	}
	left := time.Until(until)
	if v.answerTTL != 0 {
		left = min(left, time.Until(came.Add(v.answerTTL)))
	}
	if left <= 0 {
		return -1
	}
	return left
}

// sameToken reports whether an answer is about the JWT that was asked about.
func sameToken(token, answer *resource.Claims) bool {
	return token.TokenID == answer.TokenID && token.Expiry.Equal(answer.Expiry)
}
