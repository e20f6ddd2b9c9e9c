package introspect

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/oauthendpoint"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/strictjson"
	"github.com/warder-go/warder/internal/tokentype"
	"github.com/warder-go/warder/resource"
)

// Media types of answers.
const (
	plainType  = "application/json"                    // RFC 7662 §2.2
	signedType = "application/token-introspection+jwt" // RFC 9701 §4
)

// noExpiryTTL is the longest time for which an answer without exp is cached.
const noExpiryTTL = time.Minute

// answerType returns the media type that answers must have.
func (v *Verifier) answerType() string {
	if v.keys != nil {
		return signedType
	}
	return plainType
}

// mayBeAnswer reports whether a response is to be read as an answer, by its status. The
// status of an answer is 200 (RFC 7662 §2.2). Some servers answer with another 2xx status,
// and with 401 about an inactive token: then the content type must be that of an answer.
func (v *Verifier) mayBeAnswer(r *outbound.Response) bool {
	switch {
	case r.Status == http.StatusOK:
		return true
	case r.Status == http.StatusUnauthorized && len(r.Header.Values("WWW-Authenticate")) > 0:
		return false // a challenge is about our credentials (RFC 7662 §2.3)
	}
	isAnswerStatus := r.Status > 200 && r.Status < 300 || r.Status == http.StatusUnauthorized
	return isAnswerStatus && hasMediaType(r.Header.Values("Content-Type"), v.answerType())
}

// readAnswer reads an answer. An answer that cannot be read is a 503 failure, even if it
// contains active: what a malformed document states is not reliable, and the token may be
// valid.
func (v *Verifier) readAnswer(ctx context.Context, jwt *resource.Claims, r *outbound.Response, sentAt time.Time) (claims *resource.Claims, document []byte, f *failure) {
	// Require exactly the type that was requested: a login page is not an answer, and an
	// unsigned answer must not replace a signed one.
	if !hasMediaType(r.Header.Values("Content-Type"), v.answerType()) {
		return nil, nil, newFailure(oauthendpoint.WrongContentType, fmt.Errorf("want %q: check %s", v.answerType(), endpointSetting))
	}
	object := r.Body
	if v.keys != nil {
		if object, f = v.verifySigned(ctx, r.Body, sentAt); f != nil {
			return nil, nil, f
		}
	}
	a, f := activeAnswer(r, object)
	if f != nil {
		return nil, nil, f
	}
	document = slices.Clone(object)
	claims, f = v.checkedClaims(a, jwt, document)
	return claims, document, f
}

// checkedClaims returns the claims of an answer about an active token, for an answer of the
// endpoint and for one that another process has shared.
func (v *Verifier) checkedClaims(a answer, jwt *resource.Claims, document []byte) (*resource.Claims, *failure) {
	claims, f := v.claims(a, jwt, document)
	if f != nil {
		return nil, f
	}
	if v.keys != nil && jwt != nil && !sameToken(jwt, claims) {
		return nil, newFailure(otherToken, errors.New("signed answer is about another token: its jti or exp differs"))
	}
	return claims, nil
}

// activeAnswer parses object, the answer in r. It fails unless the answer reports an active token.
func activeAnswer(r *outbound.Response, object []byte) (answer, *failure) {
	a, err := parseAnswer(object)
	switch {
	case err != nil && r.Status != http.StatusOK, r.Status == http.StatusUnauthorized && (a.active || hasError(object)):
		return a, statusFailure(r) // not an answer
	case err != nil && hasBooleanActive(object):
		return a, newFailure(malformedClaims, err)
	case err != nil:
		return a, newFailure(oauthendpoint.Malformed, err)
	case !a.active:
		return a, newFailure(inactive, nil)
	}
	return a, nil
}

// hasMediaType reports whether the header has one value with the media type want. A
// charset other than UTF-8 does not match: JSON is always UTF-8 (RFC 8259 §8.1).
func hasMediaType(header []string, want string) bool {
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

// answer holds the members of an answer that are not claims (RFC 7662 §2.2).
type answer struct {
	active              bool
	tokenType, tokenUse jsontext.Value // nil: absent
}

var answerNames = strictjson.NewNames("active", "token_type", "token_use")

// parseAnswer reads an answer. The member active must be the JSON literal true or false.
// Any other value, such as "true", 1 or null, means neither: it is an error of the
// endpoint. Other members that are null or empty count as absent.
func parseAnswer(object []byte) (a answer, err error) {
	found := false
	err = strictjson.Object(object, answerNames, func(name string, value jsontext.Value) (err error) {
		switch {
		case name == "active":
			found = true
			a.active, err = strictjson.Bool(value)
		case strictjson.IsAbsent(value):
		case name == "token_type":
			a.tokenType = value
		case name == "token_use":
			a.tokenUse = value
		}
		return err
	})
	if err == nil && !found {
		err = errors.New("member \"active\" is absent")
	}
	if err != nil {
		return answer{}, fmt.Errorf("answer: %w", err)
	}
	return a, nil
}

var errorNames = strictjson.NewNames("error")

// hasError reports whether a document has a member error, in any case, as an error document
// of OAuth has (RFC 6749 §5.2).
func hasError(object []byte) (found bool) {
	err := strictjson.Object(object, errorNames, func(_ string, value jsontext.Value) error {
		found = !strictjson.IsAbsent(value)
		return nil
	})
	return found || err != nil
}

// hasBooleanActive reports whether an answer that parseAnswer rejects is an object with an
// active of true or false. Then the token may be the cause of the error, for example by
// the name of its subject, and the endpoint may work.
func hasBooleanActive(object jsontext.Value) bool {
	return slices.ContainsFunc(strictjson.LenientMembers(object, "active"), func(value jsontext.Value) bool {
		return value.Kind() == 't' || value.Kind() == 'f'
	})
}

// mayBeAccessToken reports whether the answer can be about an access token, as far as it contains
// this information. Refresh tokens and ID tokens are not (RFC 7662 §2.2). It is true for an
// unknown type, because package resource compares such a type with resource.Issuer.TokenTypes,
// and for the type DPoP (RFC 9449 §6.2), because package resource requires cnf and a proof.
func (a answer) mayBeAccessToken() (bool, error) {
	for _, member := range []struct {
		name  string
		value jsontext.Value
	}{{"token_type", a.tokenType}, {"token_use", a.tokenUse}} { // no standard has token_use; Hydra and Cognito send it
		if member.value == nil {
			continue
		}
		text, err := strictjson.String(member.value)
		if err != nil {
			return false, fmt.Errorf("answer: member %q: %w", member.name, err)
		}
		if tokentype.IsOther(text) {
			return false, nil
		}
	}
	return true, nil
}

// claims returns the claims of an active token, which is jwt unless that is nil. Package resource
// checks them like those of a JWT.
func (v *Verifier) claims(a answer, jwt *resource.Claims, object []byte) (*resource.Claims, *failure) {
	switch ok, err := a.mayBeAccessToken(); {
	case err != nil:
		return nil, newFailure(malformedClaims, err)
	case !ok:
		return nil, newFailure(notAccessToken, errors.New("token_type or token_use is not that of an access token"))
	}
	c, err := resource.ParseClaims(object)
	if err != nil {
		return nil, newFailure(malformedClaims, err)
	}
	// oidc-provider reports refresh tokens as active too, without aud and token_type. An
	// answer with neither an audience nor a kind of token is therefore rejected, even if
	// the resource trusts answers without aud. The operator can state that the endpoint never
	// does so (TrustAnswersWithoutTokenType). If the token is a JWT with aud, package resource
	// completes the answer with that aud and checks it.
	hasAudience := c.Audience != nil || jwt != nil && jwt.Audience != nil
	if !v.trustsUntyped && !hasAudience && a.tokenType == nil && a.tokenUse == nil {
		return nil, newFailure(notAccessToken, errors.New("answer has neither aud nor token_type nor token_use; see trust_answers_without_token_type (in Go: TrustAnswersWithoutTokenType)"))
	}
	if c.Issuer == "" { // optional in an answer; the answer is from the configured issuer
		c.Issuer = v.issuer
	}
	if c.Expiry.Unix() == 0 { // some servers send 0 for a token without exp
		c.Expiry = time.Time{}
	}
	c.Introspected = true // Verify sets CacheFor for each request that shares the answer
	return c, nil
}

// cacheDuration returns Claims.CacheFor for an accepted token: how long the result may be
// cached from now on, negative if not at all. It ends at exp at the latest (RFC 7662 §4), and
// without exp at noExpiryTTL after the answer was received.
func (r result) cacheDuration() time.Duration {
	until := r.claims.Expiry
	if until.IsZero() {
		until = r.receivedAt.Add(noExpiryTTL)
	}
	left := time.Until(until)
	if r.ttl != 0 {
		left = min(left, time.Until(r.receivedAt.Add(r.ttl)))
	}
	if left <= 0 {
		return -1
	}
	return left
}

// sameToken reports whether a signed answer is about the JWT that was introspected.
func sameToken(token, answer *resource.Claims) bool {
	return token.TokenID == answer.TokenID && token.Expiry.Equal(answer.Expiry)
}
