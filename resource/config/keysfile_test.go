package config_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// unused is a transport that must not be used.
type unused struct{ t *testing.T }

func (u unused) RoundTrip(req *http.Request) (*http.Response, error) {
	u.t.Errorf("a request to %s", req.URL)
	return nil, errors.New("unused")
}

// Config.KeysFile has the keys of every issuer, wherever the configuration says that they are.
func TestKeysFile(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://auth.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	recorder := httptest.NewRecorder()
	issuer.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, issuer.URL(resourcetest.JWKS), nil))
	dir := t.TempDir()
	file := write(t, dir, "keys.json", recorder.Body.String())
	token := issuer.Token(resourcetest.Token{Audience: "https://mcp.example.com/mcp"})
	forged := issuer.Token(resourcetest.Token{Audience: "https://mcp.example.com/mcp", Fault: resourcetest.UnpublishedKey})
	for _, lines := range []string{"", "  jwks_uri: https://auth.example.com/keys", "  jwks_file: missing.json", "  metadata_url: https://auth.example.com/metadata", "  jwks_bearer_token: secret"} {
		c := textConfig(block(lines))
		c.KeysFile, c.Transport = file, unused{t}
		live, err := config.New(c)
		if err != nil {
			t.Errorf("%q: %v", lines, err)
			continue
		}
		for text, want := range map[string]resource.Reason{token: "", forged: resource.ReasonSignatureInvalid} {
			if e := live.Resource().ExplainToken(t.Context(), "", text); e.Reason != want {
				t.Errorf("%q: got %q, want %q", lines, e.Reason, want)
			}
		}
	}
	c := textConfig(block())
	c.KeysFile = write(t, dir, "bad.json", "{")
	if got := mistakesOf(t, c); !strings.HasPrefix(got, "text:2: issuer_url: config.Config.KeysFile: ") {
		t.Errorf("got %q", got)
	}
}
