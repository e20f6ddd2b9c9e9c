package jose

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// MaxKeyIDBytes bounds a kid, in tokens and in key sets.
const MaxKeyIDBytes = 256

// ErrAlgorithm says that a header names no algorithm of ours: none, an HMAC, an
// encryption algorithm, an unknown one, or nothing at all.
var ErrAlgorithm = errors.New("jose: algorithm not supported")

// Header is what we read of a JOSE header (RFC 7515 §4.1). jku, jwk, x5u, x5c,
// x5t and anything unknown is ignored: a token never brings its own key, and
// nothing that it names is fetched.
type Header struct {
	Algorithm Algorithm
	KeyID     string // "" if absent; never empty or long if present
	Type      string // as sent; "" if absent
}

var headerNames = strictjson.NewNames("alg", "kid", "typ", "cty", "crit", "b64", "zip")

func parseHeader(data []byte) (Header, error) {
	var h Header
	var alg string
	err := strictjson.Object(data, headerNames, func(name string, value jsontext.Value) (err error) {
		switch name {
		case "alg":
			alg, err = strictjson.String(value)
		case "kid":
			h.KeyID, err = parseKeyID(value)
		case "typ":
			if h.Type, err = strictjson.String(value); err == nil && h.Type == "" {
				err = errors.New("is empty")
			}
		default:
			// crit: we understand no extension, so none may be critical (RFC 7515
			// §4.1.11). b64 changes what was signed (RFC 7797). cty: no nesting
			// (RFC 7519 §5.2). zip: nothing is ever inflated.
			err = errors.New("is not accepted")
		}
		return err
	})
	if err != nil {
		return Header{}, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	if h.Algorithm, err = ParseAlgorithm(alg); err != nil {
		return Header{}, err
	}
	return h, nil
}

func parseKeyID(value jsontext.Value) (string, error) {
	kid, err := strictjson.String(value)
	switch {
	case err != nil:
		return "", err
	case kid == "":
		return "", errors.New("is empty")
	case len(kid) > MaxKeyIDBytes:
		return "", fmt.Errorf("is longer than %d bytes", MaxKeyIDBytes)
	}
	return kid, nil
}

// IsAccessTokenType reports whether the typ header may stand on an access token.
// strict asks for at+jwt as RFC 9068 §2.1 does; otherwise JWT and none at all pass
// too, since widespread issuers send them. Every other type, an ID token's or a
// proof's among them, is another kind of token (RFC 8725 §3.11).
func (h Header) IsAccessTokenType(strict bool) bool {
	switch {
	case equalASCIIFold(h.Type, "at+jwt"), equalASCIIFold(h.Type, "application/at+jwt"):
		return true
	case strict:
		return false
	}
	return h.Type == "" || equalASCIIFold(h.Type, "JWT")
}

// equalASCIIFold compares media types (RFC 2045 §5.1: case-insensitive). Folding
// that leaves ASCII changes the length, hence the first condition.
func equalASCIIFold(a, b string) bool {
	return len(a) == len(b) && strings.EqualFold(a, b)
}
