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

var secret = []byte("32 random bytes, from a vault...") // in a program it never stands in the source

// protect puts next behind OAuth tokens and signed requests.
func protect(next http.Handler) (http.Handler, error) {
	tokens, err := jwks.New(jwks.Config{Issuer: "https://auth.example.com"})
	if err != nil {
		return nil, err
	}
	signatures := signedrequest.Verifier{Identifier: identifier, Secrets: map[string]signedrequest.Secret{
		"robot-1": {Key: secret, Subject: "robot", Scopes: []string{"mcp:read"}},
		"empty":   {Subject: "a mistake", Scopes: []string{"mcp:read"}},
		"short":   {Key: secret[:31], Subject: "a mistake", Scopes: []string{"mcp:read"}},
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

// echo answers who called, how, and with what.
func echo(w http.ResponseWriter, req *http.Request) {
	caller, _ := resource.FromContext(req.Context())
	body, _ := io.ReadAll(req.Body)
	fmt.Fprintf(w, "%s by %s: %s\n", caller.Subject(), caller.Credential(), body)
}

// Example signs a request, and then tampers with it.
func Example() {
	server, err := protect(http.HandlerFunc(echo))
	if err != nil {
		log.Fatal(err)
	}
	send := func(what string, tamper func(*http.Request)) {
		body := []byte(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)
		req := httptest.NewRequest(http.MethodPost, "/mcp", bytes.NewReader(body))
		signedrequest.Sign(req, body, identifier, "robot-1", secret, time.Now())
		tamper(req)
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, req)
		fmt.Print(what, ": ", answer.Code, " ", answer.Body)
	}
	send("as signed", func(*http.Request) {})
	send("another path", func(req *http.Request) { req.URL.Path = "/mcp/admin" })
	send("another body", func(req *http.Request) { req.Body = io.NopCloser(strings.NewReader("{}")) })
	send("without its signature", func(req *http.Request) { req.Header.Del(signedrequest.Field) })
	// Output:
	// as signed: 200 robot by X-Signature: {"jsonrpc":"2.0","id":1,"method":"ping"}
	// another path: 401 {"error":"invalid_token","error_description":"The access token is invalid"}
	// another body: 400 the body is not the one that was signed
	// without its signature: 401 {"error_description":"Authorization is required"}
}

func TestSignedRequest(t *testing.T) {
	const bodyText = "body"
	other := bytes.Repeat([]byte{1}, 32)
	sign := func(id string, key []byte, of string, ago time.Duration) func(*http.Request) {
		return func(req *http.Request) {
			fips140.WithoutEnforcement(func() { // which knows no short keys
				signedrequest.Sign(req, []byte(bodyText), of, id, key, time.Now().Add(-ago))
			})
		}
	}
	good := sign("robot-1", secret, identifier, 0)
	then := func(more func(*http.Request)) func(*http.Request) {
		return func(req *http.Request) { good(req); more(req) }
	}
	set := func(name string, values ...string) func(*http.Request) {
		return then(func(req *http.Request) { req.Header[name] = values })
	}
	for _, row := range []struct {
		name string
		do   func(*http.Request)
		want int
	}{
		{"as it should be", good, 200},
		{"signed a minute ago", sign("robot-1", secret, identifier, signedrequest.Window), 200},
		{"signed more than a minute ago", sign("robot-1", secret, identifier, signedrequest.Window+time.Second), 401},
		{"signed in a minute, by another clock", sign("robot-1", secret, identifier, -signedrequest.Window), 200},
		{"signed further in the future", sign("robot-1", secret, identifier, -signedrequest.Window-time.Second), 401},
		{"signed at the end of times", sign("robot-1", secret, identifier, -1<<62), 401},
		{"with another key", sign("robot-1", other, identifier, 0), 401},
		{"with no key", sign("robot-1", nil, identifier, 0), 401},
		{"with the ID of an empty key", sign("empty", nil, identifier, 0), 401},
		{"with the ID of a short key", sign("short", secret[:31], identifier, 0), 401},
		{"with an unknown ID", sign("robot-2", secret, identifier, 0), 401},
		{"for another resource", sign("robot-1", secret, identifier+"/", 0), 401},
		{"another method", then(func(req *http.Request) { req.Method = "PUT" }), 401},
		{"a query more", then(func(req *http.Request) { req.URL.RawQuery = "a=b" }), 401},
		{"another spelling of the path", then(func(req *http.Request) { req.URL.RawPath = "/%6dcp" }), 401},
		{"another Host, which is not read", then(func(req *http.Request) { req.Host = "other.example" }), 200},
		{"a body that is another", then(func(req *http.Request) { req.Body = io.NopCloser(strings.NewReader("BODY")) }), 400},
		{"a body that is longer", then(func(req *http.Request) { req.Body = io.NopCloser(strings.NewReader(bodyText + " ")) }), 400},
		{"a body that is too large", then(func(req *http.Request) {
			req.Body = io.NopCloser(strings.NewReader(strings.Repeat(" ", signedrequest.MaxBody+1)))
		}), 400},
		{"another digest", set("Content-Digest", "sha-256=:AAAA:"), 401},
		{"no digest", set("Content-Digest"), 401},
		{"two digests", then(func(req *http.Request) { req.Header.Add("Content-Digest", req.Header.Get("Content-Digest")) }), 401},
		{"no time", set(signedrequest.Field, "robot-1::AAAA"), 401},
		{"two parts", set(signedrequest.Field, "robot-1:1"), 401},
		{"four parts", set(signedrequest.Field, "robot-1:1:AAAA:AAAA"), 401},
		{"no base64", set(signedrequest.Field, "robot-1:1:!"), 401},
		{"no signature behind it", set(signedrequest.Field, "robot-1:1:"), 401},
		{"an empty field", set(signedrequest.Field, ""), 400},
		{"twice", then(func(req *http.Request) { req.Header.Add(signedrequest.Field, req.Header.Get(signedrequest.Field)) }), 400},
		{"beside a token", set("Authorization", "Bearer x"), 400},
	} {
		synctest.Test(t, func(t *testing.T) {
			called := false
			server, err := protect(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				body, err := io.ReadAll(req.Body)
				if called = true; err != nil || string(body) != bodyText || req.Header.Get(signedrequest.Field) != "" {
					t.Errorf("%s: handed on %q, error %v, signature %q", row.name, body, err, req.Header.Get(signedrequest.Field))
				}
			}))
			if err != nil {
				t.Fatal(err)
			}
			req := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/mcp", strings.NewReader(bodyText))
			row.do(req)
			answer := httptest.NewRecorder()
			server.ServeHTTP(answer, req)
			if answer.Code != row.want || called != (row.want == 200) {
				t.Errorf("%s: got %d, handed on %v, want %d\n%s", row.name, answer.Code, called, row.want, answer.Body)
			}
		})
	}
}

func TestNoSecretIsPrinted(t *testing.T) {
	one := signedrequest.Secret{Key: secret, Subject: "robot"}
	v := signedrequest.Verifier{Identifier: identifier, Secrets: map[string]signedrequest.Secret{"robot-1": one}}
	var written bytes.Buffer
	for _, value := range []any{one, &one, v, &v, []signedrequest.Secret{one}, map[string]*signedrequest.Secret{"x": &one}, struct{ V *signedrequest.Verifier }{&v}} {
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
			t.Errorf("the secret was written as %q", trace)
		}
	}
}
