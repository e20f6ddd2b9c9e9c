package introspect

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/warder-go/warder/resource"
)

// grace is what a request waits beyond a call's time, for functions of the
// configuration that don't honour their context.
const grace = time.Second

var errTooSlow = errors.New("a function of the configuration takes too long")

// Verify asks the issuer about the token, an opaque one or a JWT, and returns what it
// says. Errors are [*resource.Error] or the context's.
//
// What the issuer calls inactive, or no token of its own, is refused with 401.
// Whenever the issuer has not said so in due form, nobody can tell: 503.
func (v *Verifier) Verify(ctx context.Context, t *resource.Token) (*resource.Claims, error) {
	if err := ctx.Err(); err != nil {
		return nil, err // nobody waits for an answer
	}
	key := digest(sha256.Sum256([]byte(t.Raw())))
	if f := v.refused.recall(key, time.Now()); f != nil {
		return nil, f.resourceError()
	}
	wait, cancel := context.WithTimeoutCause(ctx, v.timeout+grace, errTooSlow)
	defer cancel()
	over, err := v.flights.do(wait, key, func(queued context.Context, fl *flight) (*resource.Claims, *failure) {
		return v.settle(queued, fl, key, t)
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fail(timedOut, err).resourceError()
	case over.failed != nil:
		return nil, over.failed.resourceError()
	}
	claims := *over.claims // others have it too
	claims.CacheFor = v.rememberFor(claims.Expiry, over.came)
	return &claims, nil
}

// settle is one flight: it finds out about a token, for all who wait.
func (v *Verifier) settle(queued context.Context, fl *flight, key digest, t *resource.Token) (*resource.Claims, *failure) {
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
	defer cancel()
	age := v.refused.age()
	// A call that has just ended may have said it.
	if f := v.refused.recall(key, time.Now()); f != nil {
		return nil, f
	}
	if f := v.circuit.blocked(time.Now()); f != nil {
		return nil, f // without a wait
	}
	if f := v.queue.enter(queued); f != nil {
		return nil, f
	}
	defer v.queue.leave()
	if !v.flights.begin(fl) {
		return nil, fail(abandoned, errAbandoned)
	}
	claims, f := v.call(ctx, t, fl)
	if f != nil && f.definitive() {
		v.refused.remember(key, f, time.Now(), age)
	}
	return claims, f
}

// call makes one call, if the circuit lets it, and notes how it ended.
func (v *Verifier) call(ctx context.Context, t *resource.Token, fl *flight) (claims *resource.Claims, f *failure) {
	began := time.Now()
	pass, f := v.circuit.enter(began)
	if f != nil {
		return nil, f
	}
	f = fail(panicked, errors.New("a configured function panicked")) // until it is known better
	defer func() { v.note(ctx, pass, began, f) }()
	claims, f = v.exchange(ctx, t.Raw(), t.Claims(), fl)
	return claims, f
}

// probe asks about a token of our own, which no client has made up: whether the endpoint
// fails, or could not do with a client's token. So tokens that make it answer 500, or a
// firewall in front of it answer for it, keep nobody else out. What it costs is one more
// call for each fifth such answer in a row, one at a time, within the call's time.
func (v *Verifier) probe(ctx context.Context, p pass) (end change) {
	began := time.Now()
	f := fail(panicked, errors.New("a configured function panicked"))
	defer func() {
		now, what := time.Now(), f.verdict()
		if what == suspect {
			what = failing
		}
		var retryAfter time.Duration
		if f != nil {
			retryAfter = f.retryAfter
		}
		v.count(f, now.Sub(began))
		end = v.circuit.probed(p, what, retryAfter, now)
	}()
	_, f = v.exchange(ctx, rand.Text(), nil, new(flight))
	return end
}

// exchange asks (RFC 7662 §2.1) and reads the answer. Of a JWT it is given the claims.
func (v *Verifier) exchange(ctx context.Context, token string, jwt *resource.Claims, fl *flight) (*resource.Claims, *failure) {
	endpoint, err := v.endpoint.get(ctx)
	if err != nil {
		return nil, discoveryFailure(err)
	}
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {v.accepts()}}
	if err := v.auth.apply(ctx, header, form); err != nil {
		return nil, fail(credentials, fmt.Errorf("our credentials can't be had: %w", err))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil { // the address was checked: never
		return nil, fail(unreachable, errors.New("the endpoint's address is no URL"))
	}
	req.Header = header
	asked := time.Now()
	response, err := v.client.Do(req)
	fl.came = time.Now()
	if err != nil {
		return nil, outboundFailure(err)
	}
	if response.Status != http.StatusOK {
		return nil, statusFailure(response)
	}
	return v.read(ctx, jwt, response, asked)
}

// note counts and logs how a call ended, and tells the circuit.
func (v *Verifier) note(ctx context.Context, p pass, began time.Time, f *failure) {
	now := time.Now()
	var retryAfter time.Duration
	if f != nil {
		retryAfter = f.retryAfter
	}
	v.count(f, now.Sub(began))
	end := v.circuit.leave(p, f.verdict(), retryAfter, now)
	if end == unsure {
		end = v.probe(ctx, p)
	}
	if end == opened {
		v.endpoint.doubt()
		v.logger().Warn("introspection endpoint is left alone for a while", "issuer", v.issuer)
	}
}

func (v *Verifier) count(f *failure, took time.Duration) {
	o := active
	if f != nil {
		o = f.outcome
	}
	v.metrics.calls[o].Inc()
	v.metrics.took.Observe(took.Seconds())
	switch {
	case f == nil || f.definitive():
	case o == credentials: // a mistake of ours that only we can mend
		v.logger().Error("introspection failed for our credentials", "issuer", v.issuer, "error", f.err)
	default:
		v.logger().Warn("introspection failed", "issuer", v.issuer, "outcome", string(o), "took", took, "error", f.err)
	}
}
