package securityevents

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/loglimit"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
)

const storeTimeout = 5 * time.Second // for Revocations.Add

// Receiver is the endpoint to which an issuer pushes security events (RFC 8935). It is safe for
// concurrent use, and starts no goroutine. It implements [prometheus.Collector].
//
// The endpoint is public, so set http.Server.ReadTimeout. A request without the configured
// Authorization costs no cryptography except a SHA-256, and the keys of the issuer are fetched
// within the limits of [jwks.Verifier].
type Receiver struct {
	issuer            string
	tokenIssuer       string
	audience          []string
	keys              *jwks.Verifier
	revocations       Revocations
	authorization     *authorization
	tokenLifetime     time.Duration
	tokensHaveSession bool
	maxAge, leeway    time.Duration

	seen    *seen
	metrics *metrics
	logger  *slog.Logger
	limit   *loglimit.Limiter[result]
}

// New checks the configuration and returns a Receiver. It does no I/O. The error lists every mistake and
// contains no secret.
func New(c Config) (*Receiver, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	return &Receiver{
		issuer: c.Keys.Issuer(), tokenIssuer: c.TokenIssuer, audience: c.Audience, keys: c.Keys, revocations: c.Revocations,
		authorization: newAuthorization(c), tokenLifetime: c.TokenLifetime, tokensHaveSession: c.TokensHaveSession,
		maxAge: c.MaxAge, leeway: c.Leeway,
		seen: newSeen(), metrics: newMetrics(c.Keys.Issuer()), logger: c.Logger, limit: newLogLimit(),
	}, nil
}

// Format prints the issuer for every verb.
func (r *Receiver) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "securityevents.Receiver("+r.issuer+")")
}

// ServeHTTP receives one security event token (RFC 8935 §2). It answers 202 when the revocation
// is stored, and for a token that was received before or revokes nothing. It answers 400 with a
// registered error code if the token is not acceptable, and 401 for a wrong Authorization. It
// answers 503 with Retry-After if the revocation cannot be stored or the keys cannot be fetched:
// the issuer must then send the token again. No part of a request is in a response.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	outcome, rejected := r.receive(w, req)
	if rejected == nil {
		r.metrics.count(outcome)
		respond(w, outcome, 0)
		return
	}
	r.metrics.count(rejected.result)
	r.logRejection(req.Context(), rejected)
	respond(w, rejected.result, rejected.retryAfter)
}

// receive applies the checks in the order of their cost. Before the signature is verified, the result
// can only be a rejection.
func (r *Receiver) receive(w http.ResponseWriter, req *http.Request) (result, *rejection) {
	if req.Method != http.MethodPost {
		return "", &rejection{result: resultMethod}
	}
	if rejected := r.authorization.check(req.Header); rejected != nil {
		return "", rejected
	}
	raw, rejected := readToken(w, req)
	if rejected != nil {
		return "", rejected
	}
	token, c, rejected := r.parse(raw)
	if rejected != nil {
		return "", rejected
	}
	if rejected := r.verify(req.Context(), token, c); rejected != nil {
		return "", rejected
	}
	events, err := r.readEvents(c)
	if err != nil {
		return "", &rejection{result: resultEvent, err: err}
	}
	return r.process(req.Context(), c, events)
}

// parse reads a token and applies the checks that need no key.
func (r *Receiver) parse(raw string) (*jose.Token, *claims, *rejection) {
	token, err := jose.Parse(raw)
	if errors.Is(err, jose.ErrAlgorithm) {
		return nil, nil, &rejection{result: resultAlgorithm, err: err}
	}
	if err != nil {
		return nil, nil, &rejection{result: resultMalformed, err: err}
	}
	if !isSETType(token.Header) {
		return nil, nil, &rejection{result: resultType, source: "RFC 8417 §2.3, typ", got: token.Header.Type}
	}
	c, err := parseClaims(token.Payload)
	if err != nil {
		return nil, nil, &rejection{result: resultMalformed, err: err}
	}
	return token, &c, r.checkClaims(&c, time.Now())
}

// verified maps the reasons of Keys to results. All other errors mean that it is not known whether the token is
// authentic.
var verified = map[resource.Reason]result{
	resource.ReasonAlgorithmRefused: resultAlgorithm,
	resource.ReasonKeyUnknown:       resultKey,
	resource.ReasonKeyAmbiguous:     resultKey,
	resource.ReasonSignatureInvalid: resultSignature,
}

func (r *Receiver) verify(ctx context.Context, token *jose.Token, c *claims) *rejection {
	_, err := r.keys.VerifyJWS(ctx, token, c.issuer, c.issuedAt)
	if err == nil {
		return nil
	}
	f := &rejection{result: resultKeysUnavailable, err: err}
	if e, ok := errors.AsType[*resource.Error](err); ok {
		f.retryAfter = e.RetryAfter
		if known, ok := verified[e.Reason]; ok {
			f.result = known
		}
	}
	return f
}

// process stores the revocations of a verified token. The issuer does not need to wait for that: if it
// disconnects, the entries are stored nevertheless.
func (r *Receiver) process(ctx context.Context, c *claims, events []event) (result, *rejection) {
	first, err := r.seen.once(ctx, tokenIDOf(c.id), func() error {
		var entries []revocation.Entry
		for _, e := range events {
			entries = append(entries, e.entries...)
		}
		if len(entries) == 0 {
			return nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		defer cancel()
		return r.revocations.Add(ctx, entries...)
	})
	switch {
	case err != nil:
		return "", &rejection{result: resultStoreUnavailable, err: err}
	case !first:
		return resultDuplicate, nil
	}
	return r.report(ctx, events), nil
}
