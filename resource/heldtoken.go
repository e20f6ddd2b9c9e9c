package resource

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"
	"weak"

	"github.com/warder-go/warder/internal/heldtoken"
)

// ErrNoHeldToken is the error of [Caller.HeldToken] for a caller without a held token:
// Credentials.HoldTokens is off, the caller was decoded from JSON, its credential is not an access
// token, or it was taken from a context that does not belong to its request.
var ErrNoHeldToken = errors.New("resource: the caller holds no access token")

// heldToken is what a Caller has besides itself if Credentials.HoldTokens is set.
type heldToken struct {
	token heldtoken.Token
	bare  *Caller // the same caller without the token, as it is cached
}

// HeldToken is the access token of a caller, which programs cannot read, and what is known of it.
type HeldToken struct {
	Token  heldtoken.Token
	Expiry time.Time // without the leeway; zero if it is not known

	owner   string
	bare    weak.Pointer[Caller] // weak, because a cache of results must not keep the claims
	forgets uint64
}

// HeldToken returns the access token that the caller was accepted with, if it is still good. It is
// for package resource/onbehalf: a program cannot read the token.
//
// HeldToken decides again as for an open stream, by the current configuration: the token must not
// have expired, leeway included, must not be revoked (Hooks.Revocations), and must still be
// accepted, with the scopes of Config.Scopes and the conditions and the login that apply to every
// request. A token that is not cached any more, for example after [Resource.Forget], is verified
// again, which may call the issuer.
//
// The error is [ErrNoHeldToken], or an [*Error] with the reason. Its RetryAfter is 0 if the token is
// not good any more. Otherwise that is not known at the moment. With an [*Error] the result still has
// the token, so that what was found out with it can be removed.
func (c *Caller) HeldToken(ctx context.Context) (HeldToken, error) {
	if c == nil || c.policy == nil || c.held == nil {
		return HeldToken{}, ErrNoHeldToken
	}
	owner := c.policy.owner
	forgets := owner.forgets.Load() // before the check, so that a Forget during it is noticed
	current, f := owner.policy().recheckHeld(ctx, c)
	if f != nil {
		e := &Error{Reason: f.reason, RetryAfter: f.retryAfter, Err: f}
		if outcomes[f.reason].status >= http.StatusInternalServerError {
			e.RetryAfter = cmp.Or(e.RetryAfter, time.Second)
		}
		return HeldToken{Token: c.held.token, owner: owner.id}, e
	}
	return HeldToken{Token: c.held.token, Expiry: current.Expiry(), owner: owner.id, bare: weak.Make(cmp.Or(current.cached, current)), forgets: forgets}, nil
}

// Continues reports whether the token was not forgotten ([Resource.Forget], [Resource.ForgetSubject])
// between two calls of [Caller.HeldToken] with the same token and the same Owner, of which earlier is
// the result of the first. What was found out with the earlier one must not be used if it is false. It can be false
// although another token was forgotten.
func (h HeldToken) Continues(earlier HeldToken) bool {
	return h.forgets == earlier.forgets || h.bare == earlier.bare
}

// Owner identifies the Resource that accepted the caller, within this process. What was found out for
// one must not be used for another, which does not know what the first one has forgotten.
func (h HeldToken) Owner() string { return h.owner }

// Forgets returns a number that changes with each [Resource.Forget] and [Resource.ForgetSubject].
// Requests with different numbers must not share a call.
func (h HeldToken) Forgets() uint64 { return h.forgets }

// WithoutHeldToken returns a context in which the caller of the accepted request has no held token.
// It is for adapters whose handlers get the context of another request than the one that they
// answer, such as nethttp/mcpsdk with a stateful session. It returns ctx itself if there is no held
// token.
func WithoutHeldToken(ctx context.Context) context.Context {
	a := acceptanceOf(ctx)
	if a.caller.bare() == a.caller {
		return ctx
	}
	stripped := *a
	stripped.caller = a.caller.bare()
	return stripped.in(ctx)
}

// hold returns the caller with the token of the request, if tokens are held. The cached caller never
// has it. raw is "" for another credential, and if an outer mount accepted the request: then the
// caller has the token already.
func (p *policy) hold(c *Caller, raw string) *Caller {
	if !p.holdTokens || raw == "" || !c.accessToken {
		return c
	}
	both := &struct {
		Caller
		heldToken
	}{*c, heldToken{heldtoken.New(raw), c}}
	both.held = &both.heldToken
	return &both.Caller
}

// bare returns the caller without the token.
func (c *Caller) bare() *Caller {
	if c != nil && c.held != nil {
		return c.held.bare
	}
	return c
}

// hasAccessTokens reports whether the credentials of an issuer are access tokens. API keys are
// not: their verifier also verifies header fields.
func (i *issuer) hasAccessTokens() bool {
	_, ofKeys := i.verifier.(HeaderVerifier)
	return i.verifier != nil && !ofKeys
}

// recheckHeld checks the held token of a caller again, and what every request needs.
func (p *policy) recheckHeld(ctx context.Context, held *Caller) (caller *Caller, f *fault) {
	defer func() {
		if v := recover(); v != nil {
			caller, f = nil, panicFault(v)
		}
	}()
	field, value := "Authorization", heldtoken.Raw(held.held.token)
	if held.isFromField() {
		field = held.credential
	} else {
		value = "Bearer " + value
	}
	req := (&http.Request{Method: http.MethodPost, Header: http.Header{field: {value}}}).WithContext(ctx)
	caller, f = p.recheckToken(req, held)
	switch {
	case f != nil:
		return nil, f
	case caller.ID() != held.ID():
		return nil, newFault(ReasonTokenInvalid, "the issuer names another principal than before")
	}
	if f := caller.conditionFault(caller.unmet); f != nil {
		return nil, f
	}
	return caller, p.checkRequirements(caller, requirements{needed: p.scopes}, nil)
}
