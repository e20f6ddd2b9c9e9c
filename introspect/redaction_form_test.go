package introspect_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A Transport of the program can quote the form of a request in its error. The secrets in the form
// are in no log record and no error: the token, the client's secret and its assertion.
func TestSecretsInFormsAreNotInErrors(t *testing.T) {
	const secret = "corr&ct horse/battery+staple"
	for name, auth := range map[string]introspect.ClientAuth{
		"client_secret_post":  {Method: introspect.ClientSecretPost, ClientID: "mcp", ClientSecret: secret},
		"client_secret_basic": {Method: introspect.ClientSecretBasic, ClientID: "mcp", ClientSecret: secret},
	} {
		t.Run(name, func(t *testing.T) {
			quoted := ""
			change := func(_ *resource.Config, c *introspect.Config) {
				c.Auth, c.Transport = auth, roundTripper(func(r *http.Request) (*http.Response, error) {
					body, _ := io.ReadAll(r.Body)
					quoted = string(body) + " " + r.Header.Get("Authorization")
					return nil, errors.New("sending " + quoted)
				})
			}
			inBubble(t, change, func(fx *fixture) {
				token := fx.token(resourcetest.Token{})
				fx.expect("a failing transport", token, http.StatusServiceUnavailable, resource.ReasonIntrospectionMalformed)
				written := fx.log.String()
				if !strings.Contains(quoted, "token=") || !strings.Contains(written, "the transport's error is not shown") {
					t.Errorf("sent %q, wrote %s", quoted, written)
				}
				for _, part := range []string{token, secret, "horse", strings.Fields(quoted)[len(strings.Fields(quoted))-1]} {
					if strings.Contains(written, part) {
						t.Errorf("%q is in %s", part, written)
					}
				}
			})
		})
	}
}
