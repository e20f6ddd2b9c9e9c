package gate_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// A credential in another field than Authorization is taken off like a token, with its copies.
func TestCredentialInOwnFieldIsTakenOff(t *testing.T) {
	up := new(recorder)
	f := newFixture(t, options{noRules: true, upstream: "  request_headers: [X-Api-Key, X-Token]\n", authorization: "    api_keys_file: keys.json\n" +
		"    additional_issuers: [{issuer_url: \"https://proxy.example.test\", token_header: X-Token, expected_audiences: [own], jwks_file: jwks.json}]\n"}.text(serve(t, up)+"/mcp"))
	const key = "key-0123456789abcdef0123456789abcdef"
	f.write("keys.json", fmt.Sprintf(`{"keys": [{"id": "ci", "sha256": "%x", "subject": "ci-bot"}]}`, sha256.Sum256([]byte(key))))
	proxy := resourcetest.Start(t, resourcetest.Config{Issuer: "https://proxy.example.test"})
	rec := httptest.NewRecorder()
	proxy.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, proxy.URL(resourcetest.JWKS), nil))
	f.write("jwks.json", rec.Body.String())
	f.run()
	for field, secret := range map[string]string{"X-Api-Key": key, "X-Token": proxy.Token(resourcetest.Token{Audience: "own"})} {
		for _, row := range []struct {
			name, field, value, below string
			status                    int
		}{
			{"alone", "Mcp-Param-A", "1", "", 200},
			{"in a field of MCP", "Mcp-Param-A", "a " + secret, "", 200},
			{"in User-Agent", "User-Agent", secret, "", 200},
			{"in the query", "Mcp-Param-A", "1", "?api_key=" + secret, 400},
			{"in the path", "Mcp-Param-A", "1", "/" + secret, 400},
		} {
			req := f.post(call)
			req.Header.Del("Authorization")
			req.Header.Set(field, secret)
			req.Header.Set(row.field, row.value)
			path, query, _ := strings.Cut(row.below, "?")
			req.URL.Path, req.URL.RawQuery = req.URL.Path+path, query
			if got := f.do(req); got.status != row.status {
				t.Errorf("%s, %s: got %+v, want %d", field, row.name, got, row.status)
			}
			all := up.take()
			if text := fmt.Sprint(all); (len(all) == 1) != (row.status == 200) || strings.Contains(text, secret) {
				t.Errorf("%s, %s: the upstream got %s", field, row.name, text)
			}
		}
	}
}
