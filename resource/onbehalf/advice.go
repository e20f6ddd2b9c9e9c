package onbehalf

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/warder-go/warder/resource"
)

// maxListed is the most names of the configuration in the text of an error.
const maxListed = 10 // targets or origins in the text of an error

// advice says what to do about an error answer; nil if the kind says it.
func advice(kind Kind, code string) error {
	switch {
	case kind == KindSubjectRefused && code == "invalid_request": // RFC 8693 §2.2.2
		return errors.New("check at the issuer that this client may exchange tokens and may use the target, and that the caller's token and its session are still good")
	case kind == KindSubjectRefused:
		return errors.New("check that the caller's token was issued for this client: the issuer can require its client ID in aud")
	case kind == KindTargetRefused:
		return errors.New("check Audiences, Resources and Scopes of the target, and that this client may use it at the issuer")
	case kind == KindScopeRefused:
		return errors.New("check Target.Scopes, and that this client and the user may have them at the issuer")
	case code == "unsupported_grant_type":
		return errors.New("the issuer does not support the grant, or not for this client: check Target.Grant")
	case code == "unauthorized_client":
		return errors.New("the client may also lack the permission to exchange tokens (RFC 6749 §5.2)")
	}
	return nil
}

// errNoCaller is the error for a context that has no caller.
var errNoCaller = fmt.Errorf("the context has no accepted caller: use that of the request or WithCaller: %w", resource.ErrNoHeldToken)

// noToken returns the cause of KindNoToken.
func noToken(caller *resource.Caller) error {
	if !caller.Verified() {
		return errNoCaller
	}
	return fmt.Errorf("%w: set Credentials.HoldTokens; in a tool of the Go SDK use the caller of req.Extra", resource.ErrNoHeldToken)
}

// unknownTarget lists the names of the targets. It does not repeat the wrong name, which can be any text.
func (e *engine) unknownTarget() error {
	var names []string
	for name := range e.targets {
		names = append(names, name)
	}
	slices.Sort(names)
	return fmt.Errorf("Config.Targets has %s", list(names))
}

// otherIssuer compares the issuers, which are both from configurations.
func (e *engine) otherIssuer(caller *resource.Caller) error {
	return fmt.Errorf("the caller's issuer is %q, and Config.Issuer is %q: make an exchanger for each issuer; API keys cannot be exchanged", caller.Issuer(), e.issuer)
}

// otherOrigin lists the origins of the target. It does not repeat the URL, which can contain a secret.
func (t *target) otherOrigin() error {
	if len(t.origins) == 0 {
		return errors.New("the target has no origins: set Target.Origins")
	}
	return fmt.Errorf("the request is not for an origin of the target: Target.Origins has %s", list(t.origins))
}

// list quotes names, at most maxListed.
func list(names []string) string {
	var quoted []string
	for _, name := range names[:min(len(names), maxListed)] {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	if more := len(names) - len(quoted); more > 0 {
		quoted = append(quoted, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(quoted, ", ")
}
