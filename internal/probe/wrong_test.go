package probe_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/probe"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	pathInserted = "/.well-known/oauth-protected-resource/mcp"
	rootPath     = "/.well-known/oauth-protected-resource"
)

// wrongServers are sites with one mistake each, and the checks that the mistake violates.
var wrongServers = []struct {
	name  string
	wrong middleware
	want  []string
}{
	// Requests without a token.
	{"accepts a POST without a token", withoutToken("POST"), []string{"no-token-post"}},
	{"accepts a GET without a token", withoutToken("GET"), []string{"no-token-get"}},
	{"sends a stream to a GET without a token", streams, []string{"no-token-get"}},
	{"accepts a DELETE without a token", withoutToken("DELETE"), []string{"no-token-delete", "session-delete"}},
	{"405 for a GET without a token", status("GET", 405), []string{"get-401"}},
	{"405 for a HEAD without a token", status("HEAD", 405), []string{"head-401"}},
	{"405 for a DELETE without a token", status("DELETE", 405), []string{"delete-401"}},
	{"500 for OPTIONS", status("OPTIONS", 500), []string{"options-status"}},
	{"403 for a POST without a token", status("POST", 403), []string{"no-token-post"}},
	{"redirects a POST without a token", redirected, []string{"endpoint-redirect"}},
	{"errors in plain text", body("text/plain", "no token\n"), []string{"error-body"}},
	{"errors in truncated JSON", body("application/json", `{"error":`), []string{"error-body"}},
	{"a stack trace in errors", body("application/json", `{"error":"panic: goroutine 1 [running]"}`), []string{"error-details"}},

	{"is open with another case", openPath("/MCP", serveMCP), []string{"other-spellings"}},
	{"is open with two slashes", openPath("//mcp", serveMCP), []string{"other-spellings"}},
	{"is open with an encoded letter", openPath("/%6Dcp", serveMCP), []string{"other-spellings"}},
	{"is open with a slash, and answers with events", openPath("/mcp/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		fmt.Fprint(w, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n")
	}), []string{"other-spellings"}},
	{"a page at other paths", openPath("/mcp/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html></html>") }), nil},
	{"a false host in the challenge", forwardedIn("POST"), []string{"forwarded-host"}},
	{"a false host in the metadata", forwardedIn("GET"), []string{"forwarded-host"}},

	// The challenge.
	{"no challenge without a token", bare(func(string) string { return "" }), []string{"challenge-present"}},
	{"Basic instead of Bearer", bare(func(string) string { return `Basic realm="x"` }), []string{"challenge-present"}},
	{"Basic before Bearer", challenge(func(c string) string { return `Basic realm="x", ` + c }), []string{"challenge-first"}},
	{"an unclosed quoted string", bare(func(c string) string { return c + `, realm="x` }), []string{"challenge-grammar"}},
	{"no comma between parameters", bare(func(c string) string { return strings.Replace(c, `", scope`, `" scope`, 1) }), []string{"challenge-grammar", "challenge-scope"}},
	{"a duplicate parameter", challenge(func(c string) string { return c + `, realm="a", realm="b"` }), []string{"challenge-duplicates"}},
	{"two Bearer challenges", challenge(func(c string) string { return c + `, Bearer realm="x"` }), []string{"challenge-spelling"}},
	{"spaces around an equals sign", challenge(func(c string) string { return strings.Replace(c, `scope="`, `scope = "`, 1) }), []string{"challenge-spelling"}},
	{"scope without quotes", bare(func(c string) string { return strings.Replace(c, `scope="tools"`, `scope=tools`, 1) }), []string{"challenge-spelling"}},
	{"a parameter in the description", challenge(func(c string) string {
		return strings.Replace(c, `error_description="`, `error_description="need scope=x `, 1)
	}), []string{"challenge-description"}},
	{"a quotation mark in the description", challenge(func(c string) string {
		return strings.Replace(c, `error_description="`, `error_description="the \"token\" `, 1)
	}), []string{"challenge-characters"}},
	{"an error without a token", bare(func(c string) string { return c + `, error="invalid_token"` }), []string{"challenge-no-error"}},
	{"no scope in the challenge", challenge(func(c string) string { return strings.Replace(c, `, scope="tools"`, "", 1) }), []string{"challenge-scope"}},
	{"an empty scope", challenge(func(c string) string { return strings.Replace(c, `scope="tools"`, `scope=""`, 1) }), []string{"challenge-scope-grammar"}},
	{"two spaces between scopes", challenge(func(c string) string { return strings.Replace(c, `scope="`, `scope="a  `, 1) }), []string{"challenge-scope-grammar"}},
	{"no resource_metadata", bare(func(string) string { return `Bearer scope="tools"` }), []string{"challenge-resource-metadata"}},
	{"resource_metadata without a host", challenge(func(c string) string {
		return strings.Replace(c, `resource_metadata="http`, `resource_metadata="/http`, 1)
	}), []string{"challenge-metadata-url"}},
	{"resource_metadata over http", challenge(func(c string) string { return strings.Replace(c, `http://127.0.0.1`, `http://mcp.invalid`, 1) }), []string{"challenge-metadata-url"}},
	{"resource_metadata at a missing document", challenge(func(c string) string { return strings.Replace(c, `/mcp", scope`, `/other", scope`, 1) }), []string{"challenge-metadata-document"}},

	// The metadata.
	{"no metadata", metadataStatus(404, pathInserted, rootPath), []string{"metadata-found"}},
	{"metadata with authentication", metadataStatus(401, pathInserted, rootPath), []string{"metadata-open"}},
	{"redirected metadata", metadataStatus(302, pathInserted, rootPath), []string{"metadata-redirect"}},
	{"metadata only at the root", metadataStatus(404, pathInserted), []string{"metadata-path"}},
	{"metadata that is a page", metadataText(func(string) string { return "<html></html>" }), []string{"metadata-json"}},
	{"metadata with a duplicate name", metadataText(func(text string) string { return strings.Replace(text, "{", `{"resource":"http://other",`, 1) }), []string{"metadata-json"}},
	{"another resource at the root", atRoot(func(s *site, text string) string { return strings.ReplaceAll(text, s.url, "https://other.invalid") }), []string{"metadata-root"}},
	{"metadata of another type", changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
		if r.URL.Path == pathInserted {
			w.Header().Set("Content-Type", "text/plain")
		}
	}), []string{"metadata-content-type"}},
	{"resource with a slash more", member(`/mcp","auth`, `/mcp/","auth`), []string{"metadata-resource"}},
	{"no authorization servers", member(`"authorization_servers":["http`, `"authorization_servers":[],"x":["http`), []string{"metadata-servers"}},
	{"no scopes at all", withoutScopes, []string{"challenge-scope", "metadata-scopes"}},
	{"an authorization server with a query", member(`"authorization_servers":["`, `"authorization_servers":["https://as.invalid?x=1","`), []string{"as-metadata", "metadata-server-urls"}},
	{"null in the metadata", member("{", `{"jwks_uri":null,`), []string{"metadata-types"}},
	{"an empty array in the metadata", member("{", `{"dpop_signing_alg_values_supported":[],`), []string{"metadata-types"}},
	{"tokens in the query", member(`["header"]`, `["header","query"]`), []string{"metadata-methods"}},
	{"offline_access in the metadata", member(`"scopes_supported":[`, `"scopes_supported":["offline_access",`), []string{"metadata-offline"}},
	{"metadata without CORS", withoutField(pathInserted, "GET", "Access-Control-Allow-Origin"), []string{"metadata-cors"}},
	{"metadata without a preflight", withoutField(pathInserted, "OPTIONS", "Access-Control-Allow-Headers"), []string{"metadata-preflight"}},

	// Tokens that must be rejected.
	{"500 for a malformed token", badToken(func(t token) bool { return t.raw != "" && t.claims == nil }, 500), []string{"garbage-token", "long-token"}},
	{"403 for rejected tokens", badToken(func(t token) bool { return t.raw != "" }, 403), []string{"rejected-status"}},
	{"200 for Bearer without a token", accepting(func(_ *site, r *http.Request, _ token) bool { return r.Header.Get("Authorization") == "Bearer" }), []string{"empty-bearer"}},
	{"500 for Basic", changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
		if strings.HasPrefix(r.Header.Get("Authorization"), "Basic ") {
			w.Code = 500
		}
	}), []string{"other-scheme"}},
	{"accepts any opaque token", accepting(func(_ *site, _ *http.Request, t token) bool { return t.raw != "" && t.claims == nil }), []string{"garbage-token", "long-token", "two-tokens"}},
	{"accepts alg none", accepting(func(_ *site, _ *http.Request, t token) bool { return t.header["alg"] == "none" }), []string{"alg-none"}},
	{"accepts the key in the header", accepting(func(_ *site, _ *http.Request, t token) bool { return t.header["jwk"] != nil }), []string{"attacker-jwk"}},
	{"accepts the key at jku", accepting(func(_ *site, _ *http.Request, t token) bool { return t.header["jku"] != nil }), []string{"attacker-jku"}},
	{"accepts an empty file as the key", accepting(func(_ *site, _ *http.Request, t token) bool { return t.header["kid"] == "../../../../../../dev/null" }), []string{"kid-path"}},
	{"accepts the public key as an HMAC key", accepting(func(_ *site, _ *http.Request, t token) bool {
		return t.header["alg"] == "HS256" && t.header["kid"] == "test"
	}), []string{"hmac-public-key"}},
	{"accepts a token without a known key", accepting(func(_ *site, _ *http.Request, t token) bool { return t.header["alg"] == "ES256" && len(t.header) == 2 }), []string{"attacker-key"}},
	{"accepts a signature of zeros", accepting(func(_ *site, _ *http.Request, t token) bool { return strings.HasSuffix(t.raw, strings.Repeat("A", 86)) }), []string{"zero-signature"}},
	{"does not verify signatures", accepting(validClaims), []string{"attacker-kid", "tampered-token", "zero-signature"}},
	{"accepts expired tokens", accepting(claim("exp", func(s *site, v any) bool { n, ok := v.(float64); return ok && int64(n) < time.Now().Unix() })), []string{"expired-token"}},
	{"accepts expired tokens, and does not know the version", otherVersion(accepting(claim("exp", func(s *site, v any) bool { n, ok := v.(float64); return ok && int64(n) < time.Now().Unix() }))), []string{"expired-token"}},
	{"accepts a token in the query, and does not know the version", otherVersion(accepting(func(_ *site, r *http.Request, _ token) bool { return r.URL.Query().Has("access_token") })), []string{"query-token"}},
	{"does not know the version", otherVersion(func(_ *site, next http.Handler) http.Handler { return next }), nil},
	{"accepts tokens without exp", accepting(claim("exp", func(_ *site, v any) bool { return v == nil })), []string{"no-exp"}},
	{"accepts tokens before nbf", accepting(claim("nbf", func(_ *site, v any) bool { return v != nil })), []string{"not-yet-valid"}},
	{"accepts another audience", accepting(claim("aud", func(_ *site, v any) bool { return v == "https://other.invalid/mcp" })), []string{"other-audience"}},
	{"compares the beginning of the audience", accepting(claim("aud", func(s *site, v any) bool { text, _ := v.(string); return strings.HasPrefix(text, s.url+"-") })), []string{"audience-prefix"}},
	{"accepts tokens without an audience", accepting(claim("aud", func(_ *site, v any) bool { return v == nil })), []string{"no-audience"}},
	{"ignores the issuer", accepting(claim("iss", func(s *site, v any) bool { return v == "https://other.invalid" })), []string{"other-issuer"}},
	{"ignores the type", accepting(func(_ *site, _ *http.Request, t token) bool { return t.header["typ"] == "logout+jwt" }), []string{"wrong-type"}},
	{"ignores crit", accepting(func(_ *site, _ *http.Request, t token) bool { return t.header["crit"] != nil }), []string{"unknown-crit"}},
	{"ignores cnf", accepting(claim("cnf", func(_ *site, v any) bool { return v != nil })), []string{"bound-token"}},
	{"accepts a token in the query", accepting(func(_ *site, r *http.Request, _ token) bool { return r.URL.Query().Has("access_token") }), []string{"query-token"}},
	{"accepts only Bearer in this spelling", changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
		if strings.HasPrefix(r.Header.Get("Authorization"), "bearer ") {
			w.Code = 401
		}
	}), []string{"scheme-case"}},
	{"no challenge for rejected tokens", presented(func(string) string { return "" }), []string{"rejected-challenge"}},
	{"quotation marks of an error in the challenge", presented(func(c string) string {
		return strings.Replace(c, `error_description="`, `error_description="unexpected "iss" claim `, 1)
	}), []string{"rejected-grammar"}},
	{"no error for rejected tokens", challenge(func(c string) string { return strings.Replace(c, `error="invalid_token", `, "", 1) }), []string{"rejected-error"}},
	{"no resource_metadata for rejected tokens", presented(func(string) string { return `Bearer error="invalid_token"` }), []string{"rejected-metadata"}},
	{"repeats the token in the body", reflected(func(w *httptest.ResponseRecorder, raw string) {
		w.Body = bytes.NewBufferString(fmt.Sprintf(`{"error":"invalid %s"}`, raw))
	}), []string{"reflection"}},
	{"repeats a part of the token in the header", reflected(func(w *httptest.ResponseRecorder, raw string) { w.Header().Set("X-Token", raw[len(raw)/2:]) }), []string{"reflection"}},

	// Sessions, Origin and CORS.
	{"accepts a session instead of a token", accepting(func(_ *site, r *http.Request, t token) bool {
		return r.Header.Get("Mcp-Session-Id") != "" && t.raw == ""
	}), []string{"session-delete", "session-post"}},
	{"404 for a session without a token", changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
		if r.Header.Get("Mcp-Session-Id") != "" && r.Method == "POST" {
			w.Code = 404
		}
	}), []string{"session-post"}},
	{"ignores Origin", ignoresOrigin, []string{"foreign-origin"}},
	{"a preflight that needs a token", changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
		if r.Method == "OPTIONS" && r.URL.Path == "/mcp" && w.Code == 204 {
			w.Code = 401
		}
	}), []string{"cors-preflight"}},
	{"a preflight with a wildcard for Authorization", changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
		if r.Method == "OPTIONS" && r.URL.Path == "/mcp" && w.Code == 204 {
			w.Header().Set("Access-Control-Allow-Headers", "*")
		}
	}), []string{"cors-preflight"}},
	{"a 401 without CORS", withoutField("/mcp", "POST", "Access-Control-Allow-Origin"), []string{"cors-response"}},
	{"a challenge that pages cannot read", withoutField("/mcp", "POST", "Access-Control-Expose-Headers"), []string{"cors-expose"}},
	{"all origins with credentials", changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
		if r.URL.Path == "/mcp" && r.Header.Get("Origin") != "" {
			w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
			w.Header().Set("Access-Control-Allow-Credentials", "true")
		}
	}), []string{"cors-credentials"}},
}

// Each wrong server violates exactly the checks in its row. Nothing else fails or warns.
func TestWrongServers(t *testing.T) {
	for _, row := range wrongServers {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "/mcp", row.wrong)
			cfg := s.withKey()
			cfg.Scope = "tools"
			wantIDs(t, run(t, cfg), row.want, probe.Fail, probe.Warn)
		})
	}
}

// wrongIssuers are authorization servers with one mistake each.
var wrongIssuers = []struct {
	name  string
	wrong func(s *resourcetest.Issuer)
	want  []string
}{
	{"no metadata", func(s *resourcetest.Issuer) { s.Fail(resourcetest.Metadata, resourcetest.Failure{Status: 404}) }, []string{"as-metadata"}},
	{"another issuer", members("issuer", "https://other.invalid"), []string{"as-issuer"}},
	{"no token endpoint", members("token_endpoint", resourcetest.Remove), []string{"as-endpoints"}},
	{"an endpoint over http", members("token_endpoint", "http://as.invalid/token"), []string{"as-https"}},
	{"no PKCE", members("code_challenge_methods_supported", resourcetest.Remove), []string{"as-pkce"}},
	{"PKCE with plain only", members("code_challenge_methods_supported", []string{"plain"}), []string{"as-pkce"}},
	{"no response type code", members("response_types_supported", []string{"token"}), []string{"as-code"}},
	{"no authorization code grant", members("grant_types_supported", []string{"client_credentials"}), []string{"as-grant"}},
	{"no registration", members("registration_endpoint", resourcetest.Remove), []string{"as-registration"}},
	{"no public clients", members("token_endpoint_auth_methods_supported", []string{"client_secret_basic"}), []string{"as-public-clients"}},
	{"no iss in responses", members("authorization_response_iss_parameter_supported", false), []string{"as-iss"}},
	{"no CORS", func(s *resourcetest.Issuer) {
		s.Fail(resourcetest.Metadata, resourcetest.Failure{Header: http.Header{"Access-Control-Allow-Origin": {"https://other.invalid"}}})
	}, []string{"as-cors"}},
}

// The same for authorization servers.
func TestWrongAuthorizationServers(t *testing.T) {
	for _, row := range wrongIssuers {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "/mcp", nil)
			s.fetchKeys(t) // while the issuer still works
			row.wrong(s.issuer)
			wantIDs(t, run(t, s.withKey()), row.want, probe.Fail, probe.Warn)
		})
	}
}
