package resource

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/warder-go/warder/internal/authorization"
	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/mcpmsg"
)

// explainer runs the steps of decide and records every check. Unlike decide, it goes on after a
// fault as long as the next check has its input. The first fault is the decision.
type explainer struct {
	policy    *policy
	req       *http.Request
	tokenOnly bool // ExplainToken

	at        *endpoint
	secrets   *secrets
	kind      string  // of the credential, as Caller.Credential returns it
	issuer    string  // the configured one
	caller    *Caller // whom the claims name; nil if there are none
	authentic bool    // the claims are verified
	valid     bool    // the claims are verified, and all checks of them have passed
	checks    []ExplainedCheck
	first     *fault
}

// explain runs all steps and returns the result. A panic of a configured function is a fault, as in
// decide.
func (e *explainer) explain() *Explanation {
	e.at, e.secrets = e.policy.endpoints.first(), e.policy.secretsOf(e.req.Header)
	func() {
		defer func() {
			if v := recover(); v != nil {
				e.record(ExplainedCheck{Name: "configured functions", Source: "Go"}, panicFault(v))
			}
		}()
		e.run()
	}()
	result := &Explanation{Resource: e.at.identifier, Accepted: e.first == nil, Issuer: e.clean(e.issuer), Credential: e.kind, Checks: e.checks}
	if e.first != nil {
		result.refusal = e.policy.answer(e.req.Header, e.at, e.first, mcpmsg.IsJSONPost(e.req))
		result.Status, result.Reason, result.Challenges = result.refusal.Status, result.refusal.Reason, result.refusal.Challenges
	}
	return result
}

// record adds a check, which has failed if f is not nil.
func (e *explainer) record(c ExplainedCheck, f *fault) {
	c.Outcome = CheckPassed
	if f != nil {
		c.Outcome, c.Reason = CheckFailed, f.reason
		if f.got != "" || f.want != "" {
			c.Got, c.Want = f.got, f.want
		}
		if f.err != nil {
			c.Detail = f.err.Error()
		}
		if e.first == nil {
			e.first = f
		}
	}
	e.add(c)
}

// skip adds a check that was skipped.
func (e *explainer) skip(c ExplainedCheck, why string) {
	c.Outcome, c.Detail, c.Got, c.Want, c.Unverified = CheckSkipped, why, "", "", false
	e.add(c)
}

func (e *explainer) add(c ExplainedCheck) {
	c.Got, c.Want, c.Detail = e.clean(c.Got), e.clean(c.Want), e.clean(c.Detail)
	e.checks = append(e.checks, c)
}

// clean returns text without the credentials of the request and their parts, printable and cut.
func (e *explainer) clean(text string) string { return e.secrets.clean(text) }

// run is decide and decideAt.
func (e *explainer) run() {
	p, req := e.policy, e.req
	if f := p.checkMade(); f != nil {
		e.record(ExplainedCheck{Name: "configuration", Source: "Go"}, f)
		return
	}
	path := ExplainedCheck{Name: "path", Source: "RFC 9728 §3.1", Want: strings.Join(p.endpoints.names(), ", ")}
	selected := p.endpoints.of(req)
	if selected == nil {
		e.record(path, p.endpoints.fault(req.URL))
		return
	}
	e.at = selected
	path.Got = selected.identifier
	e.record(path, nil)
	if !e.tokenOnly {
		e.record(ExplainedCheck{Name: "origin", Source: "MCP, Streamable HTTP", Got: strings.Join(req.Header["Origin"], ", "), Want: "none, or " + p.origins.String()}, p.checkOrigin(req.Header))
	}
	certificate, f := p.readCertificateField(req)
	if f != nil {
		e.record(ExplainedCheck{Name: "certificate field", Source: "RFC 9440"}, f)
	}
	how := presented{certificate: certificate}
	if e.identify(&how); e.caller != nil {
		e.authorize(how)
	}
}

// withScheme returns a token as the value of the Authorization header field.
func withScheme(token string) string {
	token = strings.TrimSpace(token)
	if _, kind := authorization.Read([]string{token}); kind == authorization.OtherScheme {
		return "Bearer " + token
	}
	return token
}

// identify is policy.identify. It sets the caller, unless later checks have nothing to check.
func (e *explainer) identify(how *presented) {
	p, header := e.policy, e.req.Header
	check := ExplainedCheck{Name: "credential", Source: "RFC 6750 §2.1", Want: "one credential"}
	from, value, f := p.headerCredential(header)
	if f != nil {
		e.record(check, f)
		return
	}
	if from != nil {
		check.Source, check.Got = "Credentials.Headers, Credentials.TokenHeaders", from.name
		e.secrets.whole, e.kind, e.issuer = value, from.name, from.issuer.id
		e.record(check, nil)
		if from.verifier != nil {
			e.verifyHeader(from, value)
			return
		}
		e.readTokenInField(from, value)
		return
	}
	raw, kind, f := p.accessToken(header)
	if f != nil {
		e.decidePublic(check, withUnread(e.req, f))
		return
	}
	e.secrets.whole = raw
	check.Got = fmt.Sprintf("a token of %d characters in the Authorization header field", len(raw))
	e.record(check, nil)
	how.kind, how.token = kind, digest.Of(raw)
	e.readToken(nil, raw)
}

// decidePublic is policy.decidePublic for a request without a credential that is read.
func (e *explainer) decidePublic(check ExplainedCheck, without *fault) {
	if e.tokenOnly {
		e.record(check, without)
		return
	}
	_, messages, f := e.policy.checkPublic(e.req, without)
	if f == nil {
		check.Got = "none, for a public operation: " + e.policy.rules.compiled().Describe(messages, maxEventOperations)
	}
	e.record(check, f)
}

// readTokenInField is identifyByTokenHeader.
func (e *explainer) readTokenInField(from *headerIssuer, value string) {
	if e.first == nil {
		defer func() { // also if a verifier panics after a fault
			if e.first != nil {
				e.first = from.withField(e.first)
			}
		}()
	}
	e.readToken(from, value)
}

// readToken is steps 3 and 4. from is nil for a token in the Authorization header field.
func (e *explainer) readToken(from *headerIssuer, raw string) {
	p := e.policy
	token, f := p.read(raw)
	if f != nil && from != nil {
		f = from.withField(f) // for the text
	}
	e.record(ExplainedCheck{Name: "token", Source: "RFC 6750 §2.1, RFC 7515, RFC 7519 §7.2", Unverified: true, Got: describeToken(token), Want: "a signed JWT, or an opaque token if its issuer is configured"}, f)
	if f != nil {
		return
	}
	check := ExplainedCheck{Name: "issuer", Source: "RFC 9068 §4", Unverified: true, Want: p.describeIssuers("")}
	to, credential := (*issuer)(nil), token.credential()
	if from != nil {
		to, credential, check.Want = from.issuer, from.name, from.issuer.id
	} else if to, f = p.route(token, true); f != nil {
		f = f.about(token, nil, token.Claims())
	}
	if to != nil {
		check.Got, e.issuer = to.id, to.id
	}
	e.kind = credential
	e.record(check, f)
	if f == nil {
		e.verifyToken(to, token, credential)
	}
}

// describeToken describes what was read of a token.
func describeToken(t *Token) string {
	switch {
	case t == nil:
		return ""
	case !t.IsJWT():
		return fmt.Sprintf("an opaque token of %d characters", len(t.Raw()))
	}
	h := t.JWS().Header
	text := "a JWT, alg " + h.Algorithm.String()
	if h.KeyID != "" {
		text += ", kid " + h.KeyID
	}
	if h.Type != "" {
		text += ", typ " + h.Type
	}
	return text
}
