package jose

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// MaxKeyIDBytes is the maximum length of a kid, in tokens and in key sets.
const MaxKeyIDBytes = 256

// ErrAlgorithm means that a header has no alg that this package verifies: it is absent,
// "none", an HMAC, an encryption algorithm or unknown.
var ErrAlgorithm = errors.New("jose: algorithm not supported")

// AlgorithmError is the error for a header with an alg that this package does not verify. It
// wraps [ErrAlgorithm].
type AlgorithmError struct {
	Name string // a registered name, or "other": never text of the token
}

// Error returns the text of ErrAlgorithm.
func (*AlgorithmError) Error() string { return ErrAlgorithm.Error() }

// Unwrap returns ErrAlgorithm.
func (*AlgorithmError) Unwrap() error { return ErrAlgorithm }

// unsupportedAlgorithms are names of RFC 7518, RFC 8812 and RFC 9864 that tokens in the form of
// a JWS have.
var unsupportedAlgorithms = []string{"HS256", "HS384", "HS512", "none", "ES256K", "Ed448", "RSA1_5", "RSA-OAEP", "RSA-OAEP-256", "dir"}

func newAlgorithmError(alg string) *AlgorithmError {
	if slices.Contains(unsupportedAlgorithms, alg) {
		return &AlgorithmError{alg}
	}
	return &AlgorithmError{"other"}
}

// Header contains the members of a JOSE header (RFC 7515 §4.1) that this package uses. It
// ignores unknown members and jku, jwk, x5u, x5c and x5t: a token must not supply its own
// key, and no URL in it is fetched.
type Header struct {
	Algorithm Algorithm
	KeyID     string // "" if absent; at most MaxKeyIDBytes
	Type      string // as sent; "" if absent
	ZipNone   bool   // zip is "NONE": see Reader.KeepZipNone
}

var headerNames = strictjson.NewNames("alg", "kid", "typ", "cty", "crit", "b64", "zip")

// zipNone is the value of zip in the tokens of ForgeRock. It has no effect: the payload is not
// compressed, and only encrypted tokens have a zip (RFC 7516 §4.1.3).
const zipNone = "NONE"

// parseHeader rejects zip, unless keepZipNone is true and it has exactly the value zipNone.
func parseHeader(data []byte, keepZipNone bool) (Header, error) {
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
		case "zip": // compression is not supported
			text, _ := strictjson.String(value)
			if h.ZipNone = keepZipNone && text == zipNone; !h.ZipNone {
				err = errors.New("is not accepted")
			}
		default:
			// crit: no extension is supported, so none may be critical (RFC 7515
			// §4.1.11). b64: changes the signed bytes (RFC 7797). cty: nested tokens are
			// not supported (RFC 7519 §5.2).
			err = errors.New("is not accepted")
		}
		return err
	})
	if err != nil {
		return Header{}, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	if h.Algorithm, err = parseAlgorithm(alg); err != nil {
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

// IsAccessTokenType reports whether an access token may have this typ header. If strict is
// true, only at+jwt is allowed, as RFC 9068 §2.1 requires. Otherwise JWT and an absent typ are
// allowed too, because widespread issuers send them, and so are the types in further. All
// other types mean another kind of token, such as an ID token or a proof (RFC 8725 §3.11).
func (h Header) IsAccessTokenType(strict bool, further []string) bool {
	switch {
	case equalASCIIFold(h.Type, "at+jwt"), equalASCIIFold(h.Type, "application/at+jwt"):
		return true
	case strict:
		return false
	}
	return h.Type == "" || equalASCIIFold(h.Type, "JWT") ||
		slices.ContainsFunc(further, func(accepted string) bool { return equalASCIIFold(h.Type, accepted) })
}

// equalASCIIFold compares media types, which are case-insensitive (RFC 2045 §5.1). The first
// condition excludes runes outside of ASCII that fold to ASCII letters: they are longer.
func equalASCIIFold(a, b string) bool {
	return len(a) == len(b) && strings.EqualFold(a, b)
}
