package resource_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The identifiers of a family: a server and two of its members.
const (
	memberA = identifier + "/x/a"
	memberB = identifier + "/x/b"
)

// Two public origins of one server.
const (
	originA = "https://a.example.test/mcp"
	originB = "https://b.example.test:8443/mcp"
)

// newFamily returns a fixture with identifier, memberA and memberB.
func newFamily(t testing.TB, change func(*resource.Config, *jwks.Config)) *fixture {
	t.Helper()
	return newFixture(t, func(c *resource.Config, keys *jwks.Config) {
		c.Identifiers = []string{memberA, memberB}
		if change != nil {
			change(c, keys)
		}
	})
}

// newOrigins returns a fixture with originA and originB.
func newOrigins(t testing.TB, change func(*resource.Config, *jwks.Config)) *fixture {
	t.Helper()
	return newFixture(t, func(c *resource.Config, keys *jwks.Config) {
		c.Identifier, c.Identifiers = originA, []string{originB}
		if change != nil {
			change(c, keys)
		}
	})
}

// at sends a request with a token to a URL. accepted has the identifier that the caller was
// accepted for as its body.
func (f *fixture) at(url, token string) answer {
	f.t.Helper()
	req := httptest.NewRequest(http.MethodPost, url, nil)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	f.inner = writeResource
	return f.send(req)
}

// writeResource writes the identifier that the caller was accepted for.
func writeResource(w http.ResponseWriter, req *http.Request) {
	text := "no caller"
	if c, ok := resource.FromContext(req.Context()); ok {
		text = c.Resource()
	}
	_, _ = w.Write([]byte(text))
}

// acceptedFor is the answer of writeResource.
func acceptedFor(identifier string) answer { return answer{status: http.StatusOK, body: identifier} }

// of returns the answer with the address of the metadata of another identifier.
func (a answer) of(identifier string) answer {
	host, path, _ := strings.Cut(strings.TrimPrefix(identifier, "https://"), "/")
	a.challenge = strings.Replace(a.challenge, metadataURL, "https://"+host+"/.well-known/oauth-protected-resource/"+path, 1)
	return a
}

// tokenFor returns a token with these audiences.
func (f *fixture) tokenFor(audiences ...string) string {
	return f.token(resourcetest.Token{Claims: map[string]any{"aud": audiences}})
}

// notFound is the answer to a request for none of several paths. It has no challenge, so that no
// client logs in because of it.
var notFound = answer{404, "", `{"error_description":"No protected resource has this path"}` + "\n"}
