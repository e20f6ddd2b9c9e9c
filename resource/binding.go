package resource

import "strings"

// Binding says whether access tokens can, or must, be bound to a key or a certificate of their
// client. A bound token that was stolen is useless without the private key.
type Binding int

const (
	// BindingInherited is BindingOff in Credentials. In an Issuer it is the value in
	// Credentials.
	BindingInherited Binding = iota
	// BindingOff rejects bound tokens. To accept one without a proof would undo the binding.
	BindingOff
	// BindingAccepted accepts bound tokens with a proof, and also tokens that are not bound.
	BindingAccepted
	// BindingRequired accepts only tokens that are bound in this way, with a proof. A token is
	// bound to one thing, so BindingAccepted for the other way then has no effect.
	BindingRequired
)

// or returns the value that applies to the tokens of an issuer.
func (b Binding) or(inherited Binding) Binding {
	switch {
	case b != BindingInherited:
		return b
	case inherited == BindingInherited:
		return BindingOff
	}
	return inherited
}

// callerBinding is what step 9 needs of a cached caller.
type callerBinding struct {
	Confirmation
	dpop, certificates Binding // of the issuer, without what it inherits
	proof              *provenKey
}

// setBinding sets what the token of a caller is bound to, and what its issuer accepts.
func (c *Caller) setBinding(from *issuer, claims *Claims) {
	c.binding = callerBinding{Confirmation: claims.Confirmation, dpop: from.config.DPoP, certificates: from.config.Certificates}
	if claims.Confirmation.Method == ConfirmationDPoP {
		c.binding.proof = new(provenKey)
	}
}

// bindings are values for the tokens of an issuer.
type bindings struct{ dpop, certificates Binding }

// bindingsOf returns the values for tokens of an issuer. Tokens in other fields than Authorization
// cannot be bound, because a proxy and not the client sends them.
func (p *policy) bindingsOf(dpop, certificates Binding, inField bool) bindings {
	if inField {
		return bindings{BindingOff, BindingOff}
	}
	return bindings{dpop.or(p.bindings.dpop), certificates.or(p.bindings.certificates)}
}

// bindingsOfCaller returns the values for the token of a caller.
func (p *policy) bindingsOfCaller(c *Caller) bindings {
	return p.bindingsOf(c.binding.dpop, c.binding.certificates, c.isFromField())
}

// of returns the value for a method of confirmation; BindingOff for one that is not supported.
func (b bindings) of(method string) Binding {
	switch method {
	case ConfirmationDPoP:
		return b.dpop
	case ConfirmationCertificate:
		return b.certificates
	}
	return BindingOff
}

// fault returns why a token with a confirmation is not accepted; nil if it is, with a proof.
func (b bindings) fault(c Confirmation) *fault {
	switch {
	case c.IsBound() && b.of(c.Method) == BindingOff:
		return &fault{reason: ReasonSenderConstrained, got: c.got(), want: b.describe()}
	case b.dpop == BindingRequired && c.Method != ConfirmationDPoP, b.certificates == BindingRequired && c.Method != ConfirmationCertificate:
		return &fault{reason: ReasonBindingRequired, got: c.got(), want: b.describe()}
	}
	return nil
}

// describe says which tokens are accepted, for the log.
func (b bindings) describe() string {
	switch {
	case b.dpop == BindingRequired:
		return "cnf jkt (DPoP is required)"
	case b.certificates == BindingRequired:
		return "cnf x5t#S256 (a client certificate is required)"
	case b.dpop == BindingOff && b.certificates == BindingOff:
		return "no cnf: set dpop or client_certificates (in Go: Credentials.DPoP, Credentials.Certificates) to accept bound tokens"
	case b.dpop == BindingOff:
		return "no cnf, or x5t#S256"
	case b.certificates == BindingOff:
		return "no cnf, or jkt"
	}
	return "no cnf, jkt or x5t#S256"
}

// checkBinding rejects a value that is not defined.
func (b *builder) checkBinding(where string, given Binding) {
	if given < BindingInherited || given > BindingRequired {
		b.mistakes.Addf("%s: %d is none of BindingOff, BindingAccepted and BindingRequired", where, given)
	}
}

// checkBindings rejects bindings that contradict each other. All issuers are known when it is
// called.
func (b *builder) checkBindings() {
	c, p := &b.config, b.policy
	for _, given := range []struct {
		field string
		value Binding
	}{{"DPoP", p.bindings.dpop}, {"Certificates", p.bindings.certificates}} {
		if given.value == BindingRequired && len(c.Credentials.Headers)+len(c.Credentials.TokenHeaders) > 0 {
			b.mistakes.Addf("Credentials.%s.Tokens: BindingRequired applies to all credentials, and those in Headers and TokenHeaders cannot be bound; set it for the issuers instead (dpop, client_certificates)", given.field)
		}
	}
	for _, i := range p.allIssuers() {
		b.checkBindingsOf(i)
	}
	for n := range p.headers {
		if i := p.headers[n].issuer.config; i.DPoP != BindingInherited || i.Certificates != BindingInherited {
			b.mistakes.Addf("Credentials.TokenHeaders[%q]: DPoP, Certificates: a token in this field cannot be bound, because a proxy and not the client sends it; remove the value", p.headers[n].name)
		}
	}
}

// checkBindingsOf rejects bindings of an issuer that contradict each other or those in Credentials.
func (b *builder) checkBindingsOf(i *issuer) {
	all, of := b.policy.bindings, b.policy.bindingsOf(i.config.DPoP, i.config.Certificates, false)
	if all.dpop == BindingRequired && of.dpop != BindingRequired || all.certificates == BindingRequired && of.certificates != BindingRequired {
		b.mistakes.Addf("issuer %q: DPoP, Certificates: BindingRequired in Credentials applies to all issuers; remove the value of the issuer", i.id)
	}
	if of.dpop == BindingRequired && of.certificates == BindingRequired {
		b.mistakes.Addf("issuer %q: DPoP, Certificates: both are BindingRequired, and a token is bound to one thing; require one, or accept both and set Operations.Bound", i.id)
	}
}

// checkBindingsOfResolved is checkBindingsOf for an issuer of Hooks.ResolveIssuer. The challenge of
// a request without credentials cannot know what such an issuer accepts.
func (b *builder) checkBindingsOfResolved(i *issuer) {
	b.checkBindingsOf(i)
	if i.config.DPoP > BindingOff && b.policy.bindings.dpop <= BindingOff {
		b.mistakes.Addf("issuer %q: DPoP: Credentials.DPoP.Tokens must be BindingAccepted or BindingRequired, so that challenges offer DPoP", i.id)
	}
}

// checkUnusedBindings rejects settings for bound tokens that no issuer has. Other mistakes come
// first, because they can be the cause.
func (b *builder) checkUnusedBindings() {
	if b.mistakes.Len() > 0 {
		return
	}
	dpop, certificates, offers := &b.config.Credentials.DPoP, &b.config.Credentials.Certificates, b.policy.offers
	for _, given := range []struct {
		field    string
		set, off bool
	}{
		{"DPoP.Algorithms", dpop.Algorithms != nil, !offers.dpop},
		{"DPoP.Window", dpop.Window != 0, !offers.dpop},
		{"DPoP.RequireNonce", dpop.RequireNonce, !offers.dpop},
		{"DPoP.NonceKeys", dpop.NonceKeys != nil, !offers.dpop},
		{"DPoP.Replays", dpop.Replays != nil, !offers.dpop},
		{"DPoP.MaxProofs", dpop.MaxProofs != 0, !offers.dpop},
		{"DPoP.MaxProofsPerKey", dpop.MaxProofsPerKey != 0, !offers.dpop},
		{"Certificates.Field", certificates.Field != "", !offers.certificates},
	} {
		if kind, _, _ := strings.Cut(given.field, "."); given.set && given.off {
			b.mistakes.Addf("Credentials.%s: no effect, because the tokens of no issuer can be bound like that; set Credentials.%s.Tokens (dpop_tokens, client_certificate_tokens) or %s of an issuer, or remove it", given.field, kind, kind)
		}
	}
}
