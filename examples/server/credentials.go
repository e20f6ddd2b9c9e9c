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

// credentials holds the flags that select which credentials are accepted and how they
// are verified.
type credentials struct {
	issuer string
	jwks   string

	introspect   string // "" for no introspection, introspectOpaque or introspectAll
	endpoint     string
	clientID     string
	secretFile   string
	trustAnswers bool

	keyFile   string
	keyHeader string
	keyPrefix string

	newKey string // ID of the key to generate
}

const introspectOpaque, introspectAll = "opaque", "all"

func (c *credentials) define(flags *flag.FlagSet) {
	flags.StringVar(&c.issuer, "issuer", "", "issuer identifier of the authorization server, a `URL`; required")
	flags.StringVar(&c.jwks, "jwks", "", "`URL or file` of the issuer's keys (default: from its metadata)")
	flags.StringVar(&c.introspect, "introspect", "", "`KIND` of tokens to introspect: opaque, or all, which includes JWTs (default: none)")
	flags.StringVar(&c.endpoint, "introspection-url", "", "introspection endpoint `URL` (default: from the issuer's metadata)")
	flags.StringVar(&c.clientID, "client-id", "", "client `ID` of this server at the issuer, for -introspect")
	flags.StringVar(&c.secretFile, "client-secret-file", "", "`file` with the client secret; read for every introspection call")
	flags.BoolVar(&c.trustAnswers, "trust-answers-without-audience", false, "accept introspection responses without an audience: SAFE ONLY IF THE ISSUER REPORTS\nTO THIS CLIENT NO TOKENS AS ACTIVE EXCEPT THOSE FOR THIS SERVER.\nResponses with neither token_type nor token_use are rejected nevertheless")
	flags.StringVar(&c.keyFile, "api-keys", "", "`file` of API keys, in the format of package resource/apikey")
	flags.StringVar(&c.keyHeader, "api-key-header", "X-API-Key", "header `field` for API keys; empty: none")
	flags.StringVar(&c.keyPrefix, "api-key-prefix", "", "`prefix` of API keys that are also accepted as Bearer tokens, such as mcp_")
	flags.StringVar(&c.newKey, "new-api-key", "", "generate an API key with this `ID` and the -scopes, print it and its entry for -api-keys, and exit")
}

// validate returns an error for flags that contradict each other or are missing.
func (c *credentials) validate() error {
	if c.newKey != "" {
		return nil
	}
	if c.issuer == "" {
		return errors.New("-issuer is missing: set the URL of your authorization server, equal to iss in its tokens")
	}
	if err := c.validateIntrospection(); err != nil {
		return err
	}
	switch {
	case c.keyFile != "" && c.keyHeader == "" && c.keyPrefix == "":
		return errors.New("-api-keys requires -api-key-header or -api-key-prefix")
	case c.keyFile == "" && c.keyPrefix != "":
		return errors.New("-api-key-prefix requires -api-keys")
	}
	return nil
}

func (c *credentials) validateIntrospection() error {
	switch c.introspect {
	case "":
		if c.endpoint != "" || c.clientID != "" || c.secretFile != "" || c.trustAnswers {
			return errors.New("-introspection-url, -client-id, -client-secret-file and -trust-answers-without-audience require -introspect")
		}
		return nil
	case introspectOpaque, introspectAll:
	default:
		return fmt.Errorf("-introspect: got %q, want %s or %s", c.introspect, introspectOpaque, introspectAll)
	}
	if c.clientID == "" || c.secretFile == "" {
		return errors.New("-introspect requires -client-id and -client-secret-file: the issuer authenticates introspection calls")
	}
	if c.introspect == introspectAll && c.jwks != "" {
		return errors.New("-jwks has no effect with -introspect all: remove one of them")
	}
	return nil
}

// addVerifiers adds the verifiers for all accepted credentials to config.
func (c *credentials) addVerifiers(ctx context.Context, config *resource.Config, audiences []string) error {
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
		if _, err := c.secret(ctx); err != nil { // fail at start rather than on the first request
			return fmt.Errorf("-client-secret-file: %w", err)
		}
		config.Opaque = &resource.Issuer{Verifier: verifier, Audiences: audiences, TrustAnswersWithoutAudience: c.trustAnswers}
	}
	return c.addAPIKeys(ctx, config)
}

// secret reads the file for every call, so that a rotated secret works without a restart.
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

func (c *credentials) addAPIKeys(ctx context.Context, config *resource.Config) error {
	if c.keyFile == "" {
		return nil
	}
	keys, err := apikey.New(apikey.Config{Resource: config.Identifier, File: c.keyFile})
	if err == nil {
		err = keys.Ready(ctx) // a file that is invalid at start is an error
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

// validPrefix matches the prefixes that resource.Credentials.Prefixed accepts. It also matches
// prefixes that begin like a JWT, which are rejected separately.
var validPrefix = regexp.MustCompile(`^[A-Za-z0-9._~+/-]{3,}$`)

// printKey generates a key and prints it with its entry for the key file. The file
// contains the key's digest only, so the key cannot be printed again.
func (c *credentials) printKey(out io.Writer, scopes []string) error {
	prefix := c.keyPrefix
	if prefix == "" {
		prefix = "mcp_"
	}
	if !validPrefix.MatchString(prefix) || strings.HasPrefix(prefix, "ey") {
		return fmt.Errorf("-api-key-prefix: %q is invalid: want at least 3 token characters, not beginning with ey as JWTs do", prefix)
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
	_, err = fmt.Fprintf(out, "API key for the client. It cannot be shown again:\n\n  %s\n\nEntry for the array \"keys\" in the file of -api-keys:\n\n  %s\n", key, entry)
	return err
}
