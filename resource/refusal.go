package resource

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/warder-go/warder/internal/errorresponse"
)

// Refusal is the answer to a rejected request. Everything in it that is for the client comes
// from this package and from the configuration, except the id of a JSON-RPC request, which
// the body repeats.
//
// The body is a JSON-RPC error response if the request is a POST of JSON, as from an MCP
// client. Its code is the status, unless JSON-RPC or MCP defines a code for the error. Its
// message says what a person can do. Its data is the OAuth error object, with the scopes of
// the challenge. Its id is that of the request if the rules of the resource needed the body
// and it has exactly one request; otherwise null. For every other request, and for
// [Resource.Permit], the body is the OAuth error object.
type Refusal struct {
	Status      int           // 400, 401, 403, 404, 405, 413, 415, 429, 500, 502 or 503
	Reason      Reason        // for logs and metrics
	Challenges  []string      // WWW-Authenticate, one header line each, Bearer first, then DPoP
	RetryAfter  time.Duration // for 429 and 503: whole seconds, at least one
	ContentType string
	Body        []byte // must not be changed
	Err         error  // for logs only; does not contain the token

	prepared *preparedRefusal // for RPCError
	nonce    string           // for DPoP-Nonce; "" for none
	id       []byte           // of the JSON-RPC request; nil if it is not known
}

// SetHeader sets the refusal's header fields in h. Challenges precede the WWW-Authenticate
// values that h has already, because many clients read only the first value. Those values
// are kept, in their order, also if the name is spelled in another case. A second call changes
// nothing.
func (f *Refusal) SetHeader(h http.Header) {
	errorresponse.PutChallenges(h, f.Challenges)
	if f.Status == http.StatusMethodNotAllowed {
		h["Allow"] = []string{http.MethodPost} // RFC 9110 §15.5.6
	}
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
	}
	if f.nonce != "" {
		h[nonceField] = []string{f.nonce} // RFC 9449 §9
	}
	values := []string{"no-store", f.ContentType, strconv.Itoa(len(f.Body)), "nosniff"} // one allocation for all
	h["Cache-Control"] = values[0:1:1]
	h["Content-Type"] = values[1:2:2]
	h["Content-Length"] = values[2:3:3]
	h["X-Content-Type-Options"] = values[3:4:4]
}

// RPCError returns the refusal as a JSON-RPC error response, whatever Body is. id is that of the
// JSON-RPC request, as JSON. If it is nil, the id that the rules found in the body is used; if they
// did not read the body or found no single request, RPCError returns nil.
func (f *Refusal) RPCError(id []byte) []byte {
	if id == nil {
		id = f.id
	}
	if id == nil || f.prepared == nil {
		return nil
	}
	return f.prepared.text.RPCError(id, f.prepared.scopes)
}

// answers holds prepared refusals.
type answers struct {
	metadataURL string   // "": of a Resource that was not made by New
	hint        []string // scopes that a 401 names
	schemes     errorresponse.Schemes
	prepared    map[preparedKey]*preparedRefusal // nil: made when needed
}

// preparedKey is what a prepared refusal depends on.
type preparedKey struct {
	reason Reason
	other  bool // the credential is not an access token
	dpop   bool // the request has used the scheme DPoP
}

// preparedRefusal is the part of a refusal that depends only on its outcome and its scopes. The
// reasons with the same outcome share it.
type preparedRefusal struct {
	status     int
	challenges []string // never changed
	object     []byte   // the OAuth error object
	rpcError   []byte   // the JSON-RPC error without an id

	text   errorresponse.Text
	scopes []string // of the challenge
}

// prepareAll prepares all refusals.
func (a *answers) prepareAll() {
	a.prepared = map[preparedKey]*preparedRefusal{}
	a.prepareFor(false)
	if a.schemes.DPoP != "" {
		a.prepareFor(true)
	}
}

// prepareFor prepares the refusals for requests with the scheme DPoP, or for those without.
func (a *answers) prepareFor(dpop bool) {
	all := map[outcome]*preparedRefusal{}
	prepare := func(o outcome, scopes []string) *preparedRefusal {
		if all[o] == nil {
			all[o] = a.prepare(o, errorresponse.Login{}, scopes, a.schemes, dpop)
		}
		return all[o]
	}
	for reason, o := range outcomes {
		a.prepared[preparedKey{reason, false, dpop}] = prepare(o, a.scopesOf(o))
		a.prepared[preparedKey{reason, true, dpop}] = prepare(o.ofOtherCredential(), a.scopesOf(o))
	}
}

// scopesOf returns the scopes that the challenge names, if the fault does not name them.
func (a *answers) scopesOf(o outcome) []string {
	if o == answerMalformed { // another token would not help
		return nil
	}
	return a.hint
}

// prepare prepares a refusal with the login and the scopes of its challenges, if it has any.
func (a *answers) prepare(o outcome, login errorresponse.Login, scopes []string, schemes errorresponse.Schemes, dpop bool) *preparedRefusal {
	p := &preparedRefusal{status: o.status, text: o.text()}
	p.text.Login = login
	if o.status == http.StatusUnauthorized || o.code != "" {
		// No value contains a quote: all come from checked configuration and fixed texts.
		p.challenges, p.scopes = p.text.Challenges(a.metadataURL, scopes, schemes, dpop), scopes
	}
	p.object, p.rpcError = p.text.Object(), p.text.RPCError(nil, p.scopes)
	return p
}

// recipient is what a refusal depends on besides the fault.
type recipient struct {
	hint    []string              // if it is not nil, it replaces the scopes that a 401 names
	schemes errorresponse.Schemes // of the challenges
	dpop    bool                  // the request has used the scheme DPoP
	other   bool                  // its credential is not an access token
	rpc     bool                  // its sender expects JSON-RPC
}

// refusal returns the answer for a fault.
func (a *answers) refusal(f *fault, to recipient) *Refusal {
	reason, o := f.reason, outcomes[f.reason]
	prepared := a.prepared[preparedKey{reason, to.other, to.dpop}]
	if to.other {
		o = o.ofOtherCredential()
	}
	prepare := func(scopes []string) *preparedRefusal { return a.prepare(o, f.login, scopes, to.schemes, to.dpop) }
	switch {
	case a.metadataURL == "": // fail closed
		reason, prepared = ReasonInternalError, a.prepare(answerError, errorresponse.Login{}, nil, a.schemes, false)
	case f.reason == ReasonInsufficientScope, f.reason == ReasonInsufficientAuthentication, f.reason == ReasonBindingRequired && f.challenge != nil:
		prepared = prepare(f.challenge)
	case to.hint != nil && o.status == http.StatusUnauthorized:
		prepared = prepare(to.hint)
	case prepared == nil || to.schemes != a.schemes:
		prepared = prepare(a.scopesOf(outcomes[f.reason]))
	}
	id := f.requestID()
	answer := Refusal{
		prepared: prepared, id: id, nonce: f.nonce,
		Status: prepared.status, Reason: reason, ContentType: "application/json", Body: prepared.body(to.rpc, id),
		Challenges: slices.Clone(prepared.challenges), // the caller may change them
		// Rounded up to whole seconds: a client that retries too early is rejected again.
		RetryAfter: (f.retryAfter + time.Second - 1).Truncate(time.Second),
	}
	answer.Err = f
	return &answer
}

func (p *preparedRefusal) body(rpc bool, id []byte) []byte {
	switch {
	case !rpc:
		return p.object
	case id != nil:
		return p.text.RPCError(id, p.scopes)
	}
	return p.rpcError
}
