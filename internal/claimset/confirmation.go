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

// confirmation reads cnf. Only an object with exactly one member, which is a method that this
// module verifies, is supported. RFC 7800 §3.1 allows to ignore other members, but another member
// can be a second method, which the caller would then not verify.
func confirmation(value jsontext.Value) Confirmation {
	members, c := 0, Confirmation{}
	err := strictjson.Members(value, func(name string, value jsontext.Value) error {
		members++
		text, _ := strictjson.String(value)
		if thumbprint, ok := jose.ParseThumbprint(text); ok && (name == ConfirmationKey || name == ConfirmationCertificate) {
			c = Confirmation{name, thumbprint}
		}
		return nil
	})
	if err != nil || members != 1 || c.Method == "" {
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
