package onbehalf

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/resource"
)

// Kind says why there is no token. It is one of a closed set of words, which the metric label
// "outcome" and the log attribute "kind" show too.
type Kind string

// The kinds.
const (
	KindNoToken         Kind = "no_token"             // the caller holds no access token: see resource.ErrNoHeldToken
	KindOtherIssuer     Kind = "other_issuer"         // the caller's token is of another issuer than Config.Issuer, or it is an API key
	KindUnknownTarget   Kind = "unknown_target"       // Config.Targets has no target of this name
	KindOtherOrigin     Kind = "other_origin"         // Transport: the request is not for an origin of the target
	KindEnded           Kind = "ended"                // the caller's token is not good any more: expired, revoked or withdrawn
	KindInteraction     Kind = "interaction_required" // the user must do something at the issuer first, such as consent or MFA
	KindNotExchangeable Kind = "not_exchangeable"     // this token can never be exchanged, for example because it belongs to a client
	KindTargetRefused   Kind = "target_refused"       // the issuer does not issue tokens for the target
	KindScopeRefused    Kind = "scope_refused"        // the issuer does not grant the scopes of the target
	KindSubjectRefused  Kind = "subject_refused"      // the issuer does not accept the caller's token
	KindClientRefused   Kind = "client_refused"       // the issuer does not accept Config.Auth, or this client may not exchange tokens
	KindUnavailable     Kind = "unavailable"          // outage, open circuit, full queue: try again after RetryAfter
	KindUnusable        Kind = "unusable_answer"      // the issuer has sent an answer that must not be used
)

// kinds are all kinds that an exchange can end with.
var kinds = []Kind{
	KindNoToken, KindOtherIssuer, KindUnknownTarget, KindOtherOrigin, KindEnded, KindInteraction, KindNotExchangeable,
	KindTargetRefused, KindScopeRefused, KindSubjectRefused, KindClientRefused, KindUnavailable, KindUnusable,
}

// Details of KindUnusable: what is wrong with the answer.
const (
	DetailMalformed   = "malformed"         // not the JSON object of RFC 6749 §5.1 or §5.2, or duplicate members
	DetailContentType = "content_type"      // not application/json
	DetailTooLarge    = "too_large"         // larger than 64 KiB
	DetailRedirect    = "redirect"          // redirects are never followed
	DetailAccessToken = "access_token"      // missing, too long, not a b64token (RFC 6750 §2.1), or a malformed JWT
	DetailTokenType   = "token_type"        // not Bearer, such as N_A or DPoP
	DetailIssuedType  = "issued_token_type" // not Target.IssuedTokenType (RFC 8693 §2.2.1)
	DetailScope       = "scope"             // wider than Target.Scopes, or malformed
	DetailAudience    = "audience"          // a JWT that is not for the target
	DetailExpired     = "expired"           // the issued token or that of the caller has expired already
	DetailSameToken   = "same_token"        // the caller's token itself
)

// Details of KindInteraction and KindNotExchangeable, as far as the issuer says more.
const (
	DetailConsent           = "consent"            // the user or an administrator must consent
	DetailMFA               = "mfa"                // a stronger login is needed
	DetailConditionalAccess = "conditional_access" // the device, the network or the app does not meet a policy
	DetailLogin             = "login"              // the user must log in again
	DetailAppOnly           = "app_only"           // the token belongs to a client, not to a user
	DetailAssertion         = "assertion"          // the token is not for this client, or is of another type
)

// DetailRequest is the detail of KindClientRefused if the issuer refuses this client for this request,
// and not for a random token. Then not the credentials are wrong, but for example the name of the
// target: Keycloak answers invalid_client if the audience is not a client.
const DetailRequest = "request" // this client is refused for this request only

// Error is the type of all errors of this package, except those of a context. It contains no part of
// a token, and no text of the issuer except Code, Claims and, in Err, a number of Entra.
type Error struct {
	Kind   Kind
	Target string // a name of Config.Targets; "" if it is not one

	// Detail is one of the constants of this package. For KindEnded and KindUnavailable it can be the
	// reason of a Resource, and for KindUnavailable and KindClientRefused the outcome of the call, such
	// as "timeout" or "credentials". "": none.
	Detail string

	Code   string // "error" of the issuer's answer, if this package knows it; otherwise ""
	Status int    // of the issuer's answer; 0: none

	// RetryAfter is when to try again. It is positive for KindUnavailable only.
	RetryAfter time.Duration

	// Scopes are Target.ChallengeScopes, for KindInteraction.
	Scopes []string

	// InteractionURL is Target.InteractionURL, for KindInteraction. mcpsdk.ElicitURL makes an MCP client
	// ask the user to open it.
	InteractionURL string

	// Claims are the claims that the client must request at the issuer (OpenID Connect Core §5.5),
	// for KindInteraction: one JSON object of at most 2 KiB, from the member "claims" of the
	// answer. "": none.
	Claims string

	Err error // cause; nil: none
}

// Error describes the error for a log.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("onbehalf: ")
	if e.Target != "" {
		fmt.Fprintf(&text, "target %q: ", e.Target)
	}
	text.WriteString(string(e.Kind))
	if e.Detail != "" {
		text.WriteString(" (" + e.Detail + ")")
	}
	if e.Code != "" {
		fmt.Fprintf(&text, ": error %q of the issuer", e.Code)
	}
	if e.Err != nil {
		fmt.Fprintf(&text, ": %v", e.Err)
	}
	return text.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// HTTPStatus returns a status for a handler that can answer only with an error: 503 for
// KindUnavailable, with RetryAfter as the header field Retry-After, 401 for KindEnded, 403 for what
// the user or the issuer must change, and 500 for the rest, which is a mistake of this server.
func (e *Error) HTTPStatus() int {
	switch e.Kind {
	case KindUnavailable:
		return http.StatusServiceUnavailable
	case KindEnded:
		return http.StatusUnauthorized
	case KindNoToken, KindOtherIssuer, KindInteraction, KindNotExchangeable, KindScopeRefused, KindSubjectRefused:
		return http.StatusForbidden
	}
	return http.StatusInternalServerError
}

// Challenge requests that the request that ctx belongs to is answered with 403 and a challenge for
// the scopes of Target.ChallengeScopes, so that the client sends the user to the issuer again. It
// reports whether the request will be answered like that: see [resource.Challenge]. It returns
// false for every other Kind than KindInteraction.
//
// Inside a tool of the official MCP Go SDK use mcpsdk.Challenge(req.Extra, e.Scopes...) instead.
func (e *Error) Challenge(ctx context.Context) bool {
	return e.Kind == KindInteraction && len(e.Scopes) > 0 && resource.Challenge(ctx, e.Scopes...)
}

// isAnswer reports whether the issuer would answer the same again, as far as that is known. The error is that
// of an exchange.
func (e *Error) isAnswer() bool {
	if e.Kind == KindClientRefused {
		return e.Detail == DetailRequest
	}
	return slices.Contains([]Kind{KindEnded, KindInteraction, KindNotExchangeable, KindTargetRefused, KindScopeRefused, KindSubjectRefused, KindUnusable}, e.Kind)
}
