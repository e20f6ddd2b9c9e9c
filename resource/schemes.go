package resource

import (
	"net/http"
	"strings"

	"github.com/warder-go/warder/internal/authorization"
	"github.com/warder-go/warder/internal/errorresponse"
	"github.com/warder-go/warder/metadata"
)

// offers are the authorization schemes that tokens of at least one issuer can have.
type offers struct {
	bearer, dpop bool
	certificates bool   // tokens can be bound to a client certificate
	algorithms   string // of DPoP proofs, for challenges
}

// setOffers finds out which schemes tokens of at least one issuer can have.
func (b *builder) setOffers() {
	p := b.policy
	add := func(of bindings) {
		p.offers.bearer = p.offers.bearer || of.dpop != BindingRequired
		p.offers.dpop = p.offers.dpop || of.dpop != BindingOff && of.certificates != BindingRequired // a token is bound to one thing
		p.offers.certificates = p.offers.certificates || of.certificates != BindingOff && of.dpop != BindingRequired
	}
	p.requireDPoP = map[string]bool{}
	for _, i := range p.allIssuers() {
		of := p.bindingsOf(i.config.DPoP, i.config.Certificates, p.isOfField(i))
		add(of)
		if of.dpop == BindingRequired {
			p.requireDPoP[i.id] = true
		}
	}
	if p.resolver != nil { // see checkBindingsOfResolved
		add(p.bindingsOf(BindingInherited, BindingInherited, false))
	}
	if p.offers.dpop {
		p.offers.algorithms = strings.Join(p.proofs.checker.Algorithms(), " ")
	}
}

// publishBindings sets the members of the published document about bound tokens (RFC 9728 §2).
// bearer_methods_supported is for the scheme Bearer only.
func (b *builder) publishBindings(d *metadata.Document) {
	p := b.policy
	d.TLSClientCertificateBoundAccessTokens = p.offers.certificates
	if p.offers.dpop {
		d.DPoPSigningAlgValuesSupported = p.proofs.checker.Algorithms()
		d.DPoPBoundAccessTokensRequired = !p.offers.bearer
	}
}

// schemes returns the schemes that a challenge offers, if nothing is known of the issuer.
func (p *policy) schemes() errorresponse.Schemes {
	return errorresponse.Schemes{Bearer: p.offers.bearer, DPoP: p.offers.algorithms}
}

// schemesFor returns the schemes that the challenges about a fault offer. If the request needs a
// token that is bound to a key, because its issuer or the operation requires it, only DPoP is
// offered.
func (p *policy) schemesFor(f *fault) errorresponse.Schemes {
	s := p.schemes()
	if s.DPoP != "" && p.needsDPoP(f) {
		s.Bearer = false
	}
	return s
}

// needsDPoP reports whether only a token that is bound to a key can help.
func (p *policy) needsDPoP(f *fault) bool {
	switch {
	case f.needsDPoP:
		return true
	case f.caller.Verified():
		return p.bindingsOfCaller(f.caller).dpop == BindingRequired
	}
	return p.requireDPoP[f.issuer]
}

// usesDPoP reports whether a request has the scheme DPoP. header is that of the request, or nil if
// only its caller is known.
func (p *policy) usesDPoP(header http.Header, f *fault) bool {
	if !p.offers.dpop {
		return false
	}
	if values := header["Authorization"]; len(values) > 0 {
		_, kind := authorization.Read(values)
		return kind == authorization.DPoP
	}
	return f.caller.Verified() && f.caller.binding.Method == ConfirmationDPoP
}
