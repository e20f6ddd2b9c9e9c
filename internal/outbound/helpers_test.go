package outbound_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/warder-go/warder/internal/outbound"
)

// loopback is the Config.Hosts that allows connections to a test server.
var loopback = []string{"127.0.0.1"}

// serve starts a server that counts its requests.
func serve(t *testing.T, handler http.HandlerFunc) (server *httptest.Server, hits *atomic.Int64) {
	t.Helper()
	hits = new(atomic.Int64)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	return server, hits
}

func newClient(t *testing.T, cfg outbound.Config) *outbound.Client {
	t.Helper()
	c := outbound.New(cfg)
	t.Cleanup(c.CloseIdle)
	return c
}

// atHost returns the server's URL with another host name.
func atHost(t *testing.T, server, host string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = net.JoinHostPort(host, u.Port())
	return u.String()
}

// outcomeOf returns the outcome of err, "ok" for nil, or "untyped" for another type.
func outcomeOf(err error) outbound.Outcome {
	if err == nil {
		return "ok"
	}
	if e, ok := errors.AsType[*outbound.Error](err); ok {
		return e.Outcome
	}
	return "untyped"
}

func wantOutcome(t *testing.T, err error, want outbound.Outcome) {
	t.Helper()
	if got := outcomeOf(err); got != want {
		t.Errorf("outcome (-want +got)\n- %s\n+ %s: %v", want, got, err)
	}
}

func wantEqual[T comparable](t *testing.T, name string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s (-want +got)\n- %v\n+ %v", name, want, got)
	}
}

// transportFunc is a function that implements http.RoundTripper.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
