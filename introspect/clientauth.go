package introspect

import (
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/grammar"
)

// Values of ClientAuth.Method. Registered methods have their name in
// introspection_endpoint_auth_methods_supported (RFC 8414 §2).
const (
	ClientSecretBasic = "client_secret_basic" // RFC 6749 §2.3.1: ClientID and ClientSecret in the Authorization header
	ClientSecretPost  = "client_secret_post"  // RFC 6749 §2.3.1: ClientID and ClientSecret in the form
	PrivateKeyJWT     = "private_key_jwt"     // RFC 7523 §2.2: an assertion for ClientID, signed by Signer
	Bearer            = "bearer"              // RFC 7662 §2.1: BearerToken, an access token for the endpoint
	TLSClientAuth     = "tls_client_auth"     // RFC 8705 §2: ClientID, and the certificate in Config.TLS
)

// ClientAuth authenticates this server at the endpoint. It is required: otherwise anyone
// could test stolen or guessed tokens there (RFC 7662 §4). If it is printed or logged, the
// output contains no credentials.
//
// The functions are called for each call to the endpoint, so that a rotated secret takes
// effect at once. They should cache what they fetch. They are called concurrently, within
// Config.Timeout, and must honor ctx. Their errors are logged.
type ClientAuth struct {
	Method string // one of the constants above; "": client_secret_basic

	ClientID         string
	ClientSecret     string
	ClientSecretFunc func(ctx context.Context) (string, error) // instead of ClientSecret

	BearerToken     string
	BearerTokenFunc func(ctx context.Context) (string, error) // instead of BearerToken

	// Signer signs assertions. Its key is RSA, P-256, P-384, P-521 or Ed25519. It is
	// used concurrently.
	Signer crypto.Signer
	KeyID  string // kid of the assertions; "": none

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

const redacted = "[redacted credentials]"

// Format prints a placeholder for every verb.
func (a ClientAuth) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (a ClientAuth) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, so that encoders do not write credentials either.
func (a ClientAuth) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// check adds to mistakes each field that the method requires and that is missing, and each
// field that only another method uses: which of the two methods is intended is unclear.
func (a ClientAuth) check(c Config, mistakes *configerr.List) {
	secrets, tokens := countSet(a.ClientSecret, a.ClientSecretFunc), countSet(a.BearerToken, a.BearerTokenFunc)
	require := func(ok bool, what string) {
		if !ok {
			mistakes.Addf("Auth: %s for method %q", what, a.method())
		}
	}
	switch a.method() {
	case ClientSecretBasic, ClientSecretPost:
		require(a.ClientID != "", "ClientID is required")
		require(secrets == 1, "exactly one of ClientSecret and ClientSecretFunc is required")
		require(tokens == 0 && a.Signer == nil, "BearerToken and Signer must not be set")
	case PrivateKeyJWT:
		require(a.ClientID != "", "ClientID is required")
		require(secrets == 0 && tokens == 0, "ClientSecret and BearerToken must not be set")
		if _, err := a.algorithm(); err != nil {
			mistakes.Addf("Auth: %w", err)
		}
	case Bearer:
		require(tokens == 1, "exactly one of BearerToken and BearerTokenFunc is required")
		require(secrets == 0 && a.Signer == nil, "ClientSecret and Signer must not be set")
		require(a.BearerToken == "" || grammar.IsB64Token(a.BearerToken), "BearerToken must be a b64token (RFC 6750 §2.1)")
	case TLSClientAuth:
		require(a.ClientID != "", "ClientID is required")
		require(secrets == 0 && tokens == 0 && a.Signer == nil, "ClientSecret, BearerToken and Signer must not be set")
		require(mayHaveCertificate(c), "a client certificate in TLS is required")
	default:
		methods := []string{ClientSecretBasic, ClientSecretPost, PrivateKeyJWT, Bearer, TLSClientAuth}
		mistakes.Addf("Auth: method %q is not one of %q", a.Method, methods)
	}
	if a.method() != PrivateKeyJWT {
		require(a.KeyID+a.Algorithm+a.Audience == "", "KeyID, Algorithm and Audience must not be set")
	}
}

// mayHaveCertificate reports whether calls can present a client certificate. A configured
// Transport is not checked.
func mayHaveCertificate(c Config) bool {
	return c.Transport != nil || c.TLS != nil && (len(c.TLS.Certificates) > 0 || c.TLS.GetClientCertificate != nil)
}

func (a ClientAuth) method() string {
	if a.Method == "" {
		return ClientSecretBasic
	}
	return a.Method
}

func countSet(value string, function func(context.Context) (string, error)) (n int) {
	if value != "" {
		n++
	}
	if function != nil {
		n++
	}
	return n
}

// authenticator adds credentials to requests. It is always used by pointer: if a struct
// that contains the pointer is printed, the output is an address.
type authenticator struct {
	ClientAuth
	newAssertion func() (string, error) // for PrivateKeyJWT
}

func newAuthenticator(a ClientAuth, issuer string) *authenticator {
	a.Method = a.method()
	if a.Audience == "" {
		a.Audience = issuer
	}
	out := &authenticator{ClientAuth: a}
	if a.Method == PrivateKeyJWT {
		alg, _ := a.algorithm() // New has checked it
		out.newAssertion = func() (string, error) { return a.assertion(alg) }
	}
	return out
}

// apply adds the credentials to the header and the form of a request. The note is for the
// error if the endpoint rejects them: which of them has white space at an end.
func (a *authenticator) apply(ctx context.Context, header http.Header, form url.Values) (note string, err error) {
	switch a.Method {
	case TLSClientAuth:
		form.Set("client_id", a.ClientID) // RFC 8705 §2
		return spaceNote("the client ID", a.ClientID), nil
	case PrivateKeyJWT:
		assertion, err := a.newAssertion()
		if err != nil {
			return "", err
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
		return spaceNote("the client ID", a.ClientID), nil
	case Bearer:
		token, err := valueOf(ctx, a.BearerToken, a.BearerTokenFunc)
		if err == nil && !grammar.IsB64Token(token) { // other text could add to the header
			err = errors.New("bearer token is not a b64token (RFC 6750 §2.1)" + spaceNote("it", token))
		}
		if err != nil {
			return "", err
		}
		header.Set("Authorization", "Bearer "+token)
		return "", nil
	}
	secret, err := valueOf(ctx, a.ClientSecret, a.ClientSecretFunc)
	if err != nil {
		return "", err
	}
	note = spaceNote("the client ID", a.ClientID) + spaceNote("the secret", secret)
	if a.Method == ClientSecretPost {
		form.Set("client_id", a.ClientID)
		form.Set("client_secret", secret)
		return note, nil
	}
	// RFC 6749 §2.3.1: both parts are form-encoded first, so that they may contain a colon
	// or letters outside ASCII.
	pair := url.QueryEscape(a.ClientID) + ":" + url.QueryEscape(secret)
	header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	return note, nil
}

// spaceNote returns a note if a credential begins or ends with white space, such as the line
// break at the end of a file. Otherwise it returns "".
func spaceNote(what, value string) string {
	switch {
	case strings.TrimRightFunc(value, unicode.IsSpace) != value:
		return "; " + what + " ends in white space"
	case strings.TrimLeftFunc(value, unicode.IsSpace) != value:
		return "; " + what + " begins with white space"
	}
	return ""
}

// valueOf returns the result of function, or value if function is nil. It is an error if
// function returns an empty text.
func valueOf(ctx context.Context, value string, function func(context.Context) (string, error)) (string, error) {
	if function == nil {
		return value, nil
	}
	value, err := function(ctx)
	if err == nil && value == "" {
		err = errors.New("function returned an empty secret")
	}
	return value, err
}
