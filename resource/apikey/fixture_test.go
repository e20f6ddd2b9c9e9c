package apikey_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/apikey"
	"github.com/warder-go/warder/resource/resourcetest"
)

const identifier = "https://mcp.example.test/mcp"

// Documented limits of the package.
const (
	maxKeys       = 10_000
	maxFileBytes  = 4 << 20
	checkInterval = 30 * time.Second
	retryInterval = time.Second
)

// bubbleStart is the time at which the clock of a synctest bubble starts.
var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// A fixture is a resource that accepts keys in X-API-Key and, with the prefix "mcp_", as
// Bearer tokens. It runs in a synctest bubble.
type fixture struct {
	*testing.T
	file    string
	keys    *apikey.Verifier
	res     *resource.Resource
	handler http.Handler
	log     bytes.Buffer
	caller  *resource.Caller // of the last accepted request
	secrets []string         // keys and digests, which must not be in any output
}

// withFixture runs test with fixed keys or, if keys is nil, with a file of that content.
func withFixture(t *testing.T, keys []apikey.Key, file string, test func(*fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{T: t}
		logger := slog.New(slog.NewJSONHandler(&f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		config := apikey.Config{Resource: identifier, Keys: keys, Logger: logger}
		if keys == nil {
			f.file = filepath.Join(t.TempDir(), "keys.json")
			config.File = f.file
			f.write(file)
		}
		for _, k := range keys {
			f.secrets = append(f.secrets, k.SHA256)
		}
		var err error
		if f.keys, err = apikey.New(config); err != nil {
			t.Fatal(err)
		}
		// The issuer of OAuth tokens. It must not be called about keys.
		issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer issuer.Close()
		f.res, err = resource.New(resource.Config{
			Identifier: identifier, Scopes: []string{"mcp:read"}, Logger: logger,
			Opaque:      &resource.Issuer{Verifier: rejectAll{issuer.Identifier()}},
			Credentials: resource.Credentials{Prefixed: map[string]resource.Issuer{"mcp_": {Verifier: f.keys}}, Headers: map[string]resource.HeaderVerifier{"X-API-Key": f.keys}},
		})
		if err != nil {
			t.Fatal(err)
		}
		f.handler = nethttp.Middleware(f.res)(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			f.caller, _ = resource.FromContext(req.Context())
		}))
		test(f)
		f.checkNoSecrets()
	})
}

// rejectAll is the verifier of an authorization server without valid tokens.
type rejectAll struct{ issuer string }

func (r rejectAll) Issuer() string { return r.issuer }

func (rejectAll) Verify(context.Context, *resource.Token) (*resource.Claims, error) {
	return nil, &resource.Error{Reason: resource.ReasonInactive}
}

// generate returns a key for an entry of the file.
func (f *fixture) generate() (key, digest string) {
	key, digest = apikey.Generate("mcp_")
	f.secrets = append(f.secrets, strings.TrimPrefix(key, "mcp_"), digest)
	return key, digest
}

// write replaces the file. An empty text removes it.
func (f *fixture) write(text string) {
	f.Helper()
	var err error
	if text == "" {
		err = os.RemoveAll(f.file)
	} else {
		err = os.WriteFile(f.file, []byte(text), 0o600)
	}
	if err != nil {
		f.Fatal(err)
	}
}

// send sends a request with header fields, given as names and values.
func (f *fixture) send(headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	response := httptest.NewRecorder()
	f.caller = nil
	f.handler.ServeHTTP(response, req)
	return response
}

// expect sends the key in both ways, the Bearer token twice: the second is in the cache.
func (f *fixture) expect(what, key string, status int) {
	f.Helper()
	for _, headers := range [][]string{{"X-API-Key", key}, {"Authorization", "Bearer " + key}, {"Authorization", "Bearer " + key}} {
		if got := f.send(headers...); got.Code != status {
			f.Errorf("%s, in %s: got %d, want %d\n%s", what, headers[0], got.Code, status, &f.log)
		}
	}
}

// metrics returns what a scrape of the verifier returns, without comments.
func (f *fixture) metrics() (lines string) {
	f.Helper()
	registry, recorder := prometheus.NewRegistry(), httptest.NewRecorder()
	registry.MustRegister(f.keys)
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(recorder.Body.String()) {
		if strings.HasPrefix(line, "warder_") {
			lines += line
		}
	}
	return lines
}

// takeLogged returns how many records have the message, and empties the log.
func (f *fixture) takeLogged(message string) int {
	f.checkNoSecrets()
	defer f.log.Reset()
	return strings.Count(f.log.String(), `"msg":"`+message+`"`)
}

func (f *fixture) checkNoSecrets() {
	f.Helper()
	output := f.log.String() + f.metrics() + fmt.Sprintf("%v %+v %#v %s", f.keys, f.keys, f.keys, f.keys)
	for _, secret := range f.secrets {
		if strings.Contains(output, secret) {
			f.Fatalf("the output contains %q:\n%s", secret, output)
		}
	}
}

// keyFile returns a key file with entries.
func keyFile(entries ...string) string { return `{"keys":[` + strings.Join(entries, ",\n") + `]}` }

// entry returns a valid entry with additional members.
func entry(id, digest, members string) string {
	return fmt.Sprintf(`{"id":%q,"sha256":%q,"subject":"robot","scopes":["mcp:read"]%s}`, id, digest, members)
}
