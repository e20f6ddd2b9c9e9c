package mcpsdk_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/warder-go/warder/internal/refusaltest"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

// TestOrderOfRefusals sends requests to which several refusals apply. The client gets the one
// that comes first in the table of docs/architecture.md, as with every other adapter.
func TestOrderOfRefusals(t *testing.T) {
	adapter := func(res *resource.Resource, scopes []string, next http.Handler) http.Handler {
		if scopes != nil {
			next = nethttp.Require(res, scopes...)(next)
		}
		return mcpsdk.Handler(res, next)
	}
	for _, c := range refusaltest.Cases(2) {
		synctest.Test(t, func(t *testing.T) {
			if err := c.Run(adapter); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		})
	}
}
