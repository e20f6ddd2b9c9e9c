package resource

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/scopeset"
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
	if len(f.Challenges) > 0 {
		values := slices.Clone(f.Challenges)
		for _, other := range takeChallenges(h) {
			if !slices.Contains(f.Challenges, other) {
				values = append(values, other)
			}
		}
		h["Www-Authenticate"] = values
	}
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

// takeChallenges removes the WWW-Authenticate values from h and returns them, those under the
// canonical name first. The names of fields are case-insensitive (RFC 9110 §5.1), but code that
// assigns to h directly can use another spelling, which net/http also sends.
func takeChallenges(h http.Header) []string {
	const name = "Www-Authenticate"
	values := h[name]
	delete(h, name)
	var spellings []string
	for other := range h {
		if len(other) == len(name) && strings.EqualFold(other, name) {
			spellings = append(spellings, other)
		}
	}
	slices.Sort(spellings)
	for _, other := range spellings {
		values = append(slices.Clip(values), h[other]...)
		delete(h, other)
	}
	return values
}

// answers holds prepared refusals.
type answers struct {
	metadataURL string
	prepared    map[Reason]*Refusal // without RetryAfter and Err
}

func newAnswers(metadataURL string, hint, needed []string) answers {
	a := answers{metadataURL: metadataURL, prepared: map[Reason]*Refusal{}}
	for reason, o := range outcomes {
		scopes := hint
		switch o {
		case answerMalformed:
			scopes = nil // another token would not help
		case answerScope:
			scopes = needed
		}
		a.prepared[reason] = a.make(reason, o, scopes)
	}
	return a
}

func (a *answers) make(reason Reason, o outcome, scopes []string) *Refusal {
	f := &Refusal{Status: o.status, Reason: reason, ContentType: "application/json", Body: o.body()}
	if o.status == http.StatusUnauthorized || o.code != "" {
		f.Challenges = []string{challenge(a.metadataURL, scopes, o)}
	}
	return f
}

// refusal returns the answer for a fault.
func (a *answers) refusal(f *fault) *Refusal {
	prepared, ok := a.prepared[f.reason]
	if !ok { // a Resource that was not made by New: fail closed
		return &Refusal{Status: http.StatusInternalServerError, Reason: ReasonInternalError,
			ContentType: "application/json", Body: answerError.body(), Err: f}
	}
	answer := *prepared
	answer.Challenges = slices.Clone(prepared.Challenges) // the caller may change them
	if f.needed != nil {
		answer = *a.make(f.reason, outcomes[f.reason], f.needed)
	}
	if o := outcomes[f.reason]; f.id != nil && o.rpc != 0 {
		answer.Body = o.rpcBody(f.id)
	}
	// Rounded up to whole seconds: a client that retries too early is rejected again.
	answer.RetryAfter = (f.retryAfter + time.Second - 1).Truncate(time.Second)
	answer.Err = f
	return &answer
}

// challenge returns a Bearer challenge. Its order and spelling suit clients that read it with
// regular expressions: every value is quoted, and there are no spaces around "=". A value
// cannot contain a quote, because all come from checked configuration and fixed texts.
func challenge(metadataURL string, scopes []string, o outcome) string {
	c := `Bearer resource_metadata="` + metadataURL + `"` // RFC 9728 §5.1
	if len(scopes) > 0 {
		c += `, scope="` + scopeset.Join(scopes) + `"` // RFC 6750 §3
	}
	if o.code != "" { // RFC 6750 §3.1: no error where no credentials came
		c += `, error="` + o.code + `", error_description="` + o.description + `"`
	}
	return c
}

// body repeats the texts of the challenge for people and programs that read bodies.
func (o outcome) body() []byte {
	switch {
	case o.rpc != 0:
		return o.rpcBody([]byte("null"))
	case o.code == "":
		return []byte(`{"error_description":"` + o.description + `"}` + "\n")
	}
	return []byte(`{"error":"` + o.code + `","error_description":"` + o.description + `"}` + "\n")
}

// rpcBody returns a JSON-RPC error. Clients of protocol 2026-07-28 assume that a server which
// answers 400 without one speaks an older protocol. id is a number or a string, as sent.
func (o outcome) rpcBody(id []byte) []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"%s"}}`+"\n", htmlEscaper.Replace(string(id)), o.rpc, o.description)
}

// htmlEscaper escapes the characters of JSON strings that have a meaning in HTML, as
// encoding/json does.
var htmlEscaper = strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`, "\u2028", `\u2028`, "\u2029", `\u2029`)
