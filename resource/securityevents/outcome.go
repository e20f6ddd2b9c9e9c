package securityevents

import (
	"net/http"
	"time"
)

// result says what became of a request. It is a value of the metric label and of the log.
type result string

const (
	resultAccepted    result = "accepted"            // an event was stored as a revocation
	resultDuplicate   result = "duplicate"           // the security event token was received before
	resultIgnored     result = "ignored"             // no event of the token revokes anything
	resultUnsupported result = "unsupported_subject" // an event would revoke, but its subject does not identify tokens

	resultMethod                   result = "method"
	resultAuthorizationMissing     result = "authorization_missing"
	resultAuthorizationWrong       result = "authorization_wrong"
	resultAuthorizationUnavailable result = "authorization_unavailable"
	resultContentType              result = "content_type"
	resultContentEncoding          result = "content_encoding"
	resultTooLarge                 result = "too_large"
	resultBody                     result = "body" // the body did not arrive whole
	resultMalformed                result = "malformed"
	resultAlgorithm                result = "algorithm"
	resultType                     result = "type"
	resultIssuer                   result = "issuer"
	resultAudience                 result = "audience"
	resultClaim                    result = "claim"
	resultTime                     result = "time"
	resultKey                      result = "key"
	resultSignature                result = "signature"
	resultEvent                    result = "event"
	resultKeysUnavailable          result = "keys_unavailable"
	resultStoreUnavailable         result = "store_unavailable"
)

// rejection is the negative result of a request.
type rejection struct {
	result     result
	source     string        // of the check, for the log
	got        string        // what the token has, for the log; not verified
	err        error         // for the log
	retryAfter time.Duration // for 503; 0: minRetryAfter
}

// minRetryAfter is the shortest time after which a transmitter is asked to send an event again.
const minRetryAfter = time.Second // the shortest Retry-After

// response is the answer for a result. code and description are the body of an error (RFC 8935 §2.3); the
// codes are registered (§2.4). The texts are constant: no part of a request is in a response.
type response struct {
	status            int
	code, description string
	field, value      string // of the header
}

const (
	invalidRequest       = "invalid_request"
	invalidKey           = "invalid_key"
	invalidIssuer        = "invalid_issuer"
	invalidAudience      = "invalid_audience"
	authenticationFailed = "authentication_failed"
)

// responses has the response of every result.
//
// RFC 8935 §2.3 requires 400 for an error of the security event token, and the usual HTTP status for an
// error of the request. A wrong Authorization is of the second kind: RFC 9110 §15.5.2 requires 401
// with a challenge, and RFC 6750 §3.1 has the error code. The transmitter gets the
// registered code too.
var responses = map[result]response{
	resultAccepted:    {status: http.StatusAccepted},
	resultDuplicate:   {status: http.StatusAccepted}, // RFC 8935 §2: the transmitter may not have received the first answer
	resultIgnored:     {status: http.StatusAccepted},
	resultUnsupported: {status: http.StatusAccepted},

	resultMethod: {status: http.StatusMethodNotAllowed, field: "Allow", value: http.MethodPost},
	resultAuthorizationMissing: {status: http.StatusUnauthorized, field: "WWW-Authenticate", value: "Bearer",
		code: authenticationFailed, description: "The request has no Authorization header field, or several"},
	resultAuthorizationWrong: {status: http.StatusUnauthorized, field: "WWW-Authenticate", value: `Bearer error="invalid_token"`,
		code: authenticationFailed, description: "The Authorization header field is not the one that this receiver expects"},
	resultContentType:     {status: http.StatusUnsupportedMediaType, field: "Accept", value: mediaType},
	resultContentEncoding: {status: http.StatusUnsupportedMediaType, field: "Accept-Encoding", value: "identity"},
	resultTooLarge:        {status: http.StatusRequestEntityTooLarge},

	resultBody:      {status: http.StatusBadRequest, code: invalidRequest, description: "The body of the request did not arrive whole"},
	resultMalformed: {status: http.StatusBadRequest, code: invalidRequest, description: "The body is not one signed security event token in compact serialization"},
	resultType:      {status: http.StatusBadRequest, code: invalidRequest, description: "The typ header of the token is not secevent+jwt"},
	resultClaim:     {status: http.StatusBadRequest, code: invalidRequest, description: "A required claim is missing, or the token has a claim that security event tokens must not have"},
	resultTime:      {status: http.StatusBadRequest, code: invalidRequest, description: "The token is too old, has expired, or is from the future"},
	resultEvent:     {status: http.StatusBadRequest, code: invalidRequest, description: "An event or its subject is malformed"},
	resultAlgorithm: {status: http.StatusBadRequest, code: invalidKey, description: "The algorithm of the signature is not allowed"},
	resultKey:       {status: http.StatusBadRequest, code: invalidKey, description: "The issuer does not publish the key of the signature"},
	resultSignature: {status: http.StatusBadRequest, code: authenticationFailed, description: "The signature is invalid"},
	resultIssuer:    {status: http.StatusBadRequest, code: invalidIssuer, description: "The iss claim is not the issuer that this receiver accepts"},
	resultAudience:  {status: http.StatusBadRequest, code: invalidAudience, description: "The aud claim does not name this receiver"},

	resultAuthorizationUnavailable: {status: http.StatusServiceUnavailable},
	resultKeysUnavailable:          {status: http.StatusServiceUnavailable},
	resultStoreUnavailable:         {status: http.StatusServiceUnavailable},
}
