package resource

import (
	"github.com/warder-go/warder/internal/claimset"
)

// Confirmation is what an access token is bound to (cnf, RFC 7800 §3.1). The zero value is that of
// a token without cnf, which is not bound.
type Confirmation struct {
	// Method is ConfirmationDPoP or ConfirmationCertificate. It is "" if the token is not bound,
	// and another text if cnf is malformed or has another method, or several. Such a token is
	// always rejected.
	Method string

	Thumbprint [32]byte // SHA-256 of the key (RFC 7638) or of the certificate (RFC 8705 §3.1)
}

// Methods of a [Confirmation].
const (
	ConfirmationDPoP        = claimset.ConfirmationKey         // "jkt": a key of the client (RFC 9449 §6.1)
	ConfirmationCertificate = claimset.ConfirmationCertificate // "x5t#S256": a certificate of the client (RFC 8705 §3.1)
)

// IsBound reports whether the token is bound to something.
func (c Confirmation) IsBound() bool { return c.Method != "" }

// merge returns the confirmation of an introspection answer about a JWT.
func (c Confirmation) merge(ofJWT Confirmation) Confirmation {
	return Confirmation(claimset.Confirmation(c).Merge(claimset.Confirmation(ofJWT)))
}

// Confirmation returns what the token is bound to. A request with a bound token is accepted only
// if its sender has proven possession of the key or the certificate. It is the zero value after
// decoding from JSON, and of a nil Caller.
func (c *Caller) Confirmation() Confirmation {
	if c == nil {
		return Confirmation{}
	}
	return c.binding.Confirmation
}

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
	// BindingRequired accepts only bound tokens, with a proof.
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

// binding is what a cached caller needs for step 9.
type binding struct {
	Confirmation
	dpop, certificates Binding // of the issuer, without what it inherits
	proof              *provenKey
}

// setBinding takes what step 9 needs.
func (c *Caller) setBinding(from *issuer, claims *Claims) {
	c.binding = binding{Confirmation: claims.Confirmation, dpop: from.config.DPoP, certificates: from.config.Certificates}
	if claims.Confirmation.Method == ConfirmationDPoP {
		c.binding.proof = new(provenKey)
	}
}

// bindings are the values that apply to the tokens of an issuer.
type bindings struct{ dpop, certificates Binding }

// bindingsOf returns the values for tokens of an issuer. Tokens in other fields than Authorization
// cannot be bound, because a proxy and not the client sends them.
func (p *policy) bindingsOf(dpop, certificates Binding, inField bool) bindings {
	if inField {
		return bindings{BindingOff, BindingOff}
	}
	return bindings{dpop.or(p.bindings.dpop), certificates.or(p.bindings.certificates)}
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
		return &fault{reason: ReasonSenderConstrained, got: "cnf " + c.Method, want: b.describe()}
	case b.dpop == BindingRequired && c.Method != ConfirmationDPoP, b.certificates == BindingRequired && c.Method != ConfirmationCertificate:
		return &fault{reason: ReasonBindingRequired, got: "cnf " + c.Method, want: b.describe()}
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
