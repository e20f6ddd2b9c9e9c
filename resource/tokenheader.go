package resource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"time"

	"github.com/warder-go/warder/internal/digest"
)

// setTokenHeaders compiles Credentials.TokenHeaders. seen are the fields that have a verifier
// already.
func (b *builder) setTokenHeaders(seen map[string]bool) {
	given := b.config.Credentials.TokenHeaders
	for _, name := range slices.Sorted(maps.Keys(given)) {
		where := fmt.Sprintf("Credentials.TokenHeaders[%q]", name)
		b.checkFieldName(where, name, seen)
		if i := b.issuerWithoutTenants(where, given[name]); i != nil {
			b.policy.headers = append(b.policy.headers, headerIssuer{name: textproto.CanonicalMIMEHeaderKey(name), issuer: i})
		}
	}
}

// identifyByTokenHeader is steps 2 to 7 for an access token in a field of
// Credentials.TokenHeaders. Only the issuer of the field may verify it, whatever its iss. The
// same token in another field, or after Bearer, has another cache entry.
func (p *policy) identifyByTokenHeader(ctx context.Context, at *endpoint, from *headerIssuer, value string, now time.Time) (*Caller, *fault) {
	cacheKey := at.cacheKey(fieldCacheKey(from.name, value))
	if cached, ok := p.cache.Get(cacheKey, now); ok && cached.resource == at.identifier && cached.credential == from.name {
		return p.recast(cached), nil
	}
	token, f := p.read(value)
	if f == nil {
		var caller *Caller
		if caller, f = p.verifyToken(ctx, at, from.issuer, token, from.name, cacheKey, now); f == nil {
			return caller, nil
		}
	}
	return nil, from.withField(f)
}

// withField adds the field to a fault about its value. f belongs to the request.
func (h *headerIssuer) withField(f *fault) *fault {
	if f.reason == ReasonMalformedRequest {
		f.err = errors.New(h.name + " is not a token: it must have the token alone, without Bearer")
	}
	f.credential, f.issuer = h.name, h.issuer.id
	return f
}

// fieldCacheKey returns the key of a token in a field.
func fieldCacheKey(field, value string) digest.Digest { return digest.Of(headerPrefix(field), value) }

// isFromField reports whether the caller's credential was not in the Authorization header.
func (c *Caller) isFromField() bool { return isFieldName(c.credential) }

// isFieldName reports whether a kind of credential, as Caller.Credential returns it, is a field.
func isFieldName(credential string) bool {
	return credential != CredentialJWT && credential != CredentialOpaque
}

// readsTokenIn reports whether a field is one of Credentials.TokenHeaders.
func (p *policy) readsTokenIn(field string) bool {
	h := p.header(field)
	return h != nil && h.verifier == nil
}

// isOfField reports whether an issuer is that of a field in Credentials.TokenHeaders.
func (p *policy) isOfField(i *issuer) bool {
	return slices.ContainsFunc(p.headers, func(h headerIssuer) bool { return h.issuer == i })
}

// tokenHeaders returns the entries of Credentials.TokenHeaders.
func (p *policy) tokenHeaders() []headerIssuer {
	return slices.DeleteFunc(slices.Clone(p.headers), func(h headerIssuer) bool { return h.verifier != nil })
}

// matchToken returns a function that reports whether a cache entry is that of the token, in
// whatever field and for whatever endpoint it was.
func matchToken(token string) func(digest.Digest, *Caller) bool {
	bearer, fields := digest.Of(token), map[string]digest.Digest{}
	return func(key digest.Digest, c *Caller) bool {
		if !c.isFromField() {
			return sameToken(key, bearer)
		}
		if _, ok := fields[c.credential]; !ok {
			fields[c.credential] = fieldCacheKey(c.credential, token)
		}
		return sameToken(key, fields[c.credential])
	}
}
