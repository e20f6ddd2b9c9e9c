package adaptertest_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// TestLateChallenges checks that a handler can request a challenge until the first byte of
// its response. The refusal is the same as that of a rule.
func TestLateChallenges(t *testing.T) {
	const (
		insufficient = `"insufficient_scope", error_description="The access token lacks a scope that this request needs"`
		denied       = `{"jsonrpc":"2.0","id":1,"error":{"code":403,"message":"The access token lacks a scope that this request needs. Log in again and grant all of these scopes: base admin row:7",` +
			`"data":{"error":"insufficient_scope","error_description":"The access token lacks a scope that this request needs","scope":"base admin row:7"}}}` + "\n"
		failed = `{"jsonrpc":"2.0","id":1,"error":{"code":500,"message":"The request could not be authorized. Ask the operator of this server, whose log has the cause",` +
			`"data":{"error_description":"The request could not be authorized"}}}` + "\n"
		one = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete"}}`
	)
	refusalHeader := map[string]string{
		"Www-Authenticate": pointer + `, scope="base admin row:7", error=` + insufficient, "X-Outside": "kept", "Cache-Control": "no-store",
		"X-Content-Type-Options": "nosniff", "Content-Type": "application/json", "Content-Length": fmt.Sprint(len(denied)),
	}
	for _, row := range []struct {
		name, body string
		off        bool
		handler    func(w http.ResponseWriter, challenge func(scopes ...string) bool) (challenged bool)
		challenged bool // what Challenge returns
		status     int
		wantBody   string
	}{
		{"challenges and writes", one, false, func(w http.ResponseWriter, challenge func(...string) bool) bool {
			defer io.WriteString(w, "discarded")
			defer w.Header().Set("Mcp-Session-Id", "discarded")
			return challenge("row:7")
		}, true, 403, denied},
		{"challenges and writes nothing", one, false, func(_ http.ResponseWriter, challenge func(...string) bool) bool { return challenge("row:7") }, true, 403, denied},
		{"challenges and writes a status", one, false, func(w http.ResponseWriter, challenge func(...string) bool) bool {
			defer w.WriteHeader(http.StatusTeapot)
			return challenge("row:7")
		}, true, 403, denied},
		{"challenges and flushes", one, false, func(w http.ResponseWriter, challenge func(...string) bool) bool {
			defer io.WriteString(w, "discarded")
			defer w.(http.Flusher).Flush()
			return challenge("row:7")
		}, true, 403, denied},
		{"challenges and hijacks", one, false, func(w http.ResponseWriter, challenge func(...string) bool) bool {
			challenged := challenge("row:7")
			if _, _, err := w.(http.Hijacker).Hijack(); err == nil {
				t.Error("hijacked the connection of a rejected request")
			}
			return challenged
		}, true, 403, denied},
		{"sends early hints, then challenges", one, false, func(w http.ResponseWriter, challenge func(...string) bool) bool {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			return challenge("row:7")
		}, true, 403, denied},
		{"challenges with a malformed scope", one, false, func(_ http.ResponseWriter, challenge func(...string) bool) bool { return challenge("two words") }, true, 500, failed},
		{"challenges with a scope that the caller has", one, false, func(w http.ResponseWriter, challenge func(...string) bool) bool {
			defer io.WriteString(w, "sent")
			return challenge("admin")
		}, false, 200, "sent"},
		{"challenges after the first byte", one, false, func(w http.ResponseWriter, challenge func(...string) bool) bool {
			_, _ = io.WriteString(w, "sent")
			return challenge("row:7")
		}, false, 200, "sent"},
		{"challenges after a flush", one, false, func(w http.ResponseWriter, challenge func(...string) bool) bool {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			defer io.WriteString(w, "sent")
			return challenge("row:7")
		}, false, 200, "sent"},
		{"challenges in a batch", `[` + one + `,` + one + `]`, false, func(w http.ResponseWriter, challenge func(...string) bool) bool {
			defer io.WriteString(w, "sent")
			return challenge("row:7")
		}, false, 200, "sent"},
		{"challenges, but LateChallenges is off", one, true, func(w http.ResponseWriter, challenge func(...string) bool) bool {
			defer io.WriteString(w, "sent")
			return challenge("row:7")
		}, false, 200, "sent"},
		{"does not challenge and writes nothing", one, false, func(http.ResponseWriter, func(...string) bool) bool { return false }, false, 200, ""},
		{"does not challenge and streams", one, false, func(w http.ResponseWriter, _ func(...string) bool) bool {
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
		{"does not challenge and hijacks", one, false, func(w http.ResponseWriter, _ func(...string) bool) bool {
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
			onEachAdapter(t, func(t *testing.T, a adapter) {
				issuer := newIssuer(t)
				res := newResource(t, issuer, func(c *resource.Config) {
					c.Scopes, c.Operations = []string{"base"}, resource.Operations{Tools: map[string][]string{"delete": {"admin"}}, LateChallenges: !row.off}
				})
				h := a.handler(res, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					challenged := row.handler(w, func(scopes ...string) bool { return resource.Challenge(req.Context(), scopes...) })
					if challenged != row.challenged {
						t.Errorf("Challenge: got %v, want %v", challenged, row.challenged)
					}
				}))
				url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					w.Header().Set("X-Outside", "kept")
					h.ServeHTTP(w, req)
				}))
				req := request(t, "POST", url+"/mcp", issuer.Token(resourcetest.Token{Audience: identifier, Scope: "base admin"}), strings.NewReader(row.body))
				req.Header.Set("Content-Type", "application/json")
				response, body := do(t, req)
				if response.StatusCode != row.status || body != row.wantBody {
					t.Errorf("got %d %q, want %d %q", response.StatusCode, body, row.status, row.wantBody)
				}
				if got := joinHeader(response.Header); row.status == 403 && !maps.Equal(got, refusalHeader) {
					t.Errorf("header:\n got %q\nwant %q", got, refusalHeader)
				}
			})
		})
	}
}

// recordedReasons are the reasons of the decisions that an observer was notified of; "" stands
// for an accepted request.
type recordedReasons struct{ all []resource.Reason }

func (r *recordedReasons) Observe(_ context.Context, e resource.Event) {
	r.all = append(r.all, e.Reason)
}

// TestLateChallengeAndPanic checks that a challenge is counted if and only if the client gets it,
// also if the handler panics.
func TestLateChallengeAndPanic(t *testing.T) {
	const body = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	accepted, challenged := []resource.Reason{""}, []resource.Reason{"", resource.ReasonInsufficientScope}
	for _, row := range []struct {
		name      string
		write     bool
		status    int // 0: no response was begun
		decisions []resource.Reason
	}{
		{"the handler challenges and panics", false, 0, accepted},
		{"the handler challenges, writes and panics", true, 403, challenged},
	} {
		t.Run(row.name, func(t *testing.T) {
			onEachAdapter(t, func(t *testing.T, a adapter) {
				issuer, decisions := newIssuer(t), new(recordedReasons)
				res := newResource(t, issuer, func(c *resource.Config) {
					c.Operations = resource.Operations{Methods: map[string][]string{"tools/list": {}}, LateChallenges: true}
					c.Hooks.Observers = []resource.Observer{decisions}
				})
				h := a.handler(res, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					resource.Challenge(req.Context(), "admin")
					if row.write {
						_, _ = io.WriteString(w, "discarded")
					}
					panic("in the handler")
				}))
				req := request(t, "POST", identifier, issuer.Token(resourcetest.Token{Audience: identifier}), strings.NewReader(body))
				req.Header.Set("Content-Type", "application/json")
				w := &firstStatus{ResponseRecorder: httptest.NewRecorder()}
				func() {
					defer func() { _ = recover() }()
					h.ServeHTTP(w, req)
				}()
				if w.status != row.status || !slices.Equal(decisions.all, row.decisions) {
					t.Errorf("got %d, decisions %q; want %d, %q", w.status, decisions.all, row.status, row.decisions)
				}
			})
		})
	}
}

// firstStatus records the status; 0 if no response was begun.
type firstStatus struct {
	*httptest.ResponseRecorder
	status int
}

func (w *firstStatus) WriteHeader(status int) {
	w.status = status
	w.ResponseRecorder.WriteHeader(status)
}

// statusRecorder records every status that is written.
type statusRecorder struct {
	*httptest.ResponseRecorder
	statuses []int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.statuses = append(r.statuses, status)
	r.ResponseRecorder.WriteHeader(status)
}

// TestInformationalResponseAfterChallenge checks that a handler whose response is discarded cannot
// send an informational response either, which would have the fields of its own response.
func TestInformationalResponseAfterChallenge(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		res := newResource(t, issuer, func(c *resource.Config) {
			c.Operations = resource.Operations{Methods: map[string][]string{"tools/list": {}}, LateChallenges: true}
		})
		h := a.handler(res, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			resource.Challenge(req.Context(), "admin")
			w.Header().Set("Mcp-Session-Id", "discarded")
			_, _ = io.WriteString(w, "discarded")
			w.WriteHeader(http.StatusEarlyHints)
		}))
		req := request(t, "POST", identifier, issuer.Token(resourcetest.Token{Audience: identifier}), strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		req.Header.Set("Content-Type", "application/json")
		w := &statusRecorder{ResponseRecorder: httptest.NewRecorder()}
		if h.ServeHTTP(w, req); !slices.Equal(w.statuses, []int{http.StatusForbidden}) {
			t.Errorf("statuses: got %d, want 403 only", w.statuses)
		}
	})
}
