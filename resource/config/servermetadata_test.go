package config_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

const serverPath = "/.well-known/oauth-authorization-server"

// getPublic returns the status and the body of a response to a request without a token.
func (s *testServer) getPublic(path string) (status int, body string) {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://mcp.example.test"+path, nil))
	return w.Code, w.Body.String()
}

// serve_issuer_metadata serves the document of the issuer. A reload starts and ends that, and
// does not fetch the document again if nothing about it changes.
func TestServeIssuerMetadata(t *testing.T) {
	const on, off = "  serve_issuer_metadata: true", "  serve_issuer_metadata: false"
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	answer := httptest.NewRecorder()
	issuer.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, issuer.URL(resourcetest.Metadata), nil))
	original, fetched := answer.Body.String(), issuer.Count(resourcetest.Metadata)
	s := newTestServer(t, issuer, nil)
	for _, row := range []struct {
		name    string
		lines   []string
		status  int
		fetches int // in total
	}{
		{"off by default", nil, 401, 0},
		{"off", []string{off}, 401, 0},
		{"on", []string{on}, 200, 1},
		{"on, another change", []string{on, "  required_scopes: [a]"}, 200, 1},
		{"off again", []string{off}, 401, 1},
		{"on again", []string{on}, 200, 2},
	} {
		s.write("a.yaml", s.settings(row.lines...))
		if err := s.live.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{serverPath, serverPath + "/mcp"} {
			if status, body := s.getPublic(path); status != row.status || status == 200 && body != original {
				t.Errorf("%s, %s: got %d %s", row.name, path, status, body)
			}
		}
		if status, _ := s.getPublic(serverPath + "/other"); status != 401 {
			t.Errorf("%s: another path: got %d", row.name, status)
		}
		if got := issuer.Count(resourcetest.Metadata) - fetched; got != row.fetches {
			t.Errorf("%s: got %d fetches, want %d", row.name, got, row.fetches)
		}
	}
}

func TestServeIssuerMetadataMistakes(t *testing.T) {
	const another = "  additional_issuers:"
	for _, row := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"two issuers", []string{"  serve_issuer_metadata: true", another, "    - issuer_url: https://b.example", "      serve_issuer_metadata: true"},
			"text:7: additional_issuers[0].serve_issuer_metadata: another issuer has it already, and there is one address for both; remove one"},
		{"the second issuer only", []string{another, "    - issuer_url: https://b.example", "      serve_issuer_metadata: true"}, ""},
		{"an issuer with another mistake", []string{"  serve_issuer_metadata: true", "  jwks_uri: keys"}, `text:5: jwks_uri: URL "keys": must be an absolute URL, such as https://host.example.com/path`},
		{"a string", []string{"  serve_issuer_metadata: 'yes'"}, "text:4: serve_issuer_metadata: must be true or false, without quotes"},
		{"tenants", []string{"  serve_issuer_metadata: true", "  tenant_pattern: https://t.example/{tenantid}", "  allowed_tenants: [a]", "  jwks_uri: https://t.example/keys"},
			"text:4: serve_issuer_metadata: with tenant_pattern, clients log in at one of many issuers; remove it"},
	} {
		if got := mistakesOf(t, textConfig(block(row.lines...))); got != row.want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, row.want, got)
		}
	}
}
