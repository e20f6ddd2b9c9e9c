package resource_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Only the outer one of two mounts watches a stream, also with held tokens and if the header keeps the
// token.
func TestHeldTokenStreamTwice(t *testing.T) {
	for _, hold := range []bool{false, true} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Credentials.HoldTokens, c.HTTP.KeepAuthorization = hold, true
		})
		open := ""
		f.inner = func(_ http.ResponseWriter, req *http.Request) {
			nethttp.Middleware(f.res)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				open = f.series()["warder_open_streams"]
			})).ServeHTTP(httptest.NewRecorder(), req)
		}
		req := httptest.NewRequest(http.MethodGet, identifier, nil)
		req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{}))
		f.send(req)
		if open != "1" {
			t.Errorf("HoldTokens %t: got %q open streams, want 1", hold, open)
		}
	}
}

// The context of the connection has no caller, also inside two Resources: in a stateful session it
// would be that of another request.
func TestConnectionContextInsideTwoResources(t *testing.T) {
	outer := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.HoldTokens, c.HTTP.KeepAuthorization = true, true
	})
	inner := newFixtureWith(t, outer.issuer, holdTokens)
	called := false
	outer.inner = func(w http.ResponseWriter, req *http.Request) {
		nethttp.Middleware(inner.res)(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			called = true
			ctx := resource.ConnectionContext(resource.WithoutHeldToken(req.Context()))
			if _, ok := resource.FromContext(ctx); ok {
				t.Errorf("%s: the context of the connection has a caller", req.Method)
			}
		})).ServeHTTP(w, req)
	}
	for _, method := range []string{http.MethodPost, http.MethodGet} { // GET opens a stream
		req := httptest.NewRequest(method, identifier, nil)
		req.Header.Set("Authorization", "Bearer "+outer.token(resourcetest.Token{}))
		outer.send(req)
	}
	if !called {
		t.Error("the request was rejected")
	}
}
