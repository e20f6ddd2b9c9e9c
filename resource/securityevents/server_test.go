package securityevents_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// A receiver in an http.Server, with an issuer on another port.
func TestServer(t *testing.T) {
	issuer := resourcetest.Start(t, resourcetest.Config{Audience: audience})
	f := newFixtureOf(t, issuer, nil)
	server := httptest.NewServer(f.receiver)
	defer server.Close()
	send := func(method, body string) (status int, answer string) {
		t.Helper()
		req := resourcetest.PushRequest(t.Context(), server.URL, body, "")
		req.Method, req.ContentLength = method, -1 // no Content-Length
		response, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(text)
	}
	token := issuer.SecurityEvent(resourcetest.SecurityEvent{})
	for _, row := range []struct {
		name, method, body string
		status             int
		answer             string
	}{
		{"accepted", http.MethodPost, token, 202, ""},
		{"duplicate", http.MethodPost, token, 202, ""},
		{"rejected", http.MethodPost, "x", 400, malformedBody},
		{"too large", http.MethodPost, strings.Repeat("x", maxBody+1), 413, ""},
		{"HEAD", http.MethodHead, "", 405, ""},
	} {
		if status, answer := send(row.method, row.body); status != row.status || answer != row.answer {
			t.Errorf("%s: got %d %s, want %d %s", row.name, status, answer, row.status, row.answer)
		}
	}
	if entries := f.store.take(); len(entries) != 1 {
		t.Errorf("entries %v", entries)
	}
}
