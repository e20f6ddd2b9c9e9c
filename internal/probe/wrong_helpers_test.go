package probe_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// isEndpoint reports whether a request is for the MCP endpoint.
func isEndpoint(s *site, r *http.Request) bool { return s.origin+r.URL.Path == s.url }

// withoutToken accepts the initialize messages or other requests of a method without a token.
func withoutToken(method string) middleware {
	return accepting(func(s *site, r *http.Request, t token) bool {
		return isEndpoint(s, r) && r.Method == method && t.raw == "" && (method != "POST" || plain(r))
	})
}

// plain reports whether a request is a POST without anything that other checks are about.
func plain(r *http.Request) bool {
	return r.Method == "POST" && r.Header.Get("Authorization") == "" && r.Header.Get("Mcp-Session-Id") == "" && r.Header.Get("Origin") == "" && r.URL.RawQuery == ""
}

// streams sends an event to a GET without a token, and keeps the response open.
func streams(s *site, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isEndpoint(s, r) || r.Method != "GET" {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
}

// status replaces the status of requests without a token, and removes the challenge.
func status(method string, code int) middleware {
	return changed(func(s *site, r *http.Request, w *httptest.ResponseRecorder) {
		if isEndpoint(s, r) && r.Method == method && w.Code == 401 && r.Header.Get("Authorization") == "" {
			w.Code = code
			w.Header().Del("WWW-Authenticate")
		}
	})
}

// redirected redirects a POST without a token.
var redirected = changed(func(s *site, r *http.Request, w *httptest.ResponseRecorder) {
	if isEndpoint(s, r) && r.Method == "POST" && r.Header.Get("Authorization") == "" && w.Code == 401 {
		w.Code = 307
		w.Header().Set("Location", "/mcp/")
	}
})

// body replaces the body of 401 responses.
func body(contentType, text string) middleware {
	return changed(func(_ *site, _ *http.Request, w *httptest.ResponseRecorder) {
		if w.Code == 401 {
			w.Header().Set("Content-Type", contentType)
			w.Body = bytes.NewBufferString(text)
		}
	})
}

// challenge changes the challenges of all 401 responses of the endpoint.
func challenge(change func(string) string) middleware {
	return challengeIf(func(*http.Request) bool { return true }, change)
}

// bare changes the challenges to requests without a credential.
func bare(change func(string) string) middleware {
	return challengeIf(func(r *http.Request) bool { return r.Header.Get("Authorization") == "" }, change)
}

// presented changes the challenges to requests with a credential.
func presented(change func(string) string) middleware {
	return challengeIf(func(r *http.Request) bool { return r.Header.Get("Authorization") != "" }, change)
}

func challengeIf(applies func(*http.Request) bool, change func(string) string) middleware {
	return changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
		before := w.Header().Get("WWW-Authenticate")
		if before == "" || !applies(r) {
			return
		}
		if after := change(before); after != "" {
			w.Header().Set("WWW-Authenticate", after)
			return
		}
		w.Header().Del("WWW-Authenticate")
	})
}

// metadataStatus answers requests for the metadata at some paths with a status.
func metadataStatus(code int, paths ...string) middleware {
	return changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
		if slices.Contains(paths, r.URL.Path) {
			w.Code = code
			w.Body = new(bytes.Buffer)
		}
	})
}

// metadataText changes the metadata at all paths.
func metadataText(change func(string) string) middleware {
	return changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
		if r.URL.Path == pathInserted || r.URL.Path == rootPath {
			w.Body = bytes.NewBufferString(change(w.Body.String()))
		}
	})
}

// member replaces a text in the metadata.
func member(before, after string) middleware {
	return metadataText(func(text string) string { return strings.Replace(text, before, after, 1) })
}

// atRoot changes the metadata at the root.
func atRoot(change func(*site, string) string) middleware {
	return changed(func(s *site, r *http.Request, w *httptest.ResponseRecorder) {
		if r.URL.Path == rootPath {
			w.Body = bytes.NewBufferString(change(s, w.Body.String()))
		}
	})
}

// withoutField removes a header field from responses.
func withoutField(path, method, name string) middleware {
	return changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
		if r.URL.Path == path && r.Method == method {
			w.Header().Del(name)
		}
	})
}

// badToken replaces the status of rejected tokens.
func badToken(is func(token) bool, code int) middleware {
	return changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
		if w.Code == 401 && is(tokenOf(r)) {
			w.Code = code
		}
	})
}

// claim accepts tokens of the test issuer by the value of one claim, which is nil if it is absent.
func claim(name string, accepts func(s *site, value any) bool) func(*site, *http.Request, token) bool {
	return func(s *site, _ *http.Request, t token) bool {
		return t.claims != nil && t.header["kid"] == "test" && t.header["alg"] == "ES256" && accepts(s, t.claims[name])
	}
}

// reflected changes the responses to rejected tokens.
func reflected(change func(w *httptest.ResponseRecorder, raw string)) middleware {
	return changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
		if t := tokenOf(r); w.Code == 401 && len(t.raw) > 40 {
			change(w, t.raw)
		}
	})
}

// ignoresOrigin hides Origin from the server, except from its CORS for allowed origins.
func ignoresOrigin(_ *site, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Origin"), "foreign") {
			r.Header.Del("Origin")
		}
		next.ServeHTTP(w, r)
	})
}

// members changes one member of the metadata of an authorization server.
func members(name string, value any) func(*resourcetest.Issuer) {
	return func(s *resourcetest.Issuer) { s.SetMetadata(map[string]any{name: value}) }
}

// validClaims accepts a token with the kid of the published key and valid claims, whatever its
// signature.
func validClaims(s *site, r *http.Request, t token) bool {
	exp, _ := t.claims["exp"].(float64)
	return t.header["kid"] == "test" && t.header["alg"] == "ES256" && t.header["typ"] == "at+jwt" && t.header["crit"] == nil &&
		t.claims["aud"] == s.url && t.claims["iss"] == s.issuer.Identifier() && t.claims["nbf"] == nil && t.claims["cnf"] == nil &&
		int64(exp) > time.Now().Unix() && r.Header.Get("Origin") == ""
}

// withoutScopes removes the scopes from the challenges and from the metadata.
func withoutScopes(s *site, next http.Handler) http.Handler {
	noScope := challenge(func(c string) string { return strings.Replace(c, `, scope="tools"`, "", 1) })
	return noScope(s, member(`"scopes_supported":["tools"],`, "")(s, next))
}

// otherVersion answers initialize with a JSON-RPC error, after wrong has decided about the token.
func otherVersion(wrong middleware) middleware {
	unsupported := changed(func(s *site, r *http.Request, w *httptest.ResponseRecorder) {
		if isEndpoint(s, r) && r.Method == "POST" && w.Code == 200 {
			w.Code = 400
			w.Header().Del("Mcp-Session-Id")
			w.Body = bytes.NewBufferString(`{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"unsupported protocol version"}}`)
		}
	})
	return func(s *site, next http.Handler) http.Handler { return unsupported(s, wrong(s, next)) }
}

// openPath answers requests for one spelling of the path before warder.
func openPath(spelling string, handler http.HandlerFunc) middleware {
	return func(_ *site, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.RequestURI == spelling {
				handler(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// forwardedIn uses the host that the client claims in the responses to requests of a method.
func forwardedIn(method string) middleware {
	return changed(func(s *site, r *http.Request, w *httptest.ResponseRecorder) {
		host := r.Header.Get("X-Forwarded-Host")
		if host == "" || r.Method != method {
			return
		}
		was := strings.TrimPrefix(s.origin, "http://")
		w.Body = bytes.NewBufferString(strings.ReplaceAll(w.Body.String(), was, host))
		w.Header().Set("WWW-Authenticate", strings.ReplaceAll(w.Header().Get("WWW-Authenticate"), was, host))
	})
}
