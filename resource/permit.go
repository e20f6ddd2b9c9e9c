package resource

import (
	"context"
	"time"

	"github.com/warder-go/warder/internal/mcpmsg"
)

// Permit decides about one operation of a caller that the resource has accepted, by the
// rules of Config.Operations. It is for code that runs an operation without having seen the
// HTTP request, such as a second check inside an MCP server. Nil permits.
//
// It checks what Authenticate checks in its steps 8 and 10, and whether the token is still
// valid. A caller that another resource accepted, or that was decoded from JSON, is rejected
// like a nil caller. A nil caller may only do what Operations.Public names. If further scopes
// or alternatives are given (see [ScopeOptions]), the operation needs these too; one challenge
// names everything that it needs. Operations that do not name what they are about, such as a
// completion/complete without Ref, are rejected with 400.
//
// The challenge is that of the identifier that the caller was accepted for. For a nil caller
// it is that of the request that ctx belongs to, otherwise that of Config.Identifier.
//
// A refusal is counted and logged. Permit reads no headers and calls no other server.
func (r *Resource) Permit(ctx context.Context, c *Caller, op Operation, scopes ...string) *Refusal {
	p := r.policyFor(c)
	f := p.permit(ctx, c, op, scopes, true)
	if f == nil {
		return nil
	}
	if c != nil && c.policy == p {
		f.caller = c
	}
	if m, err := op.message(); err == nil {
		f.messages = []*mcpmsg.Message{m}
	}
	return p.refuseAs(ctx, nil, p.endpointFor(acceptanceOf(ctx), c), f, false)
}

// Offers reports whether Permit would permit the operation. It is for lists of what a caller
// may use. It counts and logs nothing and does not call Hooks.Revocations. If Operations.Rule
// cannot decide without arguments and returns an error, Offers returns false. Without arguments,
// a tool with an [ArgumentRule] is offered if the caller may call it with a listed value.
func (r *Resource) Offers(ctx context.Context, c *Caller, op Operation) bool {
	return r.policyFor(c).permit(ctx, c, op, nil, false) == nil
}

func (p *policy) permit(ctx context.Context, c *Caller, op Operation, scopes []string, callsRevoked bool) (f *fault) {
	defer func() {
		if v := recover(); v != nil {
			f = panicFault(v)
		}
	}()
	if f := p.checkMade(); f != nil {
		return f
	}
	if c == nil && len(scopes) == 0 && p.rules != nil {
		if m, err := op.message(); err == nil && p.rules.isPublic(m) {
			return nil
		}
	}
	if f := p.checkAccepted(c); f != nil {
		return f
	}
	if !c.valid(time.Now()) {
		return newFault(ReasonTokenInvalid, "the verification was invalidated")
	}
	var has func([]string) bool // of an offer
	if !callsRevoked {
		has = func(scopes []string) bool { return c.Has(scopes...) }
	} else if f := p.checkRevoked(ctx, c, time.Time{}); f != nil {
		return f
	}
	return p.permitVerified(ctx, c, op, scopes, has)
}

// permitVerified is step 10 for a caller that is still valid.
func (p *policy) permitVerified(ctx context.Context, c *Caller, op Operation, scopes []string, has func([]string) bool) *fault {
	if f := c.conditionFault(c.unmet); f != nil {
		return f
	}
	m, err := op.message()
	if err != nil {
		return &fault{reason: ReasonBodyMalformed, err: err}
	}
	needs := requirements{needed: p.scopes}
	if p.rules != nil {
		var f *fault
		if needs, f = p.rules.needs(ctx, []*mcpmsg.Message{m}, c, p.scopes, has); f != nil {
			return f
		}
	}
	return p.checkRequirements(c, needs, scopes)
}

// checkAccepted rejects a caller that this resource did not accept, or whose token has
// expired since.
func (p *policy) checkAccepted(c *Caller) *fault {
	switch {
	case !p.accepted(c):
		return newFault(ReasonMissingCredentials, "no caller that this resource accepted")
	case c.expiry.HasPassed(time.Now(), p.leeway):
		return newFault(ReasonExpired, "expired since it was accepted")
	}
	return nil
}
