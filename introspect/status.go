package introspect

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/strictjson"
)

// statusFailure sorts the statuses that are no answer. Which of them the token has
// provoked is a closed list: in doubt nobody can tell, and the caller is innocent.
func statusFailure(r *outbound.Response) *failure {
	o, what := badStatus, ""
	switch r.Status {
	case http.StatusBadRequest:
		what = " " + errorCode(r.Body)
		switch what {
		case " invalid_client", " unauthorized_client": // RFC 6749 §5.2
			o = credentials
		case " unsupported_token_type", " invalid_request": // RFC 7009 §2.2.1; "not a token of ours"
			o = tokenRefused
		default:
			o = oddStatus
		}
	case http.StatusUnauthorized: // RFC 7662 §2.3
		o = credentials
	case http.StatusForbidden:
		what, o = " "+errorCode(r.Body), forbidden
		// RFC 6750 §3.1: insufficient_scope comes in a challenge, perhaps without a body.
		// A word that OAuth does not have is a firewall's: it disliked the token.
		if len(r.Header.Values("WWW-Authenticate")) > 0 || what != " "+noError && what != " "+otherError {
			o = credentials
		}
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		o = tokenRefused
	case http.StatusTooManyRequests:
		o = rateLimited
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestTimeout, http.StatusGone:
		// About the address or the time.
	default:
		if r.Status > 400 && r.Status < 500 {
			o = oddStatus
		}
	}
	f := fail(o, fmt.Errorf("endpoint answered status %d%s", r.Status, what))
	if v := f.verdict(); v == failing || v == suspect {
		f.retryAfter = min(outbound.RetryAfter(r.Header, time.Now()), MaxRetryAfter)
	}
	return f
}

var errorNames = strictjson.NewNames("error")

// What errorCode says of errors that it does not repeat.
const (
	noError    = "without a readable error"
	otherError = "with another error"
)

// errorCodes are those that say something here: of RFC 6749 §4.1.2.1 and §5.2, RFC 6750
// §3.1 and RFC 7009 §2.2.1.
var errorCodes = []string{"invalid_client", "unauthorized_client", "access_denied", "insufficient_scope", "invalid_token",
	"unsupported_token_type", "invalid_request"}

// errorCode returns the error of an error document (RFC 6749 §5.2) if it is one that
// we know; else a word of ours: what a server writes must not get into a log.
func errorCode(body []byte) string {
	var code string
	err := strictjson.Object(body, errorNames, func(_ string, value jsontext.Value) (err error) {
		code, err = strictjson.String(value)
		return err
	})
	switch {
	case err != nil || code == "":
		return noError
	case slices.Contains(errorCodes, code):
		return code
	}
	return otherError
}
