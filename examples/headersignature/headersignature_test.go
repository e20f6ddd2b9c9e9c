package headersignature_test

import (
	"bytes"
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
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/examples/headersignature"
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
	signatures := headersignature.Verifier{Identifier: identifier, Secrets: map[string]headersignature.Secret{
		"robot-1": {Key: secret, Subject: "robot", Scopes: []string{"mcp:read"}},
		"empty":   {Subject: "misconfigured", Scopes: []string{"mcp:read"}},
		"short":   {Key: secret[:31], Subject: "misconfigured", Scopes: []string{"mcp:read"}},
	}}
	res, err := resource.New(resource.Config{
		Identifier:  identifier,
		Issuers:     []resource.Issuer{{Verifier: tokens}},
		Credentials: resource.Credentials{Headers: map[string]resource.HeaderVerifier{headersignature.Field: signatures}},
		Scopes:      []string{"mcp:read"},
		Logger:      slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	return nethttp.Handler(res, next), nil
}

// Example sends a signed request, and requests that were changed after signing. The signature
// does not cover the body.
func Example() {
	server, err := protect(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		body, _ := io.ReadAll(req.Body)
		fmt.Fprintf(w, "%s by %s: %s\n", caller.Subject(), caller.Credential(), body)
	}))
	if err != nil {
		log.Fatal(err)
	}
	send := func(name string, modify func(*http.Request)) {
		req := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
		headersignature.Sign(req, "robot-1", secret, time.Now())
		modify(req)
		response := httptest.NewRecorder()
		server.ServeHTTP(response, req)
		fmt.Print(name, ": ", response.Code, " ", response.Body)
	}
	send("unchanged", func(*http.Request) {})
	send("another path", func(req *http.Request) { req.URL.Path = "/mcp/admin" })
	send("another body", func(req *http.Request) { req.Body = io.NopCloser(strings.NewReader("{}")) })
	send("without a signature", func(req *http.Request) { req.Header.Del(headersignature.Field) })
	// Output:
	// unchanged: 200 robot by X-Signature: {"jsonrpc":"2.0","id":1,"method":"ping"}
	// another path: 401 {"error":"invalid_token","error_description":"The credential is invalid"}
	// another body: 200 robot by X-Signature: {}
	// without a signature: 401 {"error_description":"Authorization is required"}
}

// The signature was computed with Python's hmac module, from method + path + time.
func TestSignMatchesOtherClients(t *testing.T) {
	req := httptest.NewRequest(http.MethodPost, "/mcp?x=y", nil)
	headersignature.Sign(req, "robot-1", secret, time.Unix(1_700_000_000, 0))
	const want = "d0a34bdc5131e90c1866468b3733e1ec1a1776c0bbe6da6dd7dd72d23966e9fc"
	if got := req.Header.Get("X-Signature"); got != want || req.Header.Get("X-Timestamp") != "1700000000" || req.Header.Get("X-API-Key") != "robot-1" {
		t.Errorf("(-want +got)\n- %s\n+ %s", want, got)
	}
}

func TestHeaderSignature(t *testing.T) {
	other := bytes.Repeat([]byte{1}, 32)
	sign := func(id string, key []byte, age time.Duration) func(*http.Request) {
		return func(req *http.Request) {
			fips140.WithoutEnforcement(func() { // FIPS mode rejects short keys
				headersignature.Sign(req, id, key, time.Now().Add(-age))
			})
		}
	}
	valid := sign("robot-1", secret, 0)
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
		{"signed one minute ago", sign("robot-1", secret, headersignature.Window), 200},
		{"signed more than one minute ago", sign("robot-1", secret, headersignature.Window+time.Second), 401},
		{"signed one minute in the future", sign("robot-1", secret, -headersignature.Window), 200},
		{"signed further in the future", sign("robot-1", secret, -headersignature.Window-time.Second), 401},
		{"another key", sign("robot-1", other, 0), 401},
		{"ID of an empty key", sign("empty", nil, 0), 401},
		{"ID of a short key", sign("short", secret[:31], 0), 401},
		{"unknown ID", sign("robot-2", secret, 0), 401},
		{"another ID after signing", set("X-Api-Key", "short"), 401},
		{"no ID", set("X-Api-Key"), 401},
		{"empty ID", set("X-Api-Key", ""), 401},
		{"two IDs", set("X-Api-Key", "robot-1", "robot-1"), 401},

		{"another method", changed(func(req *http.Request) { req.Method = "PUT" }), 401},
		{"another path", changed(func(req *http.Request) { req.URL.Path = "/mcp/x" }), 401},
		{"a path in another case", changed(func(req *http.Request) { req.URL.Path = "/MCP" }), 401},
		{"another spelling of the path", changed(func(req *http.Request) { req.URL.RawPath = "/%6dcp" }), 401},
		{"another time after signing", changed(func(req *http.Request) {
			req.Header.Set("X-Timestamp", strconv.FormatInt(time.Now().Unix()+1, 10))
		}), 401},
		{"a digit moved from the time to the path", changed(func(req *http.Request) {
			at := req.Header.Get("X-Timestamp")
			req.URL.Path += at[:1]
			req.Header.Set("X-Timestamp", at[1:])
		}), 401},
		{"the path moved to the method", changed(func(req *http.Request) { req.Method, req.URL.Path = "POST/mcp", "" }), 401},
		{"a part of the path moved to the method", func(req *http.Request) {
			req.URL.Path = "/x/mcp"
			valid(req)
			req.Method, req.URL.Path = "POST/x", "/mcp"
		}, 401},
		{"no time", set("X-Timestamp"), 401},
		{"two times", changed(func(req *http.Request) { req.Header.Add("X-Timestamp", req.Header.Get("X-Timestamp")) }), 401},
		{"a time with a sign", set("X-Timestamp", "+946684800"), 401},
		{"a time in milliseconds", set("X-Timestamp", "946684800000"), 401},
		{"a time with a fraction", set("X-Timestamp", "94668480.0"), 401},

		{"an empty signature", set(headersignature.Field, ""), 400},
		{"a repeated signature", changed(func(req *http.Request) { req.Header.Add(headersignature.Field, req.Header.Get(headersignature.Field)) }), 400},
		{"a signature in capitals", changed(func(req *http.Request) {
			req.Header.Set(headersignature.Field, strings.ToUpper(req.Header.Get(headersignature.Field)))
		}), 401},
		{"a part of the signature", changed(func(req *http.Request) {
			req.Header.Set(headersignature.Field, req.Header.Get(headersignature.Field)[:62])
		}), 401},
		{"a longer signature", changed(func(req *http.Request) {
			req.Header.Set(headersignature.Field, req.Header.Get(headersignature.Field)+"00")
		}), 401},
		{"in addition to a token", set("Authorization", "Bearer x"), 400},

		// What the signature does not cover.
		{"another body", changed(func(req *http.Request) { req.Body = io.NopCloser(strings.NewReader("BODY")) }), 200},
		{"another query", changed(func(req *http.Request) { req.URL.RawQuery = "a=b" }), 200},
		{"another host", changed(func(req *http.Request) { req.Host = "other.example" }), 200},
		{"another session", set("Mcp-Session-Id", "of somebody else"), 200},
	} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(366 * 24 * time.Hour * 2) // synctest begins in 2000, when a Unix time had nine digits
			called := false
			server, err := protect(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				if called = true; req.Header.Get(headersignature.Field) != "" {
					t.Errorf("%s: the handler got the signature", row.name)
				}
			}))
			if err != nil {
				t.Fatal(err)
			}
			req := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader("body"))
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
	s := headersignature.Secret{Key: secret, Subject: "robot"}
	v := headersignature.Verifier{Identifier: identifier, Secrets: map[string]headersignature.Secret{"robot-1": s}}
	var written bytes.Buffer
	for _, value := range []any{s, &s, v, &v, []headersignature.Secret{s}, struct{ V *headersignature.Verifier }{&v}} {
		fmt.Fprintf(&written, "%v %+v %#v %s %q %x %d\n", value, value, value, value, value, value, value)
		slog.New(slog.NewJSONHandler(&written, nil)).Info("x", "v", value)
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Error(err)
		}
		written.Write(encoded)
	}
	for _, trace := range []string{string(secret), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret), strings.Trim(fmt.Sprint(secret), "[]")} {
		if strings.Contains(written.String(), trace) {
			t.Errorf("the output contains the secret as %q", trace)
		}
	}
}
