package resource

import (
	"context"
	"net/http"
	"net/url"
)

// Explanation says how a [Resource] decides about a request, and shows every check, also those after
// the first that failed. It contains no token, no part of a token and no secret. Text of the request
// is escaped and cut, so that it can be printed. An Explanation can be encoded to JSON.
type Explanation struct {
	Resource   string           `json:"resource"` // identifier that the request is for
	Accepted   bool             `json:"accepted"`
	Status     int              `json:"status,omitzero"`      // of the rejection; 0 if the request is accepted
	Reason     Reason           `json:"reason,omitempty"`     // of the rejection
	Challenges []string         `json:"challenges,omitempty"` // of the rejection: WWW-Authenticate, one line each
	Issuer     string           `json:"issuer,omitempty"`     // the configured issuer that the token belongs to
	Credential string           `json:"credential,omitempty"` // kind of credential, as Caller.Credential returns it
	Checks     []ExplainedCheck `json:"checks"`

	refusal *Refusal // nil if the request is accepted
}

// ExplainedCheck is one check of an [Explanation].
type ExplainedCheck struct {
	Name       string       `json:"name"`             // a fixed word, such as exp or scopes
	Source     string       `json:"source,omitempty"` // the specification or the setting that demands the check
	Outcome    CheckOutcome `json:"outcome"`
	Unverified bool         `json:"unverified,omitzero"` // the check depends on a token that was not verified
	Got        string       `json:"got,omitempty"`       // what the request or the token has
	Want       string       `json:"want,omitempty"`      // what is accepted
	Reason     Reason       `json:"reason,omitempty"`    // with which the check rejects; "" unless it failed
	Detail     string       `json:"detail,omitempty"`    // why the check failed, or why it was skipped
}

// CheckOutcome is the result of a check.
type CheckOutcome string

// The results of checks. A check is skipped if it needs what an earlier one did not find, or if it
// would change something.
const (
	CheckPassed  CheckOutcome = "passed"
	CheckFailed  CheckOutcome = "failed"
	CheckSkipped CheckOutcome = "skipped"
)

// Refusal returns the answer that Authenticate would return, or nil if the request is accepted.
func (e *Explanation) Refusal() *Refusal { return e.refusal }

// Explain says how Authenticate decides about a request, and why. It makes the same decision by the
// same functions, with these exceptions:
//
//   - It verifies the credential again, also if the caller is cached, and does not add the caller
//     to the cache.
//   - It goes on after a check that has failed. So it may call the verifier about a token that
//     Authenticate rejects before. It calls Hooks.Revocations and Operations.Rule only with a
//     caller that has passed the checks that come before them in Authenticate.
//   - It does not look whether a DPoP proof was used before, because that would use it up.
//   - It does not look for an outer mount of the Resource that has accepted the request.
//
// Explain counts and logs nothing, notifies no observer, and takes nothing from the budgets for
// issuers of Hooks.ResolveIssuer. Verifiers count and log their own calls. It may fetch keys or
// call an introspection endpoint like Authenticate. Like Authenticate, it may consume req.Body, but
// it does not restore it.
//
// Explain is for operators and for tests. An Explanation tells how a Resource is configured, and
// what is wrong with a token: do not send it to clients.
func (r *Resource) Explain(req *http.Request) *Explanation {
	e := &explainer{policy: r.policy(), req: req}
	return e.explain()
}

// ExplainToken is Explain for a token without a request. token is what follows Bearer or DPoP in
// the header, with or without that word. identifier is one of [Resource.Identifiers], or empty for
// Config.Identifier. Checks of the rest of a request are skipped: operations, header fields, a
// proof and a client certificate. Accepted then means that none of the other checks failed.
func (r *Resource) ExplainToken(ctx context.Context, identifier, token string) *Explanation {
	e := &explainer{policy: r.policy(), tokenOnly: true}
	if identifier == "" {
		identifier = r.Identifier()
	}
	u, err := url.Parse(identifier)
	if err != nil {
		u = new(url.URL)
	}
	e.req = (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{"Authorization": {withScheme(token)}}}).WithContext(ctx)
	return e.explain()
}
