package onbehalf

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/warder-go/warder/internal/heldtoken"
	"github.com/warder-go/warder/resource"
)

// Token is an access token for a target. It is immutable and safe for concurrent use. It prints and
// logs as a placeholder, also in an unexported field.
type Token struct {
	access heldtoken.Token
	expiry time.Time
	scopes []string
}

// AccessToken returns the token, a b64token (RFC 6750 §2.1). Send it only to the target, with the
// scheme Bearer. Do not log it.
func (t *Token) AccessToken() string { return heldtoken.Raw(t.access) }

// Expiry returns when the token must not be used any more. It is never zero, and it is not later
// than the expiry of the caller's token.
func (t *Token) Expiry() time.Time { return t.expiry }

// Scopes returns the scopes of the token as the issuer returned them. Without a scope in the answer
// they are those of the target (RFC 6749 §5.1). They can be fewer than those of the target.
func (t *Token) Scopes() []string { return slices.Clone(t.scopes) }

const redacted = "[redacted token]"

// Format writes a placeholder for every verb.
func (t *Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (t *Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, so that encoders do not write the token either.
func (t *Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// TokenSource returns tokens of one caller for one target. See [Exchanger.TokenSource].
type TokenSource func() (*Token, error)

// Token returns a token that can be used now. It is cached by the Exchanger.
func (s TokenSource) Token() (*Token, error) { return s() }

// TokenSource returns a source of tokens for libraries that expect one. Its method has the shape of
// oauth2.TokenSource of golang.org/x/oauth2, which this module does not import; the example shows how
// to adapt it. The source keeps the caller and its token. It stops to return tokens when the token
// of the caller ends. It has no context: a call ends after Config.Timeout.
func (e *Exchanger) TokenSource(caller *resource.Caller, target string) TokenSource {
	return func() (*Token, error) { return e.Token(context.Background(), caller, target) }
}
