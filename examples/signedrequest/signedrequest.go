// Package signedrequest is an example of a custom credential. Instead of sending an OAuth
// token, a client signs each request with a secret that it shares with the server. The
// secret is never sent, and a signature is not valid for any other request.
//
//	Content-Digest: sha-256=:<base64>:                (RFC 9530 §2)
//	X-Signature: <key ID>:<Unix time>:<base64 of HMAC-SHA-256>
//
// The signature covers the resource's identifier, the method, the path and the query, the
// time, and the digest of the body. [Verifier] checks the signature. [CheckBody] checks
// that the body matches the signed digest. Use both: without CheckBody the body is not
// protected.
//
// It does NOT cover:
//   - Replay. Within [Window] of its time, anyone who has seen a signed request
//     can send it again. To prevent that, all servers must share a cache of signatures.
//   - Header fields other than Content-Digest. Mcp-Session-Id, Mcp-Method, Accept and
//     others can be changed in transit.
//   - The response, which is not signed, and confidentiality. Use TLS.
//   - The secrets on the server. The server must store them in plain text, whereas it
//     stores only a digest of an API key. Anyone who reads them can sign requests.
//   - Open streams. A stream can stay open indefinitely, because the claims have no expiry.
//
// This is an example to start from, not a standard. The standard is RFC 9421.
package signedrequest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/warder-go/warder/resource"
)

const (
	Field   = "X-Signature"   // header field, the key in resource.Credentials.Headers
	Window  = time.Minute     // maximum difference between signing time and verification, either way
	MinKey  = 32              // minimum length of a secret in bytes
	MaxBody = 4 << 20         // maximum size of a body in bytes
	issuer  = "shared-secret" // Caller.Issuer; not a URL, because there is no authorization server
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
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "signedrequest.Secret(%q)", s.Subject) }

// LogValue logs the subject.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.Subject) }

// MarshalText returns the subject.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.Subject), nil }

// Sign sets both header fields of a request with this body. identifier is the resource's
// identifier.
func Sign(req *http.Request, body []byte, identifier, id string, key []byte, now time.Time) {
	digest, at := contentDigest(body), strconv.FormatInt(now.Unix(), 10)
	mac := base64.StdEncoding.EncodeToString(computeMAC(key, identifier, req, at, digest))
	req.Header.Set("Content-Digest", digest)
	req.Header.Set(Field, id+":"+at+":"+mac)
}

func contentDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// computeMAC signs one line for each part. No part can contain a line break, so different
// requests never produce the same lines. The identifier is the configured one, because
// the client chooses Host.
func computeMAC(key []byte, identifier string, req *http.Request, at, digest string) []byte {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "signed-request-1\n%s\n%s\n%s\n%s\n%s\n", identifier, req.Method, req.URL.RequestURI(), at, digest)
	return mac.Sum(nil)
}

// Verifier is a [resource.HeaderVerifier]. It is safe for concurrent use as long as its
// fields are not changed.
type Verifier struct {
	Identifier string            // of the resource
	Secrets    map[string]Secret // by key ID; key IDs are public
}

// Format prints the identifier for every verb.
func (v Verifier) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "signedrequest.Verifier(%s)", v.Identifier)
}

// LogValue logs the identifier.
func (v Verifier) LogValue() slog.Value { return slog.StringValue(v.Identifier) }

// MarshalText returns the identifier.
func (v Verifier) MarshalText() ([]byte, error) { return []byte(v.Identifier), nil }

// Issuer returns the issuer of the clients' identities.
func (v Verifier) Issuer() string { return issuer }

// VerifyHeader checks a signature. The details of its errors are logged only; the client
// learns that the credential is invalid or, for a time outside Window, that it expired.
func (v Verifier) VerifyHeader(_ context.Context, value string, req *http.Request) (*resource.Claims, error) {
	id, at, received, err := parse(value)
	if err != nil {
		return nil, reject(resource.ReasonTokenMalformed, err)
	}
	digest := req.Header["Content-Digest"]
	if len(digest) != 1 { // CheckBody must compare the body with the signed value
		return nil, reject(resource.ReasonTokenMalformed, errors.New("Content-Digest is absent or repeated"))
	}
	secret, known := v.Secrets[id]
	if !known || len(secret.Key) < MinKey { // an empty key is public and a short one can be guessed
		return nil, reject(resource.ReasonInactive, errors.New("the key ID is unknown, or its secret is too short"))
	}
	// hmac.Equal takes constant time. A comparison that stops at the first difference
	// would reveal to an attacker how many bytes are correct.
	if !hmac.Equal(received, computeMAC(secret.Key, v.Identifier, req, strconv.FormatInt(at.Unix(), 10), digest[0])) {
		return nil, reject(resource.ReasonSignatureInvalid, errors.New("the signature does not match the request and the key"))
	}
	if age := time.Since(at); age > Window || age < -Window {
		return nil, reject(resource.ReasonExpired, fmt.Errorf("signed %s ago", age.Round(time.Second)))
	}
	return &resource.Claims{Issuer: issuer, Subject: secret.Subject, Audience: []string{v.Identifier}, Scopes: secret.Scopes}, nil
}

func reject(reason resource.Reason, err error) error {
	return &resource.Error{Reason: reason, Err: fmt.Errorf("signed request: %w", err)}
}

func parse(value string) (id string, at time.Time, mac []byte, err error) {
	parts := strings.Split(value, ":")
	if len(parts) != 3 {
		return "", at, nil, errors.New("want three parts separated by colons")
	}
	seconds, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return "", at, nil, errors.New("the second part is not a Unix time")
	}
	if mac, err = base64.StdEncoding.Strict().DecodeString(parts[2]); err != nil {
		return "", at, nil, errors.New("the third part is not base64")
	}
	return parts[0], time.Unix(seconds, 0), mac, nil
}

// CheckBody is middleware between warder and next. For callers with a signature it reads
// the body and calls next only if the body matches the signed digest. Otherwise, or if
// the body is larger than [MaxBody], it responds with 400. It does not check requests
// with other credentials.
func CheckBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller, ok := resource.FromContext(req.Context())
		if !ok || caller.Credential() != Field {
			next.ServeHTTP(w, req) // tokens do not cover the body
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, MaxBody))
		if err != nil {
			http.Error(w, "the body cannot be read, or is too large", http.StatusBadRequest)
			return
		}
		if req.Header.Get("Content-Digest") != contentDigest(body) {
			http.Error(w, "the body is not the one that was signed", http.StatusBadRequest)
			return
		}
		withBody := *req // a handler must not change the caller's request
		withBody.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, &withBody)
	})
}

var _ resource.HeaderVerifier = Verifier{}
