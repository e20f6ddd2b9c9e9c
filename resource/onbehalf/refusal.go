package onbehalf

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/strictjson"
)

// Limits of the members of an error answer.
const (
	maxClaimsBytes = 2 << 10 // of claims
	maxErrorCodes  = 16      // elements of error_codes
)

// knownCodes are the codes that Error.Code can have (RFC 6749 §5.2, RFC 8693 §2.2.2, RFC 8707 §2,
// RFC 9470 §3, OpenID Connect Core §3.1.2.6, unmet_authentication_requirements of OpenID, and
// invalid_resource of Entra). Any other text of the issuer is
// dropped, because it can repeat the request.
var knownCodes = []string{
	"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
	"invalid_target", "interaction_required", "login_required", "consent_required", "account_selection_required",
	"insufficient_user_authentication", "unmet_authentication_requirements", "access_denied", "server_error", "temporarily_unavailable", "invalid_resource",
}

// clientCodes are the codes that are about this client, also if a probe shows that the issuer accepts
// its credentials.
var clientCodes = []string{"invalid_client", "unauthorized_client", "unsupported_grant_type"}

// refusal is an error answer.
type refusal struct {
	code     string // one of knownCodes
	suberror string // of Entra, if it is one of suberrors
	codes    []int  // error_codes of Entra
	claims   string // validated
}

var refusalNames = strictjson.NewNames("error", "suberror", "error_codes", "claims")

// parseRefusal reads an error answer. It reports false if that is not the document of RFC 6749 §5.2.
// Members that are not understood are dropped: they only explain the error.
func parseRefusal(r *outbound.Response) (f refusal, ok bool) {
	if !isJSON(r.Header) {
		return refusal{}, false
	}
	err := strictjson.Object(r.Body, refusalNames, func(name string, value jsontext.Value) error {
		switch name {
		case "error":
			var err error
			f.code, err = strictjson.String(value)
			return err
		case "error_codes":
			f.codes = errorCodes(value)
		case "suberror":
			f.suberror = optional(value)
		case "claims":
			if text := optional(value); isClaimsRequest(text) {
				f.claims = text
			}
		}
		return nil
	})
	if !slices.Contains(knownCodes, f.code) {
		return refusal{}, false
	}
	return f, err == nil
}

// optional returns the text of a member; "" if it is not a string.
func optional(value jsontext.Value) string {
	text, err := strictjson.String(value)
	if err != nil {
		return ""
	}
	return text
}

// errorCodes returns the first elements of error_codes.
func errorCodes(value jsontext.Value) (codes []int) {
	_ = strictjson.Elements(value, func(element jsontext.Value) error {
		n, ok := 0, element.Kind() == '0' && len(element) <= maxCodeDigits
		for i := 0; ok && i < len(element); i++ {
			ok = element[i] >= '0' && element[i] <= '9'
			n = 10*n + int(element[i]-'0')
		}
		if ok && len(codes) < maxErrorCodes {
			codes = append(codes, n)
		}
		return nil
	})
	return codes
}

// maxCodeDigits is the longest element of error_codes.
const maxCodeDigits = 9

// claimsNames are the members of a claims request (OpenID Connect Core §5.5).
var claimsNames = strictjson.NewNames("access_token", "id_token", "userinfo", "xms_cc")

// isClaimsRequest reports whether text is one JSON object of visible ASCII, without duplicate
// members, that has a member access_token or id_token. Clients pass it on to the issuer.
func isClaimsRequest(text string) (found bool) {
	if len(text) > maxClaimsBytes || !isPlain(text) {
		return false
	}
	err := strictjson.Object([]byte(text), claimsNames, func(name string, value jsontext.Value) error {
		found = found || (name == "access_token" || name == "id_token") && value.Kind() == '{'
		return strictjson.Valid(value)
	})
	return found && err == nil
}

// error returns the error for an error answer.
func (f refusal) error(t *target) *Error {
	e := &Error{Code: f.code}
	e.Kind, e.Detail = kindOfCode(t.Grant, f.code)
	if t.Grant == EntraOnBehalfOf {
		f.explainEntra(e)
	}
	if e.Err == nil {
		e.Err = advice(e.Kind, f.code)
	}
	if e.Kind == KindInteraction {
		e.Scopes, e.InteractionURL, e.Claims = slices.Clone(t.ChallengeScopes), t.InteractionURL, f.claims
	}
	return e
}

// kindOfCode returns what a code means.
func kindOfCode(g Grant, code string) (Kind, string) {
	switch code {
	case "interaction_required", "account_selection_required":
		return KindInteraction, ""
	case "login_required":
		return KindInteraction, DetailLogin
	case "insufficient_user_authentication", "unmet_authentication_requirements":
		return KindInteraction, DetailMFA
	case "consent_required":
		return KindInteraction, DetailConsent
	case "invalid_target", "invalid_resource":
		return KindTargetRefused, ""
	case "invalid_scope":
		return KindScopeRefused, ""
	case "server_error", "temporarily_unavailable":
		return KindUnavailable, ""
	case "invalid_request": // RFC 8693 §2.2.2: also for an unacceptable subject token
		if g == EntraOnBehalfOf { // a number says whether the assertion is meant
			return KindClientRefused, ""
		}
	}
	if slices.Contains(clientCodes, code) {
		return KindClientRefused, ""
	}
	return KindSubjectRefused, ""
}
