package apikey_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/apikey"
	"github.com/warder-go/warder/resource/resourcetest"
)

const identifier = "https://mcp.example.test/mcp"

// A world is a resource that takes keys in X-API-Key and, with the prefix "mcp_", as
// Bearer tokens, in a bubble with a clock of its own.
type world struct {
	*testing.T
	file   string
	keys   *apikey.Verifier
	res    *resource.Resource
	door   http.Handler
	log    bytes.Buffer
	caller *resource.Caller // of the last request that got in
	made   []string         // keys and digests: none may turn up anywhere
}

func inWorld(t *testing.T, given []apikey.Key, file string, test func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t}
		logger := slog.New(slog.NewJSONHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		config := apikey.Config{Resource: identifier, Keys: given, Logger: logger}
		if given == nil {
			w.file = filepath.Join(t.TempDir(), "keys.json")
			config.File = w.file
			w.write(file)
		}
		for _, k := range given {
			w.made = append(w.made, k.SHA256)
		}
		var err error
		if w.keys, err = apikey.New(config); err != nil {
			t.Fatal(err)
		}
		// Keys beside OAuth: the server is never asked about them.
		issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer issuer.Close()
		w.res, err = resource.New(resource.Config{
			Identifier: identifier, Scopes: []string{"mcp:read"}, Logger: logger,
			Opaque:      &resource.Issuer{Verifier: nobody{issuer.Identifier()}},
			Credentials: resource.Credentials{Prefixed: map[string]resource.Issuer{"mcp_": {Verifier: w.keys}}, Headers: map[string]resource.HeaderVerifier{"X-API-Key": w.keys}},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.door = nethttp.Middleware(w.res)(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			w.caller, _ = resource.FromContext(req.Context())
		}))
		test(w)
		w.noSecrets()
	})
}

// make makes a key for which a file's entry is then written.
func (w *world) make() (key, digest string) {
	key, digest = apikey.Generate("mcp_")
	w.made = append(w.made, strings.TrimPrefix(key, "mcp_"), digest)
	return key, digest
}

// write replaces the file; "" removes it.
func (w *world) write(text string) {
	w.Helper()
	var err error
	if text == "" {
		err = os.RemoveAll(w.file)
	} else {
		err = os.WriteFile(w.file, []byte(text), 0o600)
	}
	if err != nil {
		w.Fatal(err)
	}
}

// ask sends a request with these header fields, as name, value.
func (w *world) ask(headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	w.caller = nil
	w.door.ServeHTTP(answer, req)
	return answer
}

// expect sends the key both ways, the Bearer token twice: it is remembered.
func (w *world) expect(what, key string, status int) {
	w.Helper()
	for _, headers := range [][]string{{"X-API-Key", key}, {"Authorization", "Bearer " + key}, {"Authorization", "Bearer " + key}} {
		if got := w.ask(headers...); got.Code != status {
			w.Errorf("%s, in %s: got %d, want %d\n%s", what, headers[0], got.Code, status, &w.log)
		}
	}
}

// metrics is what a scrape of the verifier gets, without comments.
func (w *world) metrics() (lines string) {
	w.Helper()
	registry, recorder := prometheus.NewRegistry(), httptest.NewRecorder()
	registry.MustRegister(w.keys)
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(recorder.Body.String()) {
		if strings.HasPrefix(line, "warder_") {
			lines += line
		}
	}
	return lines
}

func (w *world) noSecrets() {
	w.Helper()
	written := w.log.String() + w.metrics() + fmt.Sprintf("%v %+v %#v %s", w.keys, w.keys, w.keys, w.keys)
	for _, secret := range w.made {
		if strings.Contains(written, secret) {
			w.Fatalf("%q was written:\n%s", secret, written)
		}
	}
}

// document is a file of keys, each given by its members besides the client's.
func document(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",\n") + `]}` }

// entry is a good one, with further members.
func entry(id, digest, further string) string {
	return fmt.Sprintf(`{"id":%q,"sha256":%q,"subject":"robot","scopes":["mcp:read"]%s}`, id, digest, further)
}
