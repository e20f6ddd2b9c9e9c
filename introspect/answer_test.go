package introspect_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The number at the beginning of a name, in the tests of this package, is that of the input in
// the project's list of bad inputs. TestHostile of package resource uses the same numbers.
func TestClaimsOfAnswers(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		now := func(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }
		for _, row := range []struct {
			name, claim, json string // a member of the answer; json "" removes it
			status            int
			reason            resource.Reason
		}{
			{"additional member", "x", `1`, 200, ""},
			{"196 inactive", "active", `false`, 401, resource.ReasonInactive},
			{"197 active as a string", "active", `"true"`, 503, resource.ReasonIntrospectionMalformed},
			{"197 inactive as a string", "active", `"false"`, 503, resource.ReasonIntrospectionMalformed},
			{"197 active is 1", "active", `1`, 503, resource.ReasonIntrospectionMalformed},
			{"197 active is 0", "active", `0`, 503, resource.ReasonIntrospectionMalformed},
			{"197 active is null", "active", `null`, 503, resource.ReasonIntrospectionMalformed},
			{"197 active is an array", "active", `[]`, 503, resource.ReasonIntrospectionMalformed},
			{"197 active is an object", "active", `{}`, 503, resource.ReasonIntrospectionMalformed},
			{"197 active is absent", "active", ``, 503, resource.ReasonIntrospectionMalformed},
			{"197 duplicate active in another case", "Active", `true`, 503, resource.ReasonIntrospectionMalformed},
			{"198 duplicate active", "active", `true,"active":true`, 503, resource.ReasonIntrospectionMalformed},
			{"198 duplicate active, first false", "active", `false,"active":true`, 503, resource.ReasonIntrospectionMalformed},
			{"198 duplicate active, one escaped", "active", `false,"\u0061ctive":true`, 503, resource.ReasonIntrospectionMalformed},
			{"204 exp in the past", "exp", now(-time.Hour), 401, resource.ReasonExpired},
			{"204 no exp", "exp", ``, 200, ""},
			{"204 exp is a string", "exp", `"9999999999"`, 503, resource.ReasonIntrospectionMalformed},
			{"204 exp is null", "exp", `null`, 200, ""},
			{"204 exp is 0, which is absent", "exp", `0`, 200, ""},
			{"204 exp is 1", "exp", `1`, 401, resource.ReasonExpired},
			{"204 exp too large", "exp", `1e400`, 503, resource.ReasonIntrospectionMalformed},
			{"204 exp in eleven years", "exp", now(11 * 365 * 24 * time.Hour), 401, resource.ReasonLifetime},
			{"205 nbf in the future", "nbf", now(time.Hour), 401, resource.ReasonNotYetValid},
			{"205 iat in the future", "iat", now(time.Hour), 401, resource.ReasonNotYetValid},
			{"205 nbf is a string", "nbf", `"1"`, 503, resource.ReasonIntrospectionMalformed},
			{"206 another issuer", "iss", `"https://auth.example.test/"`, 401, resource.ReasonIssuerMismatch},
			{"206 no iss", "iss", ``, 200, ""},
			{"206 iss is empty", "iss", `""`, 200, ""},
			{"206 another audience", "aud", `"https://mcp.example.test/mcp2"`, 401, resource.ReasonAudience},
			{"206 our audience and another", "aud", `["x","https://mcp.example.test/mcp"]`, 200, ""},
			{"206 no aud", "aud", ``, 401, resource.ReasonAudience},
			{"206 aud is an empty array", "aud", `[]`, 401, resource.ReasonAudience},
			{"206 aud is null", "aud", `null`, 401, resource.ReasonAudience},
			{"206 aud is an array with an empty string", "aud", `[""]`, 401, resource.ReasonAudience},
			{"207 token_type bearer", "token_type", `"bearer"`, 200, ""},
			{"207 no token_type", "token_type", ``, 200, ""},
			{"207 refresh token", "token_type", `"refresh_token"`, 401, resource.ReasonTokenType},
			{"207 ID token", "token_type", `"id_token"`, 401, resource.ReasonTokenType},
			{"207 DPoP without cnf (RFC 9449 §6.2)", "token_type", `"DPoP"`, 401, resource.ReasonSenderConstrained},
			{"207 token_type is empty", "token_type", `""`, 200, ""},
			{"207 token_type is a space", "token_type", `" "`, 401, resource.ReasonTokenType},
			{"207 token_type is not a string", "token_type", `["Bearer"]`, 503, resource.ReasonIntrospectionMalformed},
			{"207 matches Bearer only by Unicode folding", "token_type", `"\u212Aearer"`, 401, resource.ReasonTokenType},
			{"207 token_use of an access token", "token_use", `"access_token"`, 200, ""},
			{"207 token_use of an access token, short form", "token_use", `"access"`, 200, ""},
			{"207 token_use of a refresh token", "token_use", `"refresh_token"`, 401, resource.ReasonTokenType},
			{"207 token_use of an ID token", "token_use", `"id"`, 401, resource.ReasonTokenType},
			{"207 token_use is not a string", "token_use", `1`, 503, resource.ReasonIntrospectionMalformed},
			{"208 bound to a key", "cnf", `{"jkt":"x"}`, 401, resource.ReasonSenderConstrained},
			{"208 cnf is null", "cnf", `null`, 200, ""},
			{"208 cnf with a null member", "cnf", `{"jkt":null}`, 401, resource.ReasonSenderConstrained},
			{"209 scope is an array", "scope", `["a"]`, 200, ""},
			{"209 scope is a number", "scope", `7`, 200, ""},
			{"210 sub with a line break", "sub", `"a\r\nX-Evil: 1<script>"`, 200, ""},
			{"210 username with HTML", "username", `"<b>\r\n"`, 200, ""},
			{"no sub, so the client is the principal", "sub", ``, 200, ""},
			{"1,001 audiences", "aud", `["` + strings.Repeat(`a","`, 1000) + `https://mcp.example.test/mcp"]`, 503, resource.ReasonIntrospectionMalformed},
			{"claims above 16 KiB", "filler", `"` + strings.Repeat("x", 16<<10) + `"`, 200, ""},
			{"nested too deeply", "filler", strings.Repeat("[", 64) + strings.Repeat("]", 64), 503, resource.ReasonIntrospectionMalformed},
			{"nested, but not too deeply", "filler", strings.Repeat("[", 63) + strings.Repeat("]", 63), 200, ""},
		} {
			token := fx.tokenWithClaim(row.claim, row.json)
			if row.claim == "active" || row.claim == "filler" || row.claim == "Active" {
				fx.expect("success, which keeps the circuit breaker closed", fx.token(resourcetest.Token{}), 200, "")
			}
			fx.expect(row.name, token, row.status, row.reason)
		}
	})
}

func TestPrincipal(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		for _, row := range []struct {
			name  string
			token resourcetest.Token
			want  string
		}{
			{"subject", resourcetest.Token{Subject: "bob"}, "25:https://auth.example.test sub:bob"},
			{"client credentials", resourcetest.Token{ClientID: "robot", Claims: map[string]any{"sub": resourcetest.Remove}}, "25:https://auth.example.test token:"},
			{"no iss, so the configured issuer", resourcetest.Token{Subject: "eve", Claims: map[string]any{"iss": resourcetest.Remove}}, "25:https://auth.example.test sub:eve"},
		} {
			if got := fx.expect(row.name, fx.token(row.token), 200, ""); !strings.HasPrefix(got.caller, row.want) {
				fx.Errorf("%s: got %q, want %q", row.name, got.caller, row.want)
			}
		}
		ofUser := fx.token(resourcetest.Token{Claims: map[string]any{"sub": resourcetest.Remove, "username": "alice"}})
		fx.expect("a user's token without a subject", ofUser, 401, resource.ReasonClaimMissing)
	})
}

// A malformed answer is 503, never 401.
func TestAnswerDocuments(t *testing.T) {
	const valid = `{"active":true,"sub":"alice","aud":"https://mcp.example.test/mcp"}`
	typed := func(contentType string) resourcetest.Failure {
		return resourcetest.Failure{Body: []byte(valid), Header: http.Header{"Content-Type": {contentType}}}
	}
	body := func(text string) resourcetest.Failure { return resourcetest.Failure{Body: []byte(text)} }
	for _, row := range []struct {
		name    string
		failure resourcetest.Failure
		status  int
		reason  resource.Reason
	}{
		{"valid document", body(valid), 200, ""},
		{"valid document with status 201, as from Synapse", resourcetest.Failure{Status: 201, Body: []byte(valid), Header: http.Header{"Content-Type": {"application/json"}}}, 200, ""},
		{"valid document with status 203", resourcetest.Failure{Status: 203, Body: []byte(valid), Header: http.Header{"Content-Type": {"application/json"}}}, 200, ""},
		{"valid document with status 299", resourcetest.Failure{Status: 299, Body: []byte(valid), Header: http.Header{"Content-Type": {"application/json"}}}, 200, ""},
		{"white space around the document", body(" \n" + valid + "\r\n"), 200, ""},
		{"198 HTML", resourcetest.LoginPage(), 503, resource.ReasonIntrospectionContentType},
		{"198 JSON with content type HTML", typed("text/html"), 503, resource.ReasonIntrospectionContentType},
		{"198 no content type", typed(""), 503, resource.ReasonIntrospectionContentType},
		{"198 two content types", resourcetest.Failure{Body: []byte(valid), Header: http.Header{"Content-Type": {"application/json", "text/html"}}}, 503, resource.ReasonIntrospectionContentType},
		{"198 malformed content type", typed("application/json;;"), 503, resource.ReasonIntrospectionContentType},
		{"198 charset UTF-8, which many servers send", typed("application/json;charset=UTF-8"), 200, ""},
		{"198 charset UTF-16", typed("application/json; charset=utf-16"), 503, resource.ReasonIntrospectionContentType},
		{"198 signed, but not requested", typed("application/token-introspection+jwt"), 503, resource.ReasonIntrospectionContentType},
		{"198 empty document", body(""), 503, resource.ReasonIntrospectionMalformed},
		{"198 null", body("null"), 503, resource.ReasonIntrospectionMalformed},
		{"198 true", body("true"), 503, resource.ReasonIntrospectionMalformed},
		{"198 array", body("[" + valid + "]"), 503, resource.ReasonIntrospectionMalformed},
		{"198 garbage", resourcetest.Garbage(), 503, resource.ReasonIntrospectionMalformed},
		{"198 truncated document", body(valid[:len(valid)-1]), 503, resource.ReasonIntrospectionMalformed},
		{"198 two documents", body(valid + valid), 503, resource.ReasonIntrospectionMalformed},
		{"198 byte order mark", body("\ufeff" + valid), 503, resource.ReasonIntrospectionMalformed},
		{"198 invalid UTF-8", body(valid[:len(valid)-1] + ",\"x\":\"\xff\"}"), 503, resource.ReasonIntrospectionMalformed},
		{"198 duplicate in a nested object", body(valid[:len(valid)-1] + `,"x":{"a":1,"a":2}}`), 503, resource.ReasonIntrospectionMalformed},
		{"198 connection closed within the document", resourcetest.Failure{Truncate: true}, 503, resource.ReasonIntrospectionTruncated},
		{"199 1 GiB", resourcetest.Failure{Huge: 1 << 30}, 503, resource.ReasonIntrospectionTooLarge},
		{"199 gzip bomb", resourcetest.Failure{GzipBomb: 1 << 30}, 503, resource.ReasonIntrospectionTooLarge},
		{"199 unsupported compression", resourcetest.Failure{Body: []byte(valid), Header: http.Header{"Content-Encoding": {"br"}}}, 503, resource.ReasonIntrospectionMalformed},
		{"199 one byte per second", resourcetest.Failure{Pace: time.Second}, 503, resource.ReasonIntrospectionTimeout},
		{"199 answer of 64 KiB", resourcetest.Failure{Body: []byte(valid[:len(valid)-1] + strings.Repeat(" ", 64<<10-len(valid)) + "}")}, 200, ""},
		{"199 answer of 64 KiB and one byte", resourcetest.Failure{Body: []byte(valid[:len(valid)-1] + strings.Repeat(" ", 64<<10-len(valid)+1) + "}")}, 503, resource.ReasonIntrospectionTooLarge},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, nil, func(fx *fixture) {
				fx.endpointFails(row.failure)
				fx.expect(row.name, fx.token(resourcetest.Token{}), row.status, row.reason)
				fx.endpointWorks()
				fx.expect("next", fx.token(resourcetest.Token{}), 200, "")
			})
		})
	}
}

// Statuses other than 200 (RFC 7662 §2.3, RFC 6749 §5.2). The column again is the status for the
// same token immediately afterwards, when the endpoint works: 401 if the rejection is cached.
// The column opens reports whether ten such answers open the circuit breaker.
func TestStatuses(t *testing.T) {
	code := func(status int, code string) resourcetest.Failure {
		return resourcetest.Failure{Status: status, Body: []byte(`{"error":"` + code + `","error_description":"x"}`)}
	}
	noBody := func(status int) resourcetest.Failure { return resourcetest.Failure{Status: status} }
	answer401 := func(text string) resourcetest.Failure {
		return resourcetest.Failure{Status: 401, Body: []byte(text), Header: http.Header{"Content-Type": {"application/json"}}}
	}
	for _, row := range []struct {
		name    string
		failure resourcetest.Failure
		status  int
		reason  resource.Reason
		again   int
		opens   bool
	}{
		{"200 invalid_client", code(400, "invalid_client"), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 unauthorized_client", code(400, "unauthorized_client"), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 401 with invalid_client", code(401, "invalid_client"), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 401 with invalid_client, and inactive", answer401(`{"active":false,"error":"invalid_client"}`), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 401 with an error of any type, and inactive", answer401(`{"active":false,"error":0}`), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 401 with an error in another case, and inactive", answer401(`{"active":false,"Error":"x"}`), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 401 with a challenge, and inactive", resourcetest.Failure{Status: 401, Body: []byte(`{"active":false}`), Header: http.Header{"Www-Authenticate": {"Basic"}, "Content-Type": {"application/json"}}}, 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 401 with an active answer", answer401(`{"active":true,"sub":"alice","aud":"https://mcp.example.test/mcp"}`), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 401 with active twice", answer401(`{"active":false,"active":false}`), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 401 with active as a string", answer401(`{"active":"false"}`), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 401 with an empty object", answer401(`{}`), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 401 with an inactive answer as text", resourcetest.Failure{Status: 401, Body: []byte(`{"active":false}`), Header: http.Header{"Content-Type": {"text/plain"}}}, 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"401 with an inactive answer, as from django-oauth-toolkit", answer401(`{"active":false}`), 401, resource.ReasonInactive, 401, false},
		{"401 with an inactive answer and an error that is null", answer401(`{"active":false,"error":null}`), 401, resource.ReasonInactive, 401, false},
		{"200 401 without a body", noBody(401), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 403 with an OAuth error", code(403, "access_denied"), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 403 with a challenge (RFC 6750 §3.1)", resourcetest.Failure{Status: 403, Header: http.Header{"Www-Authenticate": {`Bearer error="insufficient_scope"`}}}, 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 403 without a body, as from a firewall", noBody(403), 503, resource.ReasonIntrospectionForbidden, 200, false},
		{"200 403 with HTML, as from a firewall", resourcetest.Failure{Status: 403, Body: []byte("<html>")}, 503, resource.ReasonIntrospectionForbidden, 200, false},
		{"200 403 with insufficient_scope in the body", code(403, "insufficient_scope"), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 403 with an unknown error code, as from a firewall", code(403, "Forbidden"), 503, resource.ReasonIntrospectionForbidden, 200, false},
		{"200 403 with an empty error code", code(403, ""), 503, resource.ReasonIntrospectionForbidden, 200, false},
		{"200 406, as from a firewall", noBody(406), 503, resource.ReasonIntrospectionStatus, 200, false},
		{"200 422", code(422, "invalid_token"), 503, resource.ReasonIntrospectionStatus, 200, false},
		{"200 451", noBody(451), 503, resource.ReasonIntrospectionStatus, 200, false},
		{"200 unsupported_token_type", code(400, "unsupported_token_type"), 401, resource.ReasonTokenInvalid, 401, false},
		{"200 invalid_request", code(400, "invalid_request"), 401, resource.ReasonTokenInvalid, 401, false},
		{"200 413", noBody(413), 401, resource.ReasonTokenInvalid, 401, false},
		{"200 414", noBody(414), 401, resource.ReasonTokenInvalid, 401, false},
		{"200 431", noBody(431), 401, resource.ReasonTokenInvalid, 401, false},
		{"400 with an unknown error code", code(400, "invalid_token"), 503, resource.ReasonIntrospectionStatus, 200, false},
		{"400 with HTML, as from a firewall", resourcetest.Failure{Status: 400, Body: []byte("<html>")}, 503, resource.ReasonIntrospectionStatus, 200, false},
		{"400 with a duplicate error", resourcetest.Failure{Status: 400, Body: []byte(`{"error":"x","error":"invalid_request"}`)}, 503, resource.ReasonIntrospectionStatus, 200, false},
		{"201 429", noBody(429), 503, resource.ReasonIntrospectionRateLimited, 200, true},
		{"202 500", noBody(500), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 502", noBody(502), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 503", noBody(503), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 500 with a known error code", code(500, "invalid_request"), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 404", noBody(404), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 408", noBody(408), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 410", noBody(410), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 405", noBody(405), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 204", noBody(204), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 201 with an active answer as text", resourcetest.Failure{Status: 201, Body: []byte(`{"active":true}`), Header: http.Header{"Content-Type": {"text/plain"}}}, 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 202 with JSON that is not an answer", resourcetest.Failure{Status: 202, Body: []byte(`{"queued":true}`), Header: http.Header{"Content-Type": {"application/json"}}}, 503, resource.ReasonIntrospectionStatus, 200, true},
		{"201 with an inactive answer", resourcetest.Failure{Status: 201, Body: []byte(`{"active":false}`), Header: http.Header{"Content-Type": {"application/json"}}}, 401, resource.ReasonInactive, 401, false},
		{"201 with a refresh token", resourcetest.Failure{Status: 201, Body: []byte(`{"active":true,"token_type":"refresh_token"}`), Header: http.Header{"Content-Type": {"application/json"}}}, 401, resource.ReasonTokenType, 401, false},
		{"202 connection refused", resourcetest.Failure{Refuse: true}, 503, resource.ReasonIntrospectionUnreachable, 200, true},
		{"203 302", resourcetest.Failure{Redirect: "https://elsewhere.example.test/introspect"}, 503, resource.ReasonIntrospectionRedirect, 200, true},
		{"203 307", resourcetest.Failure{Redirect: "https://auth.example.test/introspect2", Status: 307}, 503, resource.ReasonIntrospectionRedirect, 200, true},
		{"203 308 to itself", resourcetest.Failure{Redirect: "https://auth.example.test/introspect", Status: 308}, 503, resource.ReasonIntrospectionRedirect, 200, true},
		{"203 304", noBody(304), 503, resource.ReasonIntrospectionRedirect, 200, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, nil, func(fx *fixture) {
				token := fx.token(resourcetest.Token{})
				fx.endpointFails(row.failure)
				fx.expect("first", token, row.status, row.reason)
				want := 1
				if row.reason == resource.ReasonIntrospectionCredentials {
					want = 2 // one is the probe
				}
				if n := fx.issuer.Count(resourcetest.Any); n != want {
					fx.Errorf("got %d requests to the issuer, want %d", n, want)
				}
				fx.endpointWorks()
				if got := fx.request(token); got.status != row.again {
					fx.Errorf("immediately afterwards: got %d, want %d", got.status, row.again)
				}
				time.Sleep(10 * time.Second)
				fx.expect("after the negative cache entry has expired", token, 200, "")
				fx.endpointFails(row.failure)
				for i := range 10 {
					time.Sleep(time.Second / 5)
					fx.request(unknownToken(i))
				}
				fx.endpointWorks()
				want, open := 200, "0"
				if row.opens {
					want, open = 503, "1"
				}
				if got := fx.metric("warder_introspection_circuit_open"); got != open {
					fx.Errorf("circuit open: got %s, want %s", got, open)
				}
				if row.reason == resource.ReasonIntrospectionCredentials {
					time.Sleep(time.Second)
				}
				if got := fx.request(fx.token(resourcetest.Token{})); got.status != want {
					fx.Errorf("a valid token after ten of them: got %d, want %d", got.status, want)
				}
			})
		})
	}
}

// An answer without aud is rejected, unless TrustAnswersWithoutAudience is set. An aud that is
// present is checked in any case.
func TestAnswersWithoutAudience(t *testing.T) {
	trusting := func(c *resource.Config, _ *introspect.Config) { c.Opaque.TrustAnswersWithoutAudience = true }
	inBubble(t, trusting, func(fx *fixture) {
		for _, row := range []struct {
			name, json string
			status     int
			reason     resource.Reason
			jwt        resource.Reason // for a JWT with the same aud
		}{
			{"no aud", ``, 200, "", ""},
			{"our audience", `"https://mcp.example.test/mcp"`, 200, "", ""},
			{"another audience", `"https://other.example.test/"`, 401, resource.ReasonAudience, resource.ReasonAudience},
			{"aud is an empty array", `[]`, 401, resource.ReasonAudience, resource.ReasonAudience},
			{"aud is empty, and so absent", `""`, 200, "", ""},
			{"aud is null, and so absent", `null`, 200, "", ""},
			{"aud is an array with an empty string", `[""]`, 401, resource.ReasonAudience, resource.ReasonAudience},
		} {
			fx.expect(row.name, fx.tokenWithClaim("aud", row.json), row.status, row.reason)
			jwt, status := fx.issuer.Token(resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Raw(row.json)}}), 401
			if row.jwt == "" {
				status = 200
			}
			fx.expect(row.name+", JWT", jwt, status, row.jwt)
		}
	})
}

// TrustAnswersWithoutAudience does not apply to a JWT that is verified by its signature.
func TestSignedTokensNeedAnAudience(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		keys, err := jwks.New(jwks.Config{Issuer: fx.issuer.Identifier(), Transport: fx.issuer.Transport()})
		if err != nil {
			fx.Fatal(err)
		}
		res, err := resource.New(resource.Config{Identifier: identifier, Logger: slog.New(slog.NewJSONHandler(fx.log, nil)), Limits: resource.Limits{LogPerSecond: -1},
			Issuers: []resource.Issuer{{Verifier: keys, TrustAnswersWithoutAudience: true}}})
		if err != nil {
			fx.Fatal(err)
		}
		fx.handler = nethttp.Middleware(res)(http.NotFoundHandler())
		fx.expect("no aud", fx.issuer.Token(resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Remove}}), 401, resource.ReasonAudience)
	})
}
