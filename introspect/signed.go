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
	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/oauthendpoint"
	"github.com/warder-go/warder/internal/strictjson"
)

// answerSkew is the greatest difference between iat of a signed answer and the time of the
// request. It limits how long an answer can be replayed.
const answerSkew = 60 * time.Second

// verifySigned verifies a signed answer (RFC 9701 §5) and returns the answer in it. The
// answer must be signed by the issuer, addressed to this client, and recent. Any error is
// a 503 failure: the token may be valid, and an attacker who modifies an answer must not
// be able to invalidate the tokens of clients.
func (v *Verifier) verifySigned(ctx context.Context, body []byte, sentAt time.Time) (jsontext.Value, *failure) {
	jws, err := jose.Parse(string(body)) // rejects alg none and encrypted answers
	if err != nil {
		return nil, newFailure(unauthenticated, err)
	}
	if !isSignedAnswerType(jws.Header.Type) { // RFC 8725 §3.11: access and ID tokens are not answers
		return nil, newFailure(unauthenticated, errors.New("typ is not token-introspection+jwt"))
	}
	e, err := parseEnvelope(jws.Payload)
	switch {
	case err != nil && isInnerAnswerMalformed(jws.Payload, err):
		return nil, newFailure(malformedClaims, err) // not verified, but a failure in any case
	case err != nil:
		return nil, newFailure(unauthenticated, err)
	}
	if _, err := v.keys.Verify(ctx, keyset.Token{Token: jws, Issuer: e.issuer, IssuedAt: e.issuedAt}); err != nil {
		return nil, keyFailure(err)
	}
	if err := v.checkEnvelope(e, sentAt); err != nil {
		return nil, newFailure(unauthenticated, err)
	}
	return e.answer, nil
}

func (v *Verifier) checkEnvelope(e envelope, sentAt time.Time) error {
	switch age := sentAt.Sub(e.issuedAt); {
	case e.issuer != v.issuer:
		return errors.New("iss is not the issuer")
	case !slices.Contains(e.audience, v.endpoint.ClientID()):
		return errors.New("aud does not contain our client_id")
	case age > answerSkew, age < -answerSkew: // also if iat is absent
		return fmt.Errorf("iat differs by more than %s from the time of the request", answerSkew)
	case e.answer == nil:
		return errors.New("claim token_introspection is absent")
	}
	return nil
}

// isInnerAnswerMalformed reports whether parseEnvelope returned err because of the answer
// in the payload, not because of the claims around it. Then the token may be the cause.
func isInnerAnswerMalformed(payload []byte, err error) bool {
	return slices.ContainsFunc(strictjson.LenientMembers(payload, "token_introspection"), func(inner jsontext.Value) bool {
		return hasBooleanActive(inner) && (strictjson.Valid(inner) != nil || errors.Is(err, strictjson.ErrDepth))
	})
}

// isSignedAnswerType compares media types (RFC 2045 §5.1: case-insensitive, in ASCII).
func isSignedAnswerType(typ string) bool {
	const short = "token-introspection+jwt"
	return len(typ) == len(short) && strings.EqualFold(typ, short) ||
		len(typ) == len(signedType) && strings.EqualFold(typ, signedType)
}

// envelope holds the claims of the JWT around an answer (RFC 9701 §5). It is not an access
// token, so resource.ParseClaims does not apply.
type envelope struct {
	issuer   string
	audience []string
	issuedAt time.Time
	answer   jsontext.Value // nil: absent
}

var envelopeNames = strictjson.NewNames("iss", "aud", "iat", "token_introspection")

func parseEnvelope(payload []byte) (e envelope, err error) {
	err = strictjson.Object(payload, envelopeNames, func(name string, value jsontext.Value) (err error) {
		if strictjson.IsAbsent(value) {
			return nil
		}
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
			e.issuedAt, err = parseDate(value)
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

// parseDate reads a NumericDate (RFC 7519 §2) and cuts off a fraction.
func parseDate(value jsontext.Value) (time.Time, error) {
	const most = 1 << 40 // far after any valid date
	seconds, err := strconv.ParseFloat(string(value), 64)
	if value.Kind() != '0' || err != nil || seconds < 0 || seconds > most {
		return time.Time{}, errors.New("is not a date")
	}
	return time.Unix(int64(seconds), 0), nil
}

// keyFailure returns the failure for an error of keyset.Set.Verify.
func keyFailure(err error) *failure {
	if u, ok := errors.AsType[*keyset.UnavailableError](err); ok {
		return keysFailure(err, u.RetryAfter)
	}
	if p, ok := errors.AsType[*keyset.PendingError](err); ok {
		return keysFailure(err, p.RetryAfter)
	}
	for _, invalid := range []error{keyset.ErrUnknownKey, keyset.ErrBadSignature, keyset.ErrAlgorithm, keyset.ErrAmbiguousKey} {
		if errors.Is(err, invalid) {
			return newFailure(unauthenticated, err)
		}
	}
	return newFailure(oauthendpoint.TimedOut, err) // the time for the call has expired
}

func keysFailure(err error, retryAfter time.Duration) *failure {
	f := newFailure(keysUnavailable, err)
	f.RetryAfter = retryAfter
	return f
}

// logKeyFetch is called after each fetch of the keys for signed answers.
func (v *Verifier) logKeyFetch(f keyset.Fetch) {
	log := logging.OrDefault(v.log)
	if f.Err != nil {
		log.Warn("fetching keys failed", "issuer", v.issuer, "outcome", f.Outcome, "took", f.Took, "error", f.Err)
	}
	for _, k := range f.Skipped {
		log.Info("unusable key skipped", "issuer", v.issuer, "kid", logging.Printable(k.KeyID), "error", k.Err)
	}
}
