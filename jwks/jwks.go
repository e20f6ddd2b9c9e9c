// Package jwks verifies JWT access tokens against the issuer's published keys.
//
// It answers one question: is this JWT authentic? Whether the resource accepts it
// (issuer, audience, time, scopes) is for package resource to say.
package jwks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/keyset"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/tenant"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// Config says whose keys these are and where they come from. Issuer is required; at
// most one of URL, File and Keys may be given. With none of them the address is
// discovered from the issuer's metadata (RFC 8414, OpenID Connect Discovery) on
// first use.
type Config struct {
	// Issuer is exactly as in iss and in the metadata document, slash included. For many
	// tenants with one key set it is a pattern, see [resource.Tenants]; then one of URL,
	// File and Keys must be given. A key whose member "issuer" names one of the tenants
	// verifies that one's tokens only.
	Issuer string

	URL  string // of the JWK Set
	File string // with the JWK Set; read again at each refresh
	Keys []byte // the JWK Set itself; it never changes (air-gapped use)

	// Algorithms is the allow-list; nil allows RS, PS and ES 256, 384 and 512,
	// EdDSA and its other name Ed25519. There is no HMAC and no "none".
	Algorithms []string

	// RefreshInterval is how long keys are used before they are fetched ahead of
	// need, less up to 10 % at random, if the server's Cache-Control says nothing.
	// 0: 15 minutes, for a File 1 minute; 30 seconds to 1 hour.
	RefreshInterval time.Duration

	// The way out. A host in Issuer or URL may have a private address; a host
	// that only the metadata document names must have a public one unless it is
	// in AllowHosts. Link-local and cloud metadata addresses are always refused.
	AllowHosts []string
	AllowHTTP  bool                                  // permits http besides loopback
	TLS        *tls.Config                           // for a private CA; nil: the system's roots
	Proxy      func(*http.Request) (*url.URL, error) // nil: none; the environment is not read
	Transport  http.RoundTripper                     // replaces all of the above, the address guard included

	Logger *slog.Logger // one record per failed fetch; nil: slog.Default()
}

// Verifier verifies the JWTs of one issuer. It is safe for concurrent use and
// implements [resource.Verifier] and [prometheus.Collector]; [resource.Resource.Metrics]
// includes its series, so it is not to be registered by itself.
type Verifier struct {
	issuer     string
	algorithms []jose.Algorithm
	keys       *keyset.Set
	metrics    *metrics
	logger     *slog.Logger
}

// New checks the configuration and returns a verifier. It does no I/O, except that
// keys given inline are read. The error names every mistake at once.
func New(c Config) (*Verifier, error) {
	var mistakes []error
	mistake := func(err error) {
		if err != nil {
			mistakes = append(mistakes, err)
		}
	}
	given := countTrue(c.URL != "", c.File != "", c.Keys != nil)
	mistake(metadata.CheckIssuer(tenant.Fill(c.Issuer, "tenant"), c.AllowHTTP))
	if tenant.IsPattern(c.Issuer) {
		if err := tenant.Check(c.Issuer); err != nil {
			mistake(fmt.Errorf("Issuer: %w", err))
		}
		if given == 0 {
			mistake(errors.New("URL: empty; the keys of many tenants can't be discovered, so name their address"))
		}
	}
	if c.URL != "" {
		mistake(metadata.CheckEndpoint(c.URL, c.AllowHTTP))
	}
	mistake(outbound.CheckHosts("AllowHosts", c.AllowHosts))
	if given > 1 {
		mistake(errors.New("URL, File, Keys: more than one is set; keep one, or none for discovery"))
	}
	algorithms, err := jose.ParseAlgorithms(c.Algorithms)
	if err != nil {
		mistake(fmt.Errorf("Algorithms: %w", err))
	}
	if i := c.RefreshInterval; i != 0 && (i < keyset.MinInterval || i > keyset.MaxInterval) {
		mistake(fmt.Errorf("RefreshInterval: %s is not between %s and %s", i, keyset.MinInterval, keyset.MaxInterval))
	}
	v := &Verifier{issuer: c.Issuer, algorithms: algorithms, metrics: newMetrics(c.Issuer), logger: c.Logger}
	v.keys = keyset.New(keyset.Config{Source: source(c), Interval: interval(c), Observe: v.observe})
	v.metrics.stats = v.keys.Stats
	if c.Keys != nil {
		if err := v.keys.Ready(context.Background()); err != nil {
			mistake(fmt.Errorf("Keys: %w", err))
		}
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, fmt.Errorf("jwks: configuration: %w", err)
	}
	return v, nil
}

func countTrue(conditions ...bool) (n int) {
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

func interval(c Config) time.Duration {
	if c.RefreshInterval == 0 && c.File != "" {
		return keyset.FileInterval
	}
	return c.RefreshInterval
}

func source(c Config) keyset.Source {
	switch {
	case c.Keys != nil:
		return keyset.Inline(slices.Clone(c.Keys))
	case c.File != "":
		return keyset.File(c.File)
	}
	client := outbound.New(outbound.Config{
		Transport: c.Transport, TLS: c.TLS, Proxy: c.Proxy, AllowHTTP: c.AllowHTTP,
		Hosts: outbound.Hosts(c.Issuer, c.URL), AllowHosts: c.AllowHosts,
	})
	if c.URL != "" {
		return keyset.URL{Client: client, URL: c.URL}
	}
	return &keyset.Discovery{Client: client, Issuer: c.Issuer}
}

// Issuer returns the issuer identifier or, for many tenants, the pattern.
func (v *Verifier) Issuer() string { return v.issuer }

// Ready returns nil if there are keys to verify with. It fetches them if there never
// were any, within three seconds.
func (v *Verifier) Ready(ctx context.Context) error {
	if err := v.keys.Ready(ctx); err != nil {
		return fmt.Errorf("jwks: %w", err)
	}
	return nil
}

// Verify checks the algorithm against the allow-list and the signature against the
// issuer's keys (RFC 7515 §5.2, RFC 8725 §3.1). A key that is fetched for it is
// waited for, three seconds at most. Errors are [*resource.Error] or the context's.
func (v *Verifier) Verify(ctx context.Context, t *resource.Token) (*resource.Claims, error) {
	if !t.IsJWT() {
		return nil, &resource.Error{Reason: resource.ReasonOpaqueUnsupported}
	}
	if !slices.Contains(v.algorithms, t.JWS().Header.Algorithm) {
		return nil, &resource.Error{Reason: resource.ReasonAlgorithmRefused,
			Err: fmt.Errorf("alg %s is not on the issuer's list", t.JWS().Header.Algorithm)}
	}
	live, err := v.keys.Verify(ctx, keyset.Token{Token: t.JWS(), Issuer: t.Claims().Issuer, IssuedAt: t.Claims().IssuedAt})
	if err != nil {
		return nil, verifyError(err)
	}
	claims := *t.Claims() // the bytes that the signature covers were read into these
	claims.StillValid = live
	return &claims, nil
}

func verifyError(err error) error {
	if u, ok := errors.AsType[*keyset.UnavailableError](err); ok {
		return &resource.Error{Reason: resource.ReasonKeysUnavailable, RetryAfter: u.RetryAfter, Err: err}
	}
	switch {
	case errors.Is(err, keyset.ErrUnknownKey):
		return &resource.Error{Reason: resource.ReasonKeyUnknown, Err: err}
	case errors.Is(err, keyset.ErrBadSignature):
		return &resource.Error{Reason: resource.ReasonSignatureInvalid, Err: err}
	}
	return err
}

// observe is told of every fetch.
func (v *Verifier) observe(f keyset.Fetch) {
	v.metrics.fetches.WithLabelValues(f.Outcome).Inc()
	logger := v.logger
	if logger == nil {
		logger = slog.Default()
	}
	switch {
	case f.Err != nil:
		logger.Warn("fetching keys failed", "issuer", v.issuer, "outcome", f.Outcome, "took", f.Took, "error", f.Err)
	case f.Skipped > 0:
		logger.Info("unusable keys skipped", "issuer", v.issuer, "skipped", f.Skipped)
	}
}

var _ prometheus.Collector = (*Verifier)(nil)
