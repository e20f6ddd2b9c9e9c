package resource

import (
	"cmp"
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
	ReasonMissingCredentials Reason = "missing_credentials" // 401: the request has no credential of a supported kind
	ReasonMalformedRequest   Reason = "malformed_request"   // 400: the text after Bearer cannot be one token, or the request has several credentials

	ReasonTokenTooLarge     Reason = "token_too_large"    // 401: the credential is longer than Limits.MaxTokenBytes
	ReasonTokenMalformed    Reason = "token_malformed"    // 401: the token looks like a JWT but is malformed, or its claims are malformed
	ReasonClaimsTooMany     Reason = "claims_too_many"    // 401: the token has more members, or a claim has more values, than the limit
	ReasonTokenType         Reason = "token_type"         // 401: the token is not an access token but another kind, such as an ID token
	ReasonOpaqueUnsupported Reason = "opaque_unsupported" // 401: the token is not a JWT, has no configured prefix, and Config.Opaque is nil
	ReasonIssuerUnknown     Reason = "issuer_unknown"     // 401: iss names an issuer or a tenant that the configuration does not accept
	ReasonIssuerMismatch    Reason = "issuer_mismatch"    // 401: the verified claims name another issuer, or another tenant than iss
	ReasonAlgorithmRefused  Reason = "algorithm_refused"  // 401: alg is not allowed for the issuer, or the key does not support it
	ReasonKeyUnknown        Reason = "key_unknown"        // 401: the issuer has no key that matches the token
	ReasonKeyAmbiguous      Reason = "key_ambiguous"      // 401: the token has no kid, and more than 4 keys match its algorithm
	ReasonSignatureInvalid  Reason = "signature_invalid"  // 401: the signature of the token is invalid
	ReasonExpired           Reason = "expired"            // 401: exp plus the leeway has passed
	ReasonNotYetValid       Reason = "not_yet_valid"      // 401: nbf or iat is in the future by more than the leeway
	ReasonLifetime          Reason = "lifetime"           // 401: exp is too far in the future, or the times in the token contradict each other
	ReasonAudience          Reason = "audience"           // 401: the token was not issued for this resource
	ReasonClaimMissing      Reason = "claim_missing"      // 401: a required claim is absent
	ReasonSenderConstrained Reason = "sender_constrained" // 401: the token is bound to a key or a certificate in a way that is not accepted
	ReasonInactive          Reason = "inactive"           // 401: the issuer reports that the token is not active
	ReasonAPIKeyUnknown     Reason = "api_key_unknown"    // 401: the API key is not one of the configured keys
	ReasonRevoked           Reason = "revoked"            // 401: Hooks.Revocations reports that the token is revoked
	ReasonTokenInvalid      Reason = "token_invalid"      // 401: a Verifier rejected the token and gave no reason of this table

	ReasonBindingRequired Reason = "binding_required" // 401: the token is not bound to a key or a certificate, as its issuer, the resource or the operation requires
	ReasonDPoPScheme      Reason = "dpop_scheme"      // 401: a token that is bound to a key has the scheme Bearer, or another token has the scheme DPoP
	ReasonDPoPMissing     Reason = "dpop_missing"     // 401: the request has no DPoP proof
	ReasonDPoPMalformed   Reason = "dpop_malformed"   // 401: the DPoP proof is malformed, or the request has several
	ReasonDPoPAlgorithm   Reason = "dpop_algorithm"   // 401: the algorithm of the DPoP proof is not allowed (DPoP.Algorithms)
	ReasonDPoPMethod      Reason = "dpop_method"      // 401: the DPoP proof is for another HTTP method (htm)
	ReasonDPoPURL         Reason = "dpop_url"         // 401: the DPoP proof is for another URL (htu)
	ReasonDPoPTime        Reason = "dpop_time"        // 401: the DPoP proof is too old, or from the future (iat, DPoP.Window)
	ReasonDPoPToken       Reason = "dpop_token"       // 401: the DPoP proof is for another token (ath)
	ReasonDPoPKey         Reason = "dpop_key"         // 401: the DPoP proof has another key than the one that the token is bound to
	ReasonDPoPSignature   Reason = "dpop_signature"   // 401: the signature of the DPoP proof is invalid
	ReasonDPoPNonce       Reason = "dpop_nonce"       // 401: the DPoP proof has no valid nonce (DPoP.RequireNonce)
	ReasonDPoPReplayed    Reason = "dpop_replayed"    // 401: the DPoP proof was used before
	ReasonDPoPTooMany     Reason = "dpop_too_many"    // 429: the key has used too many DPoP proofs (DPoP.MaxProofsPerKey)
	ReasonDPoPUnavailable Reason = "dpop_unavailable" // 503: it is not known whether the DPoP proof was used before (DPoP.Replays)

	ReasonCertificateField    Reason = "certificate_field"    // 400: the field for client certificates is not from a configured proxy, or it is malformed
	ReasonCertificateMissing  Reason = "certificate_missing"  // 401: the token is bound to a client certificate, and the request has none
	ReasonCertificateMismatch Reason = "certificate_mismatch" // 401: the token is bound to another client certificate

	ReasonInsufficientAuthentication Reason = "insufficient_authentication" // 401: the login of the user is not strong or recent enough for the request (RFC 9470)

	ReasonPathUnknown Reason = "path_unknown" // 404: Config.Identifiers has several paths, and the request is for none of them

	ReasonOrigin                    Reason = "origin"                     // 403: the request is from a web page whose origin is not allowed (HTTPOptions.Origins)
	ReasonInsufficientScope         Reason = "insufficient_scope"         // 403: the token lacks a scope that the request needs
	ReasonScopeUnavailable          Reason = "scope_unavailable"          // 403: the token lacks a scope that the request needs, and clients cannot request that scope at its issuer
	ReasonBindingUnavailable        Reason = "binding_unavailable"        // 403: the operation needs a bound token (Operations.Bound), and the credential cannot be bound
	ReasonAuthenticationUnavailable Reason = "authentication_unavailable" // 403: Authentication requires a login that the credential cannot have: it is not an access token of a user, or no login meets all rules that apply
	ReasonHeaderClaim               Reason = "header_claim"               // 403: a field of Credentials.HeaderClaims differs from its claim, is repeated, or is absent although it is required
	ReasonCondition                 Reason = "condition"                  // 403: a claim does not meet a condition of the issuer, of Credentials or of the operation
	ReasonOperationUndeclared       Reason = "operation_undeclared"       // 403: no rule names the operation, and Operations.Undeclared is DenyUndeclared, or an argument rule rejects the value

	ReasonMethodNotAllowed Reason = "method_not_allowed" // 405: GET or DELETE without credentials and without a session, if initialize is public

	ReasonBodyMalformed  Reason = "body_malformed"  // 400: the body is not a JSON-RPC message with a single meaning
	ReasonHeaderMismatch Reason = "header_mismatch" // 400: Mcp-Method or Mcp-Name is repeated, or differs from the body
	ReasonBodyTooLarge   Reason = "body_too_large"  // 413: the body is larger than Limits.MaxBodyBytes, or than a limit in front of warder
	ReasonBodyType       Reason = "body_type"       // 415: the body is not JSON, or it is compressed

	ReasonIntrospectionDiscovery   Reason = "introspection_discovery"    // 503: the URL of the introspection endpoint cannot be discovered
	ReasonIntrospectionUnreachable Reason = "introspection_unreachable"  // 503: warder cannot connect to the introspection endpoint
	ReasonIntrospectionTimeout     Reason = "introspection_timeout"      // 503: the introspection endpoint did not respond in time
	ReasonIntrospectionStatus      Reason = "introspection_status"       // 503: the introspection endpoint responded with a status that says nothing about the token, such as 500
	ReasonIntrospectionRateLimited Reason = "introspection_rate_limited" // 503: the introspection endpoint responded with 429
	ReasonIntrospectionCredentials Reason = "introspection_credentials"  // 503: the introspection endpoint rejects warder's credentials, or the configuration cannot provide them
	ReasonIntrospectionForbidden   Reason = "introspection_forbidden"    // 503: the introspection endpoint responded with 403, without an OAuth error and without a challenge, as a firewall does
	ReasonIntrospectionRedirect    Reason = "introspection_redirect"     // 503: the introspection endpoint redirects, and redirects are not followed
	ReasonIntrospectionContentType Reason = "introspection_content_type" // 503: the introspection endpoint sent another content type than requested, such as that of a login page
	ReasonIntrospectionTooLarge    Reason = "introspection_too_large"    // 503: the introspection response is larger than the limit
	ReasonIntrospectionTruncated   Reason = "introspection_truncated"    // 503: the introspection response ended early
	ReasonIntrospectionMalformed   Reason = "introspection_malformed"    // 503: the introspection response violates RFC 7662
	ReasonIntrospectionUnproven    Reason = "introspection_unproven"     // 503: the introspection response is not signed as RFC 9701 requires, or it is for another client or about another JWT
	ReasonIntrospectionSuspended   Reason = "introspection_suspended"    // 503: the introspection endpoint was not called, because the circuit breaker is open
	ReasonIntrospectionOverloaded  Reason = "introspection_overloaded"   // 503: the introspection endpoint was not called, because too many calls are in progress

	ReasonKeyPending             Reason = "key_pending"             // 503: fetches for unknown keys or results for new issuers are rate-limited, so the token cannot be checked yet
	ReasonKeysUnavailable        Reason = "keys_unavailable"        // 503: the issuer's keys are not available
	ReasonRevocationsUnavailable Reason = "revocations_unavailable" // 503: it is not known which tokens are revoked (Hooks.Revocations)
	ReasonVerifierUnavailable    Reason = "verifier_unavailable"    // 503: a Verifier cannot decide at the moment
	ReasonRequestCanceled        Reason = "request_canceled"        // 503: the client disconnected, or the deadline of the request passed

	ReasonHandlerChallenge Reason = "handler_challenge" // 502: the handler responded with a challenge of another server, or with 401 (HTTPOptions.HandlerChallenges)

	ReasonInternalError Reason = "internal_error" // 500: a callback in the configuration panicked or broke its contract
)

// outcome is the answer to a client for a reason.
type outcome struct {
	status      int
	code        string // error parameter (RFC 6750 §3.1); "" for none
	description string
	advice      string // what a person can do; follows description in the message of a JSON-RPC error
	rpc         int    // code of the JSON-RPC error, if JSON-RPC or MCP defines one; otherwise 0
}

// text returns the texts of the answer. The code of a JSON-RPC error is the status, unless
// JSON-RPC or MCP defines one. MCP 2026-07-28 ("Error Codes") wants new codes outside of the range
// that JSON-RPC reserves, so that no client takes them for a code of MCP or of an SDK.
func (o outcome) text() errorresponse.Text {
	return errorresponse.Text{Code: o.code, Description: o.description, Advice: o.advice, RPC: cmp.Or(o.rpc, o.status)}
}

// What a person can do about a rejection.
const (
	adviceLogin    = "Log in again"
	adviceExpired  = "Refresh it, or log in again"
	adviceOperator = "Ask the operator of this server, whose log has the cause"
	adviceLater    = "Try again later"
)

// There are three kinds of answers, and they are never mixed: 401 for an invalid token, 403
// for a valid token that does not permit the request, 503 if the token cannot be checked.
// All texts are fixed: nothing from a request or an upstream server becomes part of an
// answer.
var (
	answerMissing     = outcome{http.StatusUnauthorized, "", "Authorization is required", "Log in, or configure the client with an access token for this server", 0}
	answerMalformed   = outcome{http.StatusBadRequest, "invalid_request", "The credentials are malformed, or more than one", "Send exactly one credential, without spaces in it", 0}
	answerInvalid     = outcome{http.StatusUnauthorized, "invalid_token", "The access token is invalid", adviceLogin, 0}
	answerKeyInvalid  = outcome{http.StatusUnauthorized, "invalid_token", "The API key is invalid", "Configure the client with a valid key", 0}
	answerExpired     = outcome{http.StatusUnauthorized, "invalid_token", "The access token expired", adviceExpired, 0}
	answerUnbound     = outcome{http.StatusUnauthorized, "invalid_token", "The access token is not bound to its client, as this request requires", "Log in with a client that supports bound tokens", 0}
	answerScheme      = outcome{http.StatusUnauthorized, "invalid_token", "The access token needs another authorization scheme", "Send a token that is bound to a key with the scheme DPoP, and every other token with Bearer", 0}
	answerProof       = outcome{http.StatusUnauthorized, "invalid_dpop_proof", "The DPoP proof is missing or invalid", "Make a new proof for each request, and check the clock of the client", 0}
	answerNonce       = outcome{http.StatusUnauthorized, "use_dpop_nonce", "The DPoP proof must have a nonce of this server", "Repeat the request with the nonce of the header field DPoP-Nonce", 0}
	answerOtherKey    = outcome{http.StatusUnauthorized, "invalid_token", "The access token is bound to another key or certificate", adviceLogin, 0}
	answerCertificate = outcome{http.StatusBadRequest, "", "The client certificate cannot be read", adviceOperator, 0}
	answerTooMany     = outcome{http.StatusTooManyRequests, "", "Too many requests with the same DPoP key", adviceLater, 0}
	answerLogin       = outcome{http.StatusUnauthorized, "insufficient_user_authentication", "The login of the user is not strong or recent enough for this request", adviceLogin, 0}
	answerNoBinding   = outcome{http.StatusForbidden, "", "The request needs a bound access token, and this credential cannot be bound", adviceOperator, 0}
	answerNoLogin     = outcome{http.StatusForbidden, "", "The request needs a login that this access token cannot have", adviceOperator, 0}
	answerPath        = outcome{http.StatusNotFound, "", "No protected resource has this path", "Correct the URL of the server in the client", 0}
	answerOrigin      = outcome{http.StatusForbidden, "", "Requests from pages of this origin are not accepted", "Ask the operator of this server to allow the origin", 0}
	answerScope       = outcome{http.StatusForbidden, "insufficient_scope", "The access token lacks a scope that this request needs", "Log in again and grant all of these scopes", 0}
	answerNoScope     = outcome{http.StatusForbidden, "", "The request needs a scope that cannot be requested", adviceOperator, 0}
	answerUndeclared  = outcome{http.StatusForbidden, "", "No rule permits the operation", "Ask the operator of this server to permit it", 0}
	answerCondition   = outcome{http.StatusForbidden, "", "The claims of the access token do not permit this request", "Ask the operator of this server for access", 0}
	answerContradicts = outcome{http.StatusForbidden, "", "The request contradicts its credential", "Correct the header fields of the client, or use a credential that agrees with them", 0}
	answerMethod      = outcome{http.StatusMethodNotAllowed, "", "Without a session only POST is allowed", "", 0}
	answerBody        = outcome{http.StatusBadRequest, "", "The body is not a JSON-RPC message with a single meaning", "", -32600}
	answerMismatch    = outcome{http.StatusBadRequest, "", "Mcp-Method or Mcp-Name differs from the body", "", -32020}
	answerTooLarge    = outcome{http.StatusRequestEntityTooLarge, "", "The body is too large", "", -32600}
	answerType        = outcome{http.StatusUnsupportedMediaType, "", "The body must be application/json without encoding", "", -32600}
	answerUnavailable = outcome{http.StatusServiceUnavailable, "", "The access token cannot be checked at the moment", adviceLater, 0}
	answerPending     = outcome{http.StatusServiceUnavailable, "", "The access token will be checked soon", adviceLater, 0}
	answerHandler     = outcome{http.StatusBadGateway, "", "The server behind this one asked for other credentials", adviceOperator, 0}
	answerError       = outcome{http.StatusInternalServerError, "", "The request could not be authorized", adviceOperator, 0}
)

var outcomes = map[Reason]outcome{
	ReasonMissingCredentials:         answerMissing,
	ReasonMalformedRequest:           answerMalformed,
	ReasonTokenTooLarge:              answerInvalid,
	ReasonTokenMalformed:             answerInvalid,
	ReasonClaimsTooMany:              answerInvalid,
	ReasonTokenType:                  answerInvalid,
	ReasonOpaqueUnsupported:          answerInvalid,
	ReasonIssuerUnknown:              answerInvalid,
	ReasonIssuerMismatch:             answerInvalid,
	ReasonAlgorithmRefused:           answerInvalid,
	ReasonKeyUnknown:                 answerInvalid,
	ReasonKeyAmbiguous:               answerInvalid,
	ReasonSignatureInvalid:           answerInvalid,
	ReasonExpired:                    answerExpired,
	ReasonNotYetValid:                answerInvalid,
	ReasonLifetime:                   answerInvalid,
	ReasonAudience:                   answerInvalid,
	ReasonClaimMissing:               answerInvalid,
	ReasonSenderConstrained:          answerInvalid,
	ReasonInactive:                   answerInvalid,
	ReasonAPIKeyUnknown:              answerKeyInvalid,
	ReasonRevoked:                    answerInvalid,
	ReasonTokenInvalid:               answerInvalid,
	ReasonBindingRequired:            answerUnbound,
	ReasonDPoPScheme:                 answerScheme,
	ReasonDPoPMissing:                answerProof,
	ReasonDPoPMalformed:              answerProof,
	ReasonDPoPAlgorithm:              answerProof,
	ReasonDPoPMethod:                 answerProof,
	ReasonDPoPURL:                    answerProof,
	ReasonDPoPTime:                   answerProof,
	ReasonDPoPToken:                  answerProof,
	ReasonDPoPKey:                    answerOtherKey,
	ReasonDPoPSignature:              answerProof,
	ReasonDPoPNonce:                  answerNonce,
	ReasonDPoPReplayed:               answerProof,
	ReasonDPoPTooMany:                answerTooMany,
	ReasonDPoPUnavailable:            answerUnavailable,
	ReasonCertificateField:           answerCertificate,
	ReasonCertificateMissing:         answerOtherKey,
	ReasonCertificateMismatch:        answerOtherKey,
	ReasonInsufficientAuthentication: answerLogin,
	ReasonAuthenticationUnavailable:  answerNoLogin,
	ReasonPathUnknown:                answerPath,
	ReasonOrigin:                     answerOrigin,
	ReasonInsufficientScope:          answerScope,
	ReasonScopeUnavailable:           answerNoScope,
	ReasonBindingUnavailable:         answerNoBinding,
	ReasonHeaderClaim:                answerContradicts,
	ReasonCondition:                  answerCondition,
	ReasonOperationUndeclared:        answerUndeclared,
	ReasonMethodNotAllowed:           answerMethod,
	ReasonBodyMalformed:              answerBody,
	ReasonHeaderMismatch:             answerMismatch,
	ReasonBodyTooLarge:               answerTooLarge,
	ReasonBodyType:                   answerType,
	ReasonIntrospectionDiscovery:     answerUnavailable,
	ReasonIntrospectionUnreachable:   answerUnavailable,
	ReasonIntrospectionTimeout:       answerUnavailable,
	ReasonIntrospectionStatus:        answerUnavailable,
	ReasonIntrospectionRateLimited:   answerUnavailable,
	ReasonIntrospectionCredentials:   answerUnavailable,
	ReasonIntrospectionForbidden:     answerUnavailable,
	ReasonIntrospectionRedirect:      answerUnavailable,
	ReasonIntrospectionContentType:   answerUnavailable,
	ReasonIntrospectionTooLarge:      answerUnavailable,
	ReasonIntrospectionTruncated:     answerUnavailable,
	ReasonIntrospectionMalformed:     answerUnavailable,
	ReasonIntrospectionUnproven:      answerUnavailable,
	ReasonIntrospectionSuspended:     answerUnavailable,
	ReasonIntrospectionOverloaded:    answerUnavailable,
	ReasonKeyPending:                 answerPending,
	ReasonKeysUnavailable:            answerUnavailable,
	ReasonVerifierUnavailable:        answerUnavailable,
	ReasonRevocationsUnavailable:     answerUnavailable,
	ReasonRequestCanceled:            answerUnavailable,
	ReasonHandlerChallenge:           answerHandler,
	ReasonInternalError:              answerError,
}

// ofOtherCredential returns the answer about a credential that is not an access token.
func (o outcome) ofOtherCredential() outcome {
	o.description = strings.Replace(o.description, "access token", "credential", 1)
	if o.advice == adviceLogin || o.advice == adviceExpired {
		o.advice = "Configure the client with a valid credential"
	}
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
	case answerHandler, answerError:
		return resultError
	}
	return resultDenied
}

// level returns the log level of a rejected request.
func (o outcome) level() slog.Level {
	switch o {
	case answerMissing: // the first request of every client
		return slog.LevelDebug
	case answerUnavailable, answerHandler:
		return slog.LevelWarn
	case answerError:
		return slog.LevelError
	}
	return slog.LevelInfo
}
