package resourcetest_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/warder-go/warder/resource/resourcetest"
)

// testingT replaces the *testing.T of your test.
type testingT struct{ cleanups []func() }

func (*testingT) Helper()                   {}
func (t *testingT) Cleanup(f func())        { t.cleanups = append(t.cleanups, f) }
func (*testingT) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

// whoami replaces your server. A real server verifies the token with the keys at
// issuer.URL(resourcetest.JWKS). This one only prints some claims.
func whoami(_ http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	claims, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	for part := range strings.SplitSeq(strings.Trim(string(claims), "{}"), ",") {
		if strings.HasPrefix(part, `"sub"`) || strings.HasPrefix(part, `"aud"`) || strings.HasPrefix(part, `"scope"`) {
			fmt.Println(part)
		}
	}
}

// A test needs three lines. They start an authorization server that is closed at the end of the
// test, make a token and add it to the request.
func Example() {
	t := &testingT{}
	request := httptest.NewRequest("POST", "https://mcp.example.com/mcp", nil)

	issuer := resourcetest.Start(t)
	token := issuer.Token(resourcetest.Token{Audience: "https://mcp.example.com/mcp", Scope: "mcp:read"})
	request.Header.Set("Authorization", "Bearer "+token)

	whoami(httptest.NewRecorder(), request)
	for _, cleanup := range t.cleanups {
		cleanup()
	}
	// Output:
	// "sub":"alice"
	// "aud":"https://mcp.example.com/mcp"
	// "scope":"mcp:read"
}
