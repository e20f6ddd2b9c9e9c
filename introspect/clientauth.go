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
	"slices"
	"strings"
)

// The values of ClientAuth.Method, as in introspection_endpoint_auth_methods_supported
// (RFC 8414 §2) where they are registered.
const (
	ClientSecretBasic = "client_secret_basic" // RFC 6749 §2.3.1: ClientID and ClientSecret in the Authorization header
	ClientSecretPost  = "client_secret_post"  // RFC 6749 §2.3.1: the same in the form
	PrivateKeyJWT     = "private_key_jwt"     // RFC 7523 §2.2: an assertion of ClientID, signed by Signer
	Bearer            = "bearer"              // RFC 7662 §2.1: BearerToken, an access token for the endpoint
	TLSClientAuth     = "tls_client_auth"     // RFC 8705 §2: ClientID, and the certificate of Config.TLS
)

// ClientAuth is how the endpoint knows who asks: without it the endpoint would be an
// oracle for stolen and guessed tokens (RFC 7662 §4). What it holds is never printed
// and never logged.
//
// The functions are called for every call to the endpoint, so that a rotated secret
// works at once; they should keep what they fetch. They run within the call's time
// and concurrently, and must honour ctx. Their errors are logged.
type ClientAuth struct {
	Method string // one of the above; "": client_secret_basic

	ClientID         string
	ClientSecret     string
	ClientSecretFunc func(ctx context.Context) (string, error) // instead of ClientSecret

	BearerToken     string
	BearerTokenFunc func(ctx context.Context) (string, error) // instead of BearerToken

	// Signer signs assertions; its key is RSA, P-256, P-384, P-521 or Ed25519. It
	// is used concurrently.
	Signer    crypto.Signer
	KeyID     string // kid of the assertions; "": none
	Algorithm string // "": RS256, ES256, ES384, ES512 or EdDSA, as the key is; for RSA also PS256 and others

	// Audience is the aud of assertions. Empty: the issuer identifier, and nothing
	// beside it, as current advice has it (RFC 7523bis §4): an assertion for the
	// endpoint's own URL could be had by another server that names that URL. Some
	// older servers take nothing else.
	Audience string
}

const redacted = "[redacted credentials]"

// Format prints a placeholder for every verb.
func (a ClientAuth) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (a ClientAuth) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, so that encoders show nothing either.
func (a ClientAuth) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// check names what is missing for the method, and what belongs to another one: which
// of two was meant must not be a guess.
func (a ClientAuth) check(c Config) error {
	secrets, tokens := given(a.ClientSecret, a.ClientSecretFunc), given(a.BearerToken, a.BearerTokenFunc)
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("Auth: %s for method %q", what, a.method()))
		}
	}
	switch a.method() {
	case ClientSecretBasic, ClientSecretPost:
		need(a.ClientID != "", "ClientID is required")
		need(secrets == 1, "one of ClientSecret and ClientSecretFunc is required")
		need(tokens == 0 && a.Signer == nil, "BearerToken and Signer have no place")
	case PrivateKeyJWT:
		need(a.ClientID != "", "ClientID is required")
		need(secrets == 0 && tokens == 0, "ClientSecret and BearerToken have no place")
		if _, err := a.algorithm(); err != nil {
			errs = append(errs, fmt.Errorf("Auth: %w", err))
		}
	case Bearer:
		need(tokens == 1, "one of BearerToken and BearerTokenFunc is required")
		need(secrets == 0 && a.Signer == nil, "ClientSecret and Signer have no place")
		need(a.BearerToken == "" || isToken(a.BearerToken), "BearerToken must be a b64token (RFC 6750 §2.1)")
	case TLSClientAuth:
		need(a.ClientID != "", "ClientID is required")
		need(secrets == 0 && tokens == 0 && a.Signer == nil, "ClientSecret, BearerToken and Signer have no place")
		// A Transport of the user's own has, or has not, a certificate of its own.
		need(c.Transport != nil || c.TLS != nil && (len(c.TLS.Certificates) > 0 || c.TLS.GetClientCertificate != nil),
			"a client certificate in TLS is required")
	default:
		methods := []string{ClientSecretBasic, ClientSecretPost, PrivateKeyJWT, Bearer, TLSClientAuth}
		errs = append(errs, fmt.Errorf("Auth: method %q is not one of %q", a.Method, methods))
	}
	if assertion := a.KeyID != "" || a.Algorithm != "" || a.Audience != ""; assertion && a.method() != PrivateKeyJWT {
		need(false, "KeyID, Algorithm and Audience have no place")
	}
	return errors.Join(errs...)
}

func (a ClientAuth) method() string {
	if a.Method == "" {
		return ClientSecretBasic
	}
	return a.Method
}

func given(value string, function func(context.Context) (string, error)) (n int) {
	if value != "" {
		n++
	}
	if function != nil {
		n++
	}
	return n
}

// authenticator puts credentials into requests. It is only ever held by pointer, so
// that printing what holds it shows an address.
type authenticator struct {
	ClientAuth
	sign func() (string, error) // makes an assertion
}

func newAuthenticator(a ClientAuth, issuer string) *authenticator {
	a.Method = a.method()
	if a.Audience == "" {
		a.Audience = issuer
	}
	out := &authenticator{ClientAuth: a}
	if a.Method == PrivateKeyJWT {
		alg, _ := a.algorithm() // checked by New
		out.sign = func() (string, error) { return a.assertion(alg) }
	}
	return out
}

// apply adds the credentials to a request that is being made.
func (a *authenticator) apply(ctx context.Context, header http.Header, form url.Values) error {
	switch a.Method {
	case TLSClientAuth:
		form.Set("client_id", a.ClientID) // RFC 8705 §2
		return nil
	case PrivateKeyJWT:
		assertion, err := a.sign()
		if err != nil {
			return err
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
		return nil
	case Bearer:
		token, err := ask(ctx, a.BearerToken, a.BearerTokenFunc)
		if err == nil && !isToken(token) {
			err = errors.New("bearer token is no b64token (RFC 6750 §2.1)")
		}
		if err != nil {
			return err
		}
		header.Set("Authorization", "Bearer "+token)
		return nil
	}
	secret, err := ask(ctx, a.ClientSecret, a.ClientSecretFunc)
	if err != nil {
		return err
	}
	if a.Method == ClientSecretPost {
		form.Set("client_id", a.ClientID)
		form.Set("client_secret", secret)
		return nil
	}
	// RFC 6749 §2.3.1: form-encoded first, so that a colon or a letter beyond ASCII
	// in either half means what it should.
	pair := url.QueryEscape(a.ClientID) + ":" + url.QueryEscape(secret)
	header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	return nil
}

// ask returns the value or what the function says. An empty secret is none.
func ask(ctx context.Context, value string, function func(context.Context) (string, error)) (string, error) {
	if function == nil {
		return value, nil
	}
	value, err := function(ctx)
	if err == nil && value == "" {
		err = errors.New("function returned an empty secret")
	}
	return value, err
}

// isToken reports whether s is a b64token (RFC 6750 §2.1). Nothing else may get into
// a header.
func isToken(s string) bool {
	const chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
	body := strings.TrimRight(s, "=")
	return body != "" && !slices.ContainsFunc([]byte(body), func(c byte) bool { return strings.IndexByte(chars, c) < 0 })
}
