// Package headersignature is an example of a custom credential that consists of three header
// fields. A client signs the method, the path and the time of each request with a secret that it
// shares with the server:
//
//	X-API-Key:   <key ID>
//	X-Timestamp: <Unix time, ten digits>
//	X-Signature: <HMAC-SHA-256 of method + path + time, in lower-case hexadecimal>
//
// Clients can create this signature with a few lines: it is the example of a custom signature in
// the documentation of the MCP client library mcp-use.
//
// It does NOT cover:
//   - The body. ANYONE WHO SEES A SIGNED REQUEST, such as a proxy, CAN SEND ANY OTHER BODY WITH
//     ITS SIGNATURE, and so call any tool. Package signedrequest covers the body.
//   - The query, the host and all other header fields, such as Mcp-Session-Id. A signature for
//     another server with the same path and the same secret is accepted here: use a different
//     secret for each server.
//   - Replay. Within [Window] of its time, a request can be sent again any number of times.
//   - The spelling of the path. Clients sign the decoded path, so [Verifier] rejects paths with
//     percent-encoded characters.
//   - The response, and confidentiality. Use TLS.
//   - The secrets on the server, which must store them in plain text.
//   - Open streams, which can stay open indefinitely, because the claims have no expiry.
//
// This is an example to start from. Prefer OAuth, or package signedrequest if you can choose what
// clients send.
package headersignature

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/warder-go/warder/resource"
)

const (
	Field  = "X-Signature"      // header field, the key in resource.Credentials.Headers
	Window = time.Minute        // maximum difference between signing time and verification, either way
	MinKey = 32                 // minimum length of a secret in bytes
	issuer = "header-signature" // Caller.Issuer; not a URL, because there is no authorization server

	timeDigits = 10 // until the year 2286
)

// Secret is a secret that a client shares with the server. It prints, logs and encodes as
// its subject. Do not store a Secret in an unexported field of a struct: fmt ignores its
// Format method there and prints the key.
type Secret struct {
	Key     []byte // random, at least MinKey bytes
	Subject string // the client
	Scopes  []string
}

// Format prints the subject for every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "headersignature.Secret(%q)", s.Subject) }

// LogValue logs the subject.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.Subject) }

// MarshalText returns the subject.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.Subject), nil }

// Sign sets the three header fields of a request.
func Sign(req *http.Request, id string, key []byte, now time.Time) {
	at := strconv.FormatInt(now.Unix(), 10)
	req.Header.Set("X-API-Key", id)
	req.Header.Set("X-Timestamp", at)
	req.Header.Set(Field, computeMAC(key, req, at))
}

// computeMAC signs the three parts without separators, as the clients do. The parts are
// unambiguous nevertheless: the path begins with the first slash, and the time has ten digits.
func computeMAC(key []byte, req *http.Request, at string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(req.Method + req.URL.Path + at))
	return hex.EncodeToString(mac.Sum(nil))
}

// Verifier is a [resource.HeaderVerifier]. It is safe for concurrent use as long as its
// fields are not changed.
type Verifier struct {
	Identifier string            // of the resource
	Secrets    map[string]Secret // by key ID; key IDs are public
}

// Format prints the identifier for every verb.
func (v Verifier) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "headersignature.Verifier(%s)", v.Identifier)
}

// LogValue logs the identifier.
func (v Verifier) LogValue() slog.Value { return slog.StringValue(v.Identifier) }

// MarshalText returns the identifier.
func (v Verifier) MarshalText() ([]byte, error) { return []byte(v.Identifier), nil }

// Issuer returns the issuer of the clients' identities.
func (v Verifier) Issuer() string { return issuer }

// VerifyHeader checks a signature. warder has checked that X-Signature occurs once. The other
// fields are checked here, because only this method reads them. The details of its errors are
// logged only; the client learns that the credential is invalid or, for a time outside Window,
// that it expired.
func (v Verifier) VerifyHeader(_ context.Context, value string, req *http.Request) (*resource.Claims, error) {
	id, err := only(req.Header, "X-Api-Key")
	if err != nil {
		return nil, reject(resource.ReasonTokenMalformed, err)
	}
	at, err := only(req.Header, "X-Timestamp")
	if err != nil {
		return nil, reject(resource.ReasonTokenMalformed, err)
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || len(at) != timeDigits || strings.Trim(at, "0123456789") != "" { // ParseInt accepts a sign
		return nil, reject(resource.ReasonTokenMalformed, errors.New("X-Timestamp is not a Unix time with ten digits"))
	}
	if strings.Contains(req.Method, "/") || !strings.HasPrefix(req.URL.Path, "/") || req.URL.EscapedPath() != req.URL.Path {
		return nil, reject(resource.ReasonTokenMalformed, errors.New("the method has a slash, or the path has none, or has percent-encoded characters"))
	}
	secret, known := v.Secrets[id]
	if !known || len(secret.Key) < MinKey { // an empty key is public and a short one can be guessed
		return nil, reject(resource.ReasonInactive, errors.New("the key ID is unknown, or its secret is too short"))
	}
	// hmac.Equal takes constant time. A comparison that stops at the first difference
	// would reveal to an attacker how many characters are correct.
	if !hmac.Equal([]byte(value), []byte(computeMAC(secret.Key, req, at))) {
		return nil, reject(resource.ReasonSignatureInvalid, errors.New("the signature does not match the request and the key"))
	}
	if age := time.Since(time.Unix(seconds, 0)); age > Window || age < -Window {
		return nil, reject(resource.ReasonExpired, fmt.Errorf("signed %s ago", age.Round(time.Second)))
	}
	return &resource.Claims{Issuer: issuer, Subject: secret.Subject, Audience: []string{v.Identifier}, Scopes: secret.Scopes}, nil
}

// only returns the value of a field. A field that occurs twice is rejected, because the next
// program that reads it may use the other value.
func only(header http.Header, name string) (string, error) {
	values := header[name]
	if len(values) != 1 || values[0] == "" {
		return "", fmt.Errorf("%s is absent, empty or repeated", name)
	}
	return values[0], nil
}

func reject(reason resource.Reason, err error) error {
	return &resource.Error{Reason: reason, Err: fmt.Errorf("header signature: %w", err)}
}

var _ resource.HeaderVerifier = Verifier{}
