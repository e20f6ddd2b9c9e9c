package introspect

import (
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/strictjson"
)

// statusFailure returns the failure for a response that is not an answer. Only a closed list of
// statuses and error codes rejects the token. With any other the state of the token is
// unknown, and the client must not lose a token that may be valid.
func statusFailure(r *outbound.Response) *failure {
	o, code := classifyStatus(r)
	f := &failure{outcome: o, errorCode: code}
	if class := f.class(); class == classFailure || class == classSuspect {
		f.retryAfter = min(outbound.RetryAfter(r.Header, time.Now()), maxRetryAfter)
	}
	return f
}

// classifyStatus returns the outcome and, for 400, 401 and 403, the error code in the body.
func classifyStatus(r *outbound.Response) (o outcome, code string) {
	switch r.Status {
	case http.StatusBadRequest:
		code = errorCode(r.Body)
		return classifyBadRequest(code), code
	case http.StatusUnauthorized: // RFC 7662 §2.3; for one about the token see mayBeAnswer
		return credentials, errorCode(r.Body)
	case http.StatusForbidden:
		code = errorCode(r.Body)
		return classifyForbidden(r.Header, code), code
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return tokenRejected, ""
	case http.StatusTooManyRequests:
		return rateLimited, ""
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestTimeout, http.StatusGone:
		return badStatus, "" // about the URL or the time, not about the token
	}
	if r.Status > 400 && r.Status < 500 {
		return unknown4xx, ""
	}
	return badStatus, ""
}

func classifyBadRequest(code string) outcome {
	switch code {
	case "invalid_client", "unauthorized_client": // RFC 6749 §5.2
		return credentials
	case "unsupported_token_type", "invalid_request": // RFC 7009 §2.2.1; servers send these for a token that is not theirs
		return tokenRejected
	}
	return unknown4xx
}

// classifyForbidden distinguishes an authorization server from a firewall in front of it.
// A server sends insufficient_scope in a challenge, perhaps without a body (RFC 6750
// §3.1), or an error code of OAuth: our credentials are at fault. Any other 403 is from a
// firewall, which may have blocked the token.
func classifyForbidden(header http.Header, code string) outcome {
	if len(header.Values("WWW-Authenticate")) > 0 || slices.Contains(errorCodes, code) {
		return credentials
	}
	return forbidden
}

var errorNames = strictjson.NewNames("error")

// Results of errorCode for a body without a known error code.
const (
	noErrorCode    = "without a readable error code"
	otherErrorCode = "with an unknown error code"
)

// errorCodes are the error codes that are distinguished: of RFC 6749 §4.1.2.1 and §5.2,
// RFC 6750 §3.1 and RFC 7009 §2.2.1.
var errorCodes = []string{"invalid_client", "unauthorized_client", "access_denied", "insufficient_scope", "invalid_token",
	"unsupported_token_type", "invalid_request"}

// errorCode returns the error code in an error document (RFC 6749 §5.2) if it is one of
// errorCodes. Otherwise it returns noErrorCode or otherErrorCode, because text from a
// server must not be logged.
func errorCode(body []byte) string {
	var code string
	err := strictjson.Object(body, errorNames, func(_ string, value jsontext.Value) (err error) {
		code, err = strictjson.String(value)
		return err
	})
	switch {
	case err != nil || code == "":
		return noErrorCode
	case slices.Contains(errorCodes, code):
		return code
	}
	return otherErrorCode
}
