package adaptertest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// What a request allocates on the way through the door: bounds with some air, for the
// race detector. What is reached stands in the results of bench.
func TestAllocations(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Algorithms: []string{"RS256"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	token := "Bearer " + issuer.Token(resourcetest.Token{Audience: identifier, Scope: "mcp:read"})
	for _, row := range []struct {
		what          string
		change        func(*resource.Config)
		authorization string
		status        int
		most          float64 // at net/http's door
	}{
		{"a remembered token", func(c *resource.Config) { c.HTTP.KeepAuthorization = true }, token, 200, 3},
		{"a remembered token whose header is taken off", func(*resource.Config) {}, token, 200, 5},
		{"a token that nobody remembers", func(c *resource.Config) { c.Limits.CacheTTL = -1 }, token, 200, 38},
		{"no token", func(*resource.Config) {}, "", 401, 5},
		{"garbage", func(*resource.Config) {}, "Bearer garbage", 401, 8},
	} {
		res := newResource(t, issuer, row.change)
		for _, d := range doors {
			most := row.most
			switch {
			case d.name == "net/http":
			case d.name == "Echo, Use" && row.authorization == token:
				most += 4
			default: // a refusal is an error to Echo, which its error handler writes
				continue
			}
			req := httptest.NewRequest(http.MethodPost, "/mcp", nil)
			if row.authorization != "" {
				req.Header.Set("Authorization", row.authorization)
			}
			door := d.handler(res, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			w := &discarding{header: http.Header{}}
			if got := testing.AllocsPerRun(200, func() { clear(w.header); w.status = 200; door.ServeHTTP(w, req) }); got > most || w.status != row.status {
				t.Errorf("%s, %s: status %d, %g allocations, want %d, %g at most", row.what, d.name, w.status, got, row.status, most)
			}
		}
	}
}

type discarding struct {
	header http.Header
	status int
}

func (d *discarding) Header() http.Header          { return d.header }
func (*discarding) Write(data []byte) (int, error) { return len(data), nil }
func (d *discarding) WriteHeader(status int)       { d.status = status }
