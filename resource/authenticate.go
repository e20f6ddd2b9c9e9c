package resource

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/unreadcredential"
)

// Decision describes an accepted request.
type Decision struct {
	Caller  *Caller       // nil only for a public operation without credentials
	Request *http.Request // for the inner handler: its context has the caller, its header lacks the token

	nonce     string             // see SetHeader
	stream    *stream            // nil if the request does not open a stream
	challenge *deferredChallenge // nil if the handler cannot request a challenge: see Challenge
	review    *responseReview    // nil if the handler's responses are not changed: see HandlerChallenges
}

// Authenticate decides whether to accept a request. It returns a Decision or, if it rejects
// the request, a Refusal and the zero Decision. It counts every decision and logs
// rejections. It does not write a response.
//
// Authenticate does not change req, but it may consume req.Body: if Config.Operations has
// rules, it reads the body of a request whose method is not GET, HEAD, DELETE or OPTIONS.
// Decision.Request has the same body again, byte for byte.
//
// It uses the method, the Authorization header, the fields of Config.Credentials, Origin
// and, if there are rules, the body and the headers that describe it. For a bound token it uses
// the DPoP header and the path, or the client certificate. Of the context it uses what the same
// Resource has put there. With Config.Identifiers it uses the path and Host to select one of
// them. It never uses forwarding headers, except Credentials.Certificates.Field. It looks at the
// query only to log that a credential is there.
func (r *Resource) Authenticate(req *http.Request) (Decision, *Refusal) {
	// One policy decides the whole request. If this Resource is mounted twice, the inner mount
	// uses the policy of the outer one, so that both agree.
	p := r.policy()
	if outer := p.outerCaller(req); outer != nil {
		p = outer.policy
	}
	decision, at, f := p.decide(req)
	if f != nil {
		return Decision{}, p.refuse(req, at, f)
	}
	return decision, nil
}

// nonceField is the header field with a nonce for the next DPoP proof (RFC 9449 §8.1), in the
// spelling of net/http.
const nonceField = "Dpop-Nonce"

// SetHeader sets the header fields of the response to an accepted request, before the handler
// runs: DPoP-Nonce with the nonce for the next proof, if the client's nonce nears its end (RFC
// 9449 §8.2). In most responses there is nothing to set.
func (d Decision) SetHeader(h http.Header) {
	if d.nonce != "" {
		h[nonceField] = []string{d.nonce}
		if _, ok := h["Cache-Control"]; !ok {
			h["Cache-Control"] = []string{"no-store"} // a cached nonce would be an old one
		}
	}
}

// decide runs the request pipeline. Steps 1 to 7 identify the caller; steps 8 to 10 decide
// what the caller may do. The first fault ends the pipeline, and a Refusal is made from it.
// The exception is a request without credentials, which decidePublic may accept. Before all
// steps, decide selects the identifier that the request is for, which it returns too.
//
//	step            rejects with                                   calls            writes to the cache
//	- identifier    404 a path of none of several                  -                -
//	0 origin        403 a page of another origin                   -                -
//	- certificate   400 field malformed or not from a proxy        -                -
//	1 credential    401 if there is none, 400 if several           -                -
//	2 cache         - (a miss continues at 3, a hit at 8)          -                removes entries that are no longer valid
//	3 read          400 not the text of a token, 401 malformed     -                -
//	4 route         401 unknown issuer, opaque not supported       -                -
//	5 claim checks  401 expired, other audience, wrong type        -                -
//	6 verify        401 not authentic, 503 could not be verified   keys or issuer   -
//	7 checks again  401 as in step 5, now on verified claims       -                adds the caller
//	8 revocation    401 revoked, 503 not known                     Revocations      the revision at which the caller was not revoked
//	9 possession    401 no valid proof, 429 too many, 503          DPoP.Replays     adds the key of a proof to the caller
//	10 permission   403 or 401 not permitted, 400, 413, 415 body   Operations.Rule  -
//
// A panic of a configured function in any step results in a 500.
func (p *policy) decide(req *http.Request) (d Decision, at *endpoint, f *fault) {
	at = p.endpoints.first()
	defer func() {
		if v := recover(); v != nil {
			d, f = Decision{}, panicFault(v)
		}
	}()
	if f := p.checkMade(); f != nil { // the Resource was not made by New
		return Decision{}, at, f
	}
	selected := p.endpoints.of(req)
	if selected == nil {
		return Decision{}, at, p.endpoints.fault(req.URL)
	}
	at = selected
	d, f = p.decideAt(at, req)
	return d, at, f
}

// decideAt is decide for a request to one endpoint.
func (p *policy) decideAt(at *endpoint, req *http.Request) (d Decision, f *fault) {
	// 0. The origin is checked before any credential, also for public operations.
	if f := p.checkOrigin(req.Header); f != nil {
		return Decision{}, f
	}
	certificate, f := p.readCertificateField(req)
	if f != nil {
		return Decision{}, f
	}
	caller, how, f := p.identify(at, req)
	if f != nil {
		return p.decidePublic(at, req, f)
	}
	how.certificate = certificate
	granted, f := p.authorize(at, req, caller, how)
	if f != nil {
		f.caller, f.messages = caller, granted.messages
		return Decision{}, f
	}
	d.nonce = granted.nonce
	if granted.listens || mcpmsg.OpensStream(req) {
		req, d.stream = p.watch(req, caller, granted)
	}
	d.challenge, d.review = p.newDeferredChallenge(caller, granted), p.newReview(req.Context(), at, caller, granted.messages)
	d.Caller = p.hold(caller, how.raw)
	d.Request = p.innerRequest(req, acceptance{caller: d.Caller, by: p.owner, endpoint: at, challenge: d.challenge, review: d.review, proof: granted.proof, id: mcpmsg.RequestID(granted.messages)}, granted.body)
	p.observeAccepted(at, req, caller, granted.messages)
	return d, nil
}

// identify runs steps 1 to 7 for a request to one endpoint. It returns the caller that the
// request's credential belongs to, and how the request presented the credential.
func (p *policy) identify(at *endpoint, req *http.Request) (*Caller, presented, *fault) {
	now := time.Now()

	// 1. The credential: exactly one, from the Authorization header or from a field of
	// Credentials.Headers or Credentials.TokenHeaders. For Headers, identifyByHeader replaces
	// steps 2 to 7. If an outer mount of this Resource has removed the credential, its caller is
	// in the context.
	if from, value, f := p.headerCredential(req.Header); f != nil {
		return nil, presented{}, f
	} else if from != nil && from.verifier == nil {
		caller, f := p.identifyByTokenHeader(req.Context(), at, from, value, now)
		return caller, presented{raw: value}, f
	} else if from != nil {
		caller, f := p.identifyByHeader(at, req, from, value)
		return caller, presented{}, f
	}
	raw, kind, f := p.accessToken(req.Header)
	if f != nil {
		if outer := p.outerCaller(req); outer != nil && outer.resource == at.identifier && outer.valid(now) {
			return outer, presented{kind: byOuter}, nil
		}
		return nil, presented{}, withUnread(req, f)
	}

	// 2. The cache: the caller from an earlier verification of the same bytes for the same
	// endpoint. An entry is removed if it has expired or if the signing key of its token was
	// withdrawn. Then the token is verified again. The endpoint is compared too, because the
	// part of the key that depends on it is short: a person who names the members of a family
	// could find two names with the same part. An entry of a token in another field is not
	// used: raw is not checked yet, and could be the text that the key of such an entry is
	// made from.
	how := presented{kind: kind, token: digest.Of(raw), raw: raw}
	cacheKey := at.cacheKey(how.token)
	if cached, ok := p.cache.Get(cacheKey, now); ok && cached.resource == at.identifier && !cached.isFromField() {
		how.now = now
		return p.recast(cached), how, nil
	}
	caller, f := p.identifyByToken(req.Context(), at, raw, cacheKey, now)
	return caller, how, f
}

// identifyByToken runs steps 3 to 7 for a token in the Authorization header that is not cached.
// now is when the request arrived.
func (p *policy) identifyByToken(ctx context.Context, at *endpoint, raw string, cacheKey digest.Digest, now time.Time) (*Caller, *fault) {
	// 3. Parse the token once, as a JWT or as an opaque token.
	token, f := p.read(raw)
	if f != nil {
		return nil, f
	}

	// 4. Route it to the one issuer whose verifier may verify it.
	from, f := p.route(token, false)
	if f != nil {
		return nil, f.about(token, nil, token.Claims())
	}
	return p.verifyToken(ctx, at, from, token, token.credential(), cacheKey, now)
}

// verifyToken runs steps 5 to 7 for a token that only the issuer from may verify. credential
// becomes that of the caller.
func (p *policy) verifyToken(ctx context.Context, at *endpoint, from *issuer, token *Token, credential string, cacheKey digest.Digest, now time.Time) (*Caller, *fault) {
	inField := isFieldName(credential)

	// 5. Check the claims of a JWT before its signature. At this point they can only cause a
	// rejection. This avoids the cost of verifying a signature for a token that has expired
	// or is for another server.
	if token.IsJWT() {
		if _, f := p.checkClaims(at, from, token, token.Claims(), unverified, inField, now); f != nil {
			return nil, f.asUnverified().about(token, from, token.Claims())
		}
	}

	// 6. Verify. This may call another server: to fetch keys, because there are none yet, they
	// are due for a refresh or the key ID is unknown, or for introspection.
	generation := p.cache.Generation()
	arrived := now
	claims, f := from.verify(ctx, token)
	now = time.Now()
	p.metrics.observeVerification(token, now.Sub(arrived))
	if f != nil {
		return nil, f
	}

	// 7. Check the verified claims. For a JWT this repeats step 5 with claims that are trusted
	// now, at the present time; for an opaque token it is the first check. The caller is cached
	// even if a later step rejects this request, because steps 8 to 10 run for every
	// request. The result of a verification that began before a Forget is used for this request
	// but not cached.
	claims, f = p.checkClaims(at, from, token, claims, verified, inField, now)
	if f != nil {
		return nil, f.about(token, from, claims)
	}
	p.resolver.prove(from, now) // a token of this issuer has been verified
	caller := p.newCaller(at, from, claims, token, credential)
	p.cache.Put(cacheKey, caller, claims.CacheFor, now, generation)
	return caller, nil
}

// verify calls the verifier of the issuer, whose error selects 401 or 503. It returns the verified
// claims, as far as the verifier and the token itself determine them.
func (i *issuer) verify(ctx context.Context, token *Token) (*Claims, *fault) {
	claims, err := i.verifier.Verify(ctx, token)
	switch {
	case err != nil:
		f := verifierFault(err)
		f.unverified = token.IsJWT()
		return nil, f.about(token, i, token.Claims())
	case claims == nil:
		return nil, newFault(ReasonInternalError, "verifier of %q returned neither claims nor an error", i.id).about(token, i, nil)
	case !token.IsJWT() || claims.Introspected:
		return claims.asAnswer(token.Claims()), nil
	}
	return claims.boundAs(token.Claims()), nil
}

// withUnread returns the fault of a request without a credential that is read, with what it has
// instead of one.
func withUnread(req *http.Request, f *fault) *fault {
	if f.anonymous {
		if text := unreadcredential.Find(req); text != "" {
			return &fault{reason: f.reason, err: errors.New(text), anonymous: true, logAtInfo: true}
		}
	}
	return f
}

// outerCaller returns the caller that an outer mount of this Resource has put into the context;
// nil if there is none. If there is an Authorization header, even an invalid one, the context
// does not count.
func (p *policy) outerCaller(req *http.Request) *Caller {
	if len(req.Header["Authorization"]) > 0 {
		return nil
	}
	if caller, ok := FromContext(req.Context()); ok && p.accepted(caller) {
		return caller
	}
	return nil
}
