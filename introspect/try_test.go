package introspect_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Try reports what a call with a random token shows, and sends none of the tokens of clients.
func TestTry(t *testing.T) {
	const secret = "a secret of the client"
	for _, row := range []struct {
		name      string
		configure configFunc
		failure   resourcetest.Failure
		want      string // method, note, active and reason
	}{
		{"accepted credentials", nil, resourcetest.Failure{}, `client_secret_basic "" false `},
		{"the method client_secret_post", func(_ *resource.Config, c *introspect.Config) { c.Auth.Method = introspect.ClientSecretPost }, resourcetest.Failure{}, `client_secret_post "" false `},
		{"rejected credentials", func(_ *resource.Config, c *introspect.Config) { c.Auth.ClientSecret = "wrong" }, resourcetest.Failure{}, `client_secret_basic "" false introspection_credentials`},
		{"a space at the end", func(_ *resource.Config, c *introspect.Config) { c.Auth.ClientSecret = secret + " " }, resourcetest.Failure{}, `client_secret_basic "the secret ends in white space" false introspection_credentials`},
		{"a token that cannot be processed", nil, resourcetest.Failure{Status: 400, Body: []byte(`{"error":"invalid_request"}`)}, `client_secret_basic "" false `},
		{"an active random token", nil, resourcetest.Failure{Body: []byte(`{"active":true,"token_type":"Bearer","sub":"a"}`)}, `client_secret_basic "" true `},
		{"an active ID token", nil, resourcetest.Failure{Body: []byte(`{"active":true,"token_type":"id_token","sub":"a"}`)}, `client_secret_basic "" true `},
		{"a login page", nil, resourcetest.LoginPage(), `client_secret_basic "" false introspection_content_type`},
		{"an outage", nil, resourcetest.Failure{Status: 500}, `client_secret_basic "" false introspection_status`},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, row.configure, func(fx *fixture) {
				fx.issuer.Fail(resourcetest.Introspection, row.failure)
				got := fx.verifier.Try(fx.Context())
				reason := resource.Reason("")
				if failed, ok := errors.AsType[*resource.Error](got.Err); ok {
					reason = failed.Reason
				}
				if text := fmt.Sprintf("%s %q %v %s", got.Method, got.Note, got.Active, reason); text != row.want || got.Endpoint != fx.issuer.URL(resourcetest.Introspection) {
					t.Errorf("(-want +got)\n- %s\n+ %s at %s", row.want, text, got.Endpoint)
				}
				if n := fx.issuer.Count(resourcetest.Introspection); n != 1 {
					t.Errorf("got %d calls, want 1", n)
				}
			})
		})
	}
}

// If the metadata has no endpoint, Try does not know its URL, and the error says what to set.
func TestTryWithoutEndpoint(t *testing.T) {
	inBubble(t, func(_ *resource.Config, c *introspect.Config) { c.Endpoint = "" }, func(fx *fixture) {
		fx.issuer.SetMetadata(map[string]any{"introspection_endpoint": resourcetest.Remove})
		got := fx.verifier.Try(fx.Context())
		want := fmt.Sprintf("resource: introspection_discovery: metadata of issuer %q at %q has no introspection_endpoint: set introspection_endpoint (in Go: Endpoint)", fx.issuer.Identifier(), fx.issuer.URL(resourcetest.Metadata))
		if got.Endpoint != "" || got.Err == nil || got.Err.Error() != want {
			t.Errorf("(-want +got)\n- %s\n+ %v at %q", want, got.Err, got.Endpoint)
		}
	})
}
