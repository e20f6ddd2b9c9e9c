package introspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/keyset"
	"github.com/warder-go/warder/internal/strictjson"
)

// AnswerSkew is by how much iat of a signed answer may differ from when we asked. It
// bounds how old an answer can be replayed.
const AnswerSkew = 60 * time.Second

// proven returns the answer that a signed one contains (RFC 9701 §5), if it is the
// issuer's, for us, and of now. What can't be proven is no answer: the token may be
// good, and whoever meddles with the answer must not be able to log anybody out.
func (v *Verifier) proven(ctx context.Context, body []byte, asked time.Time) (jsontext.Value, *failure) {
	jws, err := jose.Parse(string(body)) // refuses alg none, and encryption
	if err != nil {
		return nil, fail(unproven, err)
	}
	if !isAnswerType(jws.Header.Type) { // RFC 8725 §3.11: no access or ID token passes for it
		return nil, fail(unproven, errors.New("typ is not token-introspection+jwt"))
	}
	e, err := parseEnvelope(jws.Payload)
	switch {
	case err != nil && isSpoiltInside(jws.Payload, err):
		return nil, fail(badClaims, err) // not proven either, but refused in any case
	case err != nil:
		return nil, fail(unproven, err)
	}
	if _, err := v.keys.Verify(ctx, keyset.Token{Token: jws, Issuer: e.issuer, IssuedAt: e.issuedAt}); err != nil {
		return nil, keyFailure(err)
	}
	switch age := asked.Sub(e.issuedAt); {
	case e.issuer != v.issuer:
		err = errors.New("iss is not the issuer")
	case !slices.Contains(e.audience, v.auth.ClientID):
		err = errors.New("aud is not our client id")
	case age > AnswerSkew, age < -AnswerSkew: // also without iat
		err = fmt.Errorf("iat is more than %s from when we asked", AnswerSkew)
	case e.answer == nil:
		err = errors.New("claim token_introspection is absent")
	}
	if err != nil {
		return nil, fail(unproven, err)
	}
	return e.answer, nil
}

// isSpoiltInside reports whether a payload that can't be read is spoilt by the answer
// inside, so that the token may have brought it about, rather than by what is round it.
func isSpoiltInside(payload []byte, err error) bool {
	return slices.ContainsFunc(strictjson.Glimpse(payload, "token_introspection"), func(inner jsontext.Value) bool {
		return saysWhether(inner) && (strictjson.Valid(inner) != nil || errors.Is(err, strictjson.ErrDepth))
	})
}

// isAnswerType compares media types (RFC 2045 §5.1: case-insensitive, in ASCII).
func isAnswerType(typ string) bool {
	const short = "token-introspection+jwt"
	return len(typ) == len(short) && strings.EqualFold(typ, short) ||
		len(typ) == len(signedType) && strings.EqualFold(typ, signedType)
}

// envelope is the JWT around an answer (RFC 9701 §5). It is no token of anybody's,
// so it is not read as one.
type envelope struct {
	issuer   string
	audience []string
	issuedAt time.Time
	answer   jsontext.Value // nil: absent
}

var envelopeNames = strictjson.NewNames("iss", "aud", "iat", "token_introspection")

func parseEnvelope(payload []byte) (e envelope, err error) {
	err = strictjson.Object(payload, envelopeNames, func(name string, value jsontext.Value) (err error) {
		switch name {
		case "iss":
			e.issuer, err = strictjson.String(value)
		case "aud":
			if value.Kind() == '[' {
				e.audience, err = strictjson.Strings(value)
				break
			}
			e.audience = make([]string, 1)
			e.audience[0], err = strictjson.String(value)
		case "iat":
			e.issuedAt, err = wholeSecond(value)
		case "token_introspection":
			e.answer = value
		}
		return err
	})
	if err != nil {
		return envelope{}, fmt.Errorf("signed answer: %w", err)
	}
	return e, nil
}

// wholeSecond reads a NumericDate (RFC 7519 §2), a fraction cut off.
func wholeSecond(value jsontext.Value) (time.Time, error) {
	const most = 1 << 40 // far beyond any date that could pass
	seconds, err := strconv.ParseFloat(string(value), 64)
	if value.Kind() != '0' || err != nil || seconds < 0 || seconds > most {
		return time.Time{}, errors.New("is not a date")
	}
	return time.Unix(int64(seconds), 0), nil
}

func keyFailure(err error) *failure {
	if u, ok := errors.AsType[*keyset.UnavailableError](err); ok {
		return &failure{noKeys, u.RetryAfter, err}
	}
	if errors.Is(err, keyset.ErrUnknownKey) || errors.Is(err, keyset.ErrBadSignature) {
		return fail(unproven, err)
	}
	return fail(timedOut, err) // the call's time is over
}

// observeKeys is told of every fetch of the keys for signed answers.
func (v *Verifier) observeKeys(f keyset.Fetch) {
	if f.Err != nil {
		v.logger().Warn("fetching keys failed", "issuer", v.issuer, "outcome", f.Outcome, "took", f.Took, "error", f.Err)
	}
}
