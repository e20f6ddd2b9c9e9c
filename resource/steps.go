package resource

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// callerOfOuter returns the caller if this resource has accepted the request already
// and taken its header off. Any Authorization line, usable or not, rules that out: a
// request is judged by what it carries.
func (r *Resource) callerOfOuter(req *http.Request) *Caller {
	if len(req.Header["Authorization"]) > 0 {
		return nil
	}
	if caller, ok := FromContext(req.Context()); ok && r.accepted(caller) {
		return caller
	}
	return nil
}

// trusted reports whether a caller that was verified earlier still stands: the token
// has not expired, and its verifier has not taken back its word (Claims.Live; nil
// means it never does). It does not wait for anybody.
func (c *Caller) trusted(now time.Time) bool {
	return !c.expiry.over(now, c.by.leeway) && (c.live == nil || c.live(now))
}

// route finds the issuer that must vouch for the token. Nothing is fetched for a
// token of an unknown one.
func (r *Resource) route(t *Token) (*issuer, *fault) {
	if !t.IsJWT() {
		for i := range r.prefixed {
			if strings.HasPrefix(t.Raw(), r.prefixed[i].prefix) {
				return r.prefixed[i].issuer, nil
			}
		}
		if r.opaque == nil {
			return nil, &fault{reason: ReasonOpaqueUnsupported, err: errNoJWT}
		}
		return r.opaque, nil
	}
	from, ok := r.issuers[t.Claims().Issuer]
	if !ok && r.opaque != nil && r.opaque.id == t.Claims().Issuer {
		from, ok = r.opaque, true // the same issuer, which is asked about all its tokens
	}
	if ok {
		return from, nil
	}
	return r.routeToMany(t.Claims().Issuer)
}

// routeToMany finds the issuer among those that the configuration does not list one by
// one: the tenants of a pattern, or what Config.ResolveIssuer knows.
func (r *Resource) routeToMany(iss string) (*issuer, *fault) {
	for _, i := range r.tenanted {
		if from, matches := i.ofTenant(iss); from != nil {
			return from, nil
		} else if matches {
			return nil, unknownIssuer(iss, "iss names a tenant that is not allowed")
		}
	}
	if r.resolver != nil {
		if from, err := r.resolver.resolve(iss, time.Now()); err != nil {
			return nil, newFault(ReasonInternalError, "Config.ResolveIssuer: %w", err)
		} else if from != nil {
			return from, nil
		}
	}
	return nil, unknownIssuer(iss, "iss names no configured issuer")
}

func unknownIssuer(iss, why string) *fault {
	f := &fault{reason: ReasonIssuerUnknown, got: iss, err: errors.New(why)}
	return f.asUnverified()
}

// Whether somebody has vouched for the claims that are screened.
const unverified, verified = false, true

// screen walks the checks over the claims, and returns them as the issuer means them.
func (r *Resource) screen(from *issuer, t *Token, c *Claims, verified bool, now time.Time) (*Claims, *fault) {
	meant, f := from.interpret(c)
	if f != nil {
		return c, f
	}
	s := screening{claims: meant, verified: verified, issuer: from, now: now, leeway: r.leeway, lifetime: r.lifetime}
	if t.IsJWT() {
		s.header = &t.JWS().Header
	}
	return meant, s.run()
}

// hasOperation reports whether the request may carry JSON-RPC messages. The others
// open and close streams and sessions, which rules don't bind.
func hasOperation(req *http.Request) bool {
	return !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions}, req.Method)
}

// operationNeeds reads what the request asks for and collects all scopes that it
// needs, the resource's own first.
func (r *Resource) operationNeeds(req *http.Request, caller *Caller) (a admission, f *fault) {
	body, messages, f := readMessages(req, r.maxBody)
	a = admission{body: body, needed: r.scopes, about: messages}
	if f != nil {
		return a, f
	}
	if a.needed, f = r.rules.needs(req.Context(), messages, caller, a.needed); f != nil {
		return a, f
	}
	a.listens = slices.ContainsFunc(messages, func(m *message) bool { return m.method == listenMethod })
	a.single = len(messages) == 1 && messages[0].method != ""
	return a, nil
}

func (r *Resource) scopeFault(caller *Caller, needed []string) *fault {
	f := &fault{reason: ReasonInsufficientScope, needed: needed, caller: caller, got: joinScopes(caller.scopes)}
	if roles := caller.roles(); len(roles) > 0 {
		f.got += "; roles: " + strings.Join(roles, ", ")
	}
	if r.keepGranted {
		for _, scope := range caller.scopes {
			if r.declared[scope] { // never what only the token says
				f.needed = union(f.needed, []string{scope})
			}
		}
	}
	f.want = joinScopes(f.needed)
	return f
}

// decidePublic accepts a request without credentials for an operation that the
// configuration opens to everybody; else f stands.
func (r *Resource) decidePublic(req *http.Request, f *fault) (Decision, *fault) {
	if r.rules == nil || len(r.rules.Public) == 0 || f.reason != ReasonMissingCredentials ||
		len(req.Header["Authorization"]) > 0 || req.Method != http.MethodPost || req.ContentLength > MaxPublicBytes {
		return Decision{}, f
	}
	body, messages, unreadable := readMessages(req, MaxPublicBytes)
	if unreadable != nil || len(messages) != 1 || !slices.Contains(r.rules.Public, messages[0].method) {
		return Decision{}, f
	}
	d := Decision{Request: r.handOn(req, acceptance{public: r.whole()}, body)}
	r.observeAccepted(req, nil, messages)
	return d, nil
}

// handOn makes the request for the inner handler. The token is taken off a copy of
// the header, so that neither req nor another middleware's view of it changes.
func (r *Resource) handOn(req *http.Request, as acceptance, body []byte) *http.Request {
	out := req.WithContext(as.in(req.Context()))
	if !r.keep {
		out.Header = maps.Clone(req.Header)
		delete(out.Header, "Authorization")
		for i := range r.headers {
			delete(out.Header, r.headers[i].name)
		}
	}
	if body != nil {
		out.Body = readBack{bytes.NewReader(body), req.Body}
	}
	return out
}

// readBack is a body that was read, to be read again.
type readBack struct {
	io.Reader
	io.Closer
}

// panicFault keeps the value out of the log: it could hold anything.
func panicFault(p any) *fault {
	return &fault{reason: ReasonInternalError, err: fmt.Errorf("a configured function panicked with a %T", p)}
}
