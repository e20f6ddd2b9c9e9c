package resource

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/warder-go/warder/internal/errorresponse"
)

// Reason says why a request was rejected. It is one of a fixed set of words: the value of the
// metric label and of the log attribute "reason". Clients do not get it.
type Reason string

// The reasons. The comments give the status of the answer and what happened.
const (
	ReasonMissingCredentials Reason = "missing_credentials" // 401: no Bearer token was sent
	ReasonMalformedRequest   Reason = "malformed_request"   // 400: a credential that violates the grammar, or several

	ReasonTokenTooLarge     Reason = "token_too_large"    // 401: longer than Limits.MaxTokenBytes
	ReasonTokenMalformed    Reason = "token_malformed"    // 401: not a JWS, or malformed claims
	ReasonTokenType         Reason = "token_type"         // 401: another kind of token, such as an ID token
	ReasonOpaqueUnsupported Reason = "opaque_unsupported" // 401: not a JWT, and Config.Opaque is nil
	ReasonIssuerUnknown     Reason = "issuer_unknown"     // 401: iss names no configured issuer
	ReasonIssuerMismatch    Reason = "issuer_mismatch"    // 401: verified claims name another issuer, or another tenant than iss
	ReasonAlgorithmRefused  Reason = "algorithm_refused"  // 401: alg is not allowed for the issuer
	ReasonKeyUnknown        Reason = "key_unknown"        // 401: the issuer has no matching key
	ReasonKeyAmbiguous      Reason = "key_ambiguous"      // 401: no kid, and more than 4 keys match the algorithm
	ReasonSignatureInvalid  Reason = "signature_invalid"  // 401
	ReasonExpired           Reason = "expired"            // 401
	ReasonNotYetValid       Reason = "not_yet_valid"      // 401: nbf or iat is in the future
	ReasonLifetime          Reason = "lifetime"           // 401: exp is too far in the future, or the times contradict each other
	ReasonAudience          Reason = "audience"           // 401: not issued for this resource
	ReasonClaimMissing      Reason = "claim_missing"      // 401: a required claim is absent
	ReasonSenderConstrained Reason = "sender_constrained" // 401: bound to a key; proof of possession is not supported
	ReasonInactive          Reason = "inactive"           // 401: the issuer reports that it is not active
	ReasonAPIKeyUnknown     Reason = "api_key_unknown"    // 401: not one of the configured API keys
	ReasonRevoked           Reason = "revoked"            // 401: Hooks.Revoked reports it
	ReasonTokenInvalid      Reason = "token_invalid"      // 401: a Verifier rejected it without a reason

	ReasonOrigin              Reason = "origin"               // 403: a page of an origin that HTTPOptions.Origins does not list
	ReasonInsufficientScope   Reason = "insufficient_scope"   // 403
	ReasonHeaderClaim         Reason = "header_claim"         // 403: a field of Credentials.HeaderClaims disagrees with the claims
	ReasonOperationUndeclared Reason = "operation_undeclared" // 403: no rule names it, and Operations.Undeclared is DenyUndeclared

	ReasonMethodNotAllowed Reason = "method_not_allowed" // 405: GET or DELETE without credentials or session, if initialize is public

	ReasonBodyMalformed  Reason = "body_malformed"  // 400: not a JSON-RPC message with a single meaning
	ReasonHeaderMismatch Reason = "header_mismatch" // 400: Mcp-Method or Mcp-Name is repeated, or disagrees with the body
	ReasonBodyTooLarge   Reason = "body_too_large"  // 413: over Limits.MaxBodyBytes
	ReasonBodyType       Reason = "body_type"       // 415: not JSON, or compressed

	ReasonIntrospectionDiscovery   Reason = "introspection_discovery"    // 503: the address of the endpoint cannot be discovered
	ReasonIntrospectionUnreachable Reason = "introspection_unreachable"  // 503: no connection to the endpoint
	ReasonIntrospectionTimeout     Reason = "introspection_timeout"      // 503: no answer in time
	ReasonIntrospectionStatus      Reason = "introspection_status"       // 503: a status that does not concern the token, such as 500
	ReasonIntrospectionRateLimited Reason = "introspection_rate_limited" // 503: the endpoint answered 429
	ReasonIntrospectionCredentials Reason = "introspection_credentials"  // 503: the endpoint rejects the configured credentials, or they cannot be read
	ReasonIntrospectionForbidden   Reason = "introspection_forbidden"    // 503: 403 without an OAuth error, such as from a firewall
	ReasonIntrospectionRedirect    Reason = "introspection_redirect"     // 503: the endpoint redirects; redirects are not followed
	ReasonIntrospectionContentType Reason = "introspection_content_type" // 503: not the requested content type, such as a login page
	ReasonIntrospectionTooLarge    Reason = "introspection_too_large"    // 503: the answer is over the limit
	ReasonIntrospectionTruncated   Reason = "introspection_truncated"    // 503: the answer ended early
	ReasonIntrospectionMalformed   Reason = "introspection_malformed"    // 503: an answer that violates RFC 7662
	ReasonIntrospectionUnproven    Reason = "introspection_unproven"     // 503: not signed as RFC 9701 requires, or for another recipient
	ReasonIntrospectionSuspended   Reason = "introspection_suspended"    // 503: not called, because the circuit breaker is open after repeated failures
	ReasonIntrospectionOverloaded  Reason = "introspection_overloaded"   // 503: not called, because too many calls are in progress

	ReasonKeyPending          Reason = "key_pending"          // 503: too many tokens with unknown keys arrive; whether the issuer has this key is checked soon
	ReasonKeysUnavailable     Reason = "keys_unavailable"     // 503: the issuer's keys are not available
	ReasonVerifierUnavailable Reason = "verifier_unavailable" // 503: a Verifier cannot decide
	ReasonRequestCanceled     Reason = "request_canceled"     // 503: the client disconnected, or its deadline passed

	ReasonInternalError Reason = "internal_error" // 500: a configured function panicked or broke its contract
)

// outcome is the answer to a client for a reason.
type outcome struct {
	status      int
	code        string // error parameter (RFC 6750 §3.1); "" for none
	description string
	rpc         int // JSON-RPC error code for a fault in the body; otherwise 0
}

func (o outcome) text() errorresponse.Text {
	return errorresponse.Text{Code: o.code, Description: o.description, RPC: o.rpc}
}

// There are three kinds of answers, and they are never mixed: 401 for an invalid token, 403
// for a valid token that does not permit the request, 503 if the token cannot be checked.
// All texts are fixed: nothing from a request or an upstream server becomes part of an
// answer.
var (
	answerMissing     = outcome{http.StatusUnauthorized, "", "Authorization is required", 0}
	answerMalformed   = outcome{http.StatusBadRequest, "invalid_request", "The credentials are malformed, or more than one", 0}
	answerInvalid     = outcome{http.StatusUnauthorized, "invalid_token", "The access token is invalid", 0}
	answerKeyInvalid  = outcome{http.StatusUnauthorized, "invalid_token", "The API key is invalid", 0}
	answerExpired     = outcome{http.StatusUnauthorized, "invalid_token", "The access token expired", 0}
	answerOrigin      = outcome{http.StatusForbidden, "", "Requests from pages of this origin are not accepted", 0}
	answerScope       = outcome{http.StatusForbidden, "insufficient_scope", "The access token lacks a scope that this request needs", 0}
	answerUndeclared  = outcome{http.StatusForbidden, "", "No rule permits the operation", 0}
	answerContradicts = outcome{http.StatusForbidden, "", "The request contradicts its credential", 0}
	answerMethod      = outcome{http.StatusMethodNotAllowed, "", "Without a session only POST is allowed", 0}
	answerBody        = outcome{http.StatusBadRequest, "", "The body is not a JSON-RPC message with a single meaning", -32600}
	answerMismatch    = outcome{http.StatusBadRequest, "", "Mcp-Method or Mcp-Name differs from the body", -32020}
	answerTooLarge    = outcome{http.StatusRequestEntityTooLarge, "", "The body is too large", -32600}
	answerType        = outcome{http.StatusUnsupportedMediaType, "", "The body must be application/json without encoding", -32600}
	answerUnavailable = outcome{http.StatusServiceUnavailable, "", "The access token cannot be checked at the moment", 0}
	answerPending     = outcome{http.StatusServiceUnavailable, "", "The access token will be checked soon", 0}
	answerError       = outcome{http.StatusInternalServerError, "", "The request could not be authorized", 0}
)

var outcomes = map[Reason]outcome{
	ReasonMissingCredentials:       answerMissing,
	ReasonMalformedRequest:         answerMalformed,
	ReasonTokenTooLarge:            answerInvalid,
	ReasonTokenMalformed:           answerInvalid,
	ReasonTokenType:                answerInvalid,
	ReasonOpaqueUnsupported:        answerInvalid,
	ReasonIssuerUnknown:            answerInvalid,
	ReasonIssuerMismatch:           answerInvalid,
	ReasonAlgorithmRefused:         answerInvalid,
	ReasonKeyUnknown:               answerInvalid,
	ReasonKeyAmbiguous:             answerInvalid,
	ReasonSignatureInvalid:         answerInvalid,
	ReasonExpired:                  answerExpired,
	ReasonNotYetValid:              answerInvalid,
	ReasonLifetime:                 answerInvalid,
	ReasonAudience:                 answerInvalid,
	ReasonClaimMissing:             answerInvalid,
	ReasonSenderConstrained:        answerInvalid,
	ReasonInactive:                 answerInvalid,
	ReasonAPIKeyUnknown:            answerKeyInvalid,
	ReasonRevoked:                  answerInvalid,
	ReasonTokenInvalid:             answerInvalid,
	ReasonOrigin:                   answerOrigin,
	ReasonInsufficientScope:        answerScope,
	ReasonHeaderClaim:              answerContradicts,
	ReasonOperationUndeclared:      answerUndeclared,
	ReasonMethodNotAllowed:         answerMethod,
	ReasonBodyMalformed:            answerBody,
	ReasonHeaderMismatch:           answerMismatch,
	ReasonBodyTooLarge:             answerTooLarge,
	ReasonBodyType:                 answerType,
	ReasonIntrospectionDiscovery:   answerUnavailable,
	ReasonIntrospectionUnreachable: answerUnavailable,
	ReasonIntrospectionTimeout:     answerUnavailable,
	ReasonIntrospectionStatus:      answerUnavailable,
	ReasonIntrospectionRateLimited: answerUnavailable,
	ReasonIntrospectionCredentials: answerUnavailable,
	ReasonIntrospectionForbidden:   answerUnavailable,
	ReasonIntrospectionRedirect:    answerUnavailable,
	ReasonIntrospectionContentType: answerUnavailable,
	ReasonIntrospectionTooLarge:    answerUnavailable,
	ReasonIntrospectionTruncated:   answerUnavailable,
	ReasonIntrospectionMalformed:   answerUnavailable,
	ReasonIntrospectionUnproven:    answerUnavailable,
	ReasonIntrospectionSuspended:   answerUnavailable,
	ReasonIntrospectionOverloaded:  answerUnavailable,
	ReasonKeyPending:               answerPending,
	ReasonKeysUnavailable:          answerUnavailable,
	ReasonVerifierUnavailable:      answerUnavailable,
	ReasonRequestCanceled:          answerUnavailable,
	ReasonInternalError:            answerError,
}

// ofOtherCredential returns the answer about a credential that is not an access token.
func (o outcome) ofOtherCredential() outcome {
	o.description = strings.Replace(o.description, "access token", "credential", 1)
	return o
}

// Values of Event.Result and of the metric label "result".
const (
	resultAccepted    = "accepted"
	resultDenied      = "denied"
	resultUnavailable = "unavailable"
	resultError       = "error"
)

func (o outcome) result() string {
	switch o {
	case answerUnavailable:
		return resultUnavailable
	case answerError:
		return resultError
	}
	return resultDenied
}

// level returns the log level of a rejected request.
func (o outcome) level() slog.Level {
	switch o {
	case answerMissing: // the first request of every client
		return slog.LevelDebug
	case answerUnavailable:
		return slog.LevelWarn
	case answerError:
		return slog.LevelError
	}
	return slog.LevelInfo
}
