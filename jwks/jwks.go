// Package jwks verifies JWT access tokens with the keys that their issuer publishes.
//
// It proves that a JWT is authentic. Package resource decides whether the resource accepts it
// (issuer, audience, time, scopes).
package jwks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/keyset"
	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// Verifier verifies the JWTs of one issuer. It is safe for concurrent use and implements
// [resource.Verifier] and [prometheus.Collector]. [resource.Resource.Metrics] includes its
// series, so do not register it separately. If it is printed or logged, the output is the
// issuer.
type Verifier struct {
	issuer     string
	algorithms []jose.Algorithm
	keys       *keyset.Set
	metrics    *metrics
	logger     *slog.Logger
}

// New checks the configuration and returns a verifier. It does no I/O, except that it reads
// inline keys. The error lists every mistake.
func New(c Config) (*Verifier, error) {
	var mistakes configerr.List
	c.checkIssuer(&mistakes)
	if c.URL != "" {
		mistakes.Add(metadata.CheckEndpoint(c.URL, c.AllowHTTP))
	}
	if c.MetadataURL != "" {
		mistakes.AddAt("MetadataURL", metadata.CheckEndpoint(c.MetadataURL, c.AllowHTTP))
	}
	mistakes.Add(outbound.CheckHosts("AllowHosts", c.AllowHosts))
	c.checkKeyUses(&mistakes)
	c.checkBearer(&mistakes)
	algorithms, err := jose.ParseAlgorithms(c.Algorithms)
	if err != nil {
		mistakes.Addf("Algorithms: %w", err)
	}
	if i := c.RefreshInterval; i != 0 && (i < keyset.MinInterval || i > keyset.MaxInterval) {
		mistakes.Addf("RefreshInterval: %s is not between %s and %s", i, keyset.MinInterval, keyset.MaxInterval)
	}
	v := &Verifier{issuer: c.Issuer, algorithms: algorithms, metrics: newMetrics(c.Issuer), logger: c.Logger}
	v.keys = keyset.New(keyset.Config{Source: source(c), Uses: slices.Clone(c.KeyUses), Interval: interval(c), Observe: v.observe})
	v.metrics.stats = v.keys.Stats
	if c.Keys != nil {
		if err := v.keys.Ready(context.Background()); err != nil {
			mistakes.Addf("Keys: %w", err)
		}
	}
	if err := mistakes.Err("jwks: configuration"); err != nil {
		return nil, err
	}
	return v, nil
}

// Issuer returns the issuer identifier or, for many tenants, the pattern.
func (v *Verifier) Issuer() string { return v.issuer }

// Format prints the issuer for every verb.
func (v *Verifier) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "jwks.Verifier("+v.issuer+")")
}

// LogValue returns the issuer.
func (v *Verifier) LogValue() slog.Value { return slog.StringValue(v.issuer) }

// Ready returns nil if there are keys to verify with. It fetches them if they were never
// loaded, and waits 3 s at most.
func (v *Verifier) Ready(ctx context.Context) error {
	if err := v.keys.Ready(ctx); err != nil {
		return fmt.Errorf("jwks: %w", err)
	}
	return nil
}

// Verify checks the algorithm against the allow-list and the signature against the issuer's
// keys (RFC 7515 §5.2, RFC 8725 §3.1). Only a token whose kid is not among the keys, or that
// has none, waits for a fetch, 3 s at most. Errors are [*resource.Error] or that of ctx.
func (v *Verifier) Verify(ctx context.Context, t *resource.Token) (*resource.Claims, error) {
	if !t.IsJWT() {
		return nil, &resource.Error{Reason: resource.ReasonOpaqueUnsupported}
	}
	stillValid, err := v.VerifyJWS(ctx, t.JWS(), t.Claims().Issuer, t.Claims().IssuedAt)
	if err != nil {
		return nil, err
	}
	claims := *t.Claims() // read from the bytes that the signature covers
	claims.StillValid = stillValid
	return &claims, nil
}

// VerifyJWS checks the algorithm and the signature of a JWT with the claims iss and iat, as
// Verify does and with the same errors. It is for packages of this module that read other JWTs of
// the issuer than access tokens: it does not check what kind of token the JWT is.
func (v *Verifier) VerifyJWS(ctx context.Context, t *jose.Token, issuer string, issuedAt time.Time) (stillValid func(now time.Time) bool, err error) {
	if alg := t.Header.Algorithm; !slices.Contains(v.algorithms, alg) {
		return nil, &resource.Error{Reason: resource.ReasonAlgorithmRefused, Err: fmt.Errorf("alg %s is not allowed for the issuer", alg)}
	}
	if stillValid, err = v.keys.Verify(ctx, keyset.Token{Token: t, Issuer: issuer, IssuedAt: issuedAt}); err != nil {
		return nil, verifyError(err)
	}
	return stillValid, nil
}

// reasons maps the errors about tokens that are not authentic.
var reasons = map[error]resource.Reason{
	keyset.ErrUnknownKey:   resource.ReasonKeyUnknown,
	keyset.ErrBadSignature: resource.ReasonSignatureInvalid,
	keyset.ErrAlgorithm:    resource.ReasonAlgorithmRefused,
	keyset.ErrAmbiguousKey: resource.ReasonKeyAmbiguous,
}

func verifyError(err error) error {
	if u, ok := errors.AsType[*keyset.UnavailableError](err); ok {
		return &resource.Error{Reason: resource.ReasonKeysUnavailable, RetryAfter: u.RetryAfter, Err: err}
	}
	if p, ok := errors.AsType[*keyset.PendingError](err); ok {
		return &resource.Error{Reason: resource.ReasonKeyPending, RetryAfter: p.RetryAfter, Err: err}
	}
	for known, reason := range reasons {
		if errors.Is(err, known) {
			return &resource.Error{Reason: reason, Err: err}
		}
	}
	return err
}

// observe counts and logs a fetch and the unusable keys that it found.
func (v *Verifier) observe(f keyset.Fetch) {
	v.metrics.fetches.WithLabelValues(f.Outcome).Inc()
	logger := logging.OrDefault(v.logger)
	if f.Err != nil {
		logger.Warn("fetching keys failed", "issuer", v.issuer, "outcome", f.Outcome, "took", f.Took, "error", f.Err)
	}
	for _, k := range f.Skipped {
		logger.Info("unusable key skipped", "issuer", v.issuer, "kid", logging.Printable(k.KeyID), "error", k.Err)
	}
}

var _ prometheus.Collector = (*Verifier)(nil)
