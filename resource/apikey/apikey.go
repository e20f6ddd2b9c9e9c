// Package apikey verifies static keys: for callers, such as build machines, that can't
// get an OAuth token. MCP clients expect OAuth; keys stand beside it, never instead.
//
// A verifier takes keys in a header field of their own ([resource.Config].Headers), as
// Bearer tokens with a prefix (Prefixed), or both:
//
//	Headers:  map[string]resource.HeaderVerifier{"X-API-Key": keys},
//	Prefixed: map[string]resource.Issuer{"mcp_": {Verifier: keys}},
//
// As resource.Config.Opaque it would be published as an authorization server, which it
// is not: with the default Issuer [resource.New] refuses that.
//
// Keys are not stored anywhere, their SHA-256 digests are. That is enough because a key
// is random: nobody guesses one of 2^256 keys, however fast guesses can be checked.
// WHAT A PERSON CHOSE IS NO KEY: a password's plain digest is guessed within minutes of
// its becoming known, and a slow hash on every request would be a way to overload the
// server. Make keys with [Generate].
//
// A key is as good as a password for whoever finds it, until it expires or is taken
// out: give it few scopes and an end.
package apikey

import (
	"context"
	"crypto/sha256"
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

	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// DefaultIssuer is the default of Config.Issuer. It is no URL, so that no authorization
// server can be called so.
const DefaultIssuer = "api-keys"

// Config says which keys there are and what they are good for. Resource and one of Keys
// and File are required.
type Config struct {
	// Resource is the [resource.Config].Identifier of the one resource that the keys
	// are for. Every other refuses them, as it does tokens with another audience.
	Resource string

	// Issuer names who vouches for the keys: [resource.Caller.Issuer], and part of
	// [resource.Caller.ID]. Empty: [DefaultIssuer]. Two verifiers whose subjects are
	// not the same people need two names; so do two of one resource.
	Issuer string

	Keys []Key // they never change

	// File is a file of keys, a JSON object:
	//
	//	{"keys": [{"id": "ci", "sha256": "<64 hex digits>", "subject": "ci-bot",
	//	  "client_id": "", "scopes": ["mcp:read"], "expires": "2027-01-01T00:00:00Z"}]}
	//
	// The members are those of [Key]; there are no others. It is read on first use,
	// and again by the first use that comes [CheckInterval] after the last look, so a
	// key that is taken out is refused from then on, and one whose entry was changed
	// is what the new entry says. A file that is gone or can't be read changes
	// nothing: the keys of the last good one stay, and KEYS TAKEN OUT IN A BROKEN FILE
	// ARE STILL GOOD. The log says so, and the series warder_api_key_file_broken. To
	// take out all keys, write {"keys": []}.
	File string

	Logger *slog.Logger // one record for each change of the file; nil: slog.Default()
}

// Verifier knows the keys of one resource. It is safe for concurrent use and implements
// [resource.Verifier], [resource.HeaderVerifier] and [prometheus.Collector]. It prints
// and logs as its issuer.
type Verifier struct {
	resource string
	issuer   string
	file     string
	logger   *slog.Logger
	metrics  *metrics

	checking sync.Mutex // one look at the file at a time
	current  atomic.Pointer[keys]
}

// New checks the configuration and returns a verifier. It does no I/O: call Ready to
// read the file at start. The error names every mistake at once, by position and ID,
// and never a key or a digest.
func New(c Config) (*Verifier, error) {
	v := &Verifier{resource: c.Resource, issuer: c.Issuer, file: c.File, logger: c.Logger}
	if v.issuer == "" {
		v.issuer = DefaultIssuer
	}
	v.metrics = newMetrics(v)
	var m mistakes
	if err := metadata.CheckIdentifier(c.Resource, true); err != nil {
		m.add("Resource: %w", err)
	}
	if !isName(v.issuer) {
		m.add("Issuer: has control characters or more than %d bytes", MaxNameBytes)
	}
	switch {
	case c.File != "" && c.Keys != nil:
		m.add("Keys, File: both are set; keep one")
	case c.File == "" && len(c.Keys) == 0:
		m.add("Keys, File: neither is set; make a key with Generate")
	}
	first := &keys{loaded: c.File == ""}
	if first.entries = v.entries("Keys", c.Keys, nil, &m); len(m) > 0 {
		return nil, fmt.Errorf("apikey: configuration: %w", m.join())
	}
	v.current.Store(first)
	return v, nil
}

// Issuer returns Config.Issuer, or its default.
func (v *Verifier) Issuer() string { return v.issuer }

// Ready returns nil if there are keys to compare with: it reads a file that has not been
// read yet. A file that broke later is no reason to refuse the keys of the last good
// one: that shows in the log and the metrics.
func (v *Verifier) Ready(context.Context) error {
	if k := v.keys(time.Now()); !k.loaded {
		return fmt.Errorf("apikey: %w", k.broken)
	}
	return nil
}

// Verify vouches for a key that came as a Bearer token. Errors are [*resource.Error]:
// 401 for what is no key of ours, 503 as long as the file was never good.
func (v *Verifier) Verify(_ context.Context, t *resource.Token) (*resource.Claims, error) {
	if t.IsJWT() { // what it claims is for its issuer to say, never for a digest
		return nil, unknown()
	}
	return v.verify(t.Raw())
}

// VerifyHeader does the same for a key in a header field, whose value is the key and
// nothing else.
func (v *Verifier) VerifyHeader(_ context.Context, value string, _ *http.Request) (*resource.Claims, error) {
	return v.verify(value)
}

func unknown() error {
	return &resource.Error{Reason: resource.ReasonInactive, Err: errors.New("apikey: no such key")}
}

func (v *Verifier) verify(key string) (*resource.Claims, error) {
	known := v.keys(time.Now())
	if !known.loaded { // cannot tell: 503, never 401
		return nil, &resource.Error{Reason: resource.ReasonVerifierUnavailable, RetryAfter: ColdInterval, Err: known.broken}
	}
	// How long the look-up takes depends on the digest of what was sent. Who sends it
	// knows that digest, but can't choose it so as to come closer, bit by bit, to one
	// that is stored: that would be finding preimages. And a stored digest, known in
	// part or in whole, is no key. So nothing is learned from the time that this takes.
	// The comparison says the same without trusting that the map compares all bytes.
	digest := sha256.Sum256([]byte(key))
	e := known.entries[digest]
	if e == nil || subtle.ConstantTimeCompare(e.digest[:], digest[:]) != 1 {
		return nil, unknown()
	}
	// A copy: what a caller of this method does to it must not change the key.
	claims := *e.claims
	claims.Scopes, claims.Audience = slices.Clone(claims.Scopes), slices.Clone(claims.Audience)
	if v.file != "" {
		claims.StillValid = func(now time.Time) bool { return v.keys(now).entries[digest] == e }
	}
	return &claims, nil // an expired key too: the resource says so, with its leeway
}

// Format prints the issuer for every verb.
func (v *Verifier) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "apikey.Verifier("+v.issuer+")")
}

// LogValue logs the issuer.
func (v *Verifier) LogValue() slog.Value { return slog.StringValue(v.issuer) }

var _ interface {
	resource.Verifier
	resource.HeaderVerifier
} = (*Verifier)(nil)
