// Package jose parses compact JWS tokens and JSON Web Keys strictly, and verifies signatures
// with the cryptography of the standard library over the bytes that were received.
//
// It makes no trust decisions. Other packages decide which keys belong to an issuer, which
// algorithms an issuer may use and what the claims mean. Errors do not quote the token.
package jose

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxHeaderBytes is the maximum size of the decoded JOSE header. It leaves room for a
// certificate chain, which some issuers send and this package ignores.
const MaxHeaderBytes = 8 << 10

// ErrMalformed is wrapped by all errors of [Parse] except [ErrAlgorithm].
var ErrMalformed = errors.New("jose: malformed token")

// Token is a parsed compact JWS (RFC 7515 §3.1) whose signature has not been verified. It is
// immutable.
type Token struct {
	Header    Header
	Payload   []byte // decoded; may not be JSON
	signed    string // the first two segments and the dot between them, as received
	signature []byte
}

const redacted = "[redacted token]"

// Format writes a placeholder for every verb, so that the token is not logged.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns the same placeholder, so that encoders do not write the token either.
func (t Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LooksLikeJWS reports whether raw must be parsed as a compact JWS: it has two dots, and its
// first segment begins with an opening brace when decoded with any base64 alphabet.
//
// Callers route by this rule alone. It must hold for malformed tokens too, because an opaque
// token may be sent to an issuer and a broken JWS must not be. Dots alone are not enough: some
// opaque tokens contain dots.
func LooksLikeJWS(raw string) bool {
	if len(raw) < 2 || raw[0] != 'e' { // the upper six bits of '{' (0x7b)
		return false
	}
	// The upper two bits of the second character are the lower two bits of '{', both set.
	if !strings.ContainsRune("wxyz0123456789-_+/", rune(raw[1])) {
		return false
	}
	return strings.Count(raw, ".") == 2
}

// Parse parses raw as a compact JWS. Each segment must be non-empty base64url without
// padding, line breaks and stray bits (RFC 7515 §2, §5.2). Errors wrap [ErrMalformed] or
// [ErrAlgorithm]. Parse does not limit the length of raw: the caller must.
func Parse(raw string) (*Token, error) { return (*Reader)(nil).Parse(raw) }

// Parse is like the function [Parse], but faster for headers in the cache.
func (r *Reader) Parse(raw string) (*Token, error) {
	head, rest, _ := strings.Cut(raw, ".")
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(signature, ".") {
		return nil, fmt.Errorf("%w: not three segments", ErrMalformed)
	}
	if len(head) > base64.RawURLEncoding.EncodedLen(MaxHeaderBytes) {
		return nil, fmt.Errorf("%w: header larger than %d bytes", ErrMalformed, MaxHeaderBytes)
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
	if !t.Header.Algorithm.validSignatureLength(len(t.signature)) {
		return nil, fmt.Errorf("%w: invalid signature length for %s", ErrMalformed, t.Header.Algorithm)
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
	strictURL = base64.RawURLEncoding.Strict() // rejects stray bits in the last character
)

// decodeBase64 accepts exactly one encoding of each byte string (RFC 7515 §2).
func decodeBase64(s string) ([]byte, error) {
	b, err := strictURL.DecodeString(s)
	// The standard library skips line breaks; comparing the lengths detects them.
	if err != nil || strictURL.EncodedLen(len(b)) != len(s) {
		return nil, errBase64
	}
	return b, nil
}
