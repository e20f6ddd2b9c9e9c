package probe_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/probe"
)

// aborted ends the connection instead of answering some requests, as some firewalls do.
func aborted(is func(r *http.Request) bool) middleware {
	return func(_ *site, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if is(r) {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// A request without a response shows neither that a rule is followed nor that it is violated.
func TestAbortedRequests(t *testing.T) {
	for _, row := range []struct {
		check string
		is    func(r *http.Request) bool
	}{
		{"session-post", func(r *http.Request) bool {
			return r.Method == "POST" && r.Header.Get("Mcp-Session-Id") != "" && r.Header.Get("Authorization") == ""
		}},
		{"session-delete", func(r *http.Request) bool {
			return r.Method == "DELETE" && r.Header.Get("Mcp-Session-Id") != "" && r.Header.Get("Authorization") == ""
		}},
		{"query-token", func(r *http.Request) bool { return r.URL.Query().Has("access_token") }},
		{"scheme-case", func(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("Authorization"), "bearer ") }},
		{"options-status", func(r *http.Request) bool { return r.Method == "OPTIONS" && r.Header.Get("Origin") == "" }},
		{"metadata-cors", func(r *http.Request) bool {
			return r.URL.Path == pathInserted && r.Header.Get("Origin") != "" && r.Method == "GET"
		}},
		{"metadata-preflight", func(r *http.Request) bool { return r.URL.Path == pathInserted && r.Method == "OPTIONS" }},
		{"cors-preflight", func(r *http.Request) bool {
			return r.Method == "OPTIONS" && r.URL.Path == "/mcp" && strings.HasPrefix(r.Header.Get("Origin"), "http://localhost")
		}},
	} {
		t.Run(row.check, func(t *testing.T) {
			t.Parallel()
			report := run(t, start(t, "/mcp", aborted(row.is)).withKey())
			wantIDs(t, report, nil, probe.Fail, probe.Warn)
			wantIDs(t, report, []string{row.check}, probe.NotChecked)
		})
	}
}
