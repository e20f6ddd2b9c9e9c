package resource

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/strictjson"
	"github.com/warder-go/warder/internal/tenant"
)

// errNotJWT is shared by all faults about opaque tokens.
var errNotJWT = errors.New("token is not a JWT")

// route returns the only issuer that may verify the token. Unknown issuers cause no
// network requests. look is for an explanation: see resolver.look.
func (p *policy) route(t *Token, look bool) (*issuer, *fault) {
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
			f := unknownIssuer(iss, "iss names a tenant that is not allowed")
			f.want = "an allowed tenant of " + i.id
			return nil, f
		}
	}
	if p.resolver != nil {
		resolve := p.resolver.resolve
		if look {
			resolve = p.resolver.look
		}
		if from, err := resolve(iss, time.Now()); errors.Is(err, errResolverBusy) {
			f := &fault{reason: ReasonKeyPending, got: iss, err: err, retryAfter: unprovenInterval}
			return nil, f.asUnverified()
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

// namedIssuer returns the configured issuer or pattern that is the iss of claims that
// ParseClaims rejects, or "". It is for the log: the claims are not verified.
func (p *policy) namedIssuer(claims []byte) string {
	values := strictjson.LenientMembers(claims, "iss")
	if len(values) != 1 {
		return ""
	}
	iss, err := strictjson.String(values[0])
	if err != nil {
		return ""
	}
	if p.issuers[iss] != nil || p.opaque != nil && p.opaque.id == iss {
		return iss
	}
	for _, i := range p.tenanted {
		if _, ok := tenant.Match(i.id, iss); ok || i.id == iss {
			return i.id
		}
	}
	return ""
}

// describeIssuers describes the issuers of JWTs for the log.
func (p *policy) describeIssuers(iss string) string {
	ids := slices.Sorted(maps.Keys(p.issuers))
	for _, i := range p.tenanted {
		ids = append(ids, i.id)
	}
	if p.opaque != nil && p.issuers[p.opaque.id] == nil {
		ids = append(ids, p.opaque.id)
	}
	return tenant.Describe(ids, iss)
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
