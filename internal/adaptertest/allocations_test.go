package adaptertest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// TestAllocations limits the number of allocations for each request. The limits leave
// some room, because the race detector allocates too. The results of the bench module
// contain the measured numbers.
func TestAllocations(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Algorithms: []string{"RS256"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	token := "Bearer " + issuer.Token(resourcetest.Token{Audience: identifier, Scope: "mcp:read", Claims: map[string]any{"acr": "gold", "auth_time": time.Now().Unix()}})
	for _, row := range []struct {
		name          string
		change        func(*resource.Config)
		authorization string
		status        int
		most          float64 // for the net/http adapter
	}{
		{"a cached token", func(c *resource.Config) { c.HTTP.KeepAuthorization = true }, token, 200, 3},
		{"a cached token whose header is removed", func(*resource.Config) {}, token, 200, 5},
		{"a cached token with a login", func(c *resource.Config) {
			c.HTTP.KeepAuthorization = true
			c.Credentials.Authentication = resource.Authentication{ACRValues: []string{"gold"}, MaxAge: time.Hour}
		}, token, 200, 3},
		{"a cached token that is held", func(c *resource.Config) { c.Credentials.HoldTokens = true }, token, 200, 7},
		{"a token that is not cached", func(c *resource.Config) { c.Limits.CacheTTL = -1 }, token, 200, 38},
		{"no token", func(*resource.Config) {}, "", 401, 5},
		{"no token, JSON-RPC", func(*resource.Config) {}, "", 401, 5},
		{"a malformed token", func(*resource.Config) {}, "Bearer garbage", 401, 8},
	} {
		res := newResource(t, issuer, row.change)
		for _, a := range adapters {
			most := row.most
			switch {
			case a.name == "net/http":
			case a.name == "Echo, Use" && row.authorization == token:
				most += 4
			default: // Echo's error handler writes refusals and allocates for that
				continue
			}
			req := httptest.NewRequest(http.MethodPost, "/mcp", nil)
			if row.name == "no token, JSON-RPC" {
				req.Header.Set("Content-Type", "application/json; charset=utf-8")
			}
			if row.authorization != "" {
				req.Header.Set("Authorization", row.authorization)
			}
			protected := a.handler(res, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			w := &discardWriter{header: http.Header{}}
			if got := testing.AllocsPerRun(200, func() { clear(w.header); w.status = 200; protected.ServeHTTP(w, req) }); got > most || w.status != row.status {
				t.Errorf("%s, %s: got status %d and %g allocations, want %d and at most %g", row.name, a.name, w.status, got, row.status, most)
			}
		}
	}
}

// discardWriter is an [http.ResponseWriter] that allocates nothing.
type discardWriter struct {
	header http.Header
	status int
}

func (d *discardWriter) Header() http.Header          { return d.header }
func (*discardWriter) Write(data []byte) (int, error) { return len(data), nil }
func (d *discardWriter) WriteHeader(status int)       { d.status = status }
