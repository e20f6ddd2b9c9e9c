package adaptertest_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/warder-go/warder/internal/refusaltest"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// TestOrderOfRefusals sends requests to which several refusals apply. The client gets the one
// that comes first in the table of docs/architecture.md, in every way to become known to the
// Resource and with every adapter.
func TestOrderOfRefusals(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		testOrder(t, 2, func(res *resource.Resource, scopes []string, next http.Handler) http.Handler {
			if scopes == nil {
				return a.handler(res, next)
			}
			return a.routes(nil, map[string]route{"/mcp": {[]guard{{res: res}, {res, scopes}}, next}})
		})
	})
	t.Run("net/http, three refusals", func(t *testing.T) {
		testOrder(t, 3, func(res *resource.Resource, scopes []string, next http.Handler) http.Handler {
			return nethttp.Handler(res, requireAll(res, scopes, next))
		})
	})
	t.Run("net/http, Middleware twice", func(t *testing.T) {
		testOrder(t, 2, func(res *resource.Resource, scopes []string, next http.Handler) http.Handler {
			return nethttp.Middleware(res)(nethttp.Middleware(res)(requireAll(res, scopes, next)))
		})
	})
}

func requireAll(res *resource.Resource, scopes []string, next http.Handler) http.Handler {
	if scopes == nil {
		return next
	}
	return nethttp.Require(res, scopes...)(next)
}

// testOrder runs the cases with up to n refusals.
func testOrder(t *testing.T, n int, adapter refusaltest.Adapter) {
	t.Helper()
	for _, c := range refusaltest.Cases(n) {
		synctest.Test(t, func(t *testing.T) {
			if err := c.Run(adapter); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		})
	}
}
