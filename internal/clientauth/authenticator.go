package clientauth

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/secretfile"
)

// Authenticator adds credentials to requests. It is safe for concurrent use. It is always used by
// pointer: if a struct that contains the pointer is printed, the output is an address.
type Authenticator struct {
	config Config      // with defaults
	secret source      // for methods with a secret
	token  source      // for Bearer
	key    *signingKey // for PrivateKeyJWT
}

// A source returns a credential.
type source func(ctx context.Context) (string, error)

// New returns an Authenticator for a valid configuration. issuer is the default of the aud of
// assertions.
func New(c Config, issuer string) *Authenticator {
	c.Method = c.method()
	if c.Audience == "" {
		c.Audience = issuer
	}
	return &Authenticator{config: c, secret: c.secretSource(), token: c.tokenSource(), key: newSigningKey(c)}
}

// Method returns the method of authentication.
func (a *Authenticator) Method() string { return a.config.Method }

// ClientID returns the client ID, or "" if the method does not need one.
func (a *Authenticator) ClientID() string { return a.config.ClientID }

func (c Config) secretSource() source {
	return sourceOf(c.ClientSecret, c.ClientSecretFile, c.ClientSecretFunc)
}

func (c Config) tokenSource() source {
	return sourceOf(c.BearerToken, c.BearerTokenFile, c.BearerTokenFunc)
}

// sourceOf returns the source of a credential: function, the file or value. It is an error if
// function returns an empty text.
func sourceOf(value, path string, function source) source {
	switch {
	case function != nil:
		return func(ctx context.Context) (string, error) {
			value, err := function(ctx)
			if err == nil && value == "" {
				err = errors.New("function returned an empty secret")
			}
			return value, err
		}
	case path != "":
		file := secretfile.New(path)
		return func(context.Context) (string, error) { return file.Read() }
	}
	return func(context.Context) (string, error) { return value, nil }
}

// Apply adds the credentials to the header and the form of a request. note says what may be
// wrong with them, after "; ", or it is empty. It is for the error if the endpoint rejects them.
// Apply calls the functions and reads the files of the configuration. No error contains a
// credential, unless that of a function does.
func (a *Authenticator) Apply(ctx context.Context, header http.Header, form url.Values) (note string, err error) {
	switch a.config.Method {
	case TLSClientAuth:
		form.Set("client_id", a.config.ClientID) // RFC 8705 §2
		return spaceNote("the client ID", a.config.ClientID), nil
	case PrivateKeyJWT:
		assertion, err := a.assertion()
		if err != nil {
			return "", err
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
		return spaceNote("the client ID", a.config.ClientID), nil
	case Bearer:
		token, err := a.token(ctx)
		if err == nil && !grammar.IsB64Token(token) { // other text could add to the header
			err = errors.New("bearer token is not a b64token (RFC 6750 §2.1)" + spaceNote("it", token))
		}
		if err != nil {
			return "", err
		}
		header.Set("Authorization", "Bearer "+token)
		return "", nil
	}
	return a.applySecret(ctx, header, form)
}

func (a *Authenticator) applySecret(ctx context.Context, header http.Header, form url.Values) (note string, err error) {
	secret, err := a.secret(ctx)
	if err == nil {
		err = a.config.checkRawSecret(secret)
	}
	if err != nil {
		return "", err
	}
	note = spaceNote("the client ID", a.config.ClientID) + spaceNote("the secret", secret)
	id := a.config.ClientID
	switch a.config.Method {
	case ClientSecretPost:
		form.Set("client_id", id)
		form.Set("client_secret", secret)
		return note, nil
	case ClientSecretBasic:
		// RFC 6749 §2.3.1: both parts are form-encoded first, so that they may contain a
		// colon or letters outside ASCII.
		encodedID, encodedSecret := url.QueryEscape(id), url.QueryEscape(secret)
		if note == "" && (encodedID != id || encodedSecret != secret) {
			note = "; a server that does not decode Basic needs method " + ClientSecretBasicRaw
		}
		id, secret = encodedID, encodedSecret
	}
	header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(id+":"+secret)))
	return note, nil
}

// spaceNote returns a note if a credential begins or ends with white space. Otherwise it
// returns "".
func spaceNote(what, value string) string {
	switch {
	case strings.TrimRightFunc(value, unicode.IsSpace) != value:
		return "; " + what + " ends in white space"
	case strings.TrimLeftFunc(value, unicode.IsSpace) != value:
		return "; " + what + " begins with white space"
	}
	return ""
}
