// Package clientauth authenticates this program at an endpoint of an authorization server: with
// a secret, an assertion, a client certificate or an access token.
//
// It adds credentials to a request. It does not send the request and does not know what the
// endpoint is for.
package clientauth

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"log/slog"
)

// Values of Config.Method. Registered methods have their name in the metadata of the
// authorization server (RFC 8414 §2).
const (
	ClientSecretBasic    = "client_secret_basic"     // RFC 6749 §2.3.1: ClientID and ClientSecret in the Authorization header
	ClientSecretBasicRaw = "client_secret_basic_raw" // client_secret_basic without the form-encoding of both
	ClientSecretPost     = "client_secret_post"      // RFC 6749 §2.3.1: ClientID and ClientSecret in the form
	PrivateKeyJWT        = "private_key_jwt"         // RFC 7523 §2.2: an assertion for ClientID, signed by Signer
	Bearer               = "bearer"                  // RFC 6750 §2.1: BearerToken, an access token for the endpoint
	TLSClientAuth        = "tls_client_auth"         // RFC 8705 §2: ClientID, and the certificate of the connection
)

// Config is the authentication of one client. Its fields are those of introspect.ClientAuth,
// which documents them. If it is printed or logged, the output contains no credentials.
type Config struct {
	Method string // one of the constants above; "": client_secret_basic

	ClientID string

	ClientSecret     string
	ClientSecretFile string
	ClientSecretFunc func(ctx context.Context) (string, error)

	BearerToken     string
	BearerTokenFile string
	BearerTokenFunc func(ctx context.Context) (string, error)

	Signer         crypto.Signer
	PrivateKeyFile string
	KeyID          string

	Algorithm string

	Audience string // aud of assertions; "": the issuer identifier
}

const redacted = "[redacted credentials]"

// Format prints a placeholder for every verb.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (c Config) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, so that encoders do not write credentials either.
func (c Config) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// method returns Method, or its default.
func (c Config) method() string {
	if c.Method == "" {
		return ClientSecretBasic
	}
	return c.Method
}
