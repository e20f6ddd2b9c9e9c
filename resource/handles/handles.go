// Package handles binds state handles to the caller they were made for: task ids,
// requestState, cursors, whatever a server gives to a client and takes back. A client can
// neither read nor change a bound handle, nor use one of another principal (MCP 2026-07-28,
// security best practices: "State handles and sessions are bound to the principal").
package handles

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/commonkey"
	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/resource"
)

// Limits of handles.
const (
	maxHandleBytes  = 16 << 10 // a handle before Bind
	maxPurposeBytes = 255
	defaultLifetime = time.Hour
)

// Config configures a Binder. Purpose and one key are required.
type Config struct {
	// Purpose says what the handles are, such as "task" or "requestState", and of which
	// server. A handle that was bound for one purpose does not open for another.
	Purpose string

	// Keys are 1 to 8 secrets of at least 32 random bytes each. The first one seals, all
	// of them open. Processes with the same keys open each other's handles. To replace a key, add
	// the new one at the end in all processes, then move it to the front, and remove the old one
	// after Lifetime. A single process can add the new one in front.
	Keys [][]byte

	Lifetime time.Duration // after Bind; 0: 1 h; at least 1 s
}

// Binder binds handles to callers and opens them. It is safe for concurrent use. The zero
// value rejects everything. It works with GODEBUG=fips140=only.
//
// A Binder stores nothing. So a bound handle can be used more than once and cannot be
// revoked before it expires; a server that needs either must keep a record. The length of a
// handle is not hidden.
type Binder struct {
	purpose  string
	keys     [][]byte
	lifetime time.Duration
}

const redactedKeys = "[redacted handle keys]"

// Format writes a placeholder for every verb, so that logs do not show the keys.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redactedKeys) }

// MarshalText returns a placeholder, so that encoders do not show the keys.
func (c Config) MarshalText() ([]byte, error) { return []byte(redactedKeys), nil }

// Format writes a placeholder for every verb, so that logs do not show the keys.
func (b Binder) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redactedKeys) }

// ErrInvalid is the error of [Binder.Open], whatever is wrong with the handle.
var ErrInvalid = errors.New("handles: the handle is not valid")

// New checks the configuration. The error lists every mistake and contains no part of a key.
func New(c Config) (*Binder, error) {
	var mistakes configerr.List
	if c.Purpose == "" || len(c.Purpose) > maxPurposeBytes {
		mistakes.Addf("Purpose: %d bytes; say in 1 to %d bytes what the handles are for", len(c.Purpose), maxPurposeBytes)
	}
	if len(c.Keys) == 0 {
		mistakes.Addf("Keys: none; configure 1 to %d", commonkey.Max)
	}
	b := &Binder{purpose: c.Purpose, lifetime: c.Lifetime}
	mistakes.AddAt("Keys", commonkey.Check(c.Keys))
	for _, key := range c.Keys {
		b.keys = append(b.keys, slices.Clone(key))
	}
	if b.lifetime == 0 {
		b.lifetime = defaultLifetime
	}
	if b.lifetime < time.Second {
		mistakes.Addf("Lifetime: %s is under a second; use 0 for %s", c.Lifetime, defaultLifetime)
	}
	if err := mistakes.Err("handles: configuration"); err != nil {
		return nil, err
	}
	return b, nil
}

// version is the first byte of a bound handle. Another version is another format.
const version = 1

// overhead is what Bind adds: the version, a nonce and a tag of GCM, and the milliseconds
// since 1970 at which the handle expires.
const overhead = 1 + 12 + 16 + 8

// encoding writes characters that are valid in URLs and headers. Strict accepts one text for
// the same bytes, except for line breaks, which [Binder.Open] rejects itself.
var encoding = base64.RawURLEncoding.Strict()

// Bind seals a handle of 1 to 16 KiB for the caller's principal ([resource.Caller.Owner]). It
// is not bound to the token, so it opens after a refresh. The result is base64url text, a
// third longer and 50 characters more, and different every time. A caller that was decoded
// from JSON is accepted, because sealing for a principal grants nothing to anyone else.
func (b *Binder) Bind(c *resource.Caller, handle string) (string, error) {
	switch {
	case b == nil || len(b.keys) == 0:
		return "", errors.New("handles: the binder was not made by New")
	case c == nil || c.Issuer() == "":
		return "", errors.New("handles: binding a handle without a caller")
	case handle == "" || len(handle) > maxHandleBytes:
		return "", fmt.Errorf("handles: binding a handle of %d bytes, not 1 to %d", len(handle), maxHandleBytes)
	}
	context := b.context(c)
	aead, err := newAEAD(b.keys[0], context)
	if err != nil {
		return "", fmt.Errorf("handles: binding a handle: %w", err)
	}
	plain, err := binary.Append(nil, binary.BigEndian, time.Now().Add(b.lifetime).UnixMilli())
	if err != nil {
		return "", fmt.Errorf("handles: binding a handle: %w", err)
	}
	//nolint:gosec // G407: cipher.NewGCMWithRandomNonce makes the nonce
	sealed := aead.Seal([]byte{version}, nil, append(plain, handle...), []byte(context))
	return encoding.EncodeToString(sealed), nil
}

// Open returns the handle that Bind sealed for this caller's principal, this purpose and one
// of the keys, within its lifetime. Otherwise it returns [ErrInvalid], after the same work
// whatever is wrong. A caller that was decoded from JSON opens nothing, because it does not
// prove who sent the request.
func (b *Binder) Open(c *resource.Caller, bound string) (string, error) {
	if b == nil || !c.Verified() {
		return "", ErrInvalid
	}
	if len(bound) > encoding.EncodedLen(maxHandleBytes+overhead) || strings.ContainsAny(bound, "\r\n") {
		return "", ErrInvalid
	}
	sealed, err := encoding.DecodeString(bound)
	if err != nil || len(sealed) == 0 || sealed[0] != version {
		return "", ErrInvalid
	}
	context := b.context(c)
	var plain []byte
	for _, key := range b.keys { // all of them, so that the time does not tell which one it was
		aead, err := newAEAD(key, context)
		if err != nil {
			return "", ErrInvalid
		}
		if opened, err := aead.Open(nil, nil, sealed[1:], []byte(context)); err == nil {
			plain = opened
		}
	}
	var expiry int64
	n, err := binary.Decode(plain, binary.BigEndian, &expiry)
	if err != nil || time.Now().UnixMilli() >= expiry {
		return "", ErrInvalid
	}
	return string(plain[n:]), nil
}

// context is everything that a handle is bound to. The length keeps two pairs of purpose and
// caller from having the same text.
func (b *Binder) context(c *resource.Caller) string {
	return fmt.Sprintf("warder handle %d %d:%s %s", version, len(b.purpose), b.purpose, c.Owner())
}

// newAEAD returns AES-256-GCM with random nonces (NIST SP 800-38D §8.2.2) under a key that
// is derived for the caller (RFC 5869). So the limit of 2^32 handles per key applies to each
// caller, and a handle of one caller would not open for another even if GCM failed.
func newAEAD(key []byte, context string) (cipher.AEAD, error) {
	block, err := aes.NewCipher(commonkey.Derive(key, context))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
