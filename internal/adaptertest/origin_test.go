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
// gets 403 without a challenge, with or without a token and for every method. The rule
// does not apply to requests without Origin or to the metadata.
func TestOrigin(t *testing.T) {
	const app, evil = "https://app.example.test", "https://evil.example"
	const text = "Requests from pages of this origin are not accepted"
	const rejected = `{"error_description":"` + text + `"}` + "\n"
	rejectedPost := rpcError("null", 403, text+". Ask the operator of this server to allow the origin", `{"error_description":"`+text+`"}`)
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		reached := false
		res := newResource(t, issuer, func(c *resource.Config) {
			c.HTTP.Origins, c.Operations.Public = []string{app}, []string{"tools/list"}
		})
		url := serve(t, a.handler(res, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			reached = true
			_, _ = io.WriteString(w, req.Header.Get("Origin")) // the handler must see the header too
		})))
		token := issuer.Token(resourcetest.Token{Audience: identifier})
		rejectedHeader := map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
			"Content-Type": "application/json",
		}
		for _, row := range []struct {
			name, method, origin, token string
			status                      int
			wantBody                    string
		}{
			{"no origin", "POST", "", token, 200, ""},
			{"an allowed origin", "POST", app, token, 200, app},
			{"the resource's own origin", "POST", "https://mcp.example.test", token, 200, "https://mcp.example.test"},
			{"an allowed origin, public operation", "POST", app, "", 200, app},
			{"an allowed origin, without a token", "GET", app, "", 401, missing},
			{"another origin, with a token", "POST", evil, token, 403, rejectedPost},
			{"another origin, public operation", "POST", evil, "", 403, rejectedPost},
			{"another origin, without a token", "GET", evil, "", 403, rejected},
			{"another origin, with a malformed token", "GET", evil, "x", 403, rejected},
			{"another origin, GET", "GET", evil, token, 403, rejected},
			{"another origin, DELETE", "DELETE", evil, token, 403, rejected},
			{"another origin, OPTIONS", "OPTIONS", evil, "", 403, rejected},
			{"null", "POST", "null", token, 403, rejectedPost},
		} {
			t.Run(row.name, func(t *testing.T) {
				reached = false
				req := request(t, row.method, url+"/mcp", row.token, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
				req.Header.Set("Content-Type", "application/json")
				if row.origin != "" {
					req.Header.Set("Origin", row.origin)
				}
				response, body := do(t, req)
				if response.StatusCode != row.status || body != row.wantBody || reached != (row.status == 200) {
					t.Errorf("\n got %d %q, handler reached: %v\nwant %d %q", response.StatusCode, body, reached, row.status, row.wantBody)
				}
				rejectedHeader["Content-Length"] = fmt.Sprint(len(row.wantBody))
				if got := joinHeader(response.Header); row.status == 403 && !maps.Equal(got, rejectedHeader) {
					t.Errorf("header:\n got %q\nwant %q", got, rejectedHeader)
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

// TestOuterHeadersAreKept checks that every response keeps the header fields of a CORS
// library outside. A page can read a challenge only if such a library exposes it.
func TestOuterHeadersAreKept(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		protected := a.handler(newResource(t, issuer, func(c *resource.Config) {
			allOutcomes(c)
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
			protected.ServeHTTP(w, req)
		}))
		base := issuer.Token(resourcetest.Token{Audience: identifier, Scope: "base"})
		for _, row := range []struct {
			name, origin, token, body string
			late                      bool
			status                    int
		}{
			{"200", "", base, call("echo"), false, 200},
			{"401", "", "", call("echo"), false, 401},
			{"403 for a scope", "", base, call("delete"), false, 403},
			{"403 requested by the handler", "", base, call("echo"), true, 403},
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
			got := joinHeader(response.Header)
			for name, value := range outside {
				if got[name] != value {
					t.Errorf("%s: %s: got %q, want %q", row.name, name, got[name], value)
				}
			}
		}
	})
}
