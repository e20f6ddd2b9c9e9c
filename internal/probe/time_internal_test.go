package probe

import (
	"context"
	"crypto/fips140"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/internal/outbound"
)

// slow is a server that answers after a while.
type slow time.Duration

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(time.Duration(s)):
		return &http.Response{StatusCode: 401, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

// A request takes at most 10 seconds, and a run at most 3 minutes.
func TestTimeLimits(t *testing.T) {
	if fips140.Enforced() {
		t.Skip("the FIPS module uses the clock as a source of entropy, and the clock of a bubble does not advance")
	}
	for _, row := range []struct {
		name  string
		delay time.Duration
		took  time.Duration
		want  string
	}{
		{"a server that does not answer", time.Hour, 10 * time.Second, `the server cannot be reached: outbound: timeout: POST "https://mcp.example.com/mcp": context deadline exceeded`},
		{"a slow server", 9 * time.Second, 3 * time.Minute, "not finished: context deadline exceeded"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, err := New(Config{URL: "https://mcp.example.com/mcp"})
				if err != nil {
					t.Fatal(err)
				}
				client := clientConfig(p.cfg, p.target)
				client.Transport = slow(row.delay)
				p.client = outbound.New(client)
				began := time.Now()
				_, err = p.Run(t.Context())
				if err == nil || err.Error() != row.want || time.Since(began) != row.took {
					t.Errorf("got %v after %v, want %s after %v", err, time.Since(began), row.want, row.took)
				}
			})
		})
	}
}
