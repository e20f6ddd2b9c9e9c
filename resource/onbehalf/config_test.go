package onbehalf_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource/onbehalf"
)

// configuration returns a valid configuration.
func configuration() onbehalf.Config {
	return onbehalf.Config{
		Issuer:  "https://auth.example.test",
		Auth:    introspect.ClientAuth{ClientID: "mcp-server", ClientSecret: "s3cret"},
		Targets: []onbehalf.Target{target()},
	}
}

func TestMistakes(t *testing.T) {
	ofTarget := func(change func(*onbehalf.Target)) func(*onbehalf.Config) {
		return func(c *onbehalf.Config) { change(&c.Targets[0]) }
	}
	for _, row := range []struct {
		name   string
		change func(*onbehalf.Config)
		want   string // part of the error; "": no mistake
	}{
		{"a valid configuration", func(*onbehalf.Config) {}, ""},
		{"no issuer", func(c *onbehalf.Config) { c.Issuer = "" }, "issuer"},
		{"a name as the issuer", func(c *onbehalf.Config) { c.Issuer = "auth" }, "set TokenEndpoint or MetadataURL"},
		{"a name as the issuer, with an endpoint", func(c *onbehalf.Config) { c.Issuer, c.TokenEndpoint = "auth", "https://auth.example.test/token" }, ""},
		{"an http endpoint", func(c *onbehalf.Config) { c.TokenEndpoint = "http://auth.example.test/token" }, "TokenEndpoint"},
		{"an http endpoint, allowed", func(c *onbehalf.Config) { c.TokenEndpoint, c.AllowHTTP = "http://auth.example.test/token", true }, ""},
		{"an endpoint and metadata", func(c *onbehalf.Config) {
			c.TokenEndpoint, c.MetadataURL = "https://auth.example.test/token", "https://auth.example.test/m"
		}, "MetadataURL: is not used"},
		{"no authentication", func(c *onbehalf.Config) { c.Auth = introspect.ClientAuth{} }, "Auth.ClientID"},
		{"a bearer token", func(c *onbehalf.Config) {
			c.Auth = introspect.ClientAuth{Method: introspect.Bearer, BearerToken: "x"}
		}, `Auth.Method: "bearer" authenticates at introspection endpoints only`},
		{"mutual TLS without a certificate", func(c *onbehalf.Config) {
			c.Auth = introspect.ClientAuth{Method: introspect.TLSClientAuth, ClientID: "x"}
		}, "CertificateFile: is missing"},
		{"mutual TLS", func(c *onbehalf.Config) {
			c.Auth = introspect.ClientAuth{Method: introspect.TLSClientAuth, ClientID: "x"}
			c.TLS = &tls.Config{Certificates: []tls.Certificate{{}}, MinVersion: tls.VersionTLS12}
		}, ""},
		{"a short timeout", func(c *onbehalf.Config) { c.Timeout = time.Millisecond }, "Timeout: 1ms is not between 100ms and 30s"},
		{"too many calls", func(c *onbehalf.Config) { c.MaxConcurrent = 1025 }, "MaxConcurrent: 1025 is not between 1 and 1024"},
		{"a negative cache", func(c *onbehalf.Config) { c.CacheEntries = -1 }, "CacheEntries: -1 is not between 1 and 1000000"},
		{"a large cache", func(c *onbehalf.Config) { c.CacheEntries = 1_000_001 }, "CacheEntries"},
		{"a host that is a URL", func(c *onbehalf.Config) { c.AllowHosts = []string{"https://x"} }, "AllowHosts"},
		{"no targets", func(c *onbehalf.Config) { c.Targets = nil }, "Targets: 0; configure 1 to 1000"},
		{"1001 targets", func(c *onbehalf.Config) {
			c.Targets = nil
			for n := range 1001 {
				c.Targets = append(c.Targets, onbehalf.Target{Name: fmt.Sprint("t", n), Scopes: []string{"a"}})
			}
		}, "Targets: 1001; configure 1 to 1000"},
		{"two targets of one name", func(c *onbehalf.Config) { c.Targets = append(c.Targets, target()) }, `Targets[1].Name: duplicate target "calendar"`},

		{"no name", ofTarget(func(t *onbehalf.Target) { t.Name = "" }), "Targets[0].Name"},
		{"a name with a quote", ofTarget(func(t *onbehalf.Target) { t.Name = `a"b` }), "Targets[0].Name"},
		{"a name of 65 characters", ofTarget(func(t *onbehalf.Target) { t.Name = strings.Repeat("a", 65) }), "Targets[0].Name"},
		{"an unknown grant", ofTarget(func(t *onbehalf.Target) { t.Grant = "password" }), `Targets[0].Grant: "password"`},
		{"nothing about the target", ofTarget(func(t *onbehalf.Target) { t.Resources, t.Scopes = nil, nil }), "has neither Audiences nor Resources nor Scopes"},
		{"an audience with an assertion", ofTarget(func(t *onbehalf.Target) { t.Grant, t.Audiences = onbehalf.JWTBearer, []string{"x"} }), "Targets[0].Audiences: are for grant"},
		{"a resource with Entra", ofTarget(func(t *onbehalf.Target) { t.Grant = onbehalf.EntraOnBehalfOf }), "Targets[0].Resources: Entra has no parameter resource"},
		{"a relative resource", ofTarget(func(t *onbehalf.Target) { t.Resources = []string{"/api"} }), `Targets[0].Resources[0]: "/api"`},
		{"a resource with a fragment", ofTarget(func(t *onbehalf.Target) { t.Resources = []string{"https://x/#a"} }), "Targets[0].Resources[0]"},
		{"a scope with a space", ofTarget(func(t *onbehalf.Target) { t.Scopes = []string{"a b"} }), `Targets[0].Scopes[0]: "a b"`},
		{"a scope twice", ofTarget(func(t *onbehalf.Target) { t.Scopes = []string{"a", "a"} }), `Targets[0].Scopes[1]: duplicate value "a"`},
		{"an audience with a line break", ofTarget(func(t *onbehalf.Target) { t.Audiences = []string{"a\n"} }), "Targets[0].Audiences[0]"},
		{"65 audiences", ofTarget(func(t *onbehalf.Target) {
			for n := range 65 {
				t.Audiences = append(t.Audiences, fmt.Sprint(n))
			}
		}), "Targets[0].Audiences: 65 values are over the limit of 64"},
		{"a long audience", ofTarget(func(t *onbehalf.Target) { t.Audiences = []string{strings.Repeat("a", 2<<10+1)} }), "Targets[0].Audiences[0]"},
		{"an origin with a path", ofTarget(func(t *onbehalf.Target) { t.Origins = []string{"https://x/y"} }), "Targets[0].Origins"},
		{"an http origin", ofTarget(func(t *onbehalf.Target) { t.Origins = []string{"http://x.example.test"} }), "Targets[0].Origins"},
		{"an origin of an extension", ofTarget(func(t *onbehalf.Target) { t.Origins = []string{"chrome-extension://x"} }), "Targets[0].Origins"},
		{"an http origin of this machine", ofTarget(func(t *onbehalf.Target) { t.Origins = []string{"http://127.0.0.1:8080"} }), ""},
		{"an ID token", ofTarget(func(t *onbehalf.Target) { t.RequestedTokenType = "urn:ietf:params:oauth:token-type:id_token" }), "Targets[0].RequestedTokenType"},
		{"a refresh token", ofTarget(func(t *onbehalf.Target) { t.IssuedTokenType = "urn:ietf:params:oauth:token-type:refresh_token" }), "Targets[0].IssuedTokenType"},
		{"a type with an assertion", ofTarget(func(t *onbehalf.Target) { t.Grant, t.IssuedTokenType = onbehalf.JWTBearer, onbehalf.JWTType }), "token types and Actor are for grant"},
		{"an actor without a token", ofTarget(func(t *onbehalf.Target) { t.Actor = new(onbehalf.Actor) }), "Targets[0].Actor: set exactly one of TokenFile and TokenFunc"},
		{"an actor with a file that is missing", ofTarget(func(t *onbehalf.Target) { t.Actor = &onbehalf.Actor{TokenFile: "missing"} }), "Targets[0].Actor.TokenFile"},
		{"an actor of another type", ofTarget(func(t *onbehalf.Target) {
			t.Actor = &onbehalf.Actor{TokenFunc: func(context.Context) (string, error) { return "", nil }, TokenType: "x"}
		}), "Targets[0].Actor.TokenType"},
		{"a scope for challenges that is malformed", ofTarget(func(t *onbehalf.Target) { t.ChallengeScopes = []string{`"`} }), "Targets[0].ChallengeScopes[0]"},
		{"a page for interactions", ofTarget(func(t *onbehalf.Target) { t.InteractionURL = "https://auth.example.test/consent?client_id=x" }), ""},
		{"a page on a loopback host", ofTarget(func(t *onbehalf.Target) { t.InteractionURL = "http://127.0.0.1:8080/consent" }), ""},
		{"a page over http", ofTarget(func(t *onbehalf.Target) { t.InteractionURL = "http://auth.example.test/consent" }), "Targets[0].InteractionURL"},
		{"a page with another scheme", ofTarget(func(t *onbehalf.Target) { t.InteractionURL = "javascript:alert(1)" }), "Targets[0].InteractionURL"},
		{"a page with a password", ofTarget(func(t *onbehalf.Target) { t.InteractionURL = "https://u:p@auth.example.test/" }), "Targets[0].InteractionURL"},
		{"a page with a fragment", ofTarget(func(t *onbehalf.Target) { t.InteractionURL = "https://auth.example.test/#consent" }), "Targets[0].InteractionURL"},
		{"a page with a line break", ofTarget(func(t *onbehalf.Target) { t.InteractionURL = "https://auth.example.test/a\nb" }), "Targets[0].InteractionURL"},
		{"a page over the limit", ofTarget(func(t *onbehalf.Target) { t.InteractionURL = "https://auth.example.test/" + strings.Repeat("a", 2<<10) }), "Targets[0].InteractionURL: 2074 bytes are over the limit of 2048"},
	} {
		c := configuration()
		row.change(&c)
		exchanger, err := onbehalf.New(c)
		switch {
		case row.want == "" && (err != nil || exchanger == nil):
			t.Errorf("%s: got error %v, want none", row.name, err)
		case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want) || exchanger != nil):
			t.Errorf("%s: got error %v, want one with %q", row.name, err, row.want)
		case err != nil && strings.Contains(err.Error(), "s3cret"):
			t.Errorf("%s: the error has the secret", row.name)
		}
	}
}

// The error has every mistake.
func TestAllMistakes(t *testing.T) {
	_, err := onbehalf.New(onbehalf.Config{Timeout: -1, Targets: []onbehalf.Target{{}}})
	for _, want := range []string{"onbehalf: configuration", "issuer", "Auth.ClientID", "Timeout", "Targets[0].Name", "Targets[0]: has neither"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

// A configuration does not print its secrets.
func TestConfigDoesNotPrint(t *testing.T) {
	if text := fmt.Sprintf("%v %+v %#v", configuration(), configuration(), configuration()); strings.Contains(text, "s3cret") {
		t.Error("the secret is printed")
	}
}
