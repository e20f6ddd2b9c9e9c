package jwks_test

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/warder-go/warder/jwks"
)

// The error of a failed fetch names the URL, the status, the content type and the setting that
// fixes it. BASE is the address of the server.
func TestFailedFetchIsExplained(t *testing.T) {
	reply := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			if contentType != "" {
				w.Header().Set("Content-Type", contentType)
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	const (
		configured   = "check jwks_uri (in Go: URL)"
		metadataDoc  = `{"issuer":"BASE","jwks_uri":"BASE/keys"}`
		discovered   = "the address is jwks_uri in the issuer's metadata; set jwks_uri (in Go: URL) if it is wrong"
		htmlMetadata = "an HTML page, want the metadata of an authorization server"
		issuerOrKeys = "; check issuer_url (in Go: Issuer), or set jwks_uri (in Go: URL)"
		oauth        = `"BASE/.well-known/oauth-authorization-server": `
		oidc         = `"BASE/.well-known/openid-configuration": `
	)
	for _, row := range []struct {
		name     string
		keys     http.HandlerFunc // answers at /keys
		metadata http.HandlerFunc // answers elsewhere; nil: the address is configured
		want     string
	}{
		{"HTML", reply(200, "text/html; charset=utf-8", "<html>"), nil, `keyset: GET BASE/keys: status 200, content type "text/html": an HTML page, want a JWK Set: ` + configured},
		{"HTML with another content type", reply(200, "application/json", " <!DOCTYPE html>"), nil, `keyset: GET BASE/keys: status 200, content type "application/json": an HTML page, want a JWK Set: ` + configured},
		{"404", reply(404, "text/plain", "no"), nil, `keyset: GET BASE/keys: status 404, content type "text/plain": ` + configured},
		{"404 without a content type", reply(404, "", ""), nil, `keyset: GET BASE/keys: status 404, no content type: ` + configured},
		{"401", reply(401, "application/json", "{}"), nil, `keyset: GET BASE/keys: status 401, content type "application/json": the server requires authentication for its keys: set jwks_bearer_token_file (in Go: BearerTokenFile), or ` + configured},
		{"403", reply(403, "application/json", "{}"), nil, `keyset: GET BASE/keys: status 403, content type "application/json": the server requires authentication for its keys: set jwks_bearer_token_file (in Go: BearerTokenFile), or ` + configured},
		{"500", reply(500, "text/html", "<html>"), nil, `keyset: GET BASE/keys: status 500, content type "text/html"`},
		{"304", reply(304, "", ""), nil, `outbound: not modified: GET "BASE/keys": status 304: the request had no condition, so a cache between this program and the server is faulty`},
		{"302", reply(302, "", ""), nil, `outbound: redirect: GET "BASE/keys": status 302: redirects are not followed, configure the final URL: ` + configured},
		{"discovered, 302", reply(302, "", ""), reply(200, "application/json", metadataDoc), `outbound: redirect: GET "BASE/keys": status 302: redirects are not followed, configure the final URL: ` + discovered},
		{"text", reply(200, "text/plain", "hello"), nil, `keyset: GET BASE/keys: status 200, content type "text/plain": malformed JSON at byte 0: ` + configured},
		{"a metadata document", reply(200, "application/json", metadataDoc), nil, `keyset: GET BASE/keys: status 200, content type "application/json": the metadata of an authorization server, want a JWK Set: remove jwks_uri (in Go: URL), or set it to the jwks_uri in the document`},
		{"another document", reply(200, "application/json", `{"Keys":[]}`), nil, `keyset: GET BASE/keys: status 200, content type "application/json": member name differs only in case from "keys" at byte 1: ` + configured},
		{"no member keys", reply(200, "application/json", `{}`), nil, `keyset: GET BASE/keys: status 200, content type "application/json": the document has no member "keys": ` + configured},
		{"keys is null, and so absent", reply(200, "application/json", `{"keys":null}`), nil, `keyset: GET BASE/keys: status 200, content type "application/json": the document has no member "keys": ` + configured},
		{"no keys", reply(200, "application/json", `{"keys":[]}`), nil, `keyset: GET BASE/keys: status 200, content type "application/json": no usable key in the document`},
		{"another content type, which can repeat a secret", reply(404, "text/S3KR1T", ""), nil, `keyset: GET BASE/keys: status 404, another content type: ` + configured},

		{"discovered, 404", reply(404, "text/plain", ""), reply(200, "application/json", metadataDoc), `keyset: GET BASE/keys: status 404, content type "text/plain": ` + discovered},
		{"discovered, HTML", reply(200, "text/html", "<html>"), reply(200, "application/json", metadataDoc), `keyset: GET BASE/keys: status 200, content type "text/html": an HTML page, want a JWK Set: ` + discovered},
		{"no metadata", nil, reply(404, "text/plain", ""), `metadata: no valid document for issuer "BASE"; ` + oauth + `status 404, content type "text/plain"; ` + oidc + `status 404, content type "text/plain"; if the issuer publishes no metadata, set jwks_uri (in Go: URL)`},
		{"an HTML page as metadata", nil, reply(200, "text/html", "<html>"), `metadata: no valid document for issuer "BASE"; ` + oauth + `status 200, content type "text/html": ` + htmlMetadata + `; ` + oidc + `status 200, content type "text/html": ` + htmlMetadata + issuerOrKeys},
		{"text as metadata", nil, reply(200, "text/plain", "hello"), `metadata: no valid document for issuer "BASE"; ` + oauth + `status 200, content type "text/plain": document rejected: malformed JSON at byte 0; ` + oidc + `status 200, content type "text/plain": document rejected: malformed JSON at byte 0` + issuerOrKeys},
		{"metadata with 401", nil, reply(401, "text/plain", ""), `metadata: no valid document for issuer "BASE"; ` + oauth + `status 401, content type "text/plain": the server requires authentication for its metadata; ` + oidc + `status 401, content type "text/plain": the server requires authentication for its metadata; set jwks_bearer_token_file (in Go: BearerTokenFile), or set jwks_uri (in Go: URL) to an address without authentication`},
		{"metadata with 302", nil, reply(302, "", ""), `metadata: no valid document for issuer "BASE"; ` + oauth + `outbound: redirect: GET "BASE/.well-known/oauth-authorization-server": status 302: redirects are not followed, configure the final URL; ` + oidc + `outbound: redirect: GET "BASE/.well-known/openid-configuration": status 302: redirects are not followed, configure the final URL` + issuerOrKeys},
		{"metadata of another issuer", nil, reply(200, "application/json", `{"issuer":"https://other.example"}`), `metadata: no valid document for issuer "BASE"; ` + oauth + `issuer mismatch: the document has issuer "https://other.example", want "BASE"; ` + oidc + `issuer mismatch: the document has issuer "https://other.example", want "BASE"`},
		{"metadata without keys", nil, reply(200, "application/json", `{"issuer":"BASE","jwks_uri":null}`), `keyset: the metadata of issuer "BASE" at "BASE/.well-known/oauth-authorization-server" has no jwks_uri: set jwks_uri (in Go: URL)`},
	} {
		server := httptest.NewUnstartedServer(nil)
		server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			recorder := httptest.NewRecorder()
			if r.URL.Path == "/keys" {
				row.keys(recorder, r)
			} else {
				row.metadata(recorder, r)
			}
			w.Header()["Content-Type"] = recorder.Header()["Content-Type"]
			w.WriteHeader(recorder.Code)
			fmt.Fprint(w, strings.ReplaceAll(recorder.Body.String(), "BASE", server.URL))
		})
		server.Start()
		c := jwks.Config{Issuer: server.URL}
		if row.metadata == nil {
			c.URL = server.URL + "/keys"
		}
		if got := fetchError(t, c); strings.ReplaceAll(got, server.URL, "BASE") != row.want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, row.want, strings.ReplaceAll(got, server.URL, "BASE"))
		}
		server.Close()
	}
}

// fetchError returns the error in the log record of a failed fetch. It checks that Ready
// returns it too.
func fetchError(t *testing.T, c jwks.Config) string {
	t.Helper()
	log := make(errorLog, 9)
	c.Logger = slog.New(slog.NewJSONHandler(new(strings.Builder), &slog.HandlerOptions{ReplaceAttr: log.keep}))
	verifier, err := jwks.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ready := verifier.Ready(t.Context())
	select {
	case got := <-log:
		if ready == nil || !strings.HasSuffix(ready.Error(), got) {
			t.Errorf("Ready returned %v, want an error that ends with %s", ready, got)
		}
		return got
	default:
		return fmt.Sprint("nothing was logged: ", ready)
	}
}

// errorLog stores the attribute "error" of a log record.
type errorLog chan string

func (l errorLog) keep(_ []string, a slog.Attr) slog.Attr {
	if a.Key == "error" {
		l <- fmt.Sprint(a.Value.Any())
	}
	return a
}

// A certificate that the system does not trust is explained with the setting for a private CA.
func TestUntrustedCertificateIsExplained(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	want := `outbound: tls: GET "` + server.URL + `/keys": tls: failed to verify certificate: x509: certificate signed by unknown authority: if the CA is your own, set ca_file (in Go: TLS)`
	if got := fetchError(t, jwks.Config{Issuer: server.URL, URL: server.URL + "/keys"}); got != want {
		t.Errorf("(-want +got)\n- %s\n+ %s", want, got)
	}
}

// The error about a server that cannot be reached names the setting of its address.
func TestUnreachableServerIsExplained(t *testing.T) {
	for _, row := range []struct {
		name string
		err  error
		want string
	}{
		{"connection refused", &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, "connect"},
		{"an unknown name", &net.DNSError{Err: "no such host", Name: "as.example", IsNotFound: true}, "dns"},
	} {
		fails := roundTripper(func(*http.Request) (*http.Response, error) { return nil, row.err })
		c := jwks.Config{Issuer: "https://as.example", Transport: fails}
		if got := fetchError(t, c); !strings.Contains(got, "outbound: "+row.want) || !strings.HasSuffix(got, "; check issuer_url (in Go: Issuer), or set jwks_uri (in Go: URL)") {
			t.Errorf("%s, metadata: got %s", row.name, got)
		}
		c.URL = "https://as.example/keys"
		if got, begin := fetchError(t, c), `outbound: `+row.want+`: GET "https://as.example/keys": `; !strings.HasPrefix(got, begin) || !strings.HasSuffix(got, ": check jwks_uri (in Go: URL)") {
			t.Errorf("%s, keys: got %s", row.name, got)
		}
	}
}

// An issuer that is the address of its metadata is explained with the issuer that was meant.
func TestMetadataAddressAsIssuerIsExplained(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	for given, meant := range map[string]string{
		"/.well-known/openid-configuration": "", "/t/1/.well-known/openid-configuration": "/t/1", "/.well-known/openid-configuration/t/1": "/t/1",
		"/.well-known/oauth-authorization-server": "", "/.well-known/oauth-authorization-server/t/1": "/t/1", "/.well-known/openid-configuration/": "",
	} {
		got := fetchError(t, jwks.Config{Issuer: server.URL + given})
		want := `metadata: no valid document for issuer "` + server.URL + given + `", which looks like the address of its metadata: set issuer_url (in Go: Issuer) to "` + server.URL + meant + `"; `
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", given, want, got)
		}
	}
}

// A document in a file is named by its path.
func TestFaultyFileIsExplained(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	for text, want := range map[string]string{"": "malformed JSON", "{}": `the document has no member "keys"`, `{"keys":[]}`: "no usable key in the document"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, want := fetchError(t, jwks.Config{Issuer: "https://as.example", File: path}), fmt.Sprintf("keyset: file %q: %s", path, want); !strings.HasPrefix(got, want) {
			t.Errorf("%q (-want +got)\n- %s\n+ %s", text, want, got)
		}
	}
}
