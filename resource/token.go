package resource

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/warder-go/warder/internal/jose"
)

// Token is an access token that was read but not verified, as a [Verifier] gets it.
// It prints and logs as a placeholder, and in a field that is not exported, where
// package fmt does not ask it, as an address.
type Token struct {
	held func() *parts // a function, since no printer looks behind one
}

type parts struct {
	raw    string
	jws    *jose.Token
	claims *Claims
}

func newToken(raw string, jws *jose.Token, claims *Claims) *Token {
	both := &struct {
		Token
		parts
	}{parts: parts{raw, jws, claims}}
	both.held = func() *parts { return &both.parts }
	return &both.Token
}

func (t *Token) parts() *parts {
	if t.held == nil { // the zero value is no token
		return new(parts)
	}
	return t.held()
}

// Raw returns the token as it came. Do not log it.
func (t *Token) Raw() string { return t.parts().raw }

// IsJWT reports whether the token was read as a JWT. If not it is opaque.
func (t *Token) IsJWT() bool { return t.parts().jws != nil }

// Claims returns what a JWT claims, unverified; nil for an opaque token.
func (t *Token) Claims() *Claims { return t.parts().claims }

// JWS returns the signed form of a JWT, for verifiers inside this module; nil for an
// opaque token.
func (t *Token) JWS() *jose.Token { return t.parts().jws }

// credential is what Caller.Credential says of it.
func (t *Token) credential() string {
	if t.IsJWT() {
		return CredentialJWT
	}
	return CredentialOpaque
}

const redacted = "[redacted token]"

// Format writes a placeholder for every verb, so that no log shows the token.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (t Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, so that encoders show nothing either.
func (t Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// What is wrong with most of the requests that are refused. They are many and cheap; these
// faults are shared by all of them and never changed.
var (
	faultNoHeader       = &fault{reason: ReasonMissingCredentials, err: errors.New("no Authorization header")}
	faultOtherScheme    = &fault{reason: ReasonMissingCredentials, err: errors.New("another scheme than Bearer")}
	faultSeveralHeaders = &fault{reason: ReasonMalformedRequest, err: errors.New("several Authorization headers")}
	faultNoB64Token     = &fault{reason: ReasonMalformedRequest, err: errors.New("no b64token behind Bearer")}
)

var errNoJWT = errors.New("token is no JWT")

// credential takes the token from the Authorization header and from nowhere else:
// not from the query, a form or a cookie (MCP authorization, "Token Requirements";
// RFC 9700 §4.3.2).
func credential(header http.Header, limit int) (raw string, f *fault) {
	values := header["Authorization"]
	switch {
	case len(values) > 1: // which one counts would be a matter of taste
		return "", faultSeveralHeaders
	case len(values) == 0 || values[0] == "":
		return "", faultNoHeader
	}
	// RFC 9110 §11.1: the scheme is case-insensitive, and ends at the first blank.
	// Same length, so that no folding from outside of ASCII matches.
	const scheme = "Bearer"
	value := values[0]
	if len(value) < len(scheme) || value[:len(scheme)] != scheme && !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", faultOtherScheme
	}
	rest := value[len(scheme):]
	if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return "", faultOtherScheme
	}
	raw = strings.TrimLeft(rest, " ") // RFC 6750 §2.1: 1*SP
	if len(raw) > limit {
		return "", newFault(ReasonTokenTooLarge, "token over %d bytes", limit)
	}
	return raw, nil
}

// isB64Token reports whether s is a b64token (RFC 6750 §2.1).
func isB64Token(s string) bool {
	body := strings.TrimRight(s, "=")
	for i := range len(body) {
		if !b64tokenChar[body[i]] {
			return false
		}
	}
	return body != ""
}

var b64tokenChar = func() (table [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/") {
		table[c] = true
	}
	return table
}()

// read reads the token once. What looks like a JWS and is none is refused here, and
// so never sent to anybody as an opaque token.
func (r *Resource) read(raw string) (*Token, *fault) {
	if !jose.LooksLikeJWS(raw) {
		if !isB64Token(raw) {
			return nil, faultNoB64Token
		}
		return newToken(raw, nil, nil), nil
	}
	jws, err := r.tokens.Parse(raw) // which takes fewer characters than a b64token may have
	if err != nil {
		if !isB64Token(raw) {
			return nil, faultNoB64Token
		}
		return nil, readFault(err)
	}
	claims, err := ParseClaims(jws.Payload)
	if err != nil {
		return nil, readFault(err)
	}
	return newToken(raw, jws, claims), nil
}
