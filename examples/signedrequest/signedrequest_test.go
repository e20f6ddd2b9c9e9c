package signedrequest_test

import (
	"bytes"
	"context"
	"crypto/fips140"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/examples/signedrequest"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

const identifier = "https://mcp.example.com/mcp"

var secret = []byte("32 random bytes, from a vault...") // a real secret must not be in source code

// protect returns a handler that accepts OAuth tokens and signed requests.
func protect(next http.Handler) (http.Handler, error) {
	tokens, err := jwks.New(jwks.Config{Issuer: "https://auth.example.com"})
	if err != nil {
		return nil, err
	}
	signatures := signedrequest.Verifier{Identifier: identifier, Secrets: map[string]signedrequest.Secret{
		"robot-1": {Key: secret, Subject: "robot", Scopes: []string{"mcp:read"}},
		"empty":   {Subject: "misconfigured", Scopes: []string{"mcp:read"}},
		"short":   {Key: secret[:31], Subject: "misconfigured", Scopes: []string{"mcp:read"}},
	}}
	res, err := resource.New(resource.Config{
		Identifier:  identifier,
		Issuers:     []resource.Issuer{{Verifier: tokens}},
		Credentials: resource.Credentials{Headers: map[string]resource.HeaderVerifier{signedrequest.Field: signatures}},
		Scopes:      []string{"mcp:read"},
		Logger:      slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	return nethttp.Handler(res, signedrequest.CheckBody(next)), nil
}

// echo responds with the caller, the credential and the body.
func echo(w http.ResponseWriter, req *http.Request) {
	caller, _ := resource.FromContext(req.Context())
	body, _ := io.ReadAll(req.Body)
	fmt.Fprintf(w, "%s by %s: %s\n", caller.Subject(), caller.Credential(), body)
}

// Example sends a signed request, and requests that were changed after signing.
func Example() {
	server, err := protect(http.HandlerFunc(echo))
	if err != nil {
		log.Fatal(err)
	}
	send := func(name string, modify func(*http.Request)) {
		body := []byte(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)
		req := httptest.NewRequest(http.MethodPost, "/mcp", bytes.NewReader(body))
		signedrequest.Sign(req, body, identifier, "robot-1", secret, time.Now())
		modify(req)
		response := httptest.NewRecorder()
		server.ServeHTTP(response, req)
		fmt.Print(name, ": ", response.Code, " ", response.Body)
	}
	send("unchanged", func(*http.Request) {})
	send("another path", func(req *http.Request) { req.URL.Path = "/mcp/admin" })
	send("another body", func(req *http.Request) { req.Body = io.NopCloser(strings.NewReader("{}")) })
	send("without a signature", func(req *http.Request) { req.Header.Del(signedrequest.Field) })
	// Output:
	// unchanged: 200 robot by X-Signature: {"jsonrpc":"2.0","id":1,"method":"ping"}
	// another path: 401 {"error":"invalid_token","error_description":"The credential is invalid"}
	// another body: 400 the body is not the one that was signed
	// without a signature: 401 {"error_description":"Authorization is required"}
}

func TestSignedRequest(t *testing.T) {
	const bodyText = "body"
	other := bytes.Repeat([]byte{1}, 32)
	sign := func(id string, key []byte, identifier string, age time.Duration) func(*http.Request) {
		return func(req *http.Request) {
			fips140.WithoutEnforcement(func() { // FIPS mode rejects short keys
				signedrequest.Sign(req, []byte(bodyText), identifier, id, key, time.Now().Add(-age))
			})
		}
	}
	valid := sign("robot-1", secret, identifier, 0)
	changed := func(change func(*http.Request)) func(*http.Request) {
		return func(req *http.Request) { valid(req); change(req) }
	}
	set := func(name string, values ...string) func(*http.Request) {
		return changed(func(req *http.Request) { req.Header[name] = values })
	}
	for _, row := range []struct {
		name string
		do   func(*http.Request)
		want int
	}{
		{"valid", valid, 200},
		{"signed one minute ago", sign("robot-1", secret, identifier, signedrequest.Window), 200},
		{"signed more than one minute ago", sign("robot-1", secret, identifier, signedrequest.Window+time.Second), 401},
		{"signed one minute in the future", sign("robot-1", secret, identifier, -signedrequest.Window), 200},
		{"signed further in the future", sign("robot-1", secret, identifier, -signedrequest.Window-time.Second), 401},
		{"signed in the distant future", sign("robot-1", secret, identifier, -1<<62), 401},
		{"another key", sign("robot-1", other, identifier, 0), 401},
		{"no key", sign("robot-1", nil, identifier, 0), 401},
		{"ID of an empty key", sign("empty", nil, identifier, 0), 401},
		{"ID of a short key", sign("short", secret[:31], identifier, 0), 401},
		{"unknown ID", sign("robot-2", secret, identifier, 0), 401},
		{"for another resource", sign("robot-1", secret, identifier+"/", 0), 401},
		{"another method", changed(func(req *http.Request) { req.Method = "PUT" }), 401},
		{"additional query", changed(func(req *http.Request) { req.URL.RawQuery = "a=b" }), 401},
		{"another spelling of the path", changed(func(req *http.Request) { req.URL.RawPath = "/%6dcp" }), 401},
		{"another Host, which is not signed", changed(func(req *http.Request) { req.Host = "other.example" }), 200},
		{"another body", changed(func(req *http.Request) { req.Body = io.NopCloser(strings.NewReader("BODY")) }), 400},
		{"longer body", changed(func(req *http.Request) { req.Body = io.NopCloser(strings.NewReader(bodyText + " ")) }), 400},
		{"body too large", changed(func(req *http.Request) {
			req.Body = io.NopCloser(strings.NewReader(strings.Repeat(" ", signedrequest.MaxBody+1)))
		}), 400},
		{"another digest", set("Content-Digest", "sha-256=:AAAA:"), 401},
		{"no digest", set("Content-Digest"), 401},
		{"two digests", changed(func(req *http.Request) { req.Header.Add("Content-Digest", req.Header.Get("Content-Digest")) }), 401},
		{"empty time", set(signedrequest.Field, "robot-1::AAAA"), 401},
		{"two parts", set(signedrequest.Field, "robot-1:1"), 401},
		{"four parts", set(signedrequest.Field, "robot-1:1:AAAA:AAAA"), 401},
		{"invalid base64", set(signedrequest.Field, "robot-1:1:!"), 401},
		{"empty signature", set(signedrequest.Field, "robot-1:1:"), 401},
		{"empty field", set(signedrequest.Field, ""), 400},
		{"repeated field", changed(func(req *http.Request) { req.Header.Add(signedrequest.Field, req.Header.Get(signedrequest.Field)) }), 400},
		{"in addition to a token", set("Authorization", "Bearer x"), 400},
	} {
		synctest.Test(t, func(t *testing.T) {
			called := false
			server, err := protect(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				body, err := io.ReadAll(req.Body)
				if called = true; err != nil || string(body) != bodyText || req.Header.Get(signedrequest.Field) != "" {
					t.Errorf("%s: handler got body %q, error %v, signature %q", row.name, body, err, req.Header.Get(signedrequest.Field))
				}
			}))
			if err != nil {
				t.Fatal(err)
			}
			req := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/mcp", strings.NewReader(bodyText))
			row.do(req)
			response := httptest.NewRecorder()
			server.ServeHTTP(response, req)
			if response.Code != row.want || called != (row.want == 200) {
				t.Errorf("%s: got %d, handler called: %v, want %d\n%s", row.name, response.Code, called, row.want, response.Body)
			}
		})
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	s := signedrequest.Secret{Key: secret, Subject: "robot"}
	v := signedrequest.Verifier{Identifier: identifier, Secrets: map[string]signedrequest.Secret{"robot-1": s}}
	var written bytes.Buffer
	for _, value := range []any{s, &s, v, &v, []signedrequest.Secret{s}, map[string]*signedrequest.Secret{"x": &s}, struct{ V *signedrequest.Verifier }{&v}} {
		fmt.Fprintf(&written, "%v %+v %#v %s %q %x %d\n", value, value, value, value, value, value, value)
		slog.New(slog.NewTextHandler(&written, nil)).Info("x", "v", value)
		slog.New(slog.NewJSONHandler(&written, nil)).Info("x", "v", value)
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Error(err)
		}
		written.Write(encoded)
	}
	for _, trace := range []string{
		string(secret), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret),
		strings.Trim(fmt.Sprint(secret), "[]"), strings.Trim(strings.TrimPrefix(fmt.Sprintf("%#v", secret), "[]byte"), "{}"),
	} {
		if strings.Contains(written.String(), trace) {
			t.Errorf("the output contains the secret as %q", trace)
		}
	}
}
