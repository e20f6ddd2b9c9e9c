package resource_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Replace applies new rules to the operation of an open stream. If the body was not read, because
// there were no rules, the operation is not known, and the stream ends.
func TestReplaceAppliesRulesToStreams(t *testing.T) {
	const secret = `{"notifications":{"resourceSubscriptions":["doc://secret/a"]}}`
	listen := func() *http.Request {
		req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(rpcCall("subscriptions/listen", secret)))
		req.Header.Set("Content-Type", "application/json")
		return req
	}
	none := func(*resource.Config, *jwks.Config) {}
	resources := func(prefix string, scopes ...string) func(*resource.Config, *jwks.Config) {
		return func(c *resource.Config, _ *jwks.Config) {
			c.Operations.Resources = []resource.ResourceRule{{Prefix: prefix, Scopes: scopes}}
		}
	}
	for _, row := range []struct {
		name          string
		before, after func(*resource.Config, *jwks.Config)
		request       func() *http.Request
		ends          bool
	}{
		{"the same rules", withRules, withRules, listen, false},
		{"a rule that the caller satisfies", withRules, resources("doc://secret/", "read"), listen, false},
		{"a rule that the caller does not satisfy", withRules, resources("doc://secret/", "admin"), listen, true},
		{"a rule for other resources", withRules, resources("doc://other/", "admin"), listen, false},
		{"a rule that no longer applies", resources("doc://secret/", "read"), none, listen, false},
		{"undeclared now", withRules, func(c *resource.Config, _ *jwks.Config) {
			c.Operations.Methods, c.Operations.Undeclared = map[string][]string{"tools/list": nil}, resource.DenyUndeclared
		}, listen, true},
		{"a GET", none, resources("doc://secret/", "admin"), getRequest, false},
		{"a body that was not read", none, resources("doc://secret/", "read"), func() *http.Request {
			req := listen()
			req.Header.Set("Mcp-Method", "subscriptions/listen")
			return req
		}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, row.before, func(t *testing.T, f *fixture) {
				opened := time.Now()
				s := f.open(row.request(), f.token(resourcetest.Token{Scope: "read", Lifetime: time.Hour}))
				defer s.disconnect()
				if err := f.res.Replace(newFixtureWith(t, f.issuer, row.after).res); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				want := time.Duration(-1)
				if row.ends {
					want = streamCheckInterval
				}
				if got := s.lifetime(opened); got != want {
					t.Errorf("the stream was open for %s, want %s; cause %v", got, want, s.cause)
				}
				if row.ends && (!errors.Is(s.cause, resource.ErrStreamEnded) || errors.Is(s.cause, resource.ErrStreamExpired)) {
					t.Errorf("cause is %v", s.cause)
				}
			})
		})
	}
}
