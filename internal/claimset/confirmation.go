package claimset

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/strictjson"
)

// Methods of a Confirmation.
const (
	ConfirmationKey         = "jkt"         // a DPoP key (RFC 9449 §6.1)
	ConfirmationCertificate = "x5t#S256"    // a client certificate (RFC 8705 §3.1)
	ConfirmationOther       = "unsupported" // another method, several methods, or a malformed cnf
)

// Confirmation is what a token is bound to (cnf, RFC 7800 §3.1). The zero value is that of a token
// without cnf.
type Confirmation struct {
	Method     string
	Thumbprint [32]byte // SHA-256; zero for ConfirmationOther
}

// confirmationNames are the registered methods (IANA JWT Confirmation Methods).
var confirmationNames = strictjson.NewNames(ConfirmationKey, ConfirmationCertificate, "jwk", "jwe", "kid", "jku", "osc")

// confirmation reads cnf. Exactly one registered method is supported, if this module verifies it.
// Other members are ignored, as RFC 7800 §3.1 requires: Keycloak, for example, adds the kind of the
// key.
func confirmation(value jsontext.Value) Confirmation {
	methods, c := 0, Confirmation{}
	err := strictjson.Object(value, confirmationNames, func(name string, value jsontext.Value) error {
		methods++
		text, _ := strictjson.String(value)
		if thumbprint, ok := jose.ParseThumbprint(text); ok && (name == ConfirmationKey || name == ConfirmationCertificate) {
			c = Confirmation{name, thumbprint}
		}
		return nil
	})
	if err != nil || methods != 1 || c.Method == "" {
		return Confirmation{Method: ConfirmationOther}
	}
	return c
}

// Merge returns the confirmation of a token with two sets of claims, such as an introspection
// answer about a JWT. A token that one of them binds is bound. If they differ, the result is not
// supported.
func (c Confirmation) Merge(other Confirmation) Confirmation {
	switch {
	case c == other, other.Method == "":
		return c
	case c.Method == "":
		return other
	}
	return Confirmation{Method: ConfirmationOther}
}
