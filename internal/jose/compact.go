// Package jose reads compact JWS tokens and JSON Web Keys, each exactly once and
// strictly, and verifies signatures with the standard library's cryptography over
// the bytes that were received.
//
// It decides nothing about trust: which keys belong to an issuer, which algorithms
// an issuer may use, and what the claims mean are questions for other packages.
// Errors never repeat what the token says.
package jose

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxHeaderBytes bounds the decoded JOSE header. Some issuers send a certificate
// chain in it, which is ignored.
const MaxHeaderBytes = 8 << 10

// ErrMalformed is wrapped by every error about a token's form.
var ErrMalformed = errors.New("jose: malformed token")

// Token is a compact JWS (RFC 7515 §3.1) that was read but not verified. It is
// immutable.
type Token struct {
	Header    Header
	Payload   []byte // decoded; not known to be JSON
	signed    string // the first two segments with the dot between, as received
	signature []byte
}

const redacted = "[redacted token]"

// Format writes a placeholder for every verb, so that no log shows the token.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns a placeholder, so that encoders show nothing either.
func (t Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LooksLikeJWS reports whether raw is to be read as a compact JWS: two dots, and a
// first segment that, in whichever base64 alphabet, begins with an opening brace.
// It is the whole of the routing rule, so that no malformed JWS is taken for an
// opaque token and sent somewhere; and it does not count dots alone, since there
// are opaque tokens with dots in them.
func LooksLikeJWS(raw string) bool {
	if len(raw) < 2 || raw[0] != 'e' { // the upper six bits of '{' (0x7b)
		return false
	}
	// The second character carries the lower two bits of '{', both set.
	if !strings.ContainsRune("wxyz0123456789-_+/", rune(raw[1])) {
		return false
	}
	return strings.Count(raw, ".") == 2
}

// Parse reads raw as a compact JWS. Each segment must be base64url without
// padding, line breaks or stray bits (RFC 7515 §2, §5.2), none may be empty.
// The caller bounds the length of raw.
func Parse(raw string) (*Token, error) { return (*Reader)(nil).Parse(raw) }

// Parse is the function Parse, quicker for headers that were read before.
func (r *Reader) Parse(raw string) (*Token, error) {
	head, rest, _ := strings.Cut(raw, ".")
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(signature, ".") {
		return nil, fmt.Errorf("%w: not three segments", ErrMalformed)
	}
	if len(head) > base64.RawURLEncoding.EncodedLen(MaxHeaderBytes) {
		return nil, fmt.Errorf("%w: header over %d bytes", ErrMalformed, MaxHeaderBytes)
	}
	t := &Token{signed: raw[:len(head)+1+len(payload)]}
	var err error
	if t.Header, err = r.header(head); err != nil {
		return nil, err
	}
	if t.Payload, err = decodeSegment("payload", payload); err != nil {
		return nil, err
	}
	if t.signature, err = decodeSegment("signature", signature); err != nil {
		return nil, err
	}
	if !t.Header.Algorithm.signatureFits(len(t.signature)) {
		return nil, fmt.Errorf("%w: signature of a length that %s never has", ErrMalformed, t.Header.Algorithm)
	}
	return t, nil
}

func decodeSegment(name, segment string) ([]byte, error) {
	if segment == "" {
		return nil, fmt.Errorf("%w: empty %s", ErrMalformed, name)
	}
	b, err := decodeBase64(segment)
	if err != nil {
		return nil, fmt.Errorf("%w: %s is not base64url", ErrMalformed, name)
	}
	return b, nil
}

var (
	errBase64 = errors.New("not canonical base64url")
	strictURL = base64.RawURLEncoding.Strict() // refuses stray bits in the last character
)

// decodeBase64 accepts exactly one text for each byte string (RFC 7515 §2).
func decodeBase64(s string) ([]byte, error) {
	b, err := strictURL.DecodeString(s)
	// The standard library skips line breaks; the length gives them away.
	if err != nil || strictURL.EncodedLen(len(b)) != len(s) {
		return nil, errBase64
	}
	return b, nil
}
