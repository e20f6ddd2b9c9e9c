package adaptertest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func TestHandler(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		url := serve(t, a.handler(newResource(t, issuer, nil), http.HandlerFunc(whoami)))
		token := issuer.Token(resourcetest.Token{Audience: identifier})
		for _, row := range []struct {
			name, method, path, token string
			status                    int
			body                      string
		}{
			{"accepted", "POST", "/mcp", token, 200, "alice"},
			{"accepted, at the root", "GET", "/", token, 200, "alice"},
			{"no token", "POST", "/mcp", "", 401, missing},
			{"GET without token, before any 405", "GET", "/mcp", "", 401, missing},
			{"HEAD has no body", "HEAD", "/", "", 401, ""},
			{"DELETE", "DELETE", "/mcp", "", 401, missing},
			{"OPTIONS", "OPTIONS", "/mcp", "", 401, missing},
			{"trailing slash: no redirect", "POST", "/mcp/", "", 401, missing},
			{"double slash: no redirect", "GET", "//mcp", "", 401, missing},
			{"dot segments: no redirect", "GET", "/health/../mcp", "", 401, missing},
			{"metadata needs no token", "GET", wellKnown + "/mcp", "", 200, document},
			{"metadata with a query", "GET", wellKnown + "/mcp?x=1", "", 200, document},
			{"metadata ignores a token", "GET", wellKnown + "/mcp", "x", 200, document},
			{"metadata, HEAD", "HEAD", wellKnown + "/mcp", "", 200, ""},
			{"metadata, the copy at the root", "GET", wellKnown, "", 200, document},
			{"metadata, preflight", "OPTIONS", wellKnown + "/mcp", "", 204, ""},
			{"metadata, POST", "POST", wellKnown + "/mcp", "", 405, "method not allowed\n"},
			{"metadata, PUT to the copy at the root", "PUT", wellKnown, "", 405, "method not allowed\n"},
			{"metadata, an unknown method", "FETCH", wellKnown + "/mcp", "", 405, "method not allowed\n"},
			// Similar paths are not public.
			{"metadata of another path", "GET", wellKnown + "/other", "", 401, missing},
			{"metadata, trailing slash", "GET", wellKnown + "/mcp/", "", 401, missing},
			{"metadata, percent-encoded", "GET", wellKnown + "%2Fmcp", "", 401, missing},
			{"metadata, dot segments", "GET", wellKnown + "/x/../mcp", "", 401, missing},
			{"metadata, double slash", "GET", wellKnown + "//mcp", "", 401, missing},
			{"metadata, different case", "GET", wellKnown + "/MCP", "", 401, missing},
		} {
			t.Run(row.name, func(t *testing.T) {
				response, body := do(t, request(t, row.method, url+row.path, row.token, nil))
				if response.StatusCode != row.status || body != row.body {
					t.Errorf("got %d %q, want %d %q", response.StatusCode, body, row.status, row.body)
				}
				if allow := response.Header.Get("Allow"); row.status == 405 && allow != "GET, HEAD, OPTIONS" {
					t.Errorf("got Allow %q", allow)
				}
			})
		}
	})
}

// The challenge and the metadata contain no part of the request.
func TestRequestIsNotEchoed(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		url := serve(t, a.handler(newResource(t, newIssuer(t), nil), http.HandlerFunc(whoami)))
		for _, path := range []string{"/mcp", wellKnown + "/mcp"} {
			plain, plainBody := do(t, request(t, "GET", url+path, "", nil))
			req := request(t, "GET", url+path+"?evil=1", "", nil)
			req.Host = "evil.example.test,b"
			for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded", "X-Original-URL", "Referer"} {
				req.Header.Set(name, `evil", scope="admin`)
			}
			forged, forgedBody := do(t, req)
			plain.Header.Del("Date")
			forged.Header.Del("Date")
			if fmt.Sprint(plain.Header) != fmt.Sprint(forged.Header) || plainBody != forgedBody {
				t.Errorf("%s:\n got %v %s\nwant %v %s", path, forged.Header, forgedBody, plain.Header, plainBody)
			}
		}
	})
}

func TestMetadataHeaders(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		url := serve(t, a.handler(newResource(t, newIssuer(t), nil), http.HandlerFunc(whoami)))
		response, _ := do(t, request(t, "GET", url+wellKnown+"/mcp", "", nil))
		response.Header.Del("Date")
		want := http.Header{
			"Access-Control-Allow-Origin": {"*"},
			"Cache-Control":               {"public, max-age=300"},
			"Content-Length":              {fmt.Sprint(len(document))},
			"Content-Type":                {"application/json"},
			"X-Content-Type-Options":      {"nosniff"},
		}
		if fmt.Sprint(response.Header) != fmt.Sprint(want) {
			t.Errorf("\n got %v\nwant %v", response.Header, want)
		}
	})
}

func TestRequire(t *testing.T) {
	const insufficient = `, error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		res, other := newResource(t, issuer, at(identifier, "base")), newResource(t, issuer, at("https://mcp.example.test/other"))
		admin := guard{res, []string{"admin", "base"}}
		next := http.HandlerFunc(whoami)
		url := serve(t, a.routes(nil, map[string]route{
			"/admin":       {[]guard{{res: res}, admin}, next},
			"/base":        {[]guard{{res: res}, {res, []string{}}}, next},
			"/unprotected": {[]guard{admin}, next},
			"/reversed":    {[]guard{admin, {res: res}}, next},
			"/other":       {[]guard{{res: other}, admin}, next},
		}))
		token := func(audience, scope string) string {
			return issuer.Token(resourcetest.Token{Audience: audience, Scope: scope})
		}
		for _, row := range []struct {
			name, path, token string
			status            int
			challenge         string
		}{
			{"both scopes", "/admin", token(identifier, "base admin"), 200, ""},
			{"the base scope only: the challenge names both", "/admin", token(identifier, "base"), 403, pointer + `, scope="base admin"` + insufficient},
			{"no scope", "/admin", token(identifier, ""), 403, pointer + `, scope="base"` + insufficient},
			{"Require without further scopes", "/base", token(identifier, "base"), 200, ""},
			{"no Middleware", "/unprotected", token(identifier, "base admin"), 401, pointer + `, scope="base"`},
			{"Middleware inside Require", "/reversed", token(identifier, "base admin"), 401, pointer + `, scope="base"`},
			{"Middleware of another resource", "/other", token("https://mcp.example.test/other", "base admin"), 401, pointer + `, scope="base"`},
		} {
			t.Run(row.name, func(t *testing.T) {
				response, _ := do(t, request(t, "GET", url+row.path, row.token, nil))
				if got := strings.Join(response.Header.Values("WWW-Authenticate"), "\n"); response.StatusCode != row.status || got != row.challenge {
					t.Errorf("\n got %d %s\nwant %d %s", response.StatusCode, got, row.status, row.challenge)
				}
			})
		}
	})
}

func TestSeveralResourcesAtOneOrigin(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		files := newResource(t, issuer, at("https://mcp.example.test/files/mcp"))
		mail := newResource(t, issuer, at("https://mcp.example.test/mail/mcp"))
		url := serve(t, a.routes([]*resource.Resource{files, mail}, map[string]route{
			"/files/mcp": {[]guard{{res: files}}, http.HandlerFunc(whoami)},
			"/mail/mcp":  {[]guard{{res: mail}}, http.HandlerFunc(whoami)},
		}))
		token := issuer.Token(resourcetest.Token{Audience: "https://mcp.example.test/files/mcp"})
		for _, row := range []struct {
			name, path, token string
			status            int
		}{
			{"its own resource", "/files/mcp", token, 200},
			{"the other resource", "/mail/mcp", token, 401},
			{"metadata of the first resource", wellKnown + "/files/mcp", "", 200},
			{"metadata of the second resource", wellKnown + "/mail/mcp", "", 200},
			{"no copy at the root, because it would be ambiguous", wellKnown, "", 404},
			{"metadata of no resource", wellKnown + "/mcp", "", 404},
			{"metadata of no resource, below a resource", wellKnown + "/files/mcp/x", "", 404},
		} {
			response, body := do(t, request(t, "GET", url+row.path, row.token, nil))
			if response.StatusCode != row.status {
				t.Errorf("%s: got %d, want %d", row.name, response.StatusCode, row.status)
			}
			if prefix := `{"resource":"https://mcp.example.test` + strings.TrimPrefix(row.path, wellKnown) + `"`; row.status == 200 && row.token == "" && !strings.HasPrefix(body, prefix) {
				t.Errorf("%s: got %s", row.name, body)
			}
		}
	})
}

func TestDuplicateMiddleware(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		res := newResource(t, issuer, nil)
		url := serve(t, a.routes(nil, map[string]route{"/mcp": {[]guard{{res: res}, {res: res}}, http.HandlerFunc(whoami)}}))
		if response, body := do(t, request(t, "GET", url+"/mcp", issuer.Token(resourcetest.Token{Audience: identifier}), nil)); response.StatusCode != 200 || body != "alice" {
			t.Errorf("got %d %q", response.StatusCode, body)
		}
		response, _ := do(t, request(t, "GET", url+"/mcp", "", nil))
		if got := response.Header.Values("WWW-Authenticate"); response.StatusCode != 401 || len(got) != 1 || got[0] != pointer {
			t.Errorf("got %d %q, want 401 and %q", response.StatusCode, got, pointer)
		}
	})
}

// A panic in the handler breaks the connection, and the next refusal is
// complete.
func TestHandlerPanic(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		h := a.handler(newResource(t, issuer, nil), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
		url := serve(t, h)
		client := &http.Client{}
		if response, err := client.Do(request(t, "GET", url, issuer.Token(resourcetest.Token{Audience: identifier}), nil)); err == nil {
			response.Body.Close()
			t.Errorf("got %d, want a broken connection, as without the middleware", response.StatusCode)
		}
		response, body := do(t, request(t, "GET", url, "", nil))
		if got := response.Header.Get("WWW-Authenticate"); response.StatusCode != 401 || got != pointer || body != missing {
			t.Errorf("the next request: got %d %s %q, want 401", response.StatusCode, got, body)
		}
	})
}

// The token is removed from a copy of the header, never in place.
func TestAuthorizationHeader(t *testing.T) {
	for _, row := range []struct {
		name string
		keep bool
		want string
	}{
		{"removed", false, "alice"},
		{"kept, as configured", true, "aliceBearer "},
	} {
		t.Run(row.name, func(t *testing.T) {
			onEachAdapter(t, func(t *testing.T, a adapter) {
				issuer := newIssuer(t)
				token := issuer.Token(resourcetest.Token{Audience: identifier})
				h := a.handler(newResource(t, issuer, func(c *resource.Config) { c.HTTP.KeepAuthorization = row.keep }), http.HandlerFunc(whoami))
				url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					h.ServeHTTP(w, req)
					if got := req.Header.Get("Authorization"); got != "Bearer "+token {
						t.Errorf("outside: got %q, want the unchanged header", got)
					}
					if _, ok := resource.FromContext(req.Context()); ok {
						t.Error("outside: the request has a caller")
					}
				}))
				want := row.want
				if row.keep {
					want += token
				}
				if _, body := do(t, request(t, "POST", url, token, nil)); body != want {
					t.Errorf("inside: got %q, want %q", body, want)
				}
			})
		})
	}
}
