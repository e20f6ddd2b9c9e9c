package resource

import "github.com/warder-go/warder/internal/claimset"

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

// got describes the confirmation for the log.
func (c Confirmation) got() string {
	if !c.IsBound() {
		return "no cnf"
	}
	return "cnf " + c.Method
}

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
