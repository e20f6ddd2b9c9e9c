package introspect

import (
	"net/http"

	"github.com/warder-go/warder/internal/oauthendpoint"
	"github.com/warder-go/warder/internal/outbound"
)

// statusFailure returns the failure for a response that is not an answer. Only a closed list of
// statuses and error codes rejects the token. With any other the state of the token is
// unknown, and the client must not lose a token that may be valid.
func statusFailure(r *outbound.Response) *failure {
	code := oauthendpoint.ErrorCode(r, errorCodes)
	f := newFailure(classifyStatus(r, code), nil)
	f.ErrorCode, f.RetryAfter = code, oauthendpoint.RetryAfter(r, f.Class())
	return f
}

// classifyStatus returns the outcome. A 401 about the token is not an error, see mayBeAnswer.
func classifyStatus(r *outbound.Response, code string) outcome {
	switch r.Status {
	case http.StatusBadRequest:
		// RFC 7009 §2.2.1; servers send these for a token that is not theirs.
		if code == "unsupported_token_type" || code == "invalid_request" {
			return tokenRejected
		}
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return tokenRejected
	}
	return oauthendpoint.StatusOutcome(r, code)
}

// errorCodes are the error codes that are distinguished: of RFC 6749 §4.1.2.1 and §5.2,
// RFC 6750 §3.1 and RFC 7009 §2.2.1.
var errorCodes = []string{"invalid_client", "unauthorized_client", "access_denied", "insufficient_scope", "invalid_token",
	"unsupported_token_type", "invalid_request"}
