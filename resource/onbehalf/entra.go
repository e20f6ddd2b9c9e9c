package onbehalf

// entraCode is what a number in error_codes of Microsoft Entra means. Entra can add numbers at any
// time, so the code in "error" decides if a number is not known.
type entraCode struct {
	kind   Kind
	detail string
}

// entraCodes are from Microsoft's list of AADSTS codes.
var entraCodes = map[int]entraCode{
	65001: {KindInteraction, DetailConsent}, // DelegationDoesNotExist
	65004: {KindInteraction, DetailConsent}, // UserDeclinedConsent
	90094: {KindInteraction, DetailConsent}, // AdminConsentRequired

	50072: {KindInteraction, DetailMFA}, // UserStrongAuthEnrollmentRequiredInterrupt
	50074: {KindInteraction, DetailMFA}, // UserStrongAuthClientAuthNRequiredInterrupt
	50076: {KindInteraction, DetailMFA}, // UserStrongAuthClientAuthNRequired
	50078: {KindInteraction, DetailMFA}, // UserStrongAuthExpired
	50079: {KindInteraction, DetailMFA}, // UserStrongAuthEnrollmentRequired

	50097:  {KindInteraction, DetailConditionalAccess}, // DeviceAuthenticationRequired
	50158:  {KindInteraction, DetailConditionalAccess}, // ExternalSecurityChallenge
	53000:  {KindInteraction, DetailConditionalAccess}, // DeviceNotCompliant
	53001:  {KindInteraction, DetailConditionalAccess}, // DeviceNotDomainJoined
	53002:  {KindInteraction, DetailConditionalAccess}, // ApplicationUsedIsNotAnApprovedApp
	53003:  {KindInteraction, DetailConditionalAccess}, // BlockedByConditionalAccess
	53004:  {KindInteraction, DetailConditionalAccess}, // ProofUpBlockedDueToRisk
	530003: {KindInteraction, DetailConditionalAccess}, // the device must be managed

	50058: {KindInteraction, DetailLogin}, // UserInformationNotProvided
	50132: {KindInteraction, DetailLogin}, // SsoArtifactInvalidOrExpired
	50133: {KindInteraction, DetailLogin}, // SsoArtifactRevoked
	50173: {KindInteraction, DetailLogin}, // FreshTokenNeeded
	70043: {KindInteraction, DetailLogin}, // BadTokenDueToSignInFrequency

	50013:   {KindNotExchangeable, DetailAssertion}, // InvalidAssertion
	500131:  {KindNotExchangeable, DetailAssertion}, // the audience of the assertion is not this client
	240002:  {KindNotExchangeable, DetailAssertion}, // an ID token as the assertion
	7000114: {KindNotExchangeable, DetailAppOnly},   // the token belongs to an application

	500011: {KindTargetRefused, ""}, // InvalidResourceServicePrincipalNotFound
	500014: {KindTargetRefused, ""}, // InvalidResourceServicePrincipalDisabled
	650057: {KindTargetRefused, ""}, // InvalidResource
	70011:  {KindScopeRefused, ""},  // InvalidScope
	65002:  {KindScopeRefused, ""},  // the target must preauthorize this client

	70001:   {KindClientRefused, ""}, // the application is disabled
	70002:   {KindClientRefused, ""}, // InvalidClient
	70003:   {KindClientRefused, ""}, // UnsupportedGrantType
	700016:  {KindClientRefused, ""}, // UnauthorizedClient_DoesNotMatchRequest
	700027:  {KindClientRefused, ""}, // the signature of the client assertion
	7000112: {KindClientRefused, ""}, // UnauthorizedClientApplicationDisabled
	7000215: {KindClientRefused, ""}, // the client secret is wrong
	7000222: {KindClientRefused, ""}, // the client secret has expired

	50196: {KindUnavailable, ""}, // LoopDetected: too many of the same request
	90033: {KindUnavailable, ""}, // MsodsServiceUnavailable
}

// entraSuberrors are the values of suberror that say more.
var entraSuberrors = map[string]entraCode{
	"consent_required": {KindInteraction, DetailConsent},
	"basic_action":     {KindInteraction, DetailMFA},
	"additional_action": {KindInteraction,
		DetailConditionalAccess},
	"message_only":          {KindInteraction, DetailConditionalAccess},
	"user_password_expired": {KindInteraction, DetailLogin},
	"bad_token":             {KindInteraction, DetailLogin},
	"token_expired":         {KindInteraction, DetailLogin},
}

// explainEntra replaces the kind by that of the first known number, otherwise by that of suberror.
func (f refusal) explainEntra(e *Error) {
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
