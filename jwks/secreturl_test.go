package jwks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// secret is in the query of the key set's address. Functions of a cloud are called with such
// a key in the query.
const secret = "S3cr3t-in-a-query"

// roundTripper is a function that implements http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The query of an address of keys, configured or discovered, is in no log record, error, metric
// or printed configuration.
func TestQueryOfTheAddressIsSecret(t *testing.T) {
	failing := func(fail func(r *http.Request) error) func(*resourcetest.Issuer, *jwks.Config) {
		return func(_ *resourcetest.Issuer, c *jwks.Config) {
			next := c.Transport
			c.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.URL.RawQuery == "" {
					return next.RoundTrip(r)
				}
				return nil, fail(r)
			})
		}
	}
	with := func(f resourcetest.Failure) func(*resourcetest.Issuer, *jwks.Config) {
		return func(issuer *resourcetest.Issuer, _ *jwks.Config) { issuer.Fail(resourcetest.JWKS, f) }
	}
	for name, change := range map[string]func(*resourcetest.Issuer, *jwks.Config){
		"success":      func(*resourcetest.Issuer, *jwks.Config) {},
		"401":          with(resourcetest.Failure{Status: 401}),
		"404":          with(resourcetest.Failure{Status: 404}),
		"500":          with(resourcetest.Failure{Status: 500}),
		"204":          with(resourcetest.Failure{Status: 204}),
		"304":          with(resourcetest.Failure{Status: 304}),
		"HTML":         with(resourcetest.LoginPage()),
		"garbage":      with(resourcetest.Garbage()),
		"no keys":      with(resourcetest.Failure{Body: []byte(`{"keys":[]}`)}),
		"redirect":     with(resourcetest.Failure{Redirect: "https://auth.example.test/jwks?code=" + secret}),
		"refused":      with(resourcetest.Failure{Refuse: true}),
		"hangs":        with(resourcetest.Failure{Hang: true}),
		"too large":    with(resourcetest.Failure{Huge: 300 << 20}),
		"truncated":    with(resourcetest.Failure{Truncate: true}),
		"content type": with(resourcetest.Failure{Body: []byte("<html>"), Header: http.Header{"Content-Type": {"text/html; a=" + strings.Repeat("x", 1000)}}}),
		"a transport with an http.Client inside": failing(func(r *http.Request) error {
			return &url.Error{Op: "Get", URL: r.URL.String(), Err: errors.New("no")}
		}),
		"a transport whose error quotes the URL":           failing(func(r *http.Request) error { return fmt.Errorf("asking %s: no", r.URL) }),
		"a transport whose error quotes the request's URI": failing(func(r *http.Request) error { return fmt.Errorf("asking %q: no", r.URL.RequestURI()) }),
		"a transport whose error quotes the decoded query": failing(func(r *http.Request) error { return fmt.Errorf("asking with %v: no", r.URL.Query()) }),
	} {
		for _, discovered := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", discovered: ", discovered), func(t *testing.T) {
				written := writtenWithSecret(t, discovered, change)
				if strings.Contains(written, secret) || strings.Contains(written, "code=") {
					t.Errorf("the query was written:\n%s", written)
				}
			})
		}
	}
}

// writtenWithSecret returns everything that is written when keys are fetched from an address
// with a secret in its query: the log, an error of Ready, the metrics and printed values.
func writtenWithSecret(t *testing.T, discovered bool, change func(*resourcetest.Issuer, *jwks.Config)) string {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	var written lockedBuffer // a fetch can still log while this test writes
	synctest.Test(t, func(t *testing.T) {
		logger := slog.New(slog.NewJSONHandler(&written, &slog.HandlerOptions{Level: slog.LevelDebug}))
		address := issuer.URL(resourcetest.JWKS) + "?code=" + secret + "%21&x=y"
		c := jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport(), Logger: logger}
		if discovered {
			issuer.SetMetadata(map[string]any{"jwks_uri": address})
		} else {
			c.URL = address
		}
		change(issuer, &c)
		verifier, err := jwks.New(c)
		if err != nil {
			t.Fatal(err)
		}
		res, err := resource.New(resource.Config{Identifier: "https://mcp.example.test/mcp", Issuers: []resource.Issuer{{Verifier: verifier}}, Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		handler := nethttp.Middleware(res)(http.NotFoundHandler())
		req := httptest.NewRequest(http.MethodPost, "https://mcp.example.test/mcp", nil)
		req.Header.Set("Authorization", "Bearer "+issuer.Token(resourcetest.Token{}))
		handler.ServeHTTP(httptest.NewRecorder(), req)
		fmt.Fprintln(&written, res.Ready(context.Background()), verifier.Ready(context.Background()))
		c.Transport = nil // a test's transport contains what the issuer was asked for
		logger.Info("printed", "config", c, "pointer", &c, "verifier", verifier)
		for _, v := range []any{c, &c, struct{ C jwks.Config }{c}, verifier} {
			fmt.Fprintf(&written, "%v %+v %#v %s %q\n", v, v, v, v, v)
		}
		registry, metrics := prometheus.NewRegistry(), httptest.NewRecorder()
		registry.MustRegister(res.Metrics())
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(metrics, httptest.NewRequest("GET", "/metrics", nil))
		fmt.Fprint(&written, metrics.Body)
		time.Sleep(10 * time.Second)
	})
	return written.String()
}

// An address that New rejects is not quoted with its query or its user information.
func TestRejectedAddressIsQuotedWithoutSecrets(t *testing.T) {
	for _, address := range []string{
		"http://auth.example.test/jwks?code=" + secret, "https://u:" + secret + "@auth.example.test/jwks", "https://" + secret + "@auth.example.test/jwks",
		"https://auth.example.test/jwks?code=" + secret + "#f", "https://auth.example.test/jwks#" + secret, "HTTPS://auth.example.test/jwks?code=" + secret,
		"https://auth.example.test:port/jwks?code=" + secret, "https://u:" + secret + "@auth.example.test:port/", "https:u:" + secret + "@auth.example.test/",
		"https:/u:" + secret + "@auth.example.test/", "https:///u:" + secret + "@auth.example.test/", "//u:" + secret + "@auth.example.test/", "u:" + secret + "@auth.example.test/",
		"/jwks?code=" + secret, "?code=" + secret, "https://auth.example.test/%zz?code=" + secret, "https://auth.example.test/a b?code=" + secret, "https://\x7f/?code=" + secret,
		"ftp://auth.example.test/?code=" + secret, "https://auth..example.test/?code=" + secret,
	} {
		for where, c := range map[string]jwks.Config{
			"URL":    {Issuer: "https://auth.example.test", URL: address},
			"Issuer": {Issuer: address},
		} {
			_, err := jwks.New(c)
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: got %v, want an error without the secret", where, err)
			}
		}
	}
}

// lockedBuffer is a buffer that is safe for concurrent use.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
