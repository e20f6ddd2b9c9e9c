// Package refusaltest tests which refusal a client gets if several apply to its request. The
// rule is the table in docs/architecture.md, "Order of rejections". The tests of each adapter run
// [Cases] with that adapter, so that all adapters agree.
package refusaltest

import "github.com/warder-go/warder/resource"

// A Row is one row of the table. Of two refusals that apply, the client gets the one in the
// earlier row.
type Row struct {
	Name    string
	Status  int
	Reasons []resource.Reason // nil: not a decision of package resource
}

// Order is the table. The first rows are the order of steps in resource.Resource.Authenticate.
// Require and BindSessions run only after it, for accepted requests.
var Order = []Row{
	{"`resource.Config.Identifiers` has several paths, and the request is for none of them", 404, []resource.Reason{resource.ReasonPathUnknown}},
	{"The origin is not allowed", 403, []resource.Reason{resource.ReasonOrigin}},
	{"The field for client certificates is not from a proxy, or is malformed", 400, []resource.Reason{resource.ReasonCertificateField}},
	{"More than one credential", 400, []resource.Reason{resource.ReasonMalformedRequest}},
	{"GET or DELETE without credentials and session, where `initialize` is public", 405, []resource.Reason{resource.ReasonMethodNotAllowed}},
	{"No credentials, and not a public operation", 401, []resource.Reason{resource.ReasonMissingCredentials}},
	{"The credential is too long", 401, []resource.Reason{resource.ReasonTokenTooLarge}},
	{"The text after `Bearer` or `DPoP` cannot be one token", 400, []resource.Reason{resource.ReasonMalformedRequest}},
	{"The token is malformed, belongs to no issuer, or is a JWT with invalid claims", 401, []resource.Reason{
		resource.ReasonTokenMalformed, resource.ReasonClaimsTooMany, resource.ReasonTokenType, resource.ReasonOpaqueUnsupported, resource.ReasonIssuerUnknown,
		resource.ReasonAlgorithmRefused, resource.ReasonExpired, resource.ReasonNotYetValid, resource.ReasonLifetime,
		resource.ReasonAudience, resource.ReasonClaimMissing, resource.ReasonSenderConstrained,
	}},
	{"The credential cannot be verified at the moment", 503, []resource.Reason{
		resource.ReasonKeyPending, resource.ReasonKeysUnavailable, resource.ReasonVerifierUnavailable,
		resource.ReasonIntrospectionDiscovery, resource.ReasonIntrospectionUnreachable, resource.ReasonIntrospectionTimeout,
		resource.ReasonIntrospectionStatus, resource.ReasonIntrospectionRateLimited, resource.ReasonIntrospectionCredentials,
		resource.ReasonIntrospectionForbidden, resource.ReasonIntrospectionRedirect, resource.ReasonIntrospectionContentType,
		resource.ReasonIntrospectionTooLarge, resource.ReasonIntrospectionTruncated, resource.ReasonIntrospectionMalformed,
		resource.ReasonIntrospectionUnproven, resource.ReasonIntrospectionSuspended, resource.ReasonIntrospectionOverloaded,
	}},
	{"The credential is not authentic, or its verified claims are invalid", 401, []resource.Reason{
		resource.ReasonKeyUnknown, resource.ReasonKeyAmbiguous, resource.ReasonSignatureInvalid, resource.ReasonInactive,
		resource.ReasonAPIKeyUnknown, resource.ReasonTokenInvalid, resource.ReasonIssuerMismatch,
	}},
	{"The token is revoked", 401, []resource.Reason{resource.ReasonRevoked}},
	{"It is not known which tokens are revoked", 503, []resource.Reason{resource.ReasonRevocationsUnavailable}},
	{"The token is not bound as required, or is used with the other scheme, or its proof or certificate is missing or invalid", 401, []resource.Reason{
		resource.ReasonBindingRequired, resource.ReasonDPoPScheme, resource.ReasonDPoPMissing, resource.ReasonDPoPMalformed,
		resource.ReasonDPoPAlgorithm, resource.ReasonDPoPMethod, resource.ReasonDPoPURL, resource.ReasonDPoPTime,
		resource.ReasonDPoPToken, resource.ReasonDPoPKey, resource.ReasonDPoPSignature, resource.ReasonDPoPNonce,
		resource.ReasonCertificateMissing, resource.ReasonCertificateMismatch,
	}},
	{"The DPoP proof was used before", 401, []resource.Reason{resource.ReasonDPoPReplayed}},
	{"The key has used too many DPoP proofs", 429, []resource.Reason{resource.ReasonDPoPTooMany}},
	{"It is not known whether the DPoP proof was used before", 503, []resource.Reason{resource.ReasonDPoPUnavailable}},
	{"A header field disagrees with the claims", 403, []resource.Reason{resource.ReasonHeaderClaim}},
	{"A claim does not meet a condition of the issuer or of `resource.Credentials`", 403, []resource.Reason{resource.ReasonCondition}},
	{"The body is encoded, or its type is not JSON", 415, []resource.Reason{resource.ReasonBodyType}},
	{"The body is too large", 413, []resource.Reason{resource.ReasonBodyTooLarge}},
	{"The body is malformed", 400, []resource.Reason{resource.ReasonBodyMalformed}},
	{"The body disagrees with a header field", 400, []resource.Reason{resource.ReasonHeaderMismatch}},
	{"No rule names the operation, or an argument rule rejects the value", 403, []resource.Reason{resource.ReasonOperationUndeclared}},
	{"A claim does not meet a condition of the operation", 403, []resource.Reason{resource.ReasonCondition}},
	{"A scope is missing that clients cannot request, or the operation needs a bound token and the credential cannot be bound", 403, []resource.Reason{resource.ReasonScopeUnavailable, resource.ReasonBindingUnavailable}},
	{"The operation needs a bound token", 401, []resource.Reason{resource.ReasonBindingRequired}},
	{"`resource.Authentication` requires a login that the credential cannot have", 403, []resource.Reason{resource.ReasonAuthenticationUnavailable}},
	{"The login of the user is not strong or recent enough, for every request or for the operation", 401, []resource.Reason{resource.ReasonInsufficientAuthentication}},
	{"A scope is missing, for every request or for the operation", 403, []resource.Reason{resource.ReasonInsufficientScope}},
	{"`Require`: a scope is missing", 403, []resource.Reason{resource.ReasonInsufficientScope, resource.ReasonScopeUnavailable}},
	{"`nethttp.BindSessions`: the session is unknown or of another caller", 404, nil},
}

// Indexes of Order.
const (
	rowPath = iota
	rowOrigin
	rowCertificateField
	rowSeveral
	rowMethod
	rowMissing
	rowTooLong
	rowGrammar
	rowClaims
	rowUnavailable
	rowNotAuthentic
	rowRevoked
	rowRevocationsUnavailable
	rowPossession
	rowReplayed
	rowTooManyProofs
	rowReplaysUnavailable
	rowHeaderClaim
	rowCondition
	rowBodyType
	rowBodySize
	rowBody
	rowBodyHeader
	rowUndeclared
	rowOperationCondition
	rowScopeUnavailable
	rowBound
	rowLoginUnavailable
	rowLogin
	rowScope
	rowRequire
	rowSession
)
