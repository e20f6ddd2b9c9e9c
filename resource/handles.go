package resource

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Limits of Handles.
const (
	MinHandleKeyBytes     = 32 // of random bytes in each key
	MaxHandleKeys         = 8
	MaxHandleBytes        = 16 << 10 // of a handle before Bind
	MaxHandlePurposeBytes = 255
	DefaultHandleLifetime = time.Hour
)

// HandlesConfig describes Handles. Purpose and one key are required.
type HandlesConfig struct {
	// Purpose says what the handles are, such as "task" or "requestState", and of
	// which server: what was bound for one purpose does not open for another.
	Purpose string

	// Keys are secrets of at least 32 random bytes each. The first seals, all of
	// them open. To change keys, put the new one first and drop the old one after
	// Lifetime. Processes that share keys open one another's handles.
	Keys [][]byte

	Lifetime time.Duration // after Bind; 0: 1 h; at least a second
}

// Handles binds state handles to the principal they were made for: task ids,
// requestState, cursors, whatever a server hands out and takes back. A client can
// neither read nor change a bound handle, nor use another principal's (MCP 2026-07-28,
// security best practices: "State handles and sessions are bound to the principal").
//
// Nothing is stored. So a bound handle can be used more than once and can't be taken
// back before its time; a server that needs either keeps a record of its own. The
// length of a handle shows.
//
// It works with GODEBUG=fips140=only, is safe for concurrent use, and its zero value
// refuses everything.
type Handles struct {
	purpose  string
	keys     [][]byte
	lifetime time.Duration
}

const redactedKeys = "[redacted handle keys]"

// Format writes a placeholder for every verb, so that no log shows the keys.
func (c HandlesConfig) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redactedKeys) }

// MarshalText returns a placeholder, so that encoders show nothing either.
func (c HandlesConfig) MarshalText() ([]byte, error) { return []byte(redactedKeys), nil }

// Format writes a placeholder for every verb, so that no log shows the keys.
func (h Handles) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redactedKeys) }

// ErrHandle is the error of [Handles.Open], whatever is wrong: it tells neither a
// client nor the one who prints it more than that the handle is not good.
var ErrHandle = errors.New("resource: handle is not good")

// NewHandles checks the configuration. The error names every mistake at once and no
// part of a key.
func NewHandles(c HandlesConfig) (*Handles, error) {
	var mistakes []error
	mistake := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	if c.Purpose == "" || len(c.Purpose) > MaxHandlePurposeBytes {
		mistake("Purpose: %d bytes; say in 1 to %d what the handles are for", len(c.Purpose), MaxHandlePurposeBytes)
	}
	if len(c.Keys) == 0 || len(c.Keys) > MaxHandleKeys {
		mistake("Keys: %d of them; give 1 to %d", len(c.Keys), MaxHandleKeys)
	}
	h := &Handles{purpose: c.Purpose, lifetime: orDefault(c.Lifetime, DefaultHandleLifetime)}
	for n, key := range c.Keys {
		if len(key) < MinHandleKeyBytes {
			mistake("Keys[%d]: %d bytes; take at least %d from crypto/rand", n, len(key), MinHandleKeyBytes)
		}
		if slices.ContainsFunc(c.Keys[:n], func(other []byte) bool { return string(other) == string(key) }) {
			mistake("Keys[%d]: stands twice", n)
		}
		h.keys = append(h.keys, slices.Clone(key))
	}
	if h.lifetime < time.Second {
		mistake("Lifetime: %s is under a second; use 0 for %s", c.Lifetime, DefaultHandleLifetime)
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, fmt.Errorf("resource: handles: %w", err)
	}
	return h, nil
}

// handleVersion is the first byte of a bound handle. Another one is another format.
const handleVersion = 1

// handleOverhead is the version, a nonce and a tag of GCM, and the milliseconds since
// 1970 at which the handle ends.
const handleOverhead = 1 + 12 + 16 + 8

// handleText writes bytes that fit into a URL and a header. Strict: one text for the
// same bytes, but for line breaks, which [Handles.Open] looks for itself.
var handleText = base64.RawURLEncoding.Strict()

// Bind seals a handle of 1 to [MaxHandleBytes] bytes for the caller's principal
// ([Caller.ID]), not for the token: it opens after a refresh. The result is base64url
// text, a third longer and 50 characters more, and different every time. A caller
// that was decoded from JSON will do: sealing for a principal gives nobody more.
func (h *Handles) Bind(c *Caller, handle string) (string, error) {
	switch {
	case h == nil || len(h.keys) == 0:
		return "", errors.New("resource: handles were not made by NewHandles")
	case c == nil || c.issuer == "":
		return "", errors.New("resource: binding a handle to nobody")
	case handle == "" || len(handle) > MaxHandleBytes:
		return "", fmt.Errorf("resource: binding a handle of %d bytes, not 1 to %d", len(handle), MaxHandleBytes)
	}
	context := h.context(c)
	box, err := handleBox(h.keys[0], context)
	if err != nil {
		return "", fmt.Errorf("resource: binding a handle: %w", err)
	}
	plain, err := binary.Append(nil, binary.BigEndian, time.Now().Add(h.lifetime).UnixMilli())
	if err != nil {
		return "", fmt.Errorf("resource: binding a handle: %w", err)
	}
	sealed := box.Seal([]byte{handleVersion}, nil, append(plain, handle...), []byte(context))
	return handleText.EncodeToString(sealed), nil
}

// Open returns the handle that Bind sealed for this caller's principal, this purpose
// and one of the keys, within its lifetime. Everything else gets [ErrHandle], with the
// same work done for whatever of these is wrong. A caller that was decoded from JSON
// opens nothing: it is no proof of who asks.
func (h *Handles) Open(c *Caller, bound string) (string, error) {
	if h == nil || c == nil || c.by == nil {
		return "", ErrHandle
	}
	if len(bound) > handleText.EncodedLen(MaxHandleBytes+handleOverhead) || strings.ContainsAny(bound, "\r\n") {
		return "", ErrHandle
	}
	sealed, err := handleText.DecodeString(bound)
	if err != nil || len(sealed) == 0 || sealed[0] != handleVersion {
		return "", ErrHandle
	}
	context := h.context(c)
	var plain []byte
	for _, key := range h.keys { // all of them: which one it was is nobody's business
		box, err := handleBox(key, context)
		if err != nil {
			return "", ErrHandle
		}
		if opened, err := box.Open(nil, nil, sealed[1:], []byte(context)); err == nil {
			plain = opened
		}
	}
	var expiry int64
	n, err := binary.Decode(plain, binary.BigEndian, &expiry)
	if err != nil || time.Now().UnixMilli() >= expiry {
		return "", ErrHandle
	}
	return string(plain[n:]), nil
}

// context is all that a handle is bound to. The length keeps two pairs of purpose and
// caller from spelling the same.
func (h *Handles) context(c *Caller) string {
	return fmt.Sprintf("warder handle %d %d:%s %s", handleVersion, len(h.purpose), h.purpose, c.ID())
}

// handleBox is AES-256-GCM with random nonces (NIST SP 800-38D §8.2.2) under a key of
// the caller's own (RFC 5869), so that the 2^32 handles that one key may seal are
// each caller's, and no handle of one opens for another even if GCM failed.
func handleBox(key []byte, context string) (cipher.AEAD, error) {
	own, err := hkdf.Key(sha256.New, key, nil, context, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
