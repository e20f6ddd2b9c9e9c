// Package introspect verifies access tokens by token introspection (RFC 7662). It calls
// the introspection endpoint of the authorization server, for opaque tokens and for JWTs.
//
// The package reports what the issuer states about a token. Package resource decides
// whether the resource accepts the token (issuer, audience, times, scopes), and caches
// accepted tokens.
//
// An introspected JWT can be revoked before it expires. A signature check cannot detect
// that. [Config].AnswerTTL limits how long a revocation can go unnoticed.
package introspect

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/callguard"
	"github.com/warder-go/warder/internal/clientauth"
	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/inflight"
	"github.com/warder-go/warder/internal/keyset"
	"github.com/warder-go/warder/internal/oauthendpoint"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// maxAnswerBytes limits an answer, after decompression.
const maxAnswerBytes = 64 << 10

// FailuresToOpen is how many failures, without a success in between, open the circuit breaker
// of a [Verifier].
const FailuresToOpen = callguard.FailuresToOpen

// resultGracePeriod is how long the result of a successful call is shared after the end of the
// call. It ends at the end of Config.AnswerTTL at the latest, and there is none if that is
// negative.
//
// It covers the time between the end of the call and the moment when the resource has
// cached the token: a request that arrives in between would find neither. A busy machine
// does not delay a request for that long.
const resultGracePeriod = 250 * time.Millisecond

// Verifier verifies the tokens of one issuer. It implements [resource.Verifier] and
// [prometheus.Collector], and is safe for concurrent use. If it is printed or logged, the
// output is the issuer, without any secret.
//
// Concurrent requests with the same token share one call. A token that the issuer
// rejects is rejected for 10 seconds without another call, so a token that becomes
// active later may be rejected for up to 10 seconds more. A circuit breaker stops the
// calls to an endpoint that fails: it opens after [FailuresToOpen] failures in a row, for
// 1 second at first and 30 seconds at most, and then permits one call.
//
// The Resource caches accepted tokens, not the Verifier. Cached tokens are accepted
// while the breaker is open. With [Config].Answers, several processes share their calls.
type Verifier struct {
	issuer        string
	answerTTL     time.Duration
	timeout       time.Duration
	endpoint      *oauthendpoint.Endpoint
	guard         *callguard.Guard[*failure]
	hint          string      // token_type_hint; "": none
	trustsUntyped bool        // Config.TrustAnswersWithoutTokenType
	keys          *keyset.Set // nil: answers are not signed
	calls         inflight.Group[digest.Digest, finding]
	gracePeriod   time.Duration // see resultGracePeriod
	negativeCache *negativeCache
	shared        *sharedAnswers // nil: answers are not shared
	metrics       *metrics
	log           *slog.Logger // nil: slog.Default()
}

// build returns the verifier for a valid configuration.
func build(c Config) *Verifier {
	limits := c.limits().WithDefaults()
	c.Timeout, c.MaxConcurrent = limits.Timeout, limits.MaxConcurrent
	v := &Verifier{
		issuer: c.Issuer, answerTTL: c.AnswerTTL, timeout: c.Timeout, log: c.Logger,
		endpoint:      newEndpoint(c),
		hint:          cmp.Or(c.TokenTypeHint, "access_token"),
		trustsUntyped: c.TrustAnswersWithoutTokenType,
		gracePeriod:   resultGracePeriod,
		negativeCache: newNegativeCache(),
	}
	v.guard = callguard.New(callguard.Config[*failure]{
		Limits: limits, Probe: v.probe, Panicked: newFailure(oauthendpoint.Panicked, errCallPanic),
		BlameRequest: (*failure).BlameToken, Ended: v.countAndLog, Opened: v.circuitOpened,
	})
	if v.hint == NoTokenTypeHint {
		v.hint = ""
	}
	if c.AnswerTTL != 0 {
		v.gracePeriod = max(0, min(resultGracePeriod, c.AnswerTTL))
	}
	if c.SignedAnswers {
		documents := v.endpoint.Documents()
		var source keyset.Source = &keyset.Discovery{Client: documents, Issuer: c.Issuer, MetadataURL: c.MetadataURL, Setting: "KeysURL"}
		if c.KeysURL != "" {
			source = keyset.URL{Client: documents, URL: c.KeysURL, Setting: "KeysURL"}
		}
		v.keys = keyset.New(keyset.Config{Source: source, Observe: v.logKeyFetch})
	}
	v.calls.MaxWait = c.Timeout + callGrace
	if v.shared = newSharedAnswers(c, v.hint); v.shared != nil {
		v.calls.MaxWait += v.shared.maxWait
	}
	v.metrics = newMetrics(c.Issuer, v)
	return v
}

func newEndpoint(c Config) *oauthendpoint.Endpoint {
	hosts := outbound.Hosts(c.Endpoint, c.KeysURL, c.MetadataURL)
	if c.needsMetadata() && c.MetadataURL == "" {
		hosts = append(hosts, outbound.Hosts(c.Issuer)...)
	}
	return oauthendpoint.New(oauthendpoint.Config{
		Issuer: c.Issuer, MetadataURL: c.MetadataURL, URL: c.Endpoint, Member: metadata.IntrospectionEndpoint,
		URLSetting: endpointSetting, AuthSetting: credentialSetting(c.Auth.Method),
		Auth: clientauth.Config(c.Auth), CertificateFile: c.CertificateFile, CertificateKeyFile: c.CertificateKeyFile,
		Outbound: outbound.Config{
			Transport: c.Transport, TLS: c.TLS, Proxy: c.Proxy, AllowHTTP: c.AllowHTTP, Hosts: hosts, AllowHosts: c.AllowHosts,
		},
		Timeout: c.Timeout, MaxBytes: maxAnswerBytes, MaxConcurrent: c.MaxConcurrent,
	})
}

// Issuer returns the issuer identifier.
func (v *Verifier) Issuer() string { return v.issuer }

// Ready returns nil if the URL of the endpoint is available and, for signed answers, the
// keys to verify them. It fetches what was never fetched. It does not call the endpoint:
// the metrics report whether the endpoint works and accepts our credentials, and cached
// tokens do not need it.
func (v *Verifier) Ready(ctx context.Context) error {
	if _, err := v.endpoint.URL(ctx); err != nil {
		return fmt.Errorf("introspect: %w", err)
	}
	if v.keys != nil {
		if err := v.keys.Ready(ctx); err != nil {
			return fmt.Errorf("introspect: %w", err)
		}
	}
	return nil
}

// Forget empties the cache of rejected tokens. Calls that are in flight still return
// their result to the requests that wait for it, but to no later request. With [Config].Answers,
// the next lookup purges the store, which removes the answers about all tokens of all issuers
// from it. Forget itself makes no network request. [resource.Resource.Forget] calls it.
func (v *Verifier) Forget() {
	if v.shared != nil {
		v.shared.generation.forget()
	}
	v.calls.DetachAll()
	v.negativeCache.purge()
}

// Format prints the issuer for every verb.
func (v *Verifier) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "introspect.Verifier("+v.issuer+")")
}

// LogValue returns the issuer.
func (v *Verifier) LogValue() slog.Value { return slog.StringValue(v.issuer) }

var _ interface {
	resource.Verifier
	prometheus.Collector
} = (*Verifier)(nil)
