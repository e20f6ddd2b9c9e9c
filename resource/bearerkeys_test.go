package resource_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/apikey"
)

// keyVerifier verifies keys in a header field and, like apikey.Verifier, as bearer tokens.
type keyVerifier struct{ headerOnlyVerifier }

func (v keyVerifier) Verify(context.Context, *resource.Token) (*resource.Claims, error) {
	return nil, errors.New("not used")
}

type headerOnlyVerifier struct{}

func (headerOnlyVerifier) Issuer() string { return "https://keys.example" }

func (headerOnlyVerifier) VerifyHeader(context.Context, string, *http.Request) (*resource.Claims, error) {
	return nil, errors.New("not used")
}

// New logs one record if a key that is sent as a bearer token would be sent to the introspection
// endpoint.
func TestKeysThatWouldBeIntrospected(t *testing.T) {
	asks := verifierFunc{"https://auth.example", func() (*resource.Claims, error) { return nil, errors.New("not used") }}
	opaque := &resource.Issuer{Verifier: asks}
	jwts := []resource.Issuer{{Verifier: asks}}
	keys := map[string]resource.HeaderVerifier{"X-API-Key": keyVerifier{}}
	for _, row := range []struct {
		name string
		c    resource.Config
		want int
	}{
		{"keys and introspection", resource.Config{Opaque: opaque, Credentials: resource.Credentials{Headers: keys}}, 1},
		{"two header fields with keys", resource.Config{Opaque: opaque, Credentials: resource.Credentials{
			Headers: map[string]resource.HeaderVerifier{"X-API-Key": keyVerifier{}, "X-Key": keyVerifier{}}}}, 1},
		{"keys with a prefix", resource.Config{Opaque: opaque, Credentials: resource.Credentials{
			Headers: keys, Prefixed: map[string]resource.Issuer{"key_": {Verifier: keyVerifier{}}}}}, 0},
		{"keys and other tokens with a prefix", resource.Config{Opaque: opaque, Credentials: resource.Credentials{
			Headers: keys, Prefixed: map[string]resource.Issuer{"pat_": {Verifier: asks}}}}, 1},
		{"keys are the opaque tokens", resource.Config{Opaque: &resource.Issuer{Verifier: keyVerifier{}}, Credentials: resource.Credentials{Headers: keys}}, 0},
		{"no introspection", resource.Config{Issuers: jwts, Credentials: resource.Credentials{Headers: keys}}, 0},
		{"no keys", resource.Config{Opaque: opaque}, 0},
		{"a header credential that is not a bearer token", resource.Config{Opaque: opaque, Credentials: resource.Credentials{
			Headers: map[string]resource.HeaderVerifier{"X-Signature": headerOnlyVerifier{}}}}, 0},
	} {
		var log strings.Builder
		row.c.Identifier, row.c.Logger = identifier, slog.New(slog.NewTextHandler(&log, nil))
		if _, err := resource.New(row.c); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		if n := strings.Count(log.String(), "level=WARN msg=\"keys that clients send as bearer tokens are sent to the introspection endpoint"); n != row.want {
			t.Errorf("%s: got %d records, want %d: %s", row.name, n, row.want, &log)
		}
	}
}

// Keys in header fields cannot have the name of an authorization server: equal subjects would be
// one principal.
func TestNamesOfOtherCredentials(t *testing.T) {
	_, digest := apikey.Generate("key_")
	keys := func(name string) *apikey.Verifier {
		v, err := apikey.New(apikey.Config{Resource: identifier, Issuer: name, Keys: []apikey.Key{{ID: "a", SHA256: digest, Subject: "a"}}})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	named, err := jwks.New(jwks.Config{Issuer: "api-keys", URL: "https://auth.example.test/keys"})
	if err != nil {
		t.Fatal(err)
	}
	published := metadata.Document{AuthorizationServers: []string{"https://auth.example.test"}}
	const mistake = `: Issuer() is "api-keys", which is also an authorization server; equal subjects would be one principal, so use another name`
	same := keys("")
	for _, row := range []struct {
		name  string
		jwts  resource.Verifier
		given resource.Credentials
		want  string
	}{
		{"the same name in a header field", named, resource.Credentials{Headers: map[string]resource.HeaderVerifier{"X-API-Key": keys("")}}, `Credentials.Headers["X-API-Key"]` + mistake},
		{"the same name with a prefix", named, resource.Credentials{Prefixed: map[string]resource.Issuer{"key_": {Verifier: keys("")}}}, `Credentials.Prefixed["key_"].Verifier` + mistake},
		{"another name", named, resource.Credentials{Headers: map[string]resource.HeaderVerifier{"X-API-Key": keys("keys")}}, ""},
		{"one verifier in two places", verifier(t), resource.Credentials{Headers: map[string]resource.HeaderVerifier{"X-API-Key": same}, Prefixed: map[string]resource.Issuer{"key_": {Verifier: same}}}, ""},
	} {
		_, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: row.jwts}}, Credentials: row.given, Metadata: published})
		if got := strings.TrimPrefix(fmt.Sprint(err), "resource: configuration: "); got != row.want && (err != nil || row.want != "") {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, row.want, got)
		}
	}
}
