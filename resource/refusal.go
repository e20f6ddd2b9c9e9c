package resource

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Refusal is what to answer instead of serving a request. Its parts for the client
// are fixed texts of this package and of the configuration. Nothing that the request
// said is among them, except for the id of a JSON-RPC message in an error about it.
type Refusal struct {
	Status      int           // 400, 401, 403, 413, 415, 500 or 503
	Reason      Reason        // for logs and metrics
	Challenges  []string      // WWW-Authenticate, one header line each, Bearer first
	RetryAfter  time.Duration // for 503: whole seconds, at least one
	ContentType string
	Body        []byte // not to be changed
	Err         error  // for logs only: names what was wrong, never the token
}

// SetHeader puts the refusal's header fields into h.
func (f *Refusal) SetHeader(h http.Header) {
	if len(f.Challenges) > 0 {
		h["Www-Authenticate"] = append(h["Www-Authenticate"], f.Challenges...)
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

// answers holds everything about refusals that is known beforehand.
type answers struct {
	metadataURL string
	ready       map[Reason]*Refusal // without RetryAfter and Err
}

func newAnswers(metadataURL string, hint, needed []string) answers {
	a := answers{metadataURL: metadataURL, ready: map[Reason]*Refusal{}}
	for reason, o := range outcomes {
		scopes := hint
		switch o {
		case answerMalformed:
			scopes = nil // no other token would have helped
		case answerScope:
			scopes = needed
		}
		a.ready[reason] = a.make(reason, o, scopes)
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

// refusal puts a fault into words.
func (a *answers) refusal(f *fault) *Refusal {
	ready, ok := a.ready[f.reason]
	if !ok { // a Resource not made by New: fail closed
		return &Refusal{Status: http.StatusInternalServerError, Reason: ReasonInternalError,
			ContentType: "application/json", Body: answerError.body(), Err: f}
	}
	answer := *ready
	answer.Challenges = slices.Clone(ready.Challenges) // the caller may change its own
	if f.needed != nil {
		answer = *a.make(f.reason, outcomes[f.reason], f.needed)
	}
	if f.id != nil {
		answer.Body = outcomes[f.reason].rpcBody(f.id)
	}
	// Up to whole seconds: a client that comes too early is refused again.
	answer.RetryAfter = (f.retryAfter + time.Second - 1).Truncate(time.Second)
	answer.Err = f
	return &answer
}

// challenge makes a Bearer challenge. Its order and spelling suit clients that read
// it by regular expression: every value quoted, no space around "=", and no value
// can contain a quote, since all come from checked configuration and fixed texts.
func challenge(metadataURL string, scopes []string, o outcome) string {
	c := `Bearer resource_metadata="` + metadataURL + `"` // RFC 9728 §5.1
	if len(scopes) > 0 {
		c += `, scope="` + joinScopes(scopes) + `"` // RFC 6750 §3
	}
	if o.code != "" { // RFC 6750 §3.1: no error where no credentials came
		c += `, error="` + o.code + `", error_description="` + o.description + `"`
	}
	return c
}

// body repeats the challenge's words for people and programs that read bodies.
func (o outcome) body() []byte {
	switch {
	case o.rpc != 0:
		return o.rpcBody([]byte("null"))
	case o.code == "":
		return []byte(`{"error_description":"` + o.description + `"}` + "\n")
	}
	return []byte(`{"error":"` + o.code + `","error_description":"` + o.description + `"}` + "\n")
}

// rpcBody is a JSON-RPC error: clients of protocol 2026-07-28 take a 400 without one
// for a server of an older protocol. id is a number or a string, as it was sent.
func (o outcome) rpcBody(id []byte) []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"%s"}}`+"\n", inHTML.Replace(string(id)), o.rpc, o.description)
}

// inHTML escapes in JSON strings what a browser could take for more, and encoding/json
// escapes too.
var inHTML = strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`, "\u2028", `\u2028`, "\u2029", `\u2029`)

// Error describes the fault for a log.
func (f *fault) Error() string {
	text := string(f.reason)
	if f.check != nil {
		text += ": " + f.check.name + " (" + f.check.source + "): got " + strconv.Quote(printable(f.got)) +
			", want " + strconv.Quote(printable(f.want))
	}
	if f.err != nil {
		text += ": " + printable(f.err.Error())
	}
	return text
}

// Unwrap returns the cause.
func (f *fault) Unwrap() error { return f.err }
