package resource

import (
	"net/http"
	"time"
)

// Decision is an accepted request. It is the zero value beside a Refusal.
type Decision struct {
	Caller  *Caller       // nil only for a public operation without credentials
	Request *http.Request // to hand on: with the caller in its context, without the token

	stream *stream // nil if the request opens none
	late   *late   // nil if its handler may not challenge
}

// Authenticate decides about a request: it returns a Decision or a Refusal, never
// both and never neither. Every decision is counted, a refusal is logged. It writes
// no answer, and leaves req as it is, except that it reads the body of a POST where
// Config.Operations has rules (Decision.Request has it again, byte for byte).
//
// It decides by the Authorization header and by Origin, and with such rules by the body
// and the headers that describe it; never by Host, the URL or forwarding headers.
func (r *Resource) Authenticate(req *http.Request) (Decision, *Refusal) {
	if r == nil || r.metrics == nil { // not made by New: fail closed
		return Decision{}, (&answers{}).refusal(newFault(ReasonInternalError, "resource was not made by New"))
	}
	r = r.now() // from here on one configuration decides
	if outer := r.callerOfOuter(req); outer != nil {
		r = outer.by
	}
	decision, f := r.decide(req)
	if f != nil {
		return Decision{}, r.refuse(req.Context(), req.Header, f)
	}
	return decision, nil
}

// decide is the walk of a request. Steps 1 to 7 find out who calls, 8 and 9 whether
// that caller may do this. The first fault ends the walk:
//
//	step            refuses with                                   asks somebody    remembers
//	0 origin        403 a page of another origin                   no               no
//	1 credential    401 nothing sent, 400 sent twice               no               no
//	2 memory        - (a miss goes on to 3, a hit to 8)            no               forgets what is over
//	3 read          400 no token by its grammar, 401 malformed     no               no
//	4 route         401 unknown issuer, opaque not supported       no               no
//	5 screen        401 stale, not for us, wrong kind              no               no
//	6 verify        401 not authentic, 503 cannot tell             keys or issuer   no
//	7 screen again  401 as 5, now on verified claims               no               the caller
//	8 revocation    401 revoked                                    Config.Revoked   no
//	9 permission    403 scope or claim, 400, 413, 415 bad body     Operations.Rule  no
//
// A function of the configuration that panics is a 500 wherever it happens.
func (r *Resource) decide(req *http.Request) (d Decision, f *fault) {
	defer func() {
		if p := recover(); p != nil {
			d, f = Decision{}, panicFault(p)
		}
	}()
	// 0. The origin: of no page, or of one that the configuration names. Before
	// everything else, for public operations too.
	if f := r.checkOrigin(req.Header); f != nil {
		return Decision{}, f
	}
	caller, f := r.identify(req)
	if f != nil {
		return r.decidePublic(req, f)
	}
	admitted, f := r.admit(req, caller)
	if f != nil {
		f.caller, f.about = caller, admitted.about
		return Decision{}, f
	}
	d.Caller = caller
	if admitted.listens || opensStream(req) {
		req, d.stream = r.watch(req, caller, admitted.needed)
	}
	d.late = r.mayBeLate(caller, admitted)
	d.Request = r.handOn(req, acceptance{caller: caller, late: d.late}, admitted.body)
	r.observeAccepted(req, caller, admitted.about)
	return d, nil
}

// identify is steps 1 to 7: whom the request's token stands for.
func (r *Resource) identify(req *http.Request) (*Caller, *fault) {
	now := time.Now()

	// 1. The credential: exactly one, from the Authorization header, or from a field of
	// its own that Config.Headers names; such a one takes a walk of its own. If there is
	// none because this very middleware, mounted twice, has taken it off, the caller is
	// in the context.
	if by, value, f := r.headerCredential(req.Header); f != nil {
		return nil, f
	} else if by != nil {
		return r.identifyByHeader(req, by, value)
	}
	raw, f := credential(req.Header, r.maxToken)
	if f != nil {
		if outer := r.callerOfOuter(req); outer != nil && outer.trusted(now) {
			return outer, nil
		}
		return nil, f
	}

	// 2. Memory: the caller as whom these very bytes were verified before. One whose
	// time is over, or whose key was withdrawn, is forgotten and verified anew.
	tokenHash := hashToken(raw)
	if known := r.memory.recall(tokenHash, now); known != nil {
		if known.trusted(now) {
			r.memory.hit(tokenHash)
			return r.anew(known), nil
		}
		r.memory.forget(tokenHash)
	}

	// 3. Read the token, once: as a JWT, or as opaque.
	token, f := r.read(raw)
	if f != nil {
		return nil, f
	}

	// 4. Route it to the one issuer that may vouch for it.
	from, f := r.route(token)
	if f != nil {
		return nil, f.of(token, nil, token.Claims())
	}

	// 5. Screen what a JWT claims, unverified. This can only refuse; it saves the
	// work of a signature on a token that is stale or meant for somebody else.
	if token.IsJWT() {
		if _, f := r.screen(from, token, token.Claims(), unverified, now); f != nil {
			return nil, f.asUnverified().of(token, from, token.Claims())
		}
	}

	// 6. Verify: the issuer's key or the issuer itself vouches for the token. This may
	// leave the process: for keys that are missing, due or unknown, or for
	// introspection. The verifier's error says which of 401 and 503 it is.
	age := r.memory.age()
	claims, err := from.verifier.Verify(req.Context(), token)
	began := now
	now = time.Now()
	r.metrics.verified(token, now.Sub(began))
	if err != nil {
		return nil, verifierFault(err).of(token, from, token.Claims())
	}
	if claims == nil {
		return nil, newFault(ReasonInternalError, "verifier of %q returned neither claims nor an error", from.id).of(token, from, nil)
	}

	// 7. The same screen on what was verified; time has passed meanwhile. Whoever
	// passes is remembered, even if step 8 or 9 then refuses this request: they are
	// asked again for every request, remembered or not. What was verified before a
	// Forget and comes back after it is not remembered.
	if token.IsJWT() && claims.Introspected {
		claims = claims.within(token.Claims())
	}
	if claims, f = r.screen(from, token, claims, verified, now); f != nil {
		return nil, f.of(token, from, claims)
	}
	caller := r.newCaller(from, claims, token.credential())
	r.memory.remember(tokenHash, caller, claims.RememberFor, now, age)
	return caller, nil
}

// admission is what was found out about a request on the way to admitting it.
type admission struct {
	body    []byte     // nil if it was not read
	needed  []string   // scopes
	listens bool       // the body opens a stream
	single  bool       // the body is one request or notification
	about   []*message // in the body
}

// admit is steps 8 and 9: whether the caller may do what the request asks for.
func (r *Resource) admit(req *http.Request, caller *Caller) (a admission, f *fault) {
	// 8. Revocation, as the program knows of it.
	if r.revoked != nil && r.revoked(req.Context(), caller) {
		return a, newFault(ReasonRevoked, "Config.Revoked said so")
	}

	// 9. Permission: the scopes that every request needs, and those of its operation.
	// All of them are named in one challenge. No header field may contradict the claims.
	if f := r.disagrees(req.Header, caller); f != nil {
		return a, f
	}
	a.needed = r.scopes
	if r.rules != nil && hasOperation(req) {
		if a, f = r.operationNeeds(req, caller); f != nil {
			return a, f
		}
	}
	if !caller.Has(a.needed...) {
		return a, r.scopeFault(caller, a.needed)
	}
	return a, nil
}
