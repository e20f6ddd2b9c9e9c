package resource

import (
	"context"
	"net/http"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/mcpmsg"
)

// Decision is an accepted request. It is the zero value if there is a Refusal.
type Decision struct {
	Caller  *Caller       // nil only for a public operation without credentials
	Request *http.Request // for the inner handler: has the caller in its context, and not the token

	stream    *stream            // nil if the request opens none
	challenge *deferredChallenge // nil if its handler may not challenge
}

// Authenticate decides about a request. It returns either a Decision or a Refusal. It
// counts every decision and logs refusals. It does not write an answer, and it does not
// change req, except that it may read the body: if Config.Operations has rules, it reads
// the body of every request whose method is not GET, HEAD, DELETE or OPTIONS.
// Decision.Request has the body again, byte for byte.
//
// It uses the Authorization header, the fields of Config.Credentials, Origin and, if there
// are rules, the body and the headers that describe it. It never uses Host, the URL or
// forwarding headers.
func (r *Resource) Authenticate(req *http.Request) (Decision, *Refusal) {
	p := r.policy() // decides about the whole request
	if outer := p.outerCaller(req); outer != nil {
		p = outer.policy
	}
	decision, f := p.decide(req)
	if f != nil {
		return Decision{}, p.refuse(req.Context(), req.Header, f)
	}
	return decision, nil
}

// decide is the request pipeline. Steps 1 to 7 identify the caller; steps 8 and 9 decide
// what the caller may do. The first fault ends it:
//
//	step            rejects with                                   calls            writes to the cache
//	0 origin        403 a page of another origin                   -                -
//	1 credential    401 none, 400 several                          -                -
//	2 cache         - (a miss continues at 3, a hit at 8)          -                removes expired entries
//	3 read          400 not a b64token, 401 malformed              -                -
//	4 route         401 unknown issuer, opaque not supported       -                -
//	5 claim checks  401 expired, other audience, wrong type        -                -
//	6 verify        401 not authentic, 503 cannot tell             keys or issuer   -
//	7 checks again  401 as 5, now on verified claims               -                adds the caller
//	8 revocation    401 revoked                                    Hooks.Revoked    -
//	9 permission    403 scope or claim, 400, 413, 415 body         Operations.Rule  -
//
// A panic in a configured function is answered with 500 wherever it happens.
func (p *policy) decide(req *http.Request) (d Decision, f *fault) {
	defer func() {
		if v := recover(); v != nil {
			d, f = Decision{}, panicFault(v)
		}
	}()
	if f := p.checkMade(); f != nil {
		return Decision{}, f
	}
	// 0. The origin comes before everything else, for public operations too.
	if f := p.checkOrigin(req.Header); f != nil {
		return Decision{}, f
	}
	caller, f := p.identify(req)
	if f != nil {
		return p.decidePublic(req, f)
	}
	granted, f := p.authorize(req, caller)
	if f != nil {
		f.caller, f.messages = caller, granted.messages
		return Decision{}, f
	}
	d.Caller = caller
	if granted.listens || mcpmsg.OpensStream(req) {
		req, d.stream = p.watch(req, caller, granted.needed)
	}
	d.challenge = p.newDeferredChallenge(caller, granted)
	d.Request = p.innerRequest(req, acceptance{caller: caller, challenge: d.challenge}, granted.body)
	p.observeAccepted(req, caller, granted.messages)
	return d, nil
}

// identify is steps 1 to 7. It returns the caller that the request's credential belongs to.
func (p *policy) identify(req *http.Request) (*Caller, *fault) {
	now := time.Now()

	// 1. The credential: exactly one, from the Authorization header or from a field of
	// Credentials.Headers, which has steps of its own. If there is none because the same
	// middleware, mounted twice, has removed it, the caller is in the context.
	if from, value, f := p.headerCredential(req.Header); f != nil {
		return nil, f
	} else if from != nil {
		return p.identifyByHeader(req, from, value)
	}
	raw, f := bearerToken(req.Header, p.maxToken)
	if f != nil {
		if outer := p.outerCaller(req); outer != nil && outer.valid(now) {
			return outer, nil
		}
		if f.anonymous {
			f = unreadCredential(req, f)
		}
		return nil, f
	}

	// 2. The cache: the caller that the same bytes were verified for. An entry that has
	// expired, or whose key was withdrawn, is removed, and the token verified again.
	key := digest.Of(raw)
	if cached, ok := p.cache.Get(key, now); ok {
		return p.recast(cached), nil
	}
	return p.identifyByToken(req.Context(), raw, key, now)
}

// identifyByToken is steps 3 to 7 for a token that is not cached. now is when the request
// arrived.
func (p *policy) identifyByToken(ctx context.Context, raw string, key digest.Digest, now time.Time) (*Caller, *fault) {
	// 3. Read the token once, as a JWT or as opaque.
	token, f := p.read(raw)
	if f != nil {
		return nil, f
	}

	// 4. Route it to the only issuer that may verify it.
	from, f := p.route(token)
	if f != nil {
		return nil, f.about(token, nil, token.Claims())
	}

	// 5. Check what a JWT claims before it is verified. This can only reject. It saves
	// the work of a signature for a token that has expired or is for another server.
	if token.IsJWT() {
		if _, f := p.checkClaims(from, token, token.Claims(), unverified, now); f != nil {
			return nil, f.asUnverified().about(token, from, token.Claims())
		}
	}

	// 6. Verify. This may call another server: for keys that are missing, due for a
	// refresh or unknown, or for introspection. The verifier's error selects 401 or 503.
	generation := p.cache.Generation()
	claims, err := from.verifier.Verify(ctx, token)
	began := now
	now = time.Now()
	p.metrics.observeVerification(token, now.Sub(began))
	if err != nil {
		f := verifierFault(err)
		f.unverified = token.IsJWT()
		return nil, f.about(token, from, token.Claims())
	}
	if claims == nil {
		return nil, newFault(ReasonInternalError, "verifier of %q returned neither claims nor an error", from.id).about(token, from, nil)
	}

	// 7. The same checks on the verified claims, because time has passed. The caller is
	// cached even if step 8 or 9 rejects this request: these steps run for every request,
	// cached or not. A verification that began before a Forget is not cached.
	if !token.IsJWT() || claims.Introspected {
		claims = claims.asAnswer(token.Claims())
	}
	if claims, f = p.checkClaims(from, token, claims, verified, now); f != nil {
		return nil, f.about(token, from, claims)
	}
	p.resolver.prove(from, now)
	caller := p.newCaller(from, claims, token, token.credential())
	p.cache.Put(key, caller, claims.CacheFor, now, generation)
	return caller, nil
}

// outerCaller returns the caller if this resource has accepted the request already and
// removed the credential. A request with an Authorization header, valid or not, is always
// decided by that header.
func (p *policy) outerCaller(req *http.Request) *Caller {
	if len(req.Header["Authorization"]) > 0 {
		return nil
	}
	if caller, ok := FromContext(req.Context()); ok && p.accepted(caller) {
		return caller
	}
	return nil
}
