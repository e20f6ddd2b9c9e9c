// Package apikey verifies static API keys, for callers such as build machines that cannot
// get an OAuth access token. MCP clients expect OAuth: use keys in addition to it, not
// instead of it.
//
// A verifier accepts keys in a separate header field ([resource.Credentials].Headers), as
// Bearer tokens with a prefix (Prefixed), or both:
//
//	Headers:  map[string]resource.HeaderVerifier{"X-API-Key": keys},
//	Prefixed: map[string]resource.Issuer{"mcp_": {Verifier: keys}},
//
// Do not use it as resource.Config.Opaque: the metadata would publish it as an
// authorization server, which it is not. [resource.New] rejects this if the Issuer is the
// default.
//
// The verifier stores SHA-256 digests instead of keys. A plain digest is sufficient
// because a key is random: 2^256 keys cannot be guessed, however fast each guess is
// checked. DO NOT USE PASSWORDS, or any text that a person chose, as keys. The plain
// digest of a password is guessed within minutes once it is disclosed, and a slow hash on
// every request would let clients overload the server. Make keys with [Generate].
//
// Anyone who obtains a key can use it until it expires or is removed. Give each key few
// scopes and an expiry.
package apikey

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// DefaultIssuer is the default of Config.Issuer. It must not be the name of an authorization
// server too; [resource.New] rejects that.
const DefaultIssuer = "api-keys"

// Config configures a [Verifier]. Resource and one of Keys and File are required.
type Config struct {
	// Resource is the [resource.Config].Identifier of the one resource that the keys
	// are for, unless Key.Resources names others. Other resources reject them, as they
	// reject tokens with another audience.
	Resource string

	// Issuer is the [resource.Caller.Issuer] of the callers, and part of
	// [resource.Caller.ID]. The default is [DefaultIssuer]. Verifiers need different
	// names if one resource uses both, or if equal subjects are different principals.
	Issuer string

	Keys []Key // fixed keys, instead of File

	// File is the path of a JSON file of keys:
	//
	//	{"keys": [{"id": "ci", "sha256": "<64 hex digits>", "subject": "ci-bot",
	//	  "client_id": "", "scopes": ["mcp:read"], "expires": "2027-01-01T00:00:00Z",
	//	  "resources": ["https://mcp.example.com/mcp"]}]}
	//
	// The members are those of [Key]; other members are mistakes. The file is read on
	// first use. It is read again by the first use that is at least 30 seconds after the
	// previous read (1 second, until it has been valid once). After that, a key without
	// an entry is rejected, and a key with a changed entry has the new properties.
	//
	// If the file is missing or invalid, the keys of the last valid file stay in use, SO
	// KEYS THAT WERE REMOVED IN AN INVALID FILE ARE STILL ACCEPTED. This is logged, and
	// the series warder_api_key_file_broken is 1. To remove all keys, write {"keys": []}.
	File string

	Logger *slog.Logger // receives one record per change of the file; default slog.Default()
}

// Verifier verifies the keys of one resource. It implements [resource.Verifier],
// [resource.HeaderVerifier] and [prometheus.Collector]. It is formatted and logged as its
// issuer. It is safe for concurrent use.
type Verifier struct {
	resource string
	issuer   string
	file     string
	logger   *slog.Logger
	metrics  *metrics

	reading sync.Mutex // held while the file is read
	current atomic.Pointer[keySet]
}

// New checks the configuration and returns a verifier. It does no I/O: call Ready to read
// the file at start. The error has a line for each of the first 20 mistakes, with the
// position and ID of the key, and never contains a key or a digest.
func New(c Config) (*Verifier, error) {
	v := &Verifier{resource: c.Resource, issuer: c.Issuer, file: c.File, logger: c.Logger}
	if v.issuer == "" {
		v.issuer = DefaultIssuer
	}
	v.metrics = newMetrics(v)
	var m mistakes
	if err := metadata.CheckIdentifier(c.Resource, true); err != nil {
		m.addf("Resource: %w", err)
	}
	if !isName(v.issuer) {
		m.addf("Issuer: must not have control characters or more than %d bytes", maxNameBytes)
	}
	switch {
	case c.File != "" && c.Keys != nil:
		m.addf("Keys, File: both are set; set only one of them")
	case c.File == "" && len(c.Keys) == 0:
		m.addf("Keys, File: neither is set; create a key with Generate")
	}
	entries := v.compileAll("Keys", c.Keys, nil, &m)
	if err := m.err("apikey: configuration"); err != nil {
		return nil, err
	}
	v.current.Store(&keySet{entries: entries, loaded: c.File == ""})
	return v, nil
}

// Issuer returns Config.Issuer, or its default.
func (v *Verifier) Issuer() string { return v.issuer }

// Ready returns nil if the verifier has keys to compare with. It reads the file if that
// has not been read yet. If the file becomes invalid later, Ready still returns nil: the
// keys of the last valid file are in use, and the log and the metrics report the problem.
func (v *Verifier) Ready(context.Context) error {
	if set := v.keys(time.Now()); !set.loaded {
		return fmt.Errorf("apikey: %w", set.fileErr)
	}
	return nil
}

// Verify verifies a key that was sent as a Bearer token. Errors are [*resource.Error]: 401
// for an unknown key, 503 if the file has never been valid.
func (v *Verifier) Verify(_ context.Context, t *resource.Token) (*resource.Claims, error) {
	if t.IsJWT() { // only the issuer of a JWT may verify its claims, never a digest
		return nil, unknownKey()
	}
	return v.verify(t.Raw())
}

// VerifyHeader verifies a key that was sent in a header field. The whole value must be
// the key. Errors are those of Verify.
func (v *Verifier) VerifyHeader(_ context.Context, value string, _ *http.Request) (*resource.Claims, error) {
	return v.verify(value)
}

func unknownKey() error {
	return &resource.Error{Reason: resource.ReasonAPIKeyUnknown, Err: errors.New("apikey: unknown key")}
}

func (v *Verifier) verify(key string) (*resource.Claims, error) {
	set := v.keys(time.Now())
	if !set.loaded { // the key may be valid: 503, never 401
		return nil, &resource.Error{Reason: resource.ReasonVerifierUnavailable, RetryAfter: retryInterval, Err: set.fileErr}
	}
	// The duration of the look-up depends on the digest of the key that was sent. An
	// attacker knows that digest, but cannot choose it to approach a stored one bit by
	// bit: that would be finding preimages. A stored digest, known in part or completely,
	// is not a key. So the timing discloses nothing useful. The constant-time comparison
	// has the same result and does not rely on the map to compare all bytes.
	sum := digest.Of(key)
	e := set.entries[sum]
	if e == nil || subtle.ConstantTimeCompare(e.digest[:], sum[:]) != 1 {
		return nil, unknownKey()
	}
	// A copy, so that the caller of this method cannot change the entry.
	claims := *e.claims
	claims.Scopes, claims.Audience = slices.Clone(claims.Scopes), slices.Clone(claims.Audience)
	if v.file != "" {
		claims.StillValid = func(now time.Time) bool { return v.keys(now).entries[sum] == e }
	}
	return &claims, nil // also for an expired key: the resource checks exp, with its leeway
}

// Format writes the issuer for every verb.
func (v *Verifier) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "apikey.Verifier("+v.issuer+")")
}

// LogValue returns the issuer.
func (v *Verifier) LogValue() slog.Value { return slog.StringValue(v.issuer) }

var _ interface {
	resource.Verifier
	resource.HeaderVerifier
} = (*Verifier)(nil)
