package check_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource/check"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Whatever the MCP server and the proxy answer, the report is printable text and valid JSON, and
// does not have the token.
func FuzzAnswers(f *testing.F) {
	f.Add(`{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"echo"}],"nextCursor":"2"}}`, "application/json", 200)
	f.Add("event: message\r\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\"result\":{\"tools\":[]}}\r\n\r\n", "text/event-stream", 200)
	f.Add(`{"jsonrpc":"2.0","id":1,"result":{"tools":{"name":1},"nextCursor":7}}`, "application/json", 200)
	f.Add(`{"resource":"x","authorization_servers":"\u202e"}`, "application/json; charset=\x1b[31m", 401)
	f.Add("data:\n\n\n\ndata", "text/event-stream", 202)
	f.Add("", "", 400)
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		f.Fatal(err)
	}
	const identifier = "https://mcp.example.test/mcp"
	c := config.Config{Text: []byte("authorization:\n  issuer_url: " + issuer.Identifier() + "\n  resource_server_url: " + identifier + "\n  tool_scopes: {echo: [mcp:echo]}\n  allowed_origins: [https://app.example]\n"),
		Environ: []string{}, Transport: issuer.Transport(), Logger: slog.New(slog.DiscardHandler)}
	live, err := config.New(c)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body, contentType string, status int) {
		if status < 200 || status > 599 {
			status = 200
		}
		answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{contentType}
			w.Header()["Mcp-Session-Id"] = []string{body}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})
		protected := nethttp.Handler(live.Resource(), answer)
		token := issuer.Token(resourcetest.Token{Audience: identifier})
		for _, handler := range []http.Handler{protected, answer} {
			report, err := check.Run(t.Context(), check.Config{Config: c, Public: true, Token: token, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				recorded := httptest.NewRecorder()
				handler.ServeHTTP(recorded, r)
				return recorded.Result(), nil
			})})
			if err != nil {
				t.Fatal(err)
			}
			for _, finding := range report.Findings {
				text := finding.Subject + finding.Seen + finding.Fix
				if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.Contains(text, token) {
					t.Errorf("got %q, want printable text without the token", text)
				}
			}
			encoded, err := report.MarshalJSON()
			if err != nil || !json.Valid(encoded) {
				t.Errorf("got %s and %v, want JSON", encoded, err)
			}
		}
	})
}
