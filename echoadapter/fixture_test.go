package echoadapter_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/resource"
)

// Behavior that all adapters share is tested in internal/adaptertest.

const (
	identifier = "https://mcp.example.test/mcp"
	wellKnown  = "/.well-known/oauth-protected-resource"
	pointer    = `Bearer resource_metadata="https://mcp.example.test` + wellKnown + `/mcp"`
	missing    = `{"error_description":"Authorization is required"}` + "\n"
	notFound   = `{"message":"Not Found"}` + "\n"
)

// dottedVerifier accepts tokens that consist of a subject and scopes, separated by dots. For
// the token "down" it reports that the issuer is unavailable.
type dottedVerifier struct{ audience string }

func (dottedVerifier) Issuer() string { return "https://auth.example.test" }

func (v dottedVerifier) Verify(_ context.Context, token *resource.Token) (*resource.Claims, error) {
	parts := strings.Split(token.Raw(), ".")
	if parts[0] == "down" {
		return nil, &resource.Error{Reason: resource.ReasonVerifierUnavailable, RetryAfter: 7 * time.Second}
	}
	return &resource.Claims{
		Issuer: v.Issuer(), Subject: parts[0], Audience: []string{v.audience}, Scopes: parts[1:], Expiry: time.Now().Add(time.Hour),
	}, nil
}

func newResource(t testing.TB, identifier string, change func(*resource.Config)) *resource.Resource {
	t.Helper()
	config := resource.Config{
		Identifier: identifier, Opaque: &resource.Issuer{Verifier: dottedVerifier{identifier}}, Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&config)
	}
	res, err := resource.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// serve starts a server and returns its URL.
func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// send sends a request without a body, with a token unless it is empty.
func send(t testing.TB, method, url, token string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sendRequest(t, req, token)
}

// sendRequest sends a request without following redirects and without compression.
func sendRequest(t testing.TB, req *http.Request, token string) (*http.Response, string) {
	t.Helper()
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	response, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// whoami is an Echo handler. It responds with the caller's subject, followed by the
// Authorization header. It reports if Echo's context and that of the request have different
// callers.
func whoami(c echo.Context) error {
	text := "anonymous"
	if caller, ok := echoadapter.Caller(c); ok {
		text = caller.Subject()
	}
	stored, ok := c.Get(echoadapter.CallerKey).(*resource.Caller)
	inside, known := resource.FromContext(c.Request().Context())
	if ok != (text != "anonymous") || ok != known || stored != inside {
		text += ", but the contexts have different callers"
	}
	return c.String(http.StatusOK, text+c.Request().Header.Get("Authorization"))
}
