package adaptertest_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// MCP 2026-07-28, Streamable HTTP, "Security & Endpoint" 1. A page of another origin
// gets 403 with or without a token, by every method, and no challenge; programs are not
// concerned, and the metadata is for everybody.
func TestOrigin(t *testing.T) {
	const app, evil = "https://app.example.test", "https://evil.example"
	const told = `{"error_description":"Requests of pages of this Origin are not accepted"}` + "\n"
	atEachDoor(t, func(t *testing.T, d door) {
		issuer := newIssuer(t)
		reached := false
		res := newResource(t, issuer, func(c *resource.Config) {
			c.HTTP.Origins, c.Operations.Public = []string{app}, []string{"tools/list"}
		})
		url := serve(t, d.handler(res, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			reached = true
			_, _ = io.WriteString(w, req.Header.Get("Origin")) // the MCP server may look too
		})))
		good := issuer.Token(resourcetest.Token{Audience: identifier})
		refused := map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
			"Content-Type": "application/json", "Content-Length": fmt.Sprint(len(told)),
		}
		for _, row := range []struct {
			name, method, origin, token string
			status                      int
			answer                      string
		}{
			{"no origin", "POST", "", good, 200, ""},
			{"an allowed one", "POST", app, good, 200, app},
			{"its own", "POST", "https://mcp.example.test", good, 200, "https://mcp.example.test"},
			{"an allowed one, public", "POST", app, "", 200, app},
			{"an allowed one, without a token", "GET", app, "", 401, missing},
			{"another, with a token", "POST", evil, good, 403, told},
			{"another, public", "POST", evil, "", 403, told},
			{"another, without a token", "GET", evil, "", 403, told},
			{"another, with a token that is none", "GET", evil, "x", 403, told},
			{"another, for a stream", "GET", evil, good, 403, told},
			{"another, to end a session", "DELETE", evil, good, 403, told},
			{"another, to ask whether it may", "OPTIONS", evil, "", 403, told},
			{"null", "POST", "null", good, 403, told},
		} {
			t.Run(row.name, func(t *testing.T) {
				reached = false
				req := request(t, row.method, url+"/mcp", row.token, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
				req.Header.Set("Content-Type", "application/json")
				if row.origin != "" {
					req.Header.Set("Origin", row.origin)
				}
				response, body := do(t, req)
				if response.StatusCode != row.status || body != row.answer || reached != (row.status == 200) {
					t.Errorf("\n got %d %q, handler reached: %v\nwant %d %q", response.StatusCode, body, reached, row.status, row.answer)
				}
				if got := joined(response.Header); row.status == 403 && !maps.Equal(got, refused) {
					t.Errorf("header:\n got %q\nwant %q", got, refused)
				}
			})
		}
		req := request(t, "GET", url+wellKnown+"/mcp", "", nil)
		req.Header.Set("Origin", evil)
		if response, body := do(t, req); response.StatusCode != 200 || body != document {
			t.Errorf("metadata: got %d %s", response.StatusCode, body)
		}
	})
}

// What a CORS library in front has put on an answer stays there, whatever the answer:
// a page can only read a challenge that is exposed to it.
func TestHeaderSetOutsideStays(t *testing.T) {
	atEachDoor(t, func(t *testing.T, d door) {
		issuer := newIssuer(t)
		inner := d.handler(newResource(t, issuer, func(c *resource.Config) {
			strict(c)
			c.Operations.LateChallenges = true
		}), http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Mcp-Session-Id", "s")
			if req.Header.Get("Last-Event-Id") != "" {
				resource.Challenge(req.Context(), "late")
			}
			_, _ = io.WriteString(w, "served")
		}))
		outside := map[string]string{
			"Access-Control-Allow-Origin": "https://app.example.test", "Access-Control-Expose-Headers": "Mcp-Session-Id, Www-Authenticate", "Vary": "Origin",
		}
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			for name, value := range outside {
				w.Header().Set(name, value)
			}
			inner.ServeHTTP(w, req)
		}))
		base := issuer.Token(resourcetest.Token{Audience: identifier, Scope: "base"})
		for _, row := range []struct {
			name, origin, token, body string
			late                      bool
			status                    int
		}{
			{"served", "", base, call("echo"), false, 200},
			{"401", "", "", call("echo"), false, 401},
			{"403 for a scope", "", base, call("delete"), false, 403},
			{"403 asked for by the handler", "", base, call("echo"), true, 403},
			{"403 for an origin", "https://evil.example", base, call("echo"), false, 403},
			{"400", "", base, "[", false, 400},
			{"500", "", base, call("fail"), false, 500},
			{"503", "", "opaque", call("echo"), false, 503},
		} {
			req := request(t, "POST", url+"/mcp", row.token, strings.NewReader(row.body))
			req.Header.Set("Content-Type", "application/json")
			if row.origin != "" {
				req.Header.Set("Origin", row.origin)
			}
			if row.late {
				req.Header.Set("Last-Event-Id", "1")
			}
			response, _ := do(t, req)
			if response.StatusCode != row.status {
				t.Errorf("%s: got status %d, want %d", row.name, response.StatusCode, row.status)
			}
			got := joined(response.Header)
			for name, value := range outside {
				if got[name] != value {
					t.Errorf("%s: %s: got %q, want %q", row.name, name, got[name], value)
				}
			}
		}
	})
}
