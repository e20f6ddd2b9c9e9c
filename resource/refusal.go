package resource

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/warder-go/warder/internal/errorresponse"
)

// Refusal is the answer to a rejected request. Everything in it that is for the client comes
// from this package and from the configuration, except the id of a JSON-RPC message, which
// an error about the message repeats.
type Refusal struct {
	Status      int           // 400, 401, 403, 405, 413, 415, 500 or 503
	Reason      Reason        // for logs and metrics
	Challenges  []string      // WWW-Authenticate, one header line each, Bearer first
	RetryAfter  time.Duration // for 503: whole seconds, at least one
	ContentType string
	Body        []byte // must not be changed
	Err         error  // for logs only; does not contain the token
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
	values := []string{"no-store", f.ContentType, strconv.Itoa(len(f.Body)), "nosniff"} // one allocation for all
	h["Cache-Control"] = values[0:1:1]
	h["Content-Type"] = values[1:2:2]
	h["Content-Length"] = values[2:3:3]
	h["X-Content-Type-Options"] = values[3:4:4]
}

// answers holds prepared refusals.
type answers struct {
	metadataURL string
	prepared    map[Reason]*Refusal // without RetryAfter and Err
	ofOthers    map[Reason]*Refusal // the same for credentials that are not access tokens
}

// newAnswers prepares the answers. hint are the scopes that a 401 names.
func newAnswers(metadataURL string, hint []string) answers {
	a := answers{metadataURL: metadataURL, prepared: map[Reason]*Refusal{}, ofOthers: map[Reason]*Refusal{}}
	for reason, o := range outcomes {
		scopes := hint
		if o == answerMalformed { // another token would not help
			scopes = nil
		}
		a.prepared[reason] = a.make(reason, o, scopes)
		a.ofOthers[reason] = a.make(reason, o.ofOtherCredential(), scopes)
	}
	return a
}

func (a *answers) make(reason Reason, o outcome, scopes []string) *Refusal {
	f := &Refusal{Status: o.status, Reason: reason, ContentType: "application/json", Body: o.text().Body()}
	if o.status == http.StatusUnauthorized || o.code != "" {
		// No value contains a quote: all come from checked configuration and fixed texts.
		f.Challenges = []string{o.text().Challenge(a.metadataURL, scopes)}
	}
	return f
}

// refusal returns the answer for a fault. other says that it is about a credential that is not
// an access token.
func (a *answers) refusal(f *fault, other bool) *Refusal {
	prepared, o := a.prepared[f.reason], outcomes[f.reason]
	if other {
		prepared, o = a.ofOthers[f.reason], o.ofOtherCredential()
	}
	if prepared == nil { // a Resource that was not made by New: fail closed
		return &Refusal{Status: http.StatusInternalServerError, Reason: ReasonInternalError,
			ContentType: "application/json", Body: answerError.text().Body(), Err: f}
	}
	answer := *prepared
	answer.Challenges = slices.Clone(prepared.Challenges) // the caller may change them
	if f.reason == ReasonInsufficientScope {
		answer = *a.make(f.reason, o, f.challenge)
	}
	if f.id != nil && o.rpc != 0 {
		answer.Body = o.text().RPCBody(f.id)
	}
	// Rounded up to whole seconds: a client that retries too early is rejected again.
	answer.RetryAfter = (f.retryAfter + time.Second - 1).Truncate(time.Second)
	answer.Err = f
	return &answer
}
