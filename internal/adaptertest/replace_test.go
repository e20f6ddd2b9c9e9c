package adaptertest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// TestReplace checks that Middleware, Require and the metadata use the new configuration
// after [resource.Resource.Replace].
func TestReplace(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		res := newResource(t, issuer, at(identifier, "old"))
		url := serve(t, a.routes([]*resource.Resource{res}, map[string]route{
			"/mcp":  {[]guard{{res: res}}, http.HandlerFunc(whoami)},
			"/more": {[]guard{{res: res}, {res, []string{"more"}}}, http.HandlerFunc(whoami)},
		}))
		status := func(path, scope string) int {
			token := issuer.Token(resourcetest.Token{Audience: identifier, Scope: scope})
			response, _ := do(t, request(t, http.MethodPost, url+path, token, nil))
			return response.StatusCode
		}
		check := func(scope, other string) {
			t.Helper()
			for _, row := range []struct {
				path, scope string
				want        int
			}{{"/mcp", scope, 200}, {"/mcp", other, 403}, {"/more", scope + " more", 200}, {"/more", other + " more", 403}, {"/more", scope, 403}} {
				if got := status(row.path, row.scope); got != row.want {
					t.Errorf("%s with %q: got %d, want %d", row.path, row.scope, got, row.want)
				}
			}
			_, body := do(t, request(t, http.MethodGet, url+wellKnown+"/mcp", "", nil))
			if want := strings.Replace(document, `"bearer`, `"scopes_supported":["`+scope+`"],"bearer`, 1); body != want {
				t.Errorf("metadata:\n got %s\nwant %s", body, want)
			}
		}
		check("old", "new")
		if err := res.Replace(newResource(t, issuer, at(identifier, "new"))); err != nil {
			t.Fatal(err)
		}
		check("new", "old")
	})
}
