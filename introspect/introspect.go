// Package introspect verifies access tokens by asking the authorization server
// about them (RFC 7662), opaque ones and JWTs alike.
//
// It answers one question: what does the issuer say of this token, now? Whether the
// resource accepts that (issuer, audience, time, scopes), and how long it is
// remembered, is for package resource to say.
//
// A JWT that is introspected can be revoked before it expires, which a signature
// can't tell; how soon that shows is a matter of [Config].AnswerTTL.
package introspect

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/keyset"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/resource"
)

// Limits of calls. A test holds each of them.
const (
	DefaultTimeout       = 5 * time.Second // of a call: its wait for a place, the address, the secret, the answer
	MinTimeout           = 100 * time.Millisecond
	MaxTimeout           = 30 * time.Second
	DefaultMaxConcurrent = 32 // calls to the endpoint at one time
	MaxMaxConcurrent     = 1024
	MaxWaiting           = 1024        // calls that wait for a place, two fifths of the Timeout at most
	MaxAnswerBytes       = 64 << 10    // after decompression; a token's claims have (16 << 10)
	NoExpiryTTL          = time.Minute // how long an answer without exp is remembered at most
)

// Verifier asks one issuer about tokens. It is safe for concurrent use and
// implements [resource.Verifier] and [prometheus.Collector]. It prints and logs as
// its issuer, without any of its secrets.
//
// Requests with the same token share one call. What the issuer calls inactive is
// refused for [NegativeTTL] without another call, so a token that becomes active
// later is accepted that much later at most. After [FailuresToOpen] failures in a
// row the endpoint is left alone for a while, then tried with one call. Accepted
// tokens are remembered by the resource, not here, and stay good meanwhile.
type Verifier struct {
	issuer    string
	answerTTL time.Duration
	timeout   time.Duration
	auth      *authenticator
	endpoint  *address
	client    *outbound.Client
	keys      *keyset.Set // nil: answers are not signed
	flights   flights
	refused   *negatives
	queue     *queue
	circuit   circuit
	metrics   *metrics
	log       *slog.Logger
}

// build makes the verifier of a sound configuration.
func build(c Config) *Verifier {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.MaxConcurrent == 0 {
		c.MaxConcurrent = DefaultMaxConcurrent
	}
	out := outbound.Config{
		Transport: c.Transport, TLS: c.TLS, Proxy: c.Proxy, AllowHTTP: c.AllowHTTP,
		Hosts: outbound.Hosts(c.Issuer, c.Endpoint, c.KeysURL), AllowHosts: c.AllowHosts,
	}
	documents := outbound.New(out)
	out.Timeout, out.MaxBytes, out.Concurrent = c.Timeout, MaxAnswerBytes, c.MaxConcurrent
	v := &Verifier{
		issuer: c.Issuer, answerTTL: c.AnswerTTL, timeout: c.Timeout, log: c.Logger,
		auth:     newAuthenticator(c.Auth, c.Issuer),
		endpoint: &address{found: c.Endpoint, fixed: c.Endpoint != "", client: documents, issuer: c.Issuer},
		client:   outbound.New(out),
		refused:  newNegatives(),
		flights:  flights{afterglow: Afterglow},
		queue:    newQueue(c.MaxConcurrent, c.Timeout*2/5),
	}
	if c.AnswerTTL != 0 {
		v.flights.afterglow = max(0, min(Afterglow, c.AnswerTTL))
	}
	if c.SignedAnswers {
		var source keyset.Source = &keyset.Discovery{Client: documents, Issuer: c.Issuer}
		if c.KeysURL != "" {
			source = keyset.URL{Client: documents, URL: c.KeysURL}
		}
		v.keys = keyset.New(keyset.Config{Source: source, Observe: v.observeKeys})
	}
	v.metrics = newMetrics(c.Issuer, v)
	return v
}

// Issuer returns the issuer identifier.
func (v *Verifier) Issuer() string { return v.issuer }

// Ready returns nil if it is known where to ask and, for signed answers, if there
// are keys to verify them with. Both are fetched if they never were. It does not
// call the endpoint: whether that is up, and takes our credentials, shows in the
// metrics; remembered tokens don't need it.
func (v *Verifier) Ready(ctx context.Context) error {
	if _, err := v.endpoint.get(ctx); err != nil {
		return fmt.Errorf("introspect: %w", err)
	}
	if v.keys != nil {
		if err := v.keys.Ready(ctx); err != nil {
			return fmt.Errorf("introspect: %w", err)
		}
	}
	return nil
}

// Forget makes calls that are under way answer only those who wait for them already,
// and forgets which tokens were refused. [resource.Resource.Forget] calls it.
func (v *Verifier) Forget() {
	v.flights.detach()
	v.refused.purge()
}

// Format prints the issuer for every verb.
func (v *Verifier) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "introspect.Verifier("+v.issuer+")")
}

// LogValue logs the issuer.
func (v *Verifier) LogValue() slog.Value { return slog.StringValue(v.issuer) }

func (v *Verifier) logger() *slog.Logger {
	if v.log == nil {
		return slog.Default()
	}
	return v.log
}

var _ interface {
	resource.Verifier
	prometheus.Collector
} = (*Verifier)(nil)
