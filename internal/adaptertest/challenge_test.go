package adaptertest_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A handler that asks for a challenge gets it as long as nothing of its answer has
// gone out, and it is the very answer that a rule would have given.
func TestLateChallenges(t *testing.T) {
	const (
		lacking = `"insufficient_scope", error_description="The access token lacks a scope that this request needs"`
		told    = `{"error":"insufficient_scope","error_description":"The access token lacks a scope that this request needs"}` + "\n"
		failed  = `{"error_description":"The request could not be authorized"}` + "\n"
		one     = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete"}}`
	)
	refused := map[string]string{
		"Www-Authenticate": pointer + `, scope="base admin row:7", error=` + lacking, "X-Outside": "kept", "Cache-Control": "no-store",
		"X-Content-Type-Options": "nosniff", "Content-Type": "application/json", "Content-Length": fmt.Sprint(len(told)),
	}
	for _, row := range []struct {
		name, body string
		off        bool
		inner      func(w http.ResponseWriter, ask func(scopes ...string) bool) (asked bool)
		asked      bool
		status     int
		answer     string
	}{
		{"asks and writes", one, false, func(w http.ResponseWriter, ask func(...string) bool) bool {
			defer io.WriteString(w, "dropped")
			defer w.Header().Set("Mcp-Session-Id", "dropped")
			return ask("row:7")
		}, true, 403, told},
		{"asks and writes nothing", one, false, func(_ http.ResponseWriter, ask func(...string) bool) bool { return ask("row:7") }, true, 403, told},
		{"asks and sets a status", one, false, func(w http.ResponseWriter, ask func(...string) bool) bool {
			defer w.WriteHeader(http.StatusTeapot)
			return ask("row:7")
		}, true, 403, told},
		{"asks and flushes", one, false, func(w http.ResponseWriter, ask func(...string) bool) bool {
			defer io.WriteString(w, "dropped")
			defer w.(http.Flusher).Flush()
			return ask("row:7")
		}, true, 403, told},
		{"asks and hijacks", one, false, func(w http.ResponseWriter, ask func(...string) bool) bool {
			asked := ask("row:7")
			if _, _, err := w.(http.Hijacker).Hijack(); err == nil {
				t.Error("hijacked")
			}
			return asked
		}, true, 403, told},
		{"informs, then asks", one, false, func(w http.ResponseWriter, ask func(...string) bool) bool {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			return ask("row:7")
		}, true, 403, told},
		{"asks with a malformed scope", one, false, func(_ http.ResponseWriter, ask func(...string) bool) bool { return ask("two words") }, true, 500, failed},
		{"asks for what the caller has", one, false, func(w http.ResponseWriter, ask func(...string) bool) bool {
			defer io.WriteString(w, "passed")
			return ask("admin")
		}, false, 200, "passed"},
		{"asks too late", one, false, func(w http.ResponseWriter, ask func(...string) bool) bool {
			_, _ = io.WriteString(w, "passed")
			return ask("row:7")
		}, false, 200, "passed"},
		{"asks after a flush", one, false, func(w http.ResponseWriter, ask func(...string) bool) bool {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			defer io.WriteString(w, "passed")
			return ask("row:7")
		}, false, 200, "passed"},
		{"asks in a batch", `[` + one + `,` + one + `]`, false, func(w http.ResponseWriter, ask func(...string) bool) bool {
			defer io.WriteString(w, "passed")
			return ask("row:7")
		}, false, 200, "passed"},
		{"asks where it may not", one, true, func(w http.ResponseWriter, ask func(...string) bool) bool {
			defer io.WriteString(w, "passed")
			return ask("row:7")
		}, false, 200, "passed"},
		{"does not ask, and writes nothing", one, false, func(http.ResponseWriter, func(...string) bool) bool { return false }, false, 200, ""},
		{"does not ask, and streams", one, false, func(w http.ResponseWriter, _ func(...string) bool) bool {
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
				t.Error(err)
			}
			for range 3 {
				_, _ = io.WriteString(w, "event ")
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
			}
			return false
		}, false, 200, "event event event "},
		{"does not ask, and hijacks", one, false, func(w http.ResponseWriter, _ func(...string) bool) bool {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return false
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "HTTP/1.1 299 Mine\r\nContent-Length: 2\r\n\r\nok")
			return false
		}, false, 299, "ok"},
	} {
		t.Run(row.name, func(t *testing.T) {
			atEachDoor(t, func(t *testing.T, d door) {
				issuer := newIssuer(t)
				res := newResource(t, issuer, func(c *resource.Config) {
					c.Scopes, c.Operations = []string{"base"}, resource.Operations{Tools: map[string][]string{"delete": {"admin"}}, LateChallenges: !row.off}
				})
				h := d.handler(res, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					asked := row.inner(w, func(scopes ...string) bool { return resource.Challenge(req.Context(), scopes...) })
					if asked != row.asked {
						t.Errorf("Challenge: got %v, want %v", asked, row.asked)
					}
				}))
				url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					w.Header().Set("X-Outside", "kept")
					h.ServeHTTP(w, req)
				}))
				req := request(t, "POST", url+"/mcp", issuer.Token(resourcetest.Token{Audience: identifier, Scope: "base admin"}), strings.NewReader(row.body))
				req.Header.Set("Content-Type", "application/json")
				response, body := do(t, req)
				if response.StatusCode != row.status || body != row.answer {
					t.Errorf("got %d %q, want %d %q", response.StatusCode, body, row.status, row.answer)
				}
				if got := joined(response.Header); row.status == 403 && !maps.Equal(got, refused) {
					t.Errorf("header:\n got %q\nwant %q", got, refused)
				}
			})
		})
	}
}
