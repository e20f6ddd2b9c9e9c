package resource

import (
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/condition"
	"github.com/warder-go/warder/internal/login"
	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/scopeset"
)

// Why configured functions are not called. Authenticate calls Hooks.Revocations only with a caller
// whose claims are verified and valid, and Operations.Rule only with a caller that has also passed
// the checks between the two.
const (
	whyInvalid  = "an earlier check of the token has failed"
	whyRejected = "an earlier check has failed"
)

// whyNoRequest is why checks are skipped that need more than a token.
const whyNoRequest = "needs a request"

// authorize is steps 8 to 10. If the claims are not verified, it shows what the decision would be
// if they were true.
func (e *explainer) authorize(how presented) {
	if e.first == nil {
		defer func() { // as decideAt does, also if a function panics after a fault
			if e.first != nil {
				e.first.caller = e.caller
			}
		}()
	}
	mark := len(e.checks)
	e.checkRevoked()
	e.checkPossession(how)
	e.checkHeaderClaims()
	e.checkConditions(ExplainedCheck{Name: "condition", Source: "Conditions"}, slices.Concat(e.caller.conditions, e.policy.conditions))
	permitted := e.valid && !slices.ContainsFunc(e.checks[mark:], func(c ExplainedCheck) bool { return c.Outcome == CheckFailed })
	beforeBody := e.first == nil
	needs, messages, ok := e.readOperation(permitted)
	if ok {
		e.checkRequirements(needs)
	}
	if beforeBody && e.first != nil {
		e.first.messages = messages
	}
}

func (e *explainer) checkRevoked() {
	check := ExplainedCheck{Name: "revocation", Source: "Hooks.Revocations", Want: "not revoked"}
	switch {
	case e.policy.revocations == nil:
	case e.valid:
		e.record(check, e.policy.checkRevoked(e.req.Context(), e.caller, time.Time{}))
	default:
		e.skip(check, whyInvalid)
	}
}

func (e *explainer) checkHeaderClaims() {
	check := ExplainedCheck{Name: "header fields", Source: "Credentials.HeaderClaims", Unverified: !e.authentic, Want: "fields that agree with the claims"}
	switch {
	case len(e.policy.headerClaims) == 0:
	case e.tokenOnly:
		e.skip(check, whyNoRequest)
	default:
		e.record(check, e.policy.checkHeaderClaims(e.req.Header, e.caller))
	}
}

// checkPossession is step 9, except that it does not use up a proof.
func (e *explainer) checkPossession(how presented) {
	p, c := e.policy, e.caller
	of := p.bindingsOfCaller(c)
	e.record(ExplainedCheck{Name: "binding", Source: "RFC 9449 §7.2, RFC 8705 §3", Unverified: !e.authentic, Got: c.binding.got(), Want: of.describe()}, p.checkBound(c))
	if !e.checkScheme(how.kind) || of.of(c.binding.Method) <= BindingOff {
		return
	}
	switch proof := (ExplainedCheck{Name: "proof", Source: "RFC 9449 §4.3", Unverified: !e.authentic, Want: "a DPoP proof for this request"}); {
	case c.binding.Method == ConfirmationCertificate && e.tokenOnly:
		e.skip(ExplainedCheck{Name: "client certificate", Source: "RFC 8705 §3"}, whyNoRequest)
	case c.binding.Method == ConfirmationCertificate:
		e.record(ExplainedCheck{Name: "client certificate", Source: "RFC 8705 §3", Unverified: !e.authentic, Want: "the certificate that the token is bound to"}, p.checkCertificate(e.req, c, how.certificate))
	case e.tokenOnly:
		e.skip(proof, whyNoRequest)
	default:
		_, f := p.readProof(e.at, e.req, c, how.token)
		e.record(proof, f)
		e.skip(ExplainedCheck{Name: "proof used once", Source: "RFC 9449 §11.1"}, "the check would use up the proof")
	}
}

// checkScheme reports whether the scheme is that of the token. A token without a request has none,
// unless it was given with DPoP.
func (e *explainer) checkScheme(kind presentedKind) bool {
	if e.caller.isFromField() || e.tokenOnly && kind != byDPoP {
		return true
	}
	check := ExplainedCheck{Name: "scheme", Source: "RFC 9449 §7.1", Unverified: !e.authentic, Got: "Bearer", Want: "Bearer"}
	if kind == byDPoP {
		check.Got, check.Want = "DPoP", "DPoP"
	}
	f := checkScheme(e.caller, kind)
	e.record(check, f)
	return f == nil
}

// checkConditions records each condition.
func (e *explainer) checkConditions(check ExplainedCheck, all []*condition.Condition) {
	for _, one := range all {
		check.Unverified, check.Got, check.Want = !e.authentic, one.Got(e.caller.claims()), one.Want()
		var f *fault
		if !one.Holds(e.caller.claims()) {
			f = e.caller.conditionFault(one)
		}
		e.record(check, f)
	}
}

// readOperation is policy.readOperation. Operations.Rule is called only for a caller that is permitted
// so far. ok is false if it is not known what the request needs.
func (e *explainer) readOperation(permitted bool) (needs requirements, messages []*mcpmsg.Message, ok bool) {
	p := e.policy
	needs.needed = p.scopes
	if p.rules == nil || !e.tokenOnly && !mcpmsg.MayCarryMessage(e.req) {
		return needs, nil, true
	}
	check := ExplainedCheck{Name: "operation", Source: "Operations", Want: "a JSON-RPC message that rules permit"}
	switch {
	case e.tokenOnly:
		e.skip(check, whyNoRequest)
		return needs, nil, true
	case !permitted && p.rules.Rule != nil:
		e.skip(check, whyRejected)
		return needs, nil, true
	}
	a, f := p.readOperation(e.req, e.caller)
	check.Got = p.rules.compiled().Describe(a.messages, maxEventOperations)
	e.record(check, f)
	return a.requirements, a.messages, f == nil
}

// checkRequirements records what policy.checkRequirements checks, each by itself. The decision is
// that of policy.checkRequirements: one challenge can be for several of them.
func (e *explainer) checkRequirements(needs requirements) {
	p, c := e.policy, e.caller
	decision := p.checkRequirements(c, needs, nil)
	if e.first == nil {
		e.first = decision
		defer func() { e.first = decision }()
	}
	e.checkConditions(ExplainedCheck{Name: "condition of the operation", Source: "Operations.Conditions"}, needs.conditions)
	if needs.bound {
		e.record(ExplainedCheck{Name: "bound operation", Source: "Operations.Bound", Unverified: !e.authentic, Got: c.binding.got(), Want: "cnf"}, p.checkBoundOperations(c, true, nil))
	}
	if p.authentication != nil || needs.logins != nil {
		wanted, _ := login.Combine(p.authentication, needs.logins...)
		e.record(ExplainedCheck{Name: "login", Source: "RFC 9470 §3", Unverified: !e.authentic, Got: c.login.Describe(&wanted, time.Now()), Want: wanted.Describe(p.leeway)}, p.checkLogin(c, needs.logins, nil))
	}
	e.record(ExplainedCheck{Name: "scopes", Source: "RFC 6750 §3.1", Unverified: !e.authentic, Got: scopeset.Join(c.grant.Scopes()), Want: strings.Join(needs.needed, " ")}, p.checkScopes(c, needs.needed, nil))
}
