package introspect_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// querySecret is in the query of an address. Functions of a cloud are called with such a key in
// the query.
const querySecret = "S3cr3t-in-a-query"

// roundTripper is a function that implements http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The query of an address, configured or discovered, is in no log record, error or metric.
func TestQueriesOfAddressesAreSecret(t *testing.T) {
	withQuery := func(fx *fixture, endpoint resourcetest.Endpoint) string {
		return fx.issuer.URL(endpoint) + "?code=" + querySecret + "%21&x=y"
	}
	quoting := func(r *http.Request) error {
		if r.URL.RawQuery == "" {
			return nil
		}
		return &url.Error{Op: "Post", URL: r.URL.String(), Err: fmt.Errorf("asking %s: %w", r.URL, errors.New("no"))}
	}
	failures := map[string]resourcetest.Failure{"success": {}, "401": {Status: 401}, "404": {Status: 404}, "500": {Status: 500}, "304": {Status: 304}, "HTML": resourcetest.LoginPage(),
		"garbage": resourcetest.Garbage(), "redirect": {Redirect: "https://auth.example.test/x?code=" + querySecret}, "refused": {Refuse: true}, "hangs": {Hang: true}, "truncated": {Truncate: true}, "huge": {Huge: 1 << 30}}
	for _, row := range []struct {
		name     string
		endpoint resourcetest.Endpoint
		change   func(c *introspect.Config)
		members  map[string]resourcetest.Endpoint // of the metadata
	}{
		{"a configured endpoint", resourcetest.Introspection, func(c *introspect.Config) { c.Endpoint += "?code=" + querySecret + "%21&x=y" }, nil},
		{"a discovered endpoint", resourcetest.Introspection, func(c *introspect.Config) { c.Endpoint = "" }, map[string]resourcetest.Endpoint{"introspection_endpoint": resourcetest.Introspection}},
		{"configured metadata", resourcetest.Metadata, func(c *introspect.Config) {
			c.Endpoint, c.MetadataURL = "", c.Issuer+"/.well-known/oauth-authorization-server?code="+querySecret+"%21&x=y"
		}, nil},
		{"configured keys", resourcetest.JWKS, func(c *introspect.Config) {
			c.SignedAnswers, c.KeysURL = true, c.Issuer+"/jwks?code="+querySecret+"%21&x=y"
		}, nil},
		{"discovered keys", resourcetest.JWKS, func(c *introspect.Config) { c.SignedAnswers = true }, map[string]resourcetest.Endpoint{"jwks_uri": resourcetest.JWKS}},
	} {
		for name, failure := range failures {
			for _, transport := range []string{"a quiet transport", "a transport that quotes the URL"} {
				t.Run(row.name+", "+name+", "+transport, func(t *testing.T) {
					change := func(_ *resource.Config, c *introspect.Config) {
						row.change(c)
						if next := c.Transport; transport != "a quiet transport" {
							c.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
								if err := quoting(r); err != nil {
									return nil, err
								}
								return next.RoundTrip(r)
							})
						}
					}
					inBubble(t, change, func(fx *fixture) {
						members := map[string]any{}
						for member, endpoint := range row.members {
							members[member] = withQuery(fx, endpoint)
						}
						fx.issuer.SetMetadata(members)
						fx.issuer.Fail(row.endpoint, failure)
						fx.request(fx.token(resourcetest.Token{}))
						ready := fmt.Sprint(fx.res.Ready(fx.Context()), fx.verifier.Ready(fx.Context()))
						written := fx.log.String() + ready + fx.metrics() + fmt.Sprintf("%v %+v %#v %s", fx.verifier, fx.verifier, fx.verifier, fx.verifier)
						if strings.Contains(written, querySecret) || strings.Contains(written, "code=") {
							fx.Errorf("the query was written:\n%s", written)
						}
						time.Sleep(time.Minute)
					})
				})
			}
		}
	}
}

// An address that New rejects is not quoted with its query or its user information.
func TestRejectedAddressesAreQuotedWithoutSecrets(t *testing.T) {
	auth := introspect.ClientAuth{ClientID: "c", ClientSecret: "x"}
	for _, address := range []string{"http://auth.example.test/i?code=" + querySecret, "https://u:" + querySecret + "@auth.example.test/i", "https://auth.example.test/i?code=" + querySecret + "#f", "i?code=" + querySecret, "https:/u:" + querySecret + "@auth.example.test/"} {
		for where, c := range map[string]introspect.Config{
			"Endpoint": {Issuer: "https://auth.example.test", Endpoint: address, Auth: auth},
			"KeysURL":  {Issuer: "https://auth.example.test", KeysURL: address, SignedAnswers: true, Auth: auth},
			"Issuer":   {Issuer: address, Auth: auth},
		} {
			_, err := introspect.New(c)
			if err == nil || strings.Contains(err.Error(), querySecret) {
				t.Errorf("%s: got %v, want an error without the secret", where, err)
			}
		}
	}
}
