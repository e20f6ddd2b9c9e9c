package resource

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/warder-go/warder/internal/errorresponse"
	"github.com/warder-go/warder/internal/mcpmsg"
)

// HandlerChallenges says what happens to challenges (WWW-Authenticate, RFC 9110 §11.6.1) that do
// not come from the Resource but from the handler behind it, such as a reverse proxy that relays
// the response of another server.
type HandlerChallenges int

const (
	// PassHandlerChallenges does not change the handler's responses. A client takes a
	// challenge of the handler for one of the Resource. It can then log in in a loop, because
	// its token is valid for the Resource and never for the other server, or log in at the
	// authorization server that the other server names. It is for handlers that do not relay
	// responses of other servers.
	PassHandlerChallenges HandlerChallenges = iota

	// ReplaceHandlerChallenges replaces a response of the handler by 502, with a log record,
	// if its status is 401, or if its status is 403 and it has a challenge. It does not
	// replace a response with a challenge of this Resource, such as those of Require, and of
	// Permit with the context of the request. From every other response it removes the
	// challenges that are not of this Resource and were not set by middleware outside. It
	// changes neither informational responses (1xx) nor hijacked connections.
	//
	// The header of each response is held back until its first byte is written. Another
	// Resource behind this one counts as the handler.
	ReplaceHandlerChallenges
)

// responseReview decides whether the client gets the handler's response to an accepted request.
type responseReview struct {
	policy   *policy
	endpoint *endpoint // of the request
	caller   *Caller
	messages []*mcpmsg.Message // in the body; nil if it was not read

	mu  sync.Mutex
	own []string // challenges of this Resource for the request, such as those of Require
}

// add adds the challenges of a refusal. The handler can send them.
func (r *responseReview) add(challenges []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range challenges {
		if !slices.Contains(r.own, c) {
			r.own = append(r.own, c)
		}
	}
}

func (r *responseReview) isOwn(challenge string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.own, challenge)
}

// newReview returns nil if the handler's responses are not changed. If the same middleware is
// mounted twice, both mounts share one review, so that challenges of the inner one count as
// own.
func (p *policy) newReview(ctx context.Context, at *endpoint, caller *Caller, messages []*mcpmsg.Message) *responseReview {
	if p.handlerChallenges == PassHandlerChallenges {
		return nil
	}
	if outer := acceptanceOf(ctx); outer.review != nil && outer.by == p.owner {
		return outer.review
	}
	return &responseReview{policy: p, endpoint: at, caller: caller, messages: messages}
}

// check removes the challenges of others from the header of a response. It returns a fault if the
// response itself must be replaced.
func (r *responseReview) check(status int, header, outer http.Header) *fault {
	ofOuter := errorresponse.Challenges(outer)
	kept, removed := errorresponse.KeepChallenges(header, func(challenge string) bool {
		return r.isOwn(challenge) || slices.Contains(ofOuter, challenge)
	})
	foreign := status == http.StatusUnauthorized || status == http.StatusForbidden && len(removed) > 0
	if !foreign || slices.ContainsFunc(kept, r.isOwn) {
		return nil
	}
	return &fault{reason: ReasonHandlerChallenge, caller: r.caller, messages: r.messages,
		got: strings.TrimSpace(fmt.Sprint(status, " ", strings.Join(removed, ", "))), want: "a challenge of this resource"}
}

// HoldResponse reports whether the adapter must hold the handler's response until it begins.
// If so, the adapter must call ReviewResponse right before the first byte of the response, or
// after the handler has returned without one. [Challenge] works only if HoldResponse was called.
func (d Decision) HoldResponse() bool {
	if d.challenge != nil {
		d.challenge.arm()
	}
	return d.challenge != nil || d.review != nil
}

// ReviewResponse decides whether the client gets the handler's response. Nil sends it. Otherwise
// the refusal replaces it: the handler has called [Challenge], or the response is one that
// HTTPOptions.HandlerChallenges does not allow. The refusal is counted and logged.
//
// status and header are those of the response. ReviewResponse may remove challenges from
// header. outer is a copy of the header from before the handler. After ReviewResponse,
// Challenge has no effect.
func (d Decision) ReviewResponse(status int, header, outer http.Header) *Refusal {
	if d.challenge != nil {
		if f := d.challenge.take(); f != nil {
			f.caller, f.messages = d.challenge.caller, d.challenge.messages
			p := d.challenge.policy
			return p.refuse(d.Request, p.endpointFor(&noAcceptance, f.caller), f)
		}
	}
	if d.review != nil {
		if f := d.review.check(status, header, outer); f != nil {
			return d.review.policy.refuse(d.Request, d.review.endpoint, f)
		}
	}
	return nil
}
