package adaptertest_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	replacedText = "The server behind this one asked for other credentials"
	replaced     = `{"error_description":"` + replacedText + `"}` + "\n"
	foreign      = `Bearer resource_metadata="https://upstream.example/.well-known/oauth-protected-resource", scope="admin"`
	secret       = "c2VjcmV0LW9mLXVwc3RyZWFt" // in a challenge; must not be logged
)

// respond returns a handler that responds with a status, challenges and a body.
func respond(status int, body string, challenges ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Www-Authenticate"] = challenges
		w.Header().Set("X-Handler", "yes")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// TestHandlerChallenges checks what a client gets of a handler's challenges (RFC 9110 §11.6.1).
// By default, it gets all of them. With ReplaceHandlerChallenges, it gets only challenges that the
// Resource made, and no others with the same text. It gets no 401 without such a challenge.
func TestHandlerChallenges(t *testing.T) {
	own := pointer + `, scope="base", error="insufficient_scope", error_description="x"`
	for _, row := range []struct {
		name    string
		handler http.HandlerFunc
		status  int // with ReplaceHandlerChallenges
		body    string
	}{
		{"401 with the challenge of another resource", respond(401, "upstream", foreign), 502, replaced},
		{"401 with several challenges", respond(401, "upstream", "Basic realm=x", "Negotiate "+secret), 502, replaced},
		{"401 without a challenge", respond(401, "upstream"), 502, replaced},
		{"401 in another spelling", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["WWW-authenticate"] = []string{foreign}
			w.WriteHeader(401)
		}, 502, replaced},
		{"403 with a challenge", respond(403, "upstream", foreign), 502, replaced},
		{"403 without a challenge", respond(403, "mine"), 403, "mine"},
		{"403 with a challenge that reads like one of the resource", respond(403, "upstream", own), 502, replaced},
		{"401 with both", respond(401, "upstream", foreign, own), 502, replaced},
		{"401 with both in one value", respond(401, "upstream", own+", "+foreign), 502, replaced},
		{"401 with a challenge that begins like one of the resource", respond(401, "upstream", pointer+`, resource_metadata="https://upstream.example"`), 502, replaced},
		{"200 with a challenge", respond(200, "served", foreign), 200, "served"},
		{"400 with a challenge", respond(400, "upstream", foreign), 400, "upstream"},
		{"500 with a challenge", respond(500, "upstream", foreign), 500, "upstream"},
		{"502", respond(502, "upstream"), 502, "upstream"},
		{"a stream", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("WWW-Authenticate", foreign)
			for range 3 {
				_, _ = io.WriteString(w, "event ")
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
			}
		}, 200, "event event event "},
		{"nothing", func(http.ResponseWriter, *http.Request) {}, 200, ""},
		{"a challenge and no body", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("WWW-Authenticate", foreign) }, 200, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			onEachAdapter(t, func(t *testing.T, a adapter) {
				issuer := newIssuer(t)
				token := issuer.Token(resourcetest.Token{Audience: identifier})
				get := func(mode resource.HandlerChallenges, next http.Handler) (*http.Response, string) {
					h := a.handler(newResource(t, issuer, func(c *resource.Config) { c.HTTP.HandlerChallenges = mode }), next)
					return do(t, request(t, "GET", serve(t, h)+"/mcp", token, nil))
				}
				direct, directBody := do(t, request(t, "GET", serve(t, row.handler), "", nil))
				passed, passedBody := get(resource.PassHandlerChallenges, row.handler)
				if passed.StatusCode != direct.StatusCode || passedBody != directBody || !maps.Equal(joinHeader(passed.Header), joinHeader(direct.Header)) {
					t.Errorf("passed on:\n got %d %q %v\nwant %d %q %v", passed.StatusCode, passedBody, passed.Header, direct.StatusCode, directBody, direct.Header)
				}
				got, body := get(resource.ReplaceHandlerChallenges, row.handler)
				want := joinHeader(direct.Header)
				delete(want, "Www-Authenticate")
				if row.body == replaced {
					want = map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": "application/json", "Content-Length": fmt.Sprint(len(replaced))}
				}
				if got.StatusCode != row.status || body != row.body || !maps.Equal(joinHeader(got.Header), want) {
					t.Errorf("replaced:\n got %d %q %v\nwant %d %q %v", got.StatusCode, body, joinHeader(got.Header), row.status, row.body, want)
				}
			})
		})
	}
}

// TestRelayedChallenge checks a reverse proxy behind the middleware: the body for a JSON-RPC
// request, the log, the decisions, what middleware outside has set, and a public operation.
func TestRelayedChallenge(t *testing.T) {
	const list = `{"jsonrpc":"2.0","id":7,"method":"tools/list"}`
	onEachAdapter(t, func(t *testing.T, a adapter) {
		target, err := url.Parse(serve(t, respond(401, "upstream", "Negotiate "+secret, foreign)))
		if err != nil {
			t.Fatal(err)
		}
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
		issuer, decisions := newIssuer(t), new(recordedReasons)
		var logged bytes.Buffer
		h := a.handler(newResource(t, issuer, func(c *resource.Config) {
			c.HTTP.HandlerChallenges, c.Operations.Public = resource.ReplaceHandlerChallenges, []string{"tools/list"}
			c.Hooks.Observers, c.Logger = []resource.Observer{decisions}, slog.New(slog.NewTextHandler(&logged, nil))
		}), proxy)
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("X-Outside", "kept")
			w.Header()["WWW-AUTHENTICATE"] = []string{"Outside"}
			h.ServeHTTP(w, req)
		}))
		for _, token := range []string{"", issuer.Token(resourcetest.Token{Audience: identifier})} {
			logged.Reset()
			decisions.all = nil
			req := request(t, "POST", url+"/mcp", token, strings.NewReader(list))
			req.Header.Set("Content-Type", "application/json")
			response, body := do(t, req)
			want := rpcError("7", 502, replacedText+". Ask the operator of this server, whose log has the cause", `{"error_description":"`+replacedText+`"}`)
			if response.StatusCode != 502 || body != want {
				t.Errorf("got %d %q, want 502 %q", response.StatusCode, body, want)
			}
			wantHeader := map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": "application/json",
				"Content-Length": fmt.Sprint(len(want)), "X-Outside": "kept", "Www-Authenticate": "Outside"}
			if got := joinHeader(response.Header); !maps.Equal(got, wantHeader) {
				t.Errorf("header:\n got %v\nwant %v", got, wantHeader)
			}
			if wantDecisions := []resource.Reason{"", resource.ReasonHandlerChallenge}; !slices.Equal(decisions.all, wantDecisions) {
				t.Errorf("decisions: got %q, want %q", decisions.all, wantDecisions)
			}
			record := logged.String()
			if !strings.Contains(record, `level=WARN msg="request rejected" reason=handler_challenge status=502`) ||
				!strings.Contains(record, `got="401 Negotiate, Bearer" want="a challenge of this resource" operation=tools/list`) || strings.Contains(record, secret) {
				t.Errorf("log: got %s", record)
			}
		}
	})
}

// TestOwnChallengesAreNotReplaced checks that Require, Permit, a late challenge and the Resource
// itself respond as usual, and that a second mount of the Resource changes nothing.
func TestOwnChallengesAreNotReplaced(t *testing.T) {
	const insufficient = `, error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		res := newResource(t, issuer, func(c *resource.Config) {
			c.HTTP.HandlerChallenges, c.Operations.LateChallenges = resource.ReplaceHandlerChallenges, true
		})
		late := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			resource.Challenge(req.Context(), "late")
			respond(401, "upstream", foreign)(w, req)
		})
		permit := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			caller, _ := resource.FromContext(req.Context())
			refusal := res.Permit(req.Context(), caller, resource.Operation{Method: "tools/call", Name: "x"}, "delete")
			respond(refusal.Status, "refused", refusal.Challenges...)(w, req)
		})
		server := serve(t, a.routes(nil, map[string]route{
			"/require":  {[]guard{{res: res}, {res, []string{"admin"}}}, respond(200, "served")},
			"/permit":   {[]guard{{res: res}}, permit},
			"/late":     {[]guard{{res: res}}, late},
			"/twice":    {[]guard{{res: res}, {res: res}}, late},
			"/upstream": {[]guard{{res: res}, {res: res}}, respond(401, "upstream", foreign)},
		}))
		token := issuer.Token(resourcetest.Token{Audience: identifier})
		for _, row := range []struct {
			path, token string
			status      int
			challenge   string
		}{
			{"/require", "", 401, pointer},
			{"/require", token, 403, pointer + `, scope="admin"` + insufficient},
			{"/permit", token, 403, pointer + `, scope="delete"` + insufficient},
			{"/late", token, 403, pointer + `, scope="late"` + insufficient},
			{"/twice", token, 403, pointer + `, scope="late"` + insufficient},
			{"/upstream", token, 502, ""},
		} {
			req := request(t, "POST", server+row.path, row.token, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
			req.Header.Set("Content-Type", "application/json")
			response, _ := do(t, req)
			if got := strings.Join(response.Header.Values("WWW-Authenticate"), "\n"); response.StatusCode != row.status || got != row.challenge {
				t.Errorf("%s:\n got %d %s\nwant %d %s", row.path, response.StatusCode, got, row.status, row.challenge)
			}
		}
	})
}

// TestHandlerChallengeAndPanic checks that a handler that panics before its response begins gets
// no response from the middleware.
func TestHandlerChallengeAndPanic(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		res := newResource(t, issuer, func(c *resource.Config) { c.HTTP.HandlerChallenges = resource.ReplaceHandlerChallenges })
		h := a.handler(res, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", foreign)
			panic("in the handler")
		}))
		w := &firstStatus{ResponseRecorder: httptest.NewRecorder()}
		func() {
			defer func() { _ = recover() }()
			h.ServeHTTP(w, request(t, "GET", identifier, issuer.Token(resourcetest.Token{Audience: identifier}), nil))
		}()
		if w.status != 0 {
			t.Errorf("got %d, want no response", w.status)
		}
	})
}
