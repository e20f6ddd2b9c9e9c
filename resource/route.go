package resource

import (
	"errors"
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
		if from, err := p.resolver.resolve(iss, time.Now()); err != nil {
			return nil, newFault(ReasonInternalError, "Hooks.ResolveIssuer: %w", err)
		} else if from != nil {
			return from, nil
		}
	}
	return nil, unknownIssuer(iss, "iss names no configured issuer")
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
