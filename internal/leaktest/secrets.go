// Package leaktest searches the output of a program for secrets. Its test builds the whole
// test suite with this package attached to every kind of output; see leak_test.go.
package leaktest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
)

// Secrets is a set of secrets. Find detects any 24 consecutive characters of a secret in a
// text. The zero value is ready for use. It is safe for concurrent use.
type Secrets struct {
	mu     sync.RWMutex
	pieces map[[pieceLength]byte]string // kind by piece; a secret has one piece every stride bytes
	short  map[[minLength]byte][]short  // secrets shorter than minPieces, by their beginning
}

// short is a secret shorter than minPieces.
type short struct{ secret, kind string }

const (
	pieceLength = 16
	stride      = 9                        // distance between the starts of stored pieces
	minPieces   = pieceLength + stride - 1 // every run of this length contains a stored piece
	minLength   = 8                        // shorter secrets are common words, which would cause false findings
)

// Add adds a secret. kind describes it in findings. Add ignores URLs and secrets shorter
// than 8 characters.
func (s *Secrets) Add(kind, secret string) {
	if len(secret) < minLength || isURL(secret) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pieces == nil {
		s.pieces, s.short = map[[pieceLength]byte]string{}, map[[minLength]byte][]short{}
	}
	if len(secret) < minPieces {
		start := [minLength]byte([]byte(secret))
		if !slices.ContainsFunc(s.short[start], func(other short) bool { return other.secret == secret }) {
			s.short[start] = append(s.short[start], short{secret, kind})
		}
		return
	}
	for at := 0; at+pieceLength <= len(secret); at += stride {
		if piece := [pieceLength]byte([]byte(secret[at : at+pieceLength])); isVaried(piece) {
			s.pieces[piece] = kind
		}
	}
}

// isURL reports whether a value is a URL. Tests use URLs in some places where secrets are
// expected.
func isURL(secret string) bool { return strings.Contains(secret, "://") }

// isVaried reports whether piece has at least 6 different bytes. It excludes padding that
// tests generate by repeating a character.
func isVaried(piece [pieceLength]byte) bool {
	var seen [256]bool
	n := 0
	for _, c := range piece {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n >= 6
}

// AddToken adds the tokens, API keys or similar credentials in the value of a header field.
// It adds each dot-separated part of a token as a separate secret.
func (s *Secrets) AddToken(value string) {
	for _, word := range strings.FieldsFunc(value, func(c rune) bool { return c == ' ' || c == ',' || c == '\t' }) {
		for part := range strings.SplitSeq(word, ".") {
			if len(part) >= minPieces { // shorter parts are placeholders in tests, such as "opaque"
				s.Add("token", part)
			}
		}
	}
}

// AddKey adds a private key in all common encodings.
func (s *Secrets) AddKey(key crypto.PrivateKey) {
	var numbers [][]byte
	switch k := key.(type) {
	case *rsa.PrivateKey:
		numbers = append(numbers, k.D.Bytes())
		for _, p := range k.Primes {
			numbers = append(numbers, p.Bytes())
		}
		s.Add("private key", k.D.String())
	case *ecdsa.PrivateKey:
		if d, err := k.Bytes(); err == nil {
			numbers = append(numbers, d)
			s.Add("private key", new(big.Int).SetBytes(d).String())
		}
	case ed25519.PrivateKey:
		numbers = append(numbers, k.Seed())
	}
	for _, n := range numbers {
		s.AddBytes("private key", n)
	}
	if der, err := x509.MarshalPKCS8PrivateKey(key); err == nil {
		s.Add("private key", base64.StdEncoding.EncodeToString(der)[64:]) // after the header that all keys share
	}
}

// AddBytes adds a binary secret in all common encodings.
func (s *Secrets) AddBytes(kind string, secret []byte) {
	s.Add(kind, string(secret))
	s.Add(kind, base64.RawURLEncoding.EncodeToString(secret))
	s.Add(kind, base64.RawStdEncoding.EncodeToString(secret))
	s.Add(kind, hex.EncodeToString(secret))
	s.Add(kind, strings.Trim(fmt.Sprint(secret), "[]"))
}

// Find returns the kind of the first secret that it finds in a text, and the text around
// it with the secret replaced by [SECRET]. It returns empty strings if the text does not
// contain a secret.
func (s *Secrets) Find(text string) (kind, around string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for at := 0; at+minLength <= len(text); at++ {
		if kind, length := s.findAt(text[at:]); kind != "" {
			return kind, redact(text, at, length)
		}
	}
	return "", ""
}

// findAt returns the kind of the secret at the start of a text of at least minLength bytes, and how many bytes
// of it were compared.
func (s *Secrets) findAt(text string) (kind string, length int) {
	var start [minLength]byte
	copy(start[:], text)
	for _, other := range s.short[start] {
		if strings.HasPrefix(text, other.secret) {
			return other.kind, len(other.secret)
		}
	}
	var piece [pieceLength]byte
	if copy(piece[:], text) < pieceLength {
		return "", 0
	}
	return s.pieces[piece], pieceLength
}

// redact returns up to 120 bytes of text before and after a finding. It replaces the whole
// run of token characters that contains the finding.
func redact(text string, at, length int) string {
	const tokenChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=."
	from, to := at, at+length
	for from > 0 && strings.IndexByte(tokenChars, text[from-1]) >= 0 {
		from--
	}
	for to < len(text) && strings.IndexByte(tokenChars, text[to]) >= 0 {
		to++
	}
	before, after := text[max(0, from-120):from], text[to:min(len(text), to+120)]
	return string(bytes.ToValidUTF8([]byte(before+"[SECRET]"+after), []byte("?")))
}
