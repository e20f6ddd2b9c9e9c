package resource

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/jose"
)

// Token is an access token that was read but not verified, as a [Verifier] gets it. It
// prints and logs as a placeholder. In an unexported field, where package fmt does not call
// its methods, it prints as an address.
type Token struct {
	held func() *parts // a function, because printers do not look into functions
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
	if t.held == nil { // the zero value
		return new(parts)
	}
	return t.held()
}

// Raw returns the token as it was received: visible ASCII without comma, double quote and
// backslash. Do not log it. Encode it before it becomes a part of other text, such as a form or a
// URL.
func (t *Token) Raw() string { return t.parts().raw }

// IsJWT reports whether the token is a JWT. Every other token is opaque.
func (t *Token) IsJWT() bool { return t.parts().jws != nil }

// Claims returns the unverified claims of a JWT; nil for an opaque token.
func (t *Token) Claims() *Claims { return t.parts().claims }

// JWS returns the signed form of a JWT, for the verifiers of this module; nil for an opaque
// token.
func (t *Token) JWS() *jose.Token { return t.parts().jws }

// credential returns the kind of credential, as Caller.Credential returns it.
func (t *Token) credential() string {
	if t.IsJWT() {
		return CredentialJWT
	}
	return CredentialOpaque
}

const redacted = "[redacted token]"

// Format writes a placeholder for every verb, so that logs do not show the token.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (t Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, so that encoders do not show the token.
func (t Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// read reads the token. What looks like a JWS but is not valid is rejected here, so that it
// is never sent to a server as an opaque token. That includes a JWS between quotes or brackets.
//
// Text that cannot be a token is 400: a client that writes the header like this does so with the
// next token too, and a login would not help it. A malformed token is 401 (RFC 6750 §3.1).
func (p *policy) read(raw string) (*Token, *fault) {
	if !jose.LooksLikeJWS(raw) {
		if !grammar.IsToken(raw) || jose.LooksLikeJWS(grammar.TrimToB64Token(raw)) {
			return nil, faultNotToken.ofUnread(raw)
		}
		return newToken(raw, nil, nil), nil
	}
	jws, err := p.tokens.Parse(raw) // accepts fewer characters than a token can have
	if err != nil {
		if !grammar.IsToken(raw) {
			return nil, faultNotToken.ofUnread(raw)
		}
		return nil, readFault(err).ofUnread(raw)
	}
	claims, err := ParseClaims(jws.Payload)
	if err != nil {
		f := readFault(err)
		f.token, f.issuer = newToken(raw, jws, nil), p.namedIssuer(jws.Payload)
		return nil, f
	}
	return newToken(raw, jws, claims), nil
}
