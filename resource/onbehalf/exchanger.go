package onbehalf

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/internal/callguard"
	"github.com/warder-go/warder/internal/clientauth"
	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/heldtoken"
	"github.com/warder-go/warder/internal/inflight"
	"github.com/warder-go/warder/internal/loglimit"
	"github.com/warder-go/warder/internal/oauthendpoint"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// callGrace is how long a request waits at most beyond Config.Timeout.
const callGrace = time.Second

// engine is an Exchanger with one configuration.
type engine struct {
	issuer   string
	targets  map[string]*target // read-only
	endpoint *oauthendpoint.Endpoint
	guard    *callguard.Guard[*outcome]
	calls    inflight.Group[callKey, finding]
	cache    *cache
	metrics  *metrics
	proven   atomic.Pointer[target] // that a token was last issued for; nil: none yet
	logs     *loglimit.Limiter[Kind]
	log      *slog.Logger // nil: slog.Default()
}

// callKey identifies a shared call. A request after Resource.Forget does not share a call that began
// before it.
type callKey struct {
	key     digest.Digest
	forgets uint64
}

// Names of settings, for errors.
const (
	endpointSetting = "TokenEndpoint"
	authSetting     = "Auth"
)

// build returns the engine for a valid configuration.
func build(c Config, targets map[string]*target) *engine {
	limits := c.limits().WithDefaults()
	hosts := outbound.Hosts(c.TokenEndpoint, c.MetadataURL)
	if c.TokenEndpoint == "" && c.MetadataURL == "" {
		hosts = append(hosts, outbound.Hosts(c.Issuer)...)
	}
	e := &engine{
		issuer: c.Issuer, targets: targets, log: c.Logger, logs: loglimit.New(logPerSecond, kinds),
		cache: newCache(cmp.Or(c.CacheEntries, defaultCacheEntries)),
		endpoint: oauthendpoint.New(oauthendpoint.Config{
			Issuer: c.Issuer, MetadataURL: c.MetadataURL, URL: c.TokenEndpoint, Member: metadata.TokenEndpoint,
			URLSetting: endpointSetting, AuthSetting: authSetting,
			Auth: clientauth.Config(c.Auth), CertificateFile: c.CertificateFile, CertificateKeyFile: c.CertificateKeyFile,
			Outbound: outbound.Config{
				Transport: c.Transport, TLS: c.TLS, Proxy: c.Proxy, AllowHTTP: c.AllowHTTP, Hosts: hosts, AllowHosts: c.AllowHosts,
			},
			Timeout: limits.Timeout, MaxBytes: maxAnswerBytes, MaxConcurrent: limits.MaxConcurrent,
		}),
	}
	e.guard = callguard.New(callguard.Config[*outcome]{
		Limits: limits, Probe: e.probe, Panicked: panicked(),
		BlameRequest: (*outcome).blameRequest, Ended: e.ended, Opened: e.circuitOpened,
	})
	e.calls.MaxWait = limits.Timeout + callGrace
	e.metrics = newMetrics(e)
	return e
}

func (e *engine) token(ctx context.Context, caller *resource.Caller, targetName string) (*Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := e.targets[targetName]
	switch {
	case t == nil:
		return nil, e.failed(nil, &Error{Kind: KindUnknownTarget, Err: e.unknownTarget()})
	case !caller.Verified():
		return nil, e.failed(t, &Error{Kind: KindNoToken, Err: noToken(caller)})
	case caller.Issuer() != e.issuer: // exactly: a token goes to its own issuer only
		return nil, e.failed(t, &Error{Kind: KindOtherIssuer, Err: e.otherIssuer(caller)})
	}
	held, err := caller.HeldToken(ctx)
	if held.Token.IsZero() {
		return nil, e.failed(t, &Error{Kind: KindNoToken, Err: noToken(caller)})
	}
	key := e.cacheKey(t, held)
	if err != nil {
		return nil, e.notGood(ctx, t, key, err)
	}
	if found, ok := e.cache.get(key, held, time.Now()); ok {
		if found.err != nil {
			return nil, e.failed(t, found.err)
		}
		e.metrics.count(t, outcomeCached)
		return found.token, nil
	}
	token, err := e.exchange(ctx, t, key, held)
	if err != nil {
		return nil, err
	}
	// The caller's token can have ended during the exchange.
	if _, err := caller.HeldToken(ctx); err != nil {
		return nil, e.notGood(ctx, t, key, err)
	}
	e.metrics.count(t, outcomeIssued)
	return token, nil
}

// cacheKey returns the key of an issued token: never of the caller alone, whose other tokens can have
// other rights. Each part is quoted, so that two lists of parts do not have the same text.
func (e *engine) cacheKey(t *target, held resource.HeldToken) digest.Digest {
	parts := append(make([]byte, 0, 512), strconv.Quote(held.Owner())+strconv.Quote(e.issuer)+strconv.Quote(t.Name)...)
	for _, scope := range t.Scopes {
		parts = strconv.AppendQuote(parts, scope)
	}
	return digest.Of(string(parts), "\n", heldtoken.Raw(held.Token))
}

// notGood returns the error for a caller whose token cannot be used. If it has ended, the token that
// was issued for it is removed.
func (e *engine) notGood(ctx context.Context, t *target, key digest.Digest, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	found := &Error{Kind: KindEnded, Err: err}
	if own, ok := errors.AsType[*resource.Error](err); ok {
		found.Detail, found.RetryAfter, found.Err = string(own.Reason), own.RetryAfter, nil
	}
	if found.RetryAfter > 0 {
		found.Kind = KindUnavailable
	} else {
		e.cache.remove(key)
	}
	return e.failed(t, found)
}

// exchange makes a call that concurrent requests with the same key share.
func (e *engine) exchange(ctx context.Context, t *target, key digest.Digest, held resource.HeldToken) (*Token, error) {
	found, err := e.calls.Do(ctx, callKey{key, held.Forgets()}, func(queueCtx context.Context, c *inflight.Call[finding]) (finding, time.Time) {
		return e.resolve(queueCtx, c, t, key, held), time.Time{}
	})
	switch {
	case errors.Is(err, inflight.ErrWait):
		return nil, e.failed(t, &Error{Kind: KindUnavailable, RetryAfter: minRetryAfter, Err: err})
	case err != nil:
		return nil, err
	case found.err != nil:
		return nil, e.failed(t, found.err)
	}
	return found.token, nil
}

// resolve makes a call when it is its turn, and caches the result. It does not use the context of a
// request. queueCtx ends if all requests give up before the call has left the queue.
func (e *engine) resolve(queueCtx context.Context, c *inflight.Call[finding], t *target, key digest.Digest, held resource.HeldToken) finding {
	if found, ok := e.cache.get(key, held, time.Now()); ok {
		return found // an earlier call has stored it since
	}
	subject := heldtoken.Raw(held.Token)
	o, refused := e.guard.Do(queueCtx, c.Start, func(ctx context.Context) *outcome { return e.call(ctx, t, subject) })
	if refused != nil {
		return finding{err: failureError(oauthendpoint.RefusalFailure(refused)).about(t)}
	}
	if o.token != nil {
		o.token.limit(held.Expiry)
		if !time.Now().Before(o.token.expiry) {
			return finding{err: unusable(DetailExpired, errors.New("the caller's token has expired meanwhile")).about(t)}
		}
	}
	found := finding{o.token, o.err}
	e.cache.put(key, found, held, time.Now())
	return found
}

// limit makes the token expire with the caller's token at the latest.
func (t *Token) limit(expiry time.Time) {
	if !expiry.IsZero() && expiry.Before(t.expiry) {
		t.expiry = expiry
	}
}

// about returns a copy of the error with the target.
func (e *Error) about(t *target) *Error {
	clone := *e
	clone.Target = t.Name
	return &clone
}
