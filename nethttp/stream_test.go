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

// shortly vouches for every token, for a second from when it is first asked.
type shortly struct{ until func() time.Time }

func (shortly) Issuer() string { return "https://opaque.example.test" }

func (v shortly) Verify(_ context.Context, token *resource.Token) (*resource.Claims, error) {
	return &resource.Claims{Issuer: v.Issuer(), Subject: token.Raw(), Audience: []string{"https://mcp.example.test/mcp"}, Expiry: v.until()}, nil
}

// The client of a stream whose token expired sees a clean end; its next request is
// refused.
func TestClientSeesTheEndOfItsStream(t *testing.T) {
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
			v := shortly{sync.OnceValue(func() time.Time { return time.Now().Add(time.Second) })}
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
			ask := func() *http.Response {
				req := request(t, row.method, server.URL, "alice", strings.NewReader(`{}`))
				req.Header.Set("Mcp-Method", "subscriptions/listen")
				response, err := server.Client().Do(req)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { response.Body.Close() })
				return response
			}
			response := ask()
			if body, err := io.ReadAll(response.Body); response.StatusCode != 200 || err != nil || string(body) != "data: hello\n\n" {
				t.Errorf("got %d %q, %v, want the event and then io.EOF", response.StatusCode, body, err)
			}
			if (response.ProtoMajor == 2) != row.http2 {
				t.Errorf("spoke HTTP/%d", response.ProtoMajor)
			}
			if next := ask(); next.StatusCode != 401 {
				t.Errorf("the next request: got %d, want 401", next.StatusCode)
			}
		})
	}
}
