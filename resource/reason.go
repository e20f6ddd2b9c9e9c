package resource

import "net/http"

// Reason says why a request was refused, in a word of a closed set: the value of
// the metric label and of the log attribute "reason". A client never sees it.
type Reason string

// The reasons. The comment gives the status and, behind it, what happened.
const (
	ReasonMissingCredentials Reason = "missing_credentials" // 401: no Bearer token came
	ReasonMalformedRequest   Reason = "malformed_request"   // 400: a credential that breaks the grammar, or several

	ReasonTokenTooLarge     Reason = "token_too_large"    // 401: longer than Config.MaxTokenBytes
	ReasonTokenMalformed    Reason = "token_malformed"    // 401: not a JWS, or claims of a wrong form
	ReasonTokenType         Reason = "token_type"         // 401: typ is that of another kind of token
	ReasonOpaqueUnsupported Reason = "opaque_unsupported" // 401: no JWT, and Config.Opaque is nil
	ReasonIssuerUnknown     Reason = "issuer_unknown"     // 401: iss names no configured issuer
	ReasonIssuerMismatch    Reason = "issuer_mismatch"    // 401: verified claims name another issuer, or another tenant than iss
	ReasonAlgorithmRefused  Reason = "algorithm_refused"  // 401: alg is not on the issuer's list
	ReasonKeyUnknown        Reason = "key_unknown"        // 401: the issuer has no key that fits
	ReasonSignatureInvalid  Reason = "signature_invalid"  // 401
	ReasonExpired           Reason = "expired"            // 401
	ReasonNotYetValid       Reason = "not_yet_valid"      // 401: nbf or iat lies in the future
	ReasonLifetime          Reason = "lifetime"           // 401: exp too far off, or inconsistent times
	ReasonAudience          Reason = "audience"           // 401: not issued for this resource
	ReasonClaimMissing      Reason = "claim_missing"      // 401: a required claim is absent
	ReasonSenderConstrained Reason = "sender_constrained" // 401: bound to a key that nothing here can prove
	ReasonInactive          Reason = "inactive"           // 401: the issuer says it is not active
	ReasonRevoked           Reason = "revoked"            // 401: Config.Revoked says so
	ReasonTokenInvalid      Reason = "token_invalid"      // 401: a Verifier refused it without saying more

	ReasonOrigin              Reason = "origin"               // 403: a page of an origin that Config.Origins does not name
	ReasonInsufficientScope   Reason = "insufficient_scope"   // 403
	ReasonHeaderClaim         Reason = "header_claim"         // 403: a field of Config.HeaderClaims disagrees with the claims
	ReasonOperationUndeclared Reason = "operation_undeclared" // 403: no rule names it, and Operations.Undeclared denies

	ReasonBodyMalformed  Reason = "body_malformed"  // 400: no JSON-RPC that can be read in one way only
	ReasonHeaderMismatch Reason = "header_mismatch" // 400: Mcp-Method or Mcp-Name repeated, or not what the body says
	ReasonBodyTooLarge   Reason = "body_too_large"  // 413: over Config.MaxBodyBytes
	ReasonBodyType       Reason = "body_type"       // 415: not JSON, or encoded

	ReasonIntrospectionDiscovery   Reason = "introspection_discovery"    // 503: the endpoint's address can't be learned
	ReasonIntrospectionUnreachable Reason = "introspection_unreachable"  // 503: no connection to the endpoint
	ReasonIntrospectionTimeout     Reason = "introspection_timeout"      // 503: no answer in time
	ReasonIntrospectionStatus      Reason = "introspection_status"       // 503: a status that says nothing about the token, such as 500
	ReasonIntrospectionRateLimited Reason = "introspection_rate_limited" // 503: the endpoint says 429
	ReasonIntrospectionCredentials Reason = "introspection_credentials"  // 503: the endpoint refuses ours, or they can't be had
	ReasonIntrospectionForbidden   Reason = "introspection_forbidden"    // 503: 403 without an OAuth error, as of a firewall
	ReasonIntrospectionRedirect    Reason = "introspection_redirect"     // 503: the endpoint redirects, which is not followed
	ReasonIntrospectionContentType Reason = "introspection_content_type" // 503: another type than was asked for, such as a login page
	ReasonIntrospectionTooLarge    Reason = "introspection_too_large"    // 503: the answer is over its limit
	ReasonIntrospectionTruncated   Reason = "introspection_truncated"    // 503: the answer ended early
	ReasonIntrospectionMalformed   Reason = "introspection_malformed"    // 503: an answer that breaks RFC 7662
	ReasonIntrospectionUnproven    Reason = "introspection_unproven"     // 503: not signed as RFC 9701 wants it, or for somebody else
	ReasonIntrospectionSuspended   Reason = "introspection_suspended"    // 503: not asked, since the endpoint has failed repeatedly
	ReasonIntrospectionOverloaded  Reason = "introspection_overloaded"   // 503: not asked, since too many calls are under way

	ReasonKeysUnavailable     Reason = "keys_unavailable"     // 503: the issuer's keys can't be had
	ReasonVerifierUnavailable Reason = "verifier_unavailable" // 503: a Verifier can't tell
	ReasonRequestCanceled     Reason = "request_canceled"     // 503: the client left, or its deadline passed

	ReasonInternalError Reason = "internal_error" // 500: a configured function panicked or broke its contract
)

// An outcome is what a client is told for a reason.
type outcome struct {
	status      int
	code        string // the error parameter (RFC 6750 §3.1); "" for none
	description string // RFC 6750 §3: only %x20-21 / %x23-5B / %x5D-7E
	rpc         int    // JSON-RPC error code, for what is wrong with the body; else 0
}

// Three answers, never mixed: bad token 401, good but not enough 403, cannot tell
// 503. Every text is fixed here: nothing that a request or an upstream says can get
// into an answer.
var (
	answerMissing     = outcome{http.StatusUnauthorized, "", "Authorization is required", 0}
	answerMalformed   = outcome{http.StatusBadRequest, "invalid_request", "The credentials are malformed, or more than one", 0}
	answerInvalid     = outcome{http.StatusUnauthorized, "invalid_token", "The access token is invalid", 0}
	answerExpired     = outcome{http.StatusUnauthorized, "invalid_token", "The access token expired", 0}
	answerOrigin      = outcome{http.StatusForbidden, "", "Requests of pages of this Origin are not accepted", 0}
	answerScope       = outcome{http.StatusForbidden, "insufficient_scope", "The access token lacks a scope that this request needs", 0}
	answerUndeclared  = outcome{http.StatusForbidden, "", "The operation is not offered to anybody", 0}
	answerContradicts = outcome{http.StatusForbidden, "", "The request contradicts its credential", 0}
	answerBody        = outcome{http.StatusBadRequest, "", "The body is not a JSON-RPC message that can be read in one way only", -32600}
	answerMismatch    = outcome{http.StatusBadRequest, "", "Mcp-Method or Mcp-Name is not what the body says", -32020}
	answerTooLarge    = outcome{http.StatusRequestEntityTooLarge, "", "The body is too large", -32600}
	answerType        = outcome{http.StatusUnsupportedMediaType, "", "The body must be application/json without encoding", -32600}
	answerUnavailable = outcome{http.StatusServiceUnavailable, "", "The access token cannot be checked at the moment", 0}
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
	ReasonSignatureInvalid:         answerInvalid,
	ReasonExpired:                  answerExpired,
	ReasonNotYetValid:              answerInvalid,
	ReasonLifetime:                 answerInvalid,
	ReasonAudience:                 answerInvalid,
	ReasonClaimMissing:             answerInvalid,
	ReasonSenderConstrained:        answerInvalid,
	ReasonInactive:                 answerInvalid,
	ReasonRevoked:                  answerInvalid,
	ReasonTokenInvalid:             answerInvalid,
	ReasonOrigin:                   answerOrigin,
	ReasonInsufficientScope:        answerScope,
	ReasonHeaderClaim:              answerContradicts,
	ReasonOperationUndeclared:      answerUndeclared,
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
	ReasonKeysUnavailable:          answerUnavailable,
	ReasonVerifierUnavailable:      answerUnavailable,
	ReasonRequestCanceled:          answerUnavailable,
	ReasonInternalError:            answerError,
}
