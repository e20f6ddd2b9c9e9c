package introspect

import (
	"context"
	"crypto"
	"fmt"
	"log/slog"

	"github.com/warder-go/warder/internal/clientauth"
)

// Values of ClientAuth.Method. Registered methods have their name in
// introspection_endpoint_auth_methods_supported (RFC 8414 §2).
const (
	ClientSecretBasic = clientauth.ClientSecretBasic // RFC 6749 §2.3.1: ClientID and ClientSecret in the Authorization header
	ClientSecretPost  = clientauth.ClientSecretPost  // RFC 6749 §2.3.1: ClientID and ClientSecret in the form
	PrivateKeyJWT     = clientauth.PrivateKeyJWT     // RFC 7523 §2.2: an assertion for ClientID, signed by Signer
	Bearer            = clientauth.Bearer            // RFC 7662 §2.1: BearerToken, an access token for the endpoint
	TLSClientAuth     = clientauth.TLSClientAuth     // RFC 8705 §2: ClientID, and the certificate in Config.CertificateFile or Config.TLS

	// ClientSecretBasicRaw is client_secret_basic without the form-encoding that RFC 6749
	// §2.3.1 requires. It is for servers that compare the header without decoding it, and
	// therefore reject a ClientID such as admin@t.example with client_secret_basic. ClientID
	// must not contain a colon (RFC 7617 §2). The method is not registered.
	ClientSecretBasicRaw = clientauth.ClientSecretBasicRaw
)

// ClientAuth authenticates this server at the endpoint. It is required: otherwise anyone
// could test stolen or guessed tokens there (RFC 7662 §4). If it is printed or logged, the
// output contains no credentials.
//
// Each credential can be a value, in a file or, except a private key, the result of a function.
// Exactly one of them must be set. The functions are called, and the files are read, for each
// call to the endpoint, so that a rotated credential takes effect at once. Functions should
// cache what they fetch. They are called concurrently, within Config.Timeout, and must honor
// ctx. Their errors are logged.
//
// A file has one credential and at most 64 KiB. A line break at its end is dropped. New returns
// an error if a file is missing, empty or invalid. If a file becomes so later, the calls to the
// endpoint fail, and the error names the file. Replace a file by renaming another one: otherwise
// a call can read a part of it.
type ClientAuth struct {
	Method string // one of the constants above; "": client_secret_basic

	ClientID string

	ClientSecret     string                                    // must not end in a line break; see ClientSecretFile
	ClientSecretFile string                                    // path of a file with the secret
	ClientSecretFunc func(ctx context.Context) (string, error) // returns the secret

	BearerToken     string
	BearerTokenFile string                                    // path of a file with the token
	BearerTokenFunc func(ctx context.Context) (string, error) // returns the token

	// Signer signs assertions. Its key is RSA, P-256, P-384, P-521 or Ed25519. It is
	// used concurrently.
	Signer crypto.Signer
	// PrivateKeyFile is the path of a file with such a key, instead of Signer: PEM (PKCS #8,
	// PKCS #1 or SEC 1) that is not encrypted, or one JWK, whose kid and alg are the defaults
	// of KeyID and Algorithm.
	PrivateKeyFile string
	KeyID          string // kid of the assertions; "": none

	// Algorithm is the alg of assertions. Empty: RS256, ES256, ES384, ES512 or EdDSA,
	// by the type of the key. RSA keys also support RS384, RS512, PS256, PS384 and
	// PS512. Ed25519 keys also support the name Ed25519.
	Algorithm string

	// Audience is the aud of assertions. Empty: only the issuer identifier, as currently
	// advised (RFC 7523bis §4). If aud were the URL of the endpoint, another server
	// could name that URL as its own and obtain a valid assertion. Set Audience for
	// older servers that accept only such a URL.
	Audience string
}

// Format prints a placeholder for every verb.
func (a ClientAuth) Format(f fmt.State, verb rune) { clientauth.Config(a).Format(f, verb) }

// LogValue returns a placeholder.
func (a ClientAuth) LogValue() slog.Value { return clientauth.Config(a).LogValue() }

// MarshalText returns a placeholder, so that encoders do not write credentials either.
func (a ClientAuth) MarshalText() ([]byte, error) { return clientauth.Config(a).MarshalText() }
