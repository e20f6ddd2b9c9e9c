// Package leaktest looks for secrets in what a program writes. Its test builds the
// whole test suite with this package listening at every way out, see leak_test.go.
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
	"strings"
	"sync"
)

// A Ledger knows secrets, and finds any 24 characters of one in a text. It is safe for
// concurrent use.
type Ledger struct {
	mu    sync.RWMutex
	grams map[[gram]byte]string // every stride-th piece of each secret, and what it is of
	whole map[string]string     // short secrets
}

const (
	gram   = 16
	stride = 9 // so that any gram+stride-1 characters of a secret hold a piece that is known
	short  = gram + stride - 1
	least  = 8 // shorter ones are words that stand everywhere
)

// Learn adds a secret. Kind is what a finding calls it.
func (l *Ledger) Learn(kind, secret string) {
	if len(secret) < least || known(secret) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grams == nil {
		l.grams, l.whole = map[[gram]byte]string{}, map[string]string{}
	}
	if len(secret) < short {
		l.whole[secret] = kind
		return
	}
	for at := 0; at+gram <= len(secret); at += stride {
		if piece := [gram]byte([]byte(secret[at : at+gram])); varied(piece) {
			l.grams[piece] = kind
		}
	}
}

// known are values that are no secrets although they stand where secrets do.
func known(secret string) bool { return strings.Contains(secret, "://") }

// varied leaves out what is the same character over and over: padding of tests.
func varied(piece [gram]byte) bool {
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

// Token learns a token, an API key or the like as it stands in a header field: the
// parts between its dots too.
func (l *Ledger) Token(value string) {
	for _, word := range strings.FieldsFunc(value, func(c rune) bool { return c == ' ' || c == ',' || c == '\t' }) {
		for part := range strings.SplitSeq(word, ".") {
			if len(part) >= short { // what is shorter is what tests make up: "opaque"
				l.Learn("token", part)
			}
		}
	}
}

// Key learns a private key in the forms in which one could be written.
func (l *Ledger) Key(key crypto.PrivateKey) {
	var numbers [][]byte
	switch k := key.(type) {
	case *rsa.PrivateKey:
		numbers = append(numbers, k.D.Bytes())
		for _, p := range k.Primes {
			numbers = append(numbers, p.Bytes())
		}
		l.Learn("private key", k.D.String())
	case *ecdsa.PrivateKey:
		if d, err := k.Bytes(); err == nil {
			numbers = append(numbers, d)
			l.Learn("private key", new(big.Int).SetBytes(d).String())
		}
	case ed25519.PrivateKey:
		numbers = append(numbers, k.Seed())
	}
	for _, n := range numbers {
		l.Bytes("private key", n)
	}
	if der, err := x509.MarshalPKCS8PrivateKey(key); err == nil {
		l.Learn("private key", base64.StdEncoding.EncodeToString(der)[64:]) // behind what all have
	}
}

// Bytes learns a secret that is no text.
func (l *Ledger) Bytes(kind string, secret []byte) {
	l.Learn(kind, string(secret))
	l.Learn(kind, base64.RawURLEncoding.EncodeToString(secret))
	l.Learn(kind, base64.RawStdEncoding.EncodeToString(secret))
	l.Learn(kind, hex.EncodeToString(secret))
	l.Learn(kind, strings.Trim(fmt.Sprint(secret), "[]"))
}

// Find returns what kind of secret there is in a text, and the text around it without
// it; "" if there is none.
func (l *Ledger) Find(text string) (kind, around string) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for secret, kind := range l.whole {
		if at := strings.Index(text, secret); at >= 0 {
			return kind, cut(text, at, len(secret))
		}
	}
	if len(l.grams) == 0 {
		return "", ""
	}
	var piece [gram]byte
	for at := 0; at+gram <= len(text); at++ {
		copy(piece[:], text[at:])
		if kind, ok := l.grams[piece]; ok {
			return kind, cut(text, at, gram)
		}
	}
	return "", ""
}

// cut returns what is around a finding, without the run of characters that it is in.
func cut(text string, at, length int) string {
	const word = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=."
	from, to := at, at+length
	for from > 0 && strings.IndexByte(word, text[from-1]) >= 0 {
		from--
	}
	for to < len(text) && strings.IndexByte(word, text[to]) >= 0 {
		to++
	}
	before, after := text[max(0, from-120):from], text[to:min(len(text), to+120)]
	return string(bytes.ToValidUTF8([]byte(before+"[SECRET]"+after), []byte("?")))
}
