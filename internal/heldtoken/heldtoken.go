// Package heldtoken has a token that programs can pass on but cannot read. Only packages of this
// module can call Raw. A Token prints and logs as a placeholder.
package heldtoken

import (
	"fmt"
	"io"
	"log/slog"
)

// Token is a token that only packages of this module can read. The zero value has none. It is
// immutable and safe for concurrent use. In an unexported field, where package fmt does not call
// its methods, it prints as an address.
type Token struct {
	raw func() string // a function, because printers do not look into functions
}

// New returns a Token with the text raw.
func New(raw string) Token { return Token{func() string { return raw }} }

// Raw returns the text of t; "" for the zero value. Do not log it. It is a function and not a
// method, so that a program that has a Token cannot call it.
func Raw(t Token) string {
	if t.raw == nil {
		return ""
	}
	return t.raw()
}

// IsZero reports whether t has no token.
func (t Token) IsZero() bool { return t.raw == nil }

const redacted = "[redacted token]"

// Format writes a placeholder for every verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (t Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, so that encoders do not write the token either.
func (t Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }
