package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/apikey"
)

// credentials are the flags that say what a client may come with, and who vouches.
type credentials struct {
	issuer string
	jwks   string

	introspect   string // which tokens: none, introspectOpaque, introspectAll
	endpoint     string
	clientID     string
	secretFile   string
	trustAnswers bool

	keyFile   string
	keyHeader string
	keyPrefix string
	newKey    string // the ID of a key to make
}

const introspectOpaque, introspectAll = "opaque", "all"

func (c *credentials) define(flags *flag.FlagSet) {
	flags.StringVar(&c.issuer, "issuer", "", "issuer identifier of the authorization server, a `URL`; required")
	flags.StringVar(&c.jwks, "jwks", "", "`URL or file` of the issuer's keys (default: as its metadata says)")
	flags.StringVar(&c.introspect, "introspect", "", "ask the issuer about `opaque` tokens, or about all, JWTs too")
	flags.StringVar(&c.endpoint, "introspection-url", "", "`URL` to ask at (default: as the issuer's metadata says)")
	flags.StringVar(&c.clientID, "client-id", "", "`name` of this server at the issuer, for -introspect")
	flags.StringVar(&c.secretFile, "client-secret-file", "", "`file` with the secret that goes with it; read for every call")
	flags.BoolVar(&c.trustAnswers, "trust-answers-without-audience", false, "take answers that don't say for whom a token is: ONLY IF THE ISSUER CALLS\nNO OTHER TOKENS ACTIVE TO THIS CLIENT THAN THOSE FOR THIS SERVER.\nAnswers with neither token_type nor token_use are refused all the same")
	flags.StringVar(&c.keyFile, "api-keys", "", "`file` of API keys, as package resource/apikey describes it")
	flags.StringVar(&c.keyHeader, "api-key-header", "X-API-Key", "`field` that API keys come in; empty: none")
	flags.StringVar(&c.keyPrefix, "api-key-prefix", "", "`prefix` of API keys that may come as Bearer tokens too, such as mcp_")
	flags.StringVar(&c.newKey, "new-api-key", "", "make an API key with this `ID` and the -scopes, print it with its entry for -api-keys, and end")
}

// mistake returns what is wrong with the flags taken together.
func (c *credentials) mistake() error {
	asks := c.introspect != ""
	switch {
	case c.newKey != "":
		return nil
	case c.issuer == "":
		return errors.New("-issuer is missing: the URL of your authorization server, as in the iss of its tokens")
	case asks && c.introspect != introspectOpaque && c.introspect != introspectAll:
		return fmt.Errorf("-introspect: %q is neither %s nor %s", c.introspect, introspectOpaque, introspectAll)
	case asks && (c.clientID == "" || c.secretFile == ""):
		return errors.New("-introspect: -client-id and -client-secret-file are missing: an issuer does not answer just anybody")
	case !asks && (c.endpoint != "" || c.clientID != "" || c.secretFile != "" || c.trustAnswers):
		return errors.New("-introspect is missing: -introspection-url, -client-id, -client-secret-file and -trust-answers-without-audience are for it")
	case c.introspect == introspectAll && c.jwks != "":
		return errors.New("-jwks: no token is verified by keys with -introspect all")
	case c.keyFile != "" && c.keyHeader == "" && c.keyPrefix == "":
		return errors.New("-api-keys: give -api-key-header or -api-key-prefix, so that a key can come in some way")
	case c.keyFile == "" && c.keyPrefix != "":
		return errors.New("-api-keys is missing: -api-key-prefix is for it")
	}
	return nil
}

// verifiers puts those into config that vouch for what clients come with.
func (c *credentials) verifiers(ctx context.Context, config *resource.Config, audiences []string) error {
	if c.introspect != introspectAll {
		keys := jwks.Config{Issuer: c.issuer}
		if strings.Contains(c.jwks, "://") {
			keys.URL = c.jwks
		} else {
			keys.File = c.jwks
		}
		verifier, err := jwks.New(keys)
		if err != nil {
			return fmt.Errorf("-issuer, -jwks: %w", err)
		}
		config.Issuers = []resource.Issuer{{Verifier: verifier, Audiences: audiences}}
	}
	if c.introspect != "" {
		verifier, err := introspect.New(introspect.Config{
			Issuer: c.issuer, Endpoint: c.endpoint,
			Auth: introspect.ClientAuth{ClientID: c.clientID, ClientSecretFunc: c.secret},
		})
		if err != nil {
			return fmt.Errorf("-issuer, -introspection-url, -client-id: %w", err)
		}
		if _, err := c.secret(ctx); err != nil { // better now than in a client's face
			return fmt.Errorf("-client-secret-file: %w", err)
		}
		config.Opaque = &resource.Issuer{Verifier: verifier, Audiences: audiences, TrustAnswersWithoutAudience: c.trustAnswers}
	}
	return c.apiKeys(ctx, config)
}

// secret reads the file anew, so that a rotated secret works without a restart.
func (c *credentials) secret(context.Context) (string, error) {
	text, err := os.ReadFile(c.secretFile)
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("file %q is empty", c.secretFile)
	}
	return secret, nil
}

func (c *credentials) apiKeys(ctx context.Context, config *resource.Config) error {
	if c.keyFile == "" {
		return nil
	}
	keys, err := apikey.New(apikey.Config{Resource: config.Identifier, File: c.keyFile})
	if err == nil {
		err = keys.Ready(ctx) // a file that is wrong at start is a mistake of whoever starts this
	}
	if err != nil {
		return fmt.Errorf("-api-keys: %w", err)
	}
	if c.keyHeader != "" {
		config.Credentials.Headers = map[string]resource.HeaderVerifier{c.keyHeader: keys}
	}
	if c.keyPrefix != "" {
		config.Credentials.Prefixed = map[string]resource.Issuer{c.keyPrefix: {Verifier: keys}}
	}
	return nil
}

var ofKeys = regexp.MustCompile(`^[A-Za-z0-9._~+/-]{3,}$`)

// printKey makes a key. Nobody can print it a second time.
func (c *credentials) printKey(out io.Writer, scopes []string) error {
	prefix := c.keyPrefix
	if prefix == "" {
		prefix = "mcp_"
	}
	if !ofKeys.MatchString(prefix) || strings.HasPrefix(prefix, "ey") { // as a start with it would say
		return fmt.Errorf("-api-key-prefix: %q is none: 3 characters of a token at least, and not how a JWT begins", prefix)
	}
	key, digest := apikey.Generate(prefix)
	_, err := apikey.New(apikey.Config{Resource: "https://any.example", Keys: []apikey.Key{
		{ID: c.newKey, SHA256: digest, Subject: c.newKey, Scopes: scopes}}})
	if err != nil {
		return fmt.Errorf("-new-api-key, -scopes: %w", err)
	}
	entry, err := json.Marshal(struct {
		ID      string   `json:"id"`
		SHA256  string   `json:"sha256"`
		Subject string   `json:"subject"`
		Scopes  []string `json:"scopes"`
	}{c.newKey, digest, c.newKey, append([]string{}, scopes...)})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "The key, for whoever is to call with it. It is shown this once:\n\n  %s\n\nIts entry, for the array \"keys\" in the file of -api-keys:\n\n  %s\n", key, entry)
	return err
}
