package resource

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/anyvalue"
	"github.com/warder-go/warder/internal/claimpath"
	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/logging"
)

// HeaderVerifier verifies credentials that are not OAuth tokens and are sent in a separate
// header field: an API key, a signature over the request, the assertion of a trusted proxy.
// Package resource/apikey has one for keys. For access tokens in a header field use
// Credentials.TokenHeaders.
type HeaderVerifier interface {
	// Issuer returns the issuer of the credentials, which is also Claims.Issuer. It is
	// not published.
	Issuer() string

	// VerifyHeader does the same as [Verifier.Verify] for the value of the field, which
	// is not empty. It is called for every request, because the result is not cached. It
	// may read the URL and other fields of req, but must not change req or read the body. Only
	// this field is known to occur once: if the proof needs another one, reject a request in
	// which that is absent or repeated. Claims.Audience must name the resource: the one of
	// Config.Identifier and Config.Identifiers that the request is for.
	VerifyHeader(ctx context.Context, value string, req *http.Request) (*Claims, error)
}

// HeaderClaim is a claim that a header field must agree with.
type HeaderClaim struct {
	Claim    string // name of a string claim of the token or the introspection answer
	Required bool   // the field must be present
}

// headerIssuer is the compiled form of an entry of Credentials.Headers or
// Credentials.TokenHeaders.
type headerIssuer struct {
	name     string         // canonical
	verifier HeaderVerifier // nil: the value is an access token, which issuer.verifier verifies
	issuer   *issuer
}

// prefixedIssuer is the compiled form of an entry of Credentials.Prefixed.
type prefixedIssuer struct {
	prefix string
	issuer *issuer
}

// headerClaim is the compiled form of an entry of Credentials.HeaderClaims.
type headerClaim struct {
	field string // canonical
	HeaderClaim
	path claimpath.Path
}

// minPrefixBytes makes it unlikely that other tokens begin with a prefix by chance.
const minPrefixBytes = 3

func (b *builder) setPrefixed() {
	given := b.config.Credentials.Prefixed
	for _, prefix := range slices.Sorted(maps.Keys(given)) {
		where := fmt.Sprintf("Credentials.Prefixed[%q]", prefix)
		if len(prefix) < minPrefixBytes || !grammar.IsToken(prefix) || strings.HasPrefix(prefix, "ey") {
			b.mistakes.Addf("%s: a prefix must have at least %d characters of a token, and must not begin like a JWT", where, minPrefixBytes)
		}
		if i := b.issuerWithoutTenants(where, given[prefix]); i != nil {
			b.policy.prefixed = append(b.policy.prefixed, prefixedIssuer{prefix, i})
		}
	}
	// The longest prefix that matches is used.
	slices.SortStableFunc(b.policy.prefixed, func(x, y prefixedIssuer) int { return len(y.prefix) - len(x.prefix) })
}

func (b *builder) setHeaders() {
	c := &b.config.Credentials
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		where, verifier := fmt.Sprintf("Credentials.Headers[%q]", name), c.Headers[name]
		b.checkFieldName(where, name, seen)
		if anyvalue.IsNil(verifier) {
			b.mistakes.Addf("%s: verifier is nil", where)
			continue
		}
		if verifier.Issuer() == "" {
			b.mistakes.Addf("%s: Issuer() is empty; it must be Claims.Issuer", where)
		}
		b.policy.headers = append(b.policy.headers, headerIssuer{textproto.CanonicalMIMEHeaderKey(name), verifier,
			&issuer{config: new(Issuer), id: verifier.Issuer()}})
	}
	b.setTokenHeaders(seen)
	seen = map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.HeaderClaims)) {
		where, claim := fmt.Sprintf("Credentials.HeaderClaims[%q]", name), c.HeaderClaims[name]
		b.checkFieldName(where, name, seen)
		if claim.Claim == "" {
			b.mistakes.Addf("%s: Claim is empty", where)
		}
		b.policy.headerClaims = append(b.policy.headerClaims,
			headerClaim{textproto.CanonicalMIMEHeaderKey(name), claim, claimpath.Name(claim.Claim)})
	}
}

// checkNames rejects a HeaderVerifier that has the name of an authorization server. Equal
// subjects would be one principal.
func (b *builder) checkNames() {
	c := &b.config
	check := func(where string, v any, name string) {
		for _, i := range b.policy.allIssuers() {
			_, other := i.verifier.(HeaderVerifier)
			if i.id == name && !other && !anyvalue.Same(i.verifier, v) {
				b.mistakes.Addf("%s: Issuer() is %q, which is also an authorization server; equal subjects would be one principal, so use another name", where, name)
				return
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Credentials.Headers)) {
		if v := c.Credentials.Headers[name]; !anyvalue.IsNil(v) {
			check(fmt.Sprintf("Credentials.Headers[%q]", name), v, v.Issuer())
		}
	}
	for _, prefix := range slices.Sorted(maps.Keys(c.Credentials.Prefixed)) {
		if v, ok := c.Credentials.Prefixed[prefix].Verifier.(HeaderVerifier); ok && !anyvalue.IsNil(v) {
			check(fmt.Sprintf("Credentials.Prefixed[%q].Verifier", prefix), v, v.Issuer())
		}
	}
}

// warnOfBearerKeys logs the issuers of keys in header fields that do not verify keys in the
// Authorization header too. Clients often send keys there. Such a key is an opaque token, so it is
// sent to the introspection endpoint, and the reason of the rejection is inactive.
func (p *policy) warnOfBearerKeys(opaque *Issuer) {
	if opaque == nil {
		return
	}
	for _, h := range p.headers {
		id := h.issuer.id
		_, verifiesTokens := h.verifier.(Verifier)
		hasPrefix := slices.ContainsFunc(p.prefixed, func(x prefixedIssuer) bool { return x.issuer.id == id })
		if verifiesTokens && !hasPrefix && id != opaque.Verifier.Issuer() {
			logging.OrDefault(p.logger).Warn("keys that clients send as bearer tokens are sent to the introspection endpoint, unless Credentials.Prefixed is set",
				"resource", p.document.Resource, "header", h.name, "keys_of", id)
			return
		}
	}
}

// checkFieldName also rejects a field that is configured twice, in two spellings.
func (b *builder) checkFieldName(where, name string, seen map[string]bool) {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	valid := name != "" && strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
	switch {
	case !valid:
		b.mistakes.Addf("%s: not a header field name", where)
	case slices.Contains([]string{"Authorization", "Proxy-Authorization", "Cookie", "Host", "Origin", proofField}, canonical):
		b.mistakes.Addf("%s: %s has a standard meaning", where, canonical)
	case seen[canonical]:
		b.mistakes.Addf("%s: duplicate field %s; field names are the same in upper and lower case", where, canonical)
	}
	seen[canonical] = true
}

// identifyByHeader is steps 3 to 7 for a credential in a header field. No other verifier is
// tried after it. The result is not cached, because more than the value of the field can
// take part in the proof.
func (p *policy) identifyByHeader(at *endpoint, req *http.Request, from *headerIssuer, value string) (*Caller, *fault) {
	began := time.Now()
	claims, f := from.verify(req, value)
	now := time.Now()
	p.metrics.headerVerifications.Observe(now.Sub(began).Seconds())
	if f == nil {
		f = p.newHeaderCheck(at, from, claims, now).run()
	}
	token := newToken(headerPrefix(from.name)+value, nil, nil)
	if f != nil {
		return nil, f.ofHeader(from, claims, token)
	}
	return p.newHeaderCaller(at, from, claims, token), nil
}

// verify calls the verifier of the field.
func (h *headerIssuer) verify(req *http.Request, value string) (*Claims, *fault) {
	claims, err := h.verifier.VerifyHeader(req.Context(), value, req)
	switch {
	case err != nil:
		return claims, verifierFault(err)
	case claims == nil:
		return nil, newFault(ReasonInternalError, "verifier of %s returned neither claims nor an error", h.name)
	}
	return claims, nil
}

// newHeaderCheck returns the input of the checks about the claims of a header credential.
func (p *policy) newHeaderCheck(at *endpoint, from *headerIssuer, claims *Claims, now time.Time) *claimsCheck {
	return &claimsCheck{claims: claims, verified: true, endpoint: at, issuer: from.issuer, bindings: bindings{BindingOff, BindingOff}, now: now, leeway: p.leeway, lifetime: p.lifetime}
}

// ofHeader adds what the fault is about.
func (f *fault) ofHeader(from *headerIssuer, claims *Claims, token *Token) *fault {
	f.credential, f.issuer, f.claims, f.token = from.name, from.issuer.id, claims, token
	return f
}

// newHeaderCaller returns the caller of a header credential.
func (p *policy) newHeaderCaller(at *endpoint, from *headerIssuer, claims *Claims, token *Token) *Caller {
	caller := p.newCaller(at, from.issuer, claims, token, from.name)
	caller.tokenDigest = digest.Digest{} // the credential is not an access token
	return caller
}

// headerPrefix precedes the value of a field in a Token, so that the same text in two fields is
// not one principal.
func headerPrefix(name string) string { return name + ": " }

// isAboutOtherCredential reports whether a fault is about a credential that is not an OAuth access
// token.
func (p *policy) isAboutOtherCredential(f *fault) bool {
	if f.caller != nil {
		return p.isOtherCredential(f.caller.Credential(), f.caller.Issuer())
	}
	return p.isOtherCredential(f.credential, f.issuer)
}

// isOtherCredential reports whether a credential is not an OAuth access token: it is in a header
// field, or has a prefix and its issuer has no other tokens.
func (p *policy) isOtherCredential(kind, from string) bool {
	switch kind {
	case "", CredentialJWT:
		return false
	case CredentialOpaque:
		isFrom := func(i prefixedIssuer) bool { return i.issuer.id == from }
		return slices.ContainsFunc(p.prefixed, isFrom) && p.issuers[from] == nil && (p.opaque == nil || p.opaque.id != from)
	}
	return true
}

// header returns the entry of a field, or nil.
func (p *policy) header(field string) *headerIssuer {
	if i := slices.IndexFunc(p.headers, func(h headerIssuer) bool { return h.name == field }); i >= 0 {
		return &p.headers[i]
	}
	return nil
}

// hasSameHeader reports whether a field has the same HeaderVerifier in two policies.
func (p *policy) hasSameHeader(field string, other *policy) bool {
	x, y := p.header(field), other.header(field)
	return x != nil && y != nil && x.verifier != nil && y.verifier != nil && anyvalue.Same(x.verifier, y.verifier)
}

// wantedClaim describes a claim of the caller, of which there is none in a public operation.
func wantedClaim(claimed string, c *Caller) string {
	switch {
	case claimed != "":
		return claimed
	case c.Verified():
		return "the credential has no such text"
	}
	return "a request without a token has no claims"
}

// checkHeaderClaims rejects a request in which a header field contradicts the claims.
func (p *policy) checkHeaderClaims(header http.Header, c *Caller) *fault {
	for i := range p.headerClaims {
		h := &p.headerClaims[i]
		values := header[h.field]
		switch {
		case len(values) == 0 && !h.Required:
			continue
		case len(values) != 1:
			return newFault(ReasonHeaderClaim, "%s is absent or repeated", h.field)
		}
		claimed := h.path.Text(c.object)
		if claimed == "" || claimed != values[0] { // an empty claim is an absent one
			return &fault{reason: ReasonHeaderClaim, got: h.field + ": " + values[0], want: h.Claim + ": " + wantedClaim(claimed, c)}
		}
	}
	return nil
}
