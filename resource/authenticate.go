package resource

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"
)

// Decision is an accepted request.
type Decision struct {
	Caller  *Caller       // never nil
	Request *http.Request // to hand on: with the caller in its context, without the token
}

// Authenticate decides about a request: it returns a Decision or a Refusal, never
// both and never neither. It writes nothing and leaves req as it is. The decision is
// counted, and a refusal logged.
//
// What it reads of req is the Authorization header and the context, nothing else:
// not Host, not the URL, not the body.
func (r *Resource) Authenticate(req *http.Request) (Decision, *Refusal) {
	if r == nil || r.metrics == nil { // not made by New: fail closed
		return Decision{}, (&answers{}).refusal(newFault(ReasonInternalError, "resource was not made by New"))
	}
	caller, f := r.decide(req)
	if f != nil {
		refusal := r.answers.refusal(f)
		r.observeRefusal(req, refusal, f)
		return Decision{}, refusal
	}
	r.metrics.accepted.Inc()
	return Decision{Caller: caller, Request: r.handOn(req, caller)}, nil
}

// decide is the walk of a request. Each step returns a fault, which refuses, or goes
// on to the next; nothing skips a step but memory, and it comes back at step 8.
func (r *Resource) decide(req *http.Request) (caller *Caller, f *fault) {
	// A function of the user's that panics must not let anything through.
	defer func() {
		if p := recover(); p != nil {
			caller, f = nil, panicFault(p)
		}
	}()
	ctx, now := req.Context(), time.Now()

	// 1. The credential: exactly one, from the Authorization header. A request that
	// this resource accepted a moment ago, and took the header from, is known by
	// its context; one that carries a header is judged by the header.
	raw, f := credential(req.Header, r.maxToken)
	if f != nil {
		known, ok := FromContext(ctx)
		if f.reason != ReasonMissingCredentials || !ok || known.by != r || len(req.Header["Authorization"]) > 0 {
			return nil, f
		}
		if !known.alive(now) {
			return nil, newFault(ReasonExpired, "expired or withdrawn since it was accepted")
		}
		return r.admit(req, known)
	}

	// 2. Memory: whom these very bytes stood for, if they were accepted before, time
	// has not run out and their key was not withdrawn.
	key := digest(sha256.Sum256([]byte(raw)))
	if caller = r.memory.recall(key, now); caller != nil {
		if caller.alive(now) {
			return r.admit(req, caller)
		}
		r.memory.forget(key)
	}

	// 3. Read the token, once: a JWT, or opaque, or malformed.
	token, f := read(raw)
	if f != nil {
		return nil, f
	}

	// 4. Route it to one issuer. Nothing is fetched for an unknown one.
	from, f := r.route(token)
	if f != nil {
		return nil, f
	}

	// 5. Screen what a JWT claims, unverified: this can only refuse, and saves the
	// work of a signature on a token that is stale or for somebody else.
	if token.IsJWT() {
		if f := r.screening(from, token, token.claims, now).screen(); f != nil {
			f.unverified = true
			return nil, f
		}
	}

	// 6. Verify. The only step that may leave the process.
	claims, err := from.verifier.Verify(ctx, token)
	if err != nil {
		return nil, verifierFault(err)
	}
	if claims == nil {
		return nil, newFault(ReasonInternalError, "verifier of %q returned neither claims nor an error", from.id)
	}

	// 7. The same screen on what was verified; time has passed meanwhile. Whoever
	// passes it is remembered, whatever the following steps say of this request.
	now = time.Now()
	if f := r.screening(from, token, claims, now).screen(); f != nil {
		return nil, f
	}
	caller = r.newCaller(claims)
	r.memory.remember(key, caller, now)
	return r.admit(req, caller)
}

// route finds the issuer that must vouch for the token.
func (r *Resource) route(t *Token) (*issuer, *fault) {
	if !t.IsJWT() {
		if r.opaque == nil {
			return nil, newFault(ReasonOpaqueUnsupported, "token is no JWT")
		}
		return r.opaque, nil
	}
	from, ok := r.issuers[t.claims.Issuer]
	if !ok {
		return nil, &fault{reason: ReasonIssuerUnknown, unverified: true, got: t.claims.Issuer,
			err: errors.New("iss names no configured issuer")}
	}
	return from, nil
}

func (r *Resource) screening(from *issuer, t *Token, c *Claims, now time.Time) *screening {
	s := &screening{claims: c, issuer: from, now: now, leeway: r.leeway, lifetime: r.lifetime}
	if t.jws != nil {
		s.header = &t.jws.Header
	}
	return s
}

// alive reports whether a caller that was accepted earlier still is one.
func (c *Caller) alive(now time.Time) bool {
	return !expired(c.claims, now, c.by.leeway) && (c.claims.Live == nil || c.claims.Live(now))
}

// admit is the rest of the walk, the same for new and remembered callers.
func (r *Resource) admit(req *http.Request, caller *Caller) (*Caller, *fault) {
	// 8. Revocation, asked on every request.
	if r.revoked != nil && r.revoked(req.Context(), caller) {
		return nil, &fault{reason: ReasonRevoked, err: errors.New("Config.Revoked said so")}
	}

	// 9. Scopes: everything that the request needs, named in one challenge.
	if !caller.base {
		return nil, r.scopeFault(caller, r.scopes)
	}
	return caller, nil
}

func (r *Resource) scopeFault(caller *Caller, needed []string) *fault {
	return &fault{reason: ReasonInsufficientScope, needed: needed,
		got: joinScopes(caller.scopes), want: joinScopes(needed)}
}

// handOn makes the request for the inner handler. The token is taken off a copy of
// the header, so that neither req nor another middleware's view of it changes.
func (r *Resource) handOn(req *http.Request, caller *Caller) *http.Request {
	out := req.WithContext(withCaller(req.Context(), caller))
	if !r.keep && len(req.Header["Authorization"]) > 0 {
		out.Header = maps.Clone(req.Header)
		delete(out.Header, "Authorization")
	}
	return out
}

// panicFault keeps the value out of the log: it could hold anything.
func panicFault(p any) *fault {
	return &fault{reason: ReasonInternalError, err: fmt.Errorf("a configured function panicked with a %T", p)}
}
