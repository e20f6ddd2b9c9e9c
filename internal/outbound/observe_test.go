package outbound_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/warder-go/warder/internal/outbound"
)

// An observing client returns responses that other clients reject, and follows no redirect.
func TestObserve(t *testing.T) {
	server, hits := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusFound)
		case "/long":
			_, _ = w.Write([]byte(strings.Repeat("x", 100)))
		case "/compressed":
			w.Header().Set("Content-Encoding", "br")
			_, _ = w.Write([]byte("xyz"))
		default:
			_, _ = w.Write([]byte(r.Method))
		}
	})
	observer := newClient(t, outbound.Config{Hosts: loopback, Observe: true, Methods: []string{http.MethodHead, http.MethodOptions, http.MethodDelete}, MaxBytes: 64})
	strict := newClient(t, outbound.Config{Hosts: loopback, MaxBytes: 64})
	for _, row := range []struct {
		name, method, path string
		status             int
		body               string
		strict             outbound.Outcome // of a client without Observe
	}{
		{"a redirect", "GET", "/redirect", 302, "", outbound.Redirect},
		{"a long body", "GET", "/long", 200, strings.Repeat("x", 64), outbound.TooLarge},
		{"an unsupported encoding", "GET", "/compressed", 200, "", outbound.Encoding},
		{"HEAD", "HEAD", "/", 200, "", outbound.BadURL},
		{"OPTIONS", "OPTIONS", "/", 200, "OPTIONS", outbound.BadURL},
		{"DELETE", "DELETE", "/", 200, "DELETE", outbound.BadURL},
		{"POST", "POST", "/", 200, "POST", "ok"},
	} {
		t.Run(row.name, func(t *testing.T) {
			hits.Store(0)
			resp, err := observer.Do(request(t, row.method, server.URL+row.path))
			if err != nil {
				t.Fatal(err)
			}
			wantEqual(t, "status", resp.Status, row.status)
			wantEqual(t, "body", string(resp.Body), row.body)
			wantEqual(t, "requests", hits.Load(), 1)
			_, err = strict.Do(request(t, row.method, server.URL+row.path))
			wantOutcome(t, err, row.strict)
		})
	}
	for _, method := range []string{"PUT", "TRACE", "CONNECT", "get"} {
		_, err := observer.Do(request(t, method, server.URL))
		wantOutcome(t, err, outbound.BadURL)
	}
}

func request(t *testing.T, method, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// A stream that does not end is cut after 2 seconds.
func TestObserveStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := transportFunc(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: &endless{first: "data: x\n\n", done: r.Context().Done()}}, nil
		})
		client := outbound.New(outbound.Config{Transport: stream, Observe: true, Methods: []string{http.MethodHead, http.MethodOptions, http.MethodDelete}})
		resp, err := client.Do(request(t, "GET", "https://mcp.example.com/mcp"))
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "body", string(resp.Body), "data: x\n\n")
	})
}

// endless is a body that sends a first event and then nothing until its request ends.
type endless struct {
	first string
	done  <-chan struct{}
}

func (e *endless) Read(p []byte) (int, error) {
	if e.first != "" {
		n := copy(p, e.first)
		e.first = e.first[n:]
		return n, nil
	}
	<-e.done
	return 0, http.ErrHandlerTimeout
}

func (*endless) Close() error { return nil }
