package nethttp_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// shortLivedVerifier accepts every token, with the expiry that the function returns.
type shortLivedVerifier struct{ expiry func() time.Time }

func (shortLivedVerifier) Issuer() string { return "https://opaque.example.test" }

func (v shortLivedVerifier) Verify(_ context.Context, token *resource.Token) (*resource.Claims, error) {
	return &resource.Claims{Issuer: v.Issuer(), Subject: token.Raw(), Audience: []string{"https://mcp.example.test/mcp"}, Expiry: v.expiry()}, nil
}

// TestClientOfExpiredStream checks that the client of a stream gets a regular end of the
// response when its token expires, and that its next request is rejected.
func TestClientOfExpiredStream(t *testing.T) {
	for _, row := range []struct {
		name, method string
		http2        bool
	}{
		{"GET", http.MethodGet, false},
		{"GET over HTTP/2", http.MethodGet, true},
		{"subscriptions/listen", http.MethodPost, false},
		{"subscriptions/listen over HTTP/2", http.MethodPost, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			v := shortLivedVerifier{sync.OnceValue(func() time.Time { return time.Now().Add(time.Second) })}
			res, err := resource.New(resource.Config{
				Identifier: "https://mcp.example.test/mcp", Opaque: &resource.Issuer{Verifier: v},
				Limits: resource.Limits{Leeway: -1}, Logger: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewUnstartedServer(nethttp.Middleware(res)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, "data: hello\n\n")
				_ = http.NewResponseController(w).Flush()
				<-req.Context().Done() // as the handlers of both Go SDKs do
			})))
			server.EnableHTTP2 = row.http2
			server.StartTLS()
			defer server.Close()
			send := func() *http.Response {
				req := request(t, row.method, server.URL, "alice", strings.NewReader(`{}`))
				req.Header.Set("Mcp-Method", "subscriptions/listen")
				response, err := server.Client().Do(req)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { response.Body.Close() })
				return response
			}
			response := send()
			if body, err := io.ReadAll(response.Body); response.StatusCode != 200 || err != nil || string(body) != "data: hello\n\n" {
				t.Errorf("got %d %q, %v, want 200, the event and no error", response.StatusCode, body, err)
			}
			if (response.ProtoMajor == 2) != row.http2 {
				t.Errorf("got HTTP/%d, want HTTP/2: %v", response.ProtoMajor, row.http2)
			}
			if next := send(); next.StatusCode != 401 {
				t.Errorf("the next request: got %d, want 401", next.StatusCode)
			}
		})
	}
}
