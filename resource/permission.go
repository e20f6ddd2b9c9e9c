package resource

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/condition"
	"github.com/warder-go/warder/internal/login"
	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/scopeset"
)

// maxPublicBytes is the longest body of a request for a public operation.
const maxPublicBytes = 64 << 10

// permission is what steps 8 to 10 found out about a request.
type permission struct {
	requirements
	shown
	body     []byte            // nil if it was not read
	listens  bool              // the body opens a stream
	single   bool              // the body is one request or notification
	messages []*mcpmsg.Message // in the body
}

// requirements are what a request needs.
type requirements struct {
	needed     []string               // scopes
	conditions []*condition.Condition // of the operations
	logins     []*login.Requirement   // of the operations
	bound      bool                   // a bound token
}

// authorize is steps 8 to 10: whether the caller may do what the request asks for.
func (p *policy) authorize(at *endpoint, req *http.Request, caller *Caller, how presented) (a permission, f *fault) {
	// 8. Revocation.
	if f := p.checkRevoked(req.Context(), caller, how.now); f != nil {
		return a, f
	}

	// 9. Possession: whether the sender has the key or the certificate that the token is bound to.
	shown, f := p.checkPossession(at, req, caller, how)
	if f != nil {
		return a, f
	}

	// 10. Permission: header fields that must agree with claims, then conditions on claims, then
	// what every request and its operations need: scopes, a bound token and a login.
	if f := p.checkHeaderClaims(req.Header, caller); f != nil {
		return a, f
	}
	if f := caller.conditionFault(caller.unmet); f != nil {
		return a, f
	}
	a.needed = p.scopes
	if p.rules != nil && mcpmsg.MayCarryMessage(req) {
		if a, f = p.readOperation(req, caller); f != nil {
			return a, f
		}
	}
	a.shown = shown
	return a, p.checkRequirements(caller, a.requirements, nil)
}

// checkRequirements rejects a caller that does not meet the conditions of the operations, lacks a
// needed or a further scope, needs a bound token, or must log in again. Conditions precede
// scopes: to a caller who does not meet them, a scope would not help.
func (p *policy) checkRequirements(c *Caller, needs requirements, further []string) *fault {
	if f := c.conditionFault(c.firstUnmet(needs.conditions)); f != nil {
		return f
	}
	missing := p.checkScopes(c, needs.needed, further)
	if f := p.checkBoundOperations(c, needs.bound, missing); f != nil {
		return f
	}
	return p.checkLogin(c, needs.logins, missing)
}

// readOperation reads the body and collects what its operations need. The scopes of the resource
// are the first of the needed scopes.
func (p *policy) readOperation(req *http.Request, caller *Caller) (a permission, f *fault) {
	body, messages, e := mcpmsg.Read(req, p.maxBody)
	a = permission{body: body, messages: messages}
	if e != nil {
		return a, bodyFault(e)
	}
	if a.requirements, f = p.rules.needs(req.Context(), messages, caller, p.scopes, nil); f != nil {
		return a, f
	}
	a.listens = mcpmsg.Listens(messages)
	a.single = len(messages) == 1 && messages[0].Method != ""
	return a, nil
}

// checkScopes rejects a caller who does not satisfy all entries of needed and further. One
// challenge names scopes for all of them.
func (p *policy) checkScopes(c *Caller, needed, further []string) *fault {
	if slices.ContainsFunc(further, func(entry string) bool { return scopeset.CheckEntry(entry) != nil }) {
		return newFault(ReasonInternalError, "a malformed scope was required")
	}
	if needed = scopeset.Union(needed, further); c.Has(needed...) {
		return nil
	}
	f := &fault{reason: ReasonInsufficientScope, caller: c, got: scopeset.Join(c.grant.Scopes())}
	if roles := c.grant.Roles(); len(roles) > 0 {
		f.got += "; roles: " + strings.Join(roles, ", ")
	}
	names, chosen, lacking := p.challengeFor(c, needed)
	if len(lacking) > 0 { // a challenge would make the client log in again and again
		f.reason, f.want = ReasonScopeUnavailable, strings.Join(lacking, ", ")
		return f
	}
	f.needed, f.challenge, f.want = chosen, names.AtIssuer(chosen), scopeset.Join(chosen)
	return f
}

// decidePublic accepts a request without credentials for a public operation. It returns f
// for every other request.
func (p *policy) decidePublic(at *endpoint, req *http.Request, f *fault) (Decision, *fault) {
	body, messages, f := p.checkPublic(req, f)
	if f != nil {
		return Decision{}, f
	}
	review := p.newReview(req.Context(), at, nil, messages)
	d := Decision{review: review, Request: p.innerRequest(req, acceptance{by: p.owner, endpoint: at, review: review, id: mcpmsg.RequestID(messages)}, body)}
	p.observeAccepted(at, req, nil, messages)
	return d, nil
}

// checkPublic returns the body of a request without credentials for a public operation. It returns
// f for every other request.
func (p *policy) checkPublic(req *http.Request, f *fault) (body []byte, messages []*mcpmsg.Message, _ *fault) {
	if p.rules == nil || !p.rules.hasPublic() || !f.anonymous {
		return nil, nil, f
	}
	if slices.Contains(p.rules.Public, mcpmsg.Initialize) && mcpmsg.LacksSession(req) {
		// Clients of public operations send such requests. A challenge would make them log in
		// before any operation needs it.
		return nil, nil, faultMethod
	}
	// A session and a task belong to the caller who opened them, and outlive the request.
	if req.Method != http.MethodPost || req.ContentLength > maxPublicBytes || mcpmsg.NamesSession(req) {
		return nil, nil, f
	}
	body, messages, e := mcpmsg.Read(req, maxPublicBytes)
	if e != nil || len(messages) != 1 || !p.rules.isPublic(messages[0]) || !messages[0].IsSelfContained() {
		return nil, nil, f.withID(mcpmsg.RequestID(messages))
	}
	// A header field that must agree with a claim cannot agree without claims.
	if f := p.checkHeaderClaims(req.Header, new(Caller)); f != nil {
		f.messages = messages
		return nil, nil, f
	}
	return body, messages, nil
}

// faultMethod is shared by all requests without credentials that only a session could answer.
var faultMethod = &fault{reason: ReasonMethodNotAllowed, err: errors.New("GET or DELETE without credentials, by a client of public operations")}

// innerRequest returns the request for the inner handler. Credentials are removed from a
// copy of the header, so that neither req nor the view of another middleware changes.
func (p *policy) innerRequest(req *http.Request, a acceptance, body []byte) *http.Request {
	inner := req.WithContext(a.in(req.Context()))
	if !p.keepHeader {
		inner.Header = maps.Clone(req.Header)
		delete(inner.Header, "Authorization")
		for i := range p.headers {
			delete(inner.Header, p.headers[i].name)
		}
		if p.offers.dpop {
			delete(inner.Header, proofField)
		}
		p.certificates.Remove(inner.Header)
	}
	if body != nil {
		inner.Body = mcpmsg.Reread(body, req.Body)
	}
	return inner
}
