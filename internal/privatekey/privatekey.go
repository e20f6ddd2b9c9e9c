// Package privatekey reads a private key for signatures from PEM or from a JSON Web Key.
package privatekey

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Key is a private key. If it is printed, the output does not contain the key.
type Key struct {
	Signer    crypto.Signer // *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey
	ID        string        // kid of a JWK; "": none
	Algorithm string        // alg of a JWK; "": none
}

// Format writes a placeholder for every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted private key]") }

// Parse reads an RSA, EC or Ed25519 key. content is one private JWK (RFC 7517 §4), or PEM with
// exactly one private key (PKCS #8, PKCS #1 or SEC 1), which must not be encrypted. Other PEM
// blocks, such as certificates, are ignored. Parse does not check whether the key is strong
// enough. Errors do not contain any of the content.
func Parse(content []byte) (Key, error) {
	if trimmed := bytes.TrimSpace(content); len(trimmed) > 0 && trimmed[0] == '{' {
		return parseJWK(trimmed)
	}
	return parsePEM(content)
}

func parsePEM(content []byte) (key Key, err error) {
	for {
		var block *pem.Block
		if block, content = pem.Decode(content); block == nil {
			break
		}
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		if key.Signer != nil {
			return Key{}, errors.New("has more than one private key")
		}
		if key.Signer, err = parseBlock(block); err != nil {
			return Key{}, err
		}
	}
	if key.Signer == nil {
		return Key{}, errors.New("has no private key in PEM, and is not a JWK")
	}
	return key, nil
}

func parseBlock(block *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, errors.New("private key is encrypted; store it without a password")
	case block.Type == "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case block.Type == "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case block.Type == "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, errors.New("private key is malformed") // the cause could show a part of it
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, nil
	case *ecdsa.PrivateKey:
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, errors.New("private key is not RSA, EC or Ed25519")
}
