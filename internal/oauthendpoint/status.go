package oauthendpoint

import (
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/callguard"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/strictjson"
)

// StatusOutcome returns the outcome of an error response. code is the result of ErrorCode. It
// does not know what the endpoint is for: its user first looks for the statuses and error codes
// with which the endpoint rejects a token.
func StatusOutcome(r *outbound.Response, code string) Outcome {
	switch r.Status {
	case http.StatusBadRequest:
		if code == "invalid_client" || code == "unauthorized_client" { // RFC 6749 §5.2
			return Credentials
		}
		return Unknown4xx
	case http.StatusUnauthorized: // RFC 6749 §5.2, RFC 7662 §2.3
		return Credentials
	case http.StatusForbidden:
		return forbiddenOutcome(r.Header, code)
	case http.StatusTooManyRequests:
		return RateLimited
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestTimeout, http.StatusGone:
		return BadStatus // about the URL or the time, not about the token
	}
	if r.Status > 400 && r.Status < 500 {
		return Unknown4xx
	}
	return BadStatus
}

// forbiddenOutcome distinguishes an authorization server from a firewall in front of it.
// A server sends insufficient_scope in a challenge, perhaps without a body (RFC 6750
// §3.1), or an error code of OAuth: our credentials are at fault. Any other 403 is from a
// firewall, which may have blocked the token.
func forbiddenOutcome(header http.Header, code string) Outcome {
	if len(header.Values("WWW-Authenticate")) > 0 || code != "" && code != NoErrorCode && code != OtherErrorCode {
		return Credentials
	}
	return Forbidden
}

// RetryAfter returns the Retry-After of a response, 30 seconds at most. It is 0 unless the class of
// the response is callguard.Failure or callguard.Suspect.
func RetryAfter(r *outbound.Response, class callguard.Class) time.Duration {
	if class != callguard.Failure && class != callguard.Suspect {
		return 0
	}
	return min(outbound.RetryAfter(r.Header, time.Now()), callguard.MaxRetryAfter)
}

var errorNames = strictjson.NewNames("error")

// Results of ErrorCode for a body without a known error code.
const (
	NoErrorCode    = "without a readable error code"
	OtherErrorCode = "with an unknown error code"
)

// ErrorCode returns the error code in an error document (RFC 6749 §5.2) with status 400, 401 or 403
// if it is one of known. Otherwise it returns NoErrorCode or OtherErrorCode, because text from a
// server must not be logged. For other statuses it returns "".
func ErrorCode(r *outbound.Response, known []string) string {
	if r.Status != http.StatusBadRequest && r.Status != http.StatusUnauthorized && r.Status != http.StatusForbidden {
		return ""
	}
	var code string
	err := strictjson.Object(r.Body, errorNames, func(_ string, value jsontext.Value) (err error) {
		code, err = strictjson.String(value)
		return err
	})
	switch {
	case err != nil || code == "":
		return NoErrorCode
	case slices.Contains(known, code):
		return code
	}
	return OtherErrorCode
}
