// Package signedrequest shows a credential of one's own: requests that a program signs
// with a secret which it shares with the server, instead of an OAuth token. The secret
// itself never travels, and a signature is worth nothing for another request.
//
//	Content-Digest: sha-256=:<base64>:                (RFC 9530 §2)
//	X-Signature: <key ID>:<Unix time>:<base64 of HMAC-SHA-256>
//
// Signed are the resource's identifier, the method, path and query, the time, and the
// digest of the body. [Verifier] checks the signature, [CheckBody] that the body is the
// one that was signed: one without the other leaves the body to whoever comes by.
//
// WHAT IT DOES NOT COVER:
//   - Replay. Within [Window] of its time a signed request can be sent again, by whoever
//     has seen it. Against that one needs a memory of signatures, common to all servers.
//   - Header fields other than Content-Digest: Mcp-Session-Id, Mcp-Method, Accept and
//     the rest can be changed on the way.
//   - The answer, which nobody signs, and secrecy: all of this is in need of TLS.
//   - The server's own secrets: it must know them as they are, where of an API key it
//     knows a digest. Who reads them can sign.
//   - A stream, which stays open for as long as its caller likes.
//
// It is an example to start from, and no standard; that would be RFC 9421.
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
	Field   = "X-Signature"   // names the credential in resource.Config.Headers
	Window  = time.Minute     // by which a request's time may differ from ours, either way
	MinKey  = 32              // bytes of a secret; the server takes no shorter one
	MaxBody = 4 << 20         // bytes that CheckBody reads
	issuer  = "shared-secret" // of the callers; no URL, so no authorization server
)

// Secret is what a program shares with the server. It prints, logs and encodes as its
// subject. Don't keep one in a field that is not exported: fmt prints that as it is.
type Secret struct {
	Key     []byte // random; MinKey bytes at least
	Subject string // whom it stands for
	Scopes  []string
}

// Format prints the subject for every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "signedrequest.Secret(%q)", s.Subject) }

// LogValue logs the subject.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.Subject) }

// MarshalText returns the subject.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.Subject), nil }

// Sign puts both fields into a request with this body.
func Sign(req *http.Request, body []byte, identifier, id string, key []byte, now time.Time) {
	digest, at := contentDigest(body), strconv.FormatInt(now.Unix(), 10)
	mac := base64.StdEncoding.EncodeToString(macOf(key, identifier, req, at, digest))
	req.Header.Set("Content-Digest", digest)
	req.Header.Set(Field, id+":"+at+":"+mac)
}

func contentDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// macOf signs one line for each part. None of them can have a line break in it, so that
// two requests never spell the same lines. The identifier is the configured one: Host is
// whatever the client says.
func macOf(key []byte, identifier string, req *http.Request, at, digest string) []byte {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "signed-request-1\n%s\n%s\n%s\n%s\n%s\n", identifier, req.Method, req.URL.RequestURI(), at, digest)
	return mac.Sum(nil)
}

// Verifier is a resource.HeaderVerifier for the resource with this Identifier. Its
// fields must not be changed once it is in use.
type Verifier struct {
	Identifier string
	Secrets    map[string]Secret // by key ID, which is public
}

// Format prints the identifier for every verb.
func (v Verifier) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "signedrequest.Verifier(%s)", v.Identifier)
}

// LogValue logs the identifier.
func (v Verifier) LogValue() slog.Value { return slog.StringValue(v.Identifier) }

// MarshalText returns the identifier.
func (v Verifier) MarshalText() ([]byte, error) { return []byte(v.Identifier), nil }

// Issuer names who vouches.
func (v Verifier) Issuer() string { return issuer }

// VerifyHeader checks a signature. Its errors say to the log what was wrong, to the
// client only that it was; that it came too late is worth knowing.
func (v Verifier) VerifyHeader(_ context.Context, value string, req *http.Request) (*resource.Claims, error) {
	id, at, sent, err := split(value)
	if err != nil {
		return nil, refuse(resource.ReasonTokenMalformed, err)
	}
	digest := req.Header["Content-Digest"]
	if len(digest) != 1 { // CheckBody must look at the very one that was signed
		return nil, refuse(resource.ReasonTokenMalformed, errors.New("Content-Digest is absent or repeated"))
	}
	secret, known := v.Secrets[id]
	if !known || len(secret.Key) < MinKey { // anybody can sign with an empty key, and guess a short one
		return nil, refuse(resource.ReasonInactive, errors.New("no such key ID, or its secret is too short"))
	}
	// In constant time: a comparison that stops at the first difference would tell a
	// forger how many bytes are right.
	if !hmac.Equal(sent, macOf(secret.Key, v.Identifier, req, strconv.FormatInt(at.Unix(), 10), digest[0])) {
		return nil, refuse(resource.ReasonSignatureInvalid, errors.New("another request was signed, or with another key"))
	}
	if off := time.Since(at); off > Window || off < -Window {
		return nil, refuse(resource.ReasonExpired, fmt.Errorf("signed %s ago", off.Round(time.Second)))
	}
	return &resource.Claims{Issuer: issuer, Subject: secret.Subject, Audience: []string{v.Identifier}, Scopes: secret.Scopes}, nil
}

func refuse(reason resource.Reason, err error) error {
	return &resource.Error{Reason: reason, Err: fmt.Errorf("signed request: %w", err)}
}

func split(value string) (id string, at time.Time, mac []byte, err error) {
	parts := strings.Split(value, ":")
	if len(parts) != 3 {
		return "", at, nil, errors.New("not three parts")
	}
	seconds, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return "", at, nil, errors.New("the second part is no time")
	}
	if mac, err = base64.StdEncoding.Strict().DecodeString(parts[2]); err != nil {
		return "", at, nil, errors.New("the third part is no base64")
	}
	return parts[0], time.Unix(seconds, 0), mac, nil
}

// CheckBody stands between warder and next. Of a caller that came by signature it reads
// the body and lets it through if it is the one that was signed, up to [MaxBody].
func CheckBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller, ok := resource.FromContext(req.Context())
		if !ok || caller.Credential() != Field {
			next.ServeHTTP(w, req) // tokens don't sign bodies
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, MaxBody))
		if err != nil {
			http.Error(w, "the body can't be read, or is too large", http.StatusBadRequest)
			return
		}
		if req.Header.Get("Content-Digest") != contentDigest(body) {
			http.Error(w, "the body is not the one that was signed", http.StatusBadRequest)
			return
		}
		again := *req // not req itself: it belongs to who called
		again.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, &again)
	})
}

var _ resource.HeaderVerifier = Verifier{}
