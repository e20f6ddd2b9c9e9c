package check_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/check"
	"github.com/warder-go/warder/resource/config"
)

// Whatever an issuer answers, the check ends with a report.
func FuzzIssuer(f *testing.F) {
	f.Add(`{"issuer":"https://auth.example","jwks_uri":"https://auth.example/jwks","authorization_endpoint":7,"keys":[{"kty":"RSA","kid":"\u001b[31m"}],"active":true}`, 200)
	f.Add(`{"issuer":"https://auth.example","Scopes_Supported":[],"scopes_supported":["a",1],"introspection_endpoint":"https://auth.example/i"}`, 200)
	f.Add(`{"issuer":"https://other.example/\u202e"}`, 200)
	f.Add(`{"error":"invalid_client"}`, 401)
	f.Add("<html>", 302)
	f.Fuzz(func(t *testing.T, body string, status int) {
		if status < 200 || status > 599 {
			status = 200
		}
		for _, lines := range []string{"", "  jwks_uri: https://auth.example/keys\n", "  client_id: a\n  client_secret: the-secret\n"} {
			report, err := check.Run(t.Context(), check.Config{Config: config.Config{
				Text:    []byte("authorization:\n  issuer_url: https://auth.example\n  resource_server_url: https://mcp.example/mcp\n  required_scopes: [a]\n" + lines),
				Environ: []string{},
				Transport: roundTripper(func(*http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}, "Date": {body}}, Body: io.NopCloser(strings.NewReader(body))}, nil
				}),
			}})
			if err != nil || len(report.Findings) == 0 {
				t.Fatalf("got %v and %+v", err, report)
			}
			for _, finding := range report.Findings {
				if text := finding.Subject + finding.Seen + finding.Fix; strings.ContainsAny(text, "\x1b\n\u202e") || strings.Contains(text, "the-secret") {
					t.Errorf("got %q", text)
				}
			}
		}
	})
}
