package resourcetest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// FuzzRequests sends arbitrary requests. Every response is complete, and its status is not a
// server error, except 503 when there are too many clients.
func FuzzRequests(f *testing.F) {
	const form = "application/x-www-form-urlencoded"
	f.Add("POST", "/token", form, "", "client_id=test-client&client_secret=test-secret&grant_type=client_credentials&scope=a&resource=https://x")
	f.Add("POST", "/introspect", form, "Basic dGVzdC1jbGllbnQ6dGVzdC1zZWNyZXQ=", "token=x")
	f.Add("POST", "/revoke", form, "Basic dGVzdC1jbGllbnQ6dGVzdC1zZWNyZXQ=", "token=x")
	f.Add("POST", "/register", "application/json", "", `{"redirect_uris":["https://a/"],"client_name":"\ud800"}`)
	f.Add("GET", "/authorize?client_id=test-client&response_type=code&code_challenge_method=S256&redirect_uri=http://127.0.0.1:1/callback", "", "", "")
	f.Add("HEAD", "/.well-known/oauth-authorization-server", "", "", "")
	s, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	f.Fuzz(func(t *testing.T, method, path, kind, authorization, body string) {
		r, err := http.NewRequest(method, "https://auth.example.test"+path, strings.NewReader(body))
		if err != nil || r.URL.Host != "auth.example.test" {
			t.Skip()
		}
		r.Header = http.Header{"Content-Type": {kind}, "Authorization": {authorization}}
		response, err := s.Transport().RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode >= 500 && response.StatusCode != 503 {
			t.Errorf("%s %s: status %d, %v", method, path, response.StatusCode, err)
		}
	})
}
