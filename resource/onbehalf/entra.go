package onbehalf

import "fmt"

// entraCode is what a number in error_codes of Microsoft Entra means. Entra can add numbers at any
// time, so the code in "error" decides if a number is not known.
type entraCode struct {
	kind   Kind
	detail string
}

// entraCodes are from Microsoft's list of AADSTS codes, as far as the on-behalf-of flow can end with
// them.
var entraCodes = map[int]entraCode{
	65001: {KindInteraction, DetailConsent}, // DelegationDoesNotExist
	65004: {KindInteraction, DetailConsent}, // UserDeclinedConsent
	90008: {KindInteraction, DetailConsent}, // TokenForItselfRequiresGraphPermission
	90094: {KindInteraction, DetailConsent}, // AdminConsentRequired
	90095: {KindInteraction, DetailConsent}, // AdminConsentRequiredRequestAccess

	50072: {KindInteraction, DetailMFA}, // UserStrongAuthEnrollmentRequiredInterrupt
	50074: {KindInteraction, DetailMFA}, // UserStrongAuthClientAuthNRequiredInterrupt
	50076: {KindInteraction, DetailMFA}, // UserStrongAuthClientAuthNRequired
	50078: {KindInteraction, DetailMFA}, // UserStrongAuthExpired
	50079: {KindInteraction, DetailMFA}, // UserStrongAuthEnrollmentRequired
	50158: {KindInteraction, DetailMFA}, // ExternalSecurityChallenge, such as MFA of another vendor
	53004: {KindInteraction, DetailMFA}, // ProofUpBlockedDueToRisk: the user must register for MFA

	50005:  {KindInteraction, DetailConditionalAccess}, // DevicePolicyError
	50097:  {KindInteraction, DetailConditionalAccess}, // DeviceAuthenticationRequired
	50129:  {KindInteraction, DetailConditionalAccess}, // DeviceIsNotWorkplaceJoined
	50131:  {KindInteraction, DetailConditionalAccess}, // ConditionalAccessFailed
	53000:  {KindInteraction, DetailConditionalAccess}, // DeviceNotCompliant
	53001:  {KindInteraction, DetailConditionalAccess}, // DeviceNotDomainJoined
	53002:  {KindInteraction, DetailConditionalAccess}, // ApplicationUsedIsNotAnApprovedApp
	53003:  {KindInteraction, DetailConditionalAccess}, // BlockedByConditionalAccess
	530003: {KindInteraction, DetailConditionalAccess}, // the device must be managed
	530032: {KindInteraction, DetailConditionalAccess}, // BlockedByConditionalAccessOnSecurityPolicy
	530035: {KindInteraction, DetailConditionalAccess}, // BlockedBySecurityDefaults

	50055:  {KindInteraction, DetailLogin}, // InvalidPasswordExpiredPassword
	50058:  {KindInteraction, DetailLogin}, // UserInformationNotProvided
	50089:  {KindInteraction, DetailLogin}, // the session or a token of it was revoked or has expired
	50132:  {KindInteraction, DetailLogin}, // SsoArtifactInvalidOrExpired
	50133:  {KindInteraction, DetailLogin}, // SsoArtifactRevoked
	50135:  {KindInteraction, DetailLogin}, // PasswordChangeCompromisedPassword
	50144:  {KindInteraction, DetailLogin}, // InvalidPasswordExpiredOnPremPassword
	50173:  {KindInteraction, DetailLogin}, // FreshTokenNeeded
	70043:  {KindInteraction, DetailLogin}, // BadTokenDueToSignInFrequency
	700020: {KindInteraction, ""},          // InteractionRequired

	50057:  {KindEnded, ""}, // UserDisabled
	500133: {KindEnded, ""}, // the assertion has expired

	50013:   {KindNotExchangeable, DetailAssertion}, // InvalidAssertion
	50027:   {KindNotExchangeable, DetailAssertion}, // InvalidJwtToken
	500131:  {KindNotExchangeable, DetailAssertion}, // the audience of the assertion is not this client
	240002:  {KindNotExchangeable, DetailAssertion}, // an ID token as the assertion
	900384:  {KindNotExchangeable, DetailAssertion}, // the signature of a JWT
	5002727: {KindNotExchangeable, DetailAssertion}, // typ of a JWT
	7000114: {KindNotExchangeable, DetailAppOnly},   // the token belongs to an application

	50001:  {KindTargetRefused, ""}, // InvalidResource
	50105:  {KindTargetRefused, ""}, // EntitlementGrantsNotFound: the user is not assigned to the target
	65002:  {KindTargetRefused, ""}, // the target must preauthorize this client
	65005:  {KindTargetRefused, ""}, // MisconfiguredApplication: the target is not among its permissions
	90009:  {KindTargetRefused, ""}, // TokenForItselfMissingIdenticalAppIdentifier
	500011: {KindTargetRefused, ""}, // InvalidResourceServicePrincipalNotFound
	500014: {KindTargetRefused, ""}, // InvalidResourceServicePrincipalDisabled
	650052: {KindTargetRefused, ""}, // the organization has not enabled the target
	650054: {KindTargetRefused, ""}, // the target was removed
	650056: {KindTargetRefused, ""}, // the client lists no permissions of the target
	650057: {KindTargetRefused, ""}, // InvalidResource: not among the client's permissions
	28002:  {KindScopeRefused, ""},  // the scope is not valid
	28003:  {KindScopeRefused, ""},  // the scope is empty
	70011:  {KindScopeRefused, ""},  // InvalidScope
	700022: {KindScopeRefused, ""},  // InvalidMultipleResourcesScope
	700023: {KindScopeRefused, ""},  // InvalidResourcelessScope

	50012:   {KindClientRefused, ""}, // AuthenticationFailed: the certificate or the client assertion
	50194:   {KindClientRefused, ""}, // /common, and the client is for one tenant
	70001:   {KindClientRefused, ""}, // the application is disabled
	70002:   {KindClientRefused, ""}, // InvalidClient
	70003:   {KindClientRefused, ""}, // UnsupportedGrantType
	90002:   {KindClientRefused, ""}, // InvalidTenantName
	700016:  {KindClientRefused, ""}, // UnauthorizedClient_DoesNotMatchRequest
	700025:  {KindClientRefused, ""}, // InvalidClientPublicClientWithCredential
	700027:  {KindClientRefused, ""}, // the signature of the client assertion
	700030:  {KindClientRefused, ""}, // the certificate
	7000112: {KindClientRefused, ""}, // UnauthorizedClientApplicationDisabled
	7000215: {KindClientRefused, ""}, // the client secret is wrong
	7000218: {KindClientRefused, ""}, // no client secret or client assertion
	7000222: {KindClientRefused, ""}, // the client secret has expired
	9001023: {KindClientRefused, ""}, // the grant is not for /common and /consumers

	50033: {KindUnavailable, ""}, // RetryableError
	50196: {KindUnavailable, ""}, // LoopDetected: too many of the same request
	90006: {KindUnavailable, ""}, // ExternalServerRetryableError
	90012: {KindUnavailable, ""}, // RequestTimeout
	90024: {KindUnavailable, ""}, // RequestBudgetExceededError
	90033: {KindUnavailable, ""}, // MsodsServiceUnavailable
	90055: {KindUnavailable, ""}, // TenantThrottlingError
	90090: {KindUnavailable, ""}, // GraphRetryableError
}

// entraSuberrors are the values of suberror that say more.
var entraSuberrors = map[string]entraCode{
	"consent_required":           {KindInteraction, DetailConsent},
	"basic_action":               {KindInteraction, DetailMFA},
	"additional_action":          {KindInteraction, DetailConditionalAccess},
	"message_only":               {KindInteraction, DetailConditionalAccess},
	"protection_policy_required": {KindInteraction, DetailConditionalAccess},
	"user_password_expired":      {KindInteraction, DetailLogin},
	"bad_token":                  {KindInteraction, DetailLogin},
	"token_expired":              {KindInteraction, DetailLogin},
}

// explainEntra replaces the kind by that of the first known number, otherwise by that of suberror. The
// cause is the first number, which the operator can look up.
func (f refusal) explainEntra(e *Error) {
	if len(f.codes) > 0 {
		e.Err = fmt.Errorf("error_codes has %d", f.codes[0])
	}
	for _, code := range f.codes {
		if known, ok := entraCodes[code]; ok {
			e.Kind, e.Detail = known.kind, known.detail
			return
		}
	}
	if known, ok := entraSuberrors[f.suberror]; ok {
		e.Kind, e.Detail = known.kind, known.detail
	}
}
