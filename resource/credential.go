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

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// How a caller proved who it is: [Caller.Credential] for tokens. For a credential in
// a header field of its own it is the field's name.
const (
	CredentialJWT    = "jwt"
	CredentialOpaque = "opaque"
)

// HeaderVerifier vouches for credentials that are no OAuth tokens and come in a header
// field of their own: an API key, a signature over the request, the assertion of a
// trusted proxy. Package resource/apikey has one for keys.
type HeaderVerifier interface {
	// Issuer names who vouches, as Claims.Issuer will. It is not published.
	Issuer() string

	// VerifyHeader does as [Verifier.Verify] for the value of the field, which is
	// not empty. It is called for every request, remembers nothing by itself, and
	// may read other fields and the URL of req, but neither change it nor read the
	// body. Claims.Audience must name the resource.
	VerifyHeader(ctx context.Context, value string, req *http.Request) (*Claims, error)
}

// HeaderClaim is a claim that a header field must agree with.
type HeaderClaim struct {
	Claim    string // of the token or the answer; a string
	Required bool   // the field must be there; otherwise it may be absent
}

// headerIssuer is an entry of Config.Headers made ready.
type headerIssuer struct {
	name     string // canonical
	verifier HeaderVerifier
	issuer   issuer
}

// prefixIssuer is an entry of Config.Prefixed made ready.
type prefixIssuer struct {
	prefix string
	issuer *issuer
}

// minPrefix keeps a prefix from being one that other tokens have by chance.
const minPrefix = 3

func (b *builder) credentials(r *Resource) {
	for _, prefix := range slices.Sorted(maps.Keys(b.config.Prefixed)) {
		where := fmt.Sprintf("Prefixed[%q]", prefix)
		if len(prefix) < minPrefix || !isB64Token(prefix) || strings.HasPrefix(prefix, "ey") {
			b.mistake("%s: a prefix has %d characters of a token at least, and is not how a JWT begins", where, minPrefix)
		}
		if i := b.single(where, b.config.Prefixed[prefix]); i != nil {
			r.prefixed = append(r.prefixed, prefixIssuer{prefix, i})
		}
	}
	// The longest prefix counts.
	slices.SortStableFunc(r.prefixed, func(a, b prefixIssuer) int { return len(b.prefix) - len(a.prefix) })
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(b.config.Headers)) {
		where, verifier := fmt.Sprintf("Headers[%q]", name), b.config.Headers[name]
		b.checkFieldName(where, name, seen)
		if isNil(verifier) {
			b.mistake("%s: verifier is nil", where)
			continue
		}
		if verifier.Issuer() == "" {
			b.mistake("%s: Issuer() is empty; it must be Claims.Issuer", where)
		}
		audiences := identifierAudiences(b.config.Identifier)
		r.headers = append(r.headers, headerIssuer{textproto.CanonicalMIMEHeaderKey(name), verifier,
			issuer{id: verifier.Issuer(), audiences: audiences}})
	}
	seen = map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(b.config.HeaderClaims)) {
		where, claim := fmt.Sprintf("HeaderClaims[%q]", name), b.config.HeaderClaims[name]
		b.checkFieldName(where, name, seen)
		if claim.Claim == "" {
			b.mistake("%s: Claim is empty", where)
		}
		r.agreements = append(r.agreements, agreement{textproto.CanonicalMIMEHeaderKey(name), claim, strictjson.NewNames(claim.Claim)})
	}
}

// checkFieldName also sees to it that no field is configured twice, in two spellings.
func (b *builder) checkFieldName(where, name string, seen map[string]bool) {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	valid := name != "" && strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
	switch {
	case !valid:
		b.mistake("%s: no header field name", where)
	case slices.Contains([]string{"Authorization", "Proxy-Authorization", "Cookie", "Host", "Origin"}, canonical):
		b.mistake("%s: %s has a meaning of its own", where, canonical)
	case seen[canonical]:
		b.mistake("%s: %s stands twice; field names are the same in upper and lower case", where, canonical)
	}
	seen[canonical] = true
}

// headerCredential returns the entry of Config.Headers that marks the request, if any,
// and the field's value. Two credentials in one request are one too many: which one
// counts would be a matter of taste.
func (r *Resource) headerCredential(header http.Header) (by *headerIssuer, value string, f *fault) {
	for i := range r.headers {
		h := &r.headers[i]
		values := header[h.name]
		switch {
		case len(values) == 0:
			continue
		case len(values) > 1 || values[0] == "":
			return nil, "", newFault(ReasonMalformedRequest, "%s is repeated or empty", h.name)
		case by != nil || len(header["Authorization"]) > 0:
			return nil, "", newFault(ReasonMalformedRequest, "%s beside another credential", h.name)
		case len(values[0]) > r.maxToken:
			return nil, "", newFault(ReasonTokenTooLarge, "%s over %d bytes", h.name, r.maxToken)
		}
		by, value = h, values[0]
	}
	return by, value, nil
}

// identifyByHeader is steps 3 to 7 for a credential in a header field of its own. A
// bad one never falls through to another. It is not remembered: what proves it may be
// more than its value.
func (r *Resource) identifyByHeader(req *http.Request, by *headerIssuer, value string) (*Caller, *fault) {
	began := time.Now()
	claims, err := by.verifier.VerifyHeader(req.Context(), value, req)
	now := time.Now()
	r.metrics.tookOwn.Observe(now.Sub(began).Seconds())
	var f *fault
	switch {
	case err != nil:
		f = verifierFault(err)
	case claims == nil:
		f = newFault(ReasonInternalError, "verifier of %s returned neither claims nor an error", by.name)
	default:
		s := screening{claims: claims, verified: true, issuer: &by.issuer, now: now, leeway: r.leeway, lifetime: r.lifetime}
		f = s.run()
	}
	if f != nil {
		f.how, f.issuer, f.claims = by.name, by.issuer.id, claims
		return nil, f
	}
	return r.newCaller(&by.issuer, claims, by.name), nil
}

// hasHeader reports whether a field has the same verifier here and there.
func (r *Resource) hasHeader(field string, there *Resource) bool {
	for i := range r.headers {
		for j := range there.headers {
			if here, other := &r.headers[i], &there.headers[j]; here.name == field && other.name == field {
				return same(here.verifier, other.verifier)
			}
		}
	}
	return false
}

// agreement is an entry of Config.HeaderClaims made ready.
type agreement struct {
	field string
	HeaderClaim
	names *strictjson.Names
}

// disagrees reports whether a header field contradicts the caller's claims.
func (r *Resource) disagrees(header http.Header, c *Caller) *fault {
	for i := range r.agreements {
		a := &r.agreements[i]
		values := header[a.field]
		switch {
		case len(values) == 0 && !a.Required:
			continue
		case len(values) != 1:
			return newFault(ReasonHeaderClaim, "%s is absent or repeated", a.field)
		}
		claimed, found := "", false
		_ = strictjson.Object(c.object, a.names, func(_ string, value jsontext.Value) (err error) {
			claimed, err = strictjson.String(value)
			found = err == nil
			return err
		})
		if !found || claimed != values[0] {
			return &fault{reason: ReasonHeaderClaim, got: a.field + ": " + values[0], want: a.Claim + ": " + claimed}
		}
	}
	return nil
}
