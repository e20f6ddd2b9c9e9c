package resource

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// errNotJWT is shared by all faults about opaque tokens.
var errNotJWT = errors.New("token is not a JWT")

// route returns the only issuer that may verify the token. Unknown issuers cause no
// network requests.
func (p *policy) route(t *Token) (*issuer, *fault) {
	if !t.IsJWT() {
		return p.routeOpaque(t)
	}
	iss := t.Claims().Issuer
	if from, ok := p.issuers[iss]; ok {
		return from, nil
	}
	if p.opaque != nil && p.opaque.id == iss { // introspects all tokens of the issuer
		return p.opaque, nil
	}
	for _, i := range p.tenanted {
		if from, matches := i.ofTenant(iss); from != nil {
			return from, nil
		} else if matches {
			return nil, unknownIssuer(iss, "iss names a tenant that is not allowed")
		}
	}
	if p.resolver != nil {
		if from, err := p.resolver.resolve(iss, time.Now()); errors.Is(err, errResolverBusy) {
			return nil, &fault{reason: ReasonKeyPending, err: err, retryAfter: unprovenInterval}
		} else if err != nil {
			return nil, newFault(ReasonInternalError, "Hooks.ResolveIssuer: %w", err)
		} else if from != nil {
			return from, nil
		}
	}
	f := unknownIssuer(iss, "iss names no configured issuer")
	f.want = p.describeIssuers(iss)
	return nil, f
}

// maxDescribedIssuers is the number of issuers that a log record names.
const maxDescribedIssuers = 5

// describeIssuers lists the configured issuers for the log, that which differs from iss only in
// a slash at the end first.
func (p *policy) describeIssuers(iss string) string {
	var names []string
	for _, i := range p.allIssuers() {
		if strings.TrimSuffix(i.id, "/") == strings.TrimSuffix(iss, "/") {
			return i.id + " (it differs in the slash at the end, which counts)"
		}
		names = append(names, i.id)
	}
	if more := len(names) - maxDescribedIssuers; more > 0 {
		names = append(names[:maxDescribedIssuers], fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, " or ")
}

func (p *policy) routeOpaque(t *Token) (*issuer, *fault) {
	for i := range p.prefixed {
		if strings.HasPrefix(t.Raw(), p.prefixed[i].prefix) {
			return p.prefixed[i].issuer, nil
		}
	}
	if p.opaque == nil {
		return nil, &fault{reason: ReasonOpaqueUnsupported, err: errNotJWT}
	}
	return p.opaque, nil
}

func unknownIssuer(iss, why string) *fault {
	f := &fault{reason: ReasonIssuerUnknown, got: iss, err: errors.New(why)}
	return f.asUnverified()
}
