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

// Section 7 of the bad inputs; a row begins with its number.

func TestClaimsOfAnswers(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		now := func(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }
		for _, row := range []struct {
			name, claim, json string // a member of the answer; "" removes it
			status            int
			reason            resource.Reason
		}{
			{"good", "x", `1`, 200, ""},
			{"196 inactive", "active", `false`, 401, resource.ReasonInactive},
			{"197 active as a string", "active", `"true"`, 503, resource.ReasonIntrospectionMalformed},
			{"197 inactive as a string", "active", `"false"`, 503, resource.ReasonIntrospectionMalformed},
			{"197 active is 1", "active", `1`, 503, resource.ReasonIntrospectionMalformed},
			{"197 active is 0", "active", `0`, 503, resource.ReasonIntrospectionMalformed},
			{"197 active is null", "active", `null`, 503, resource.ReasonIntrospectionMalformed},
			{"197 active is an array", "active", `[]`, 503, resource.ReasonIntrospectionMalformed},
			{"197 active is an object", "active", `{}`, 503, resource.ReasonIntrospectionMalformed},
			{"197 no active", "active", ``, 503, resource.ReasonIntrospectionMalformed},
			{"197 active in another case beside it", "Active", `true`, 503, resource.ReasonIntrospectionMalformed},
			{"198 active twice", "active", `true,"active":true`, 503, resource.ReasonIntrospectionMalformed},
			{"198 first inactive, then active", "active", `false,"active":true`, 503, resource.ReasonIntrospectionMalformed},
			{"198 active twice, once escaped", "active", `false,"\u0061ctive":true`, 503, resource.ReasonIntrospectionMalformed},
			{"204 exp past", "exp", now(-time.Hour), 401, resource.ReasonExpired},
			{"204 no exp", "exp", ``, 200, ""},
			{"204 exp is a string", "exp", `"9999999999"`, 503, resource.ReasonIntrospectionMalformed},
			{"204 exp is null", "exp", `null`, 503, resource.ReasonIntrospectionMalformed},
			{"204 exp is 0", "exp", `0`, 503, resource.ReasonIntrospectionMalformed},
			{"204 exp beyond all", "exp", `1e400`, 503, resource.ReasonIntrospectionMalformed},
			{"204 exp in eleven years", "exp", now(11 * 365 * 24 * time.Hour), 401, resource.ReasonLifetime},
			{"205 nbf future", "nbf", now(time.Hour), 401, resource.ReasonNotYetValid},
			{"205 iat future", "iat", now(time.Hour), 401, resource.ReasonNotYetValid},
			{"205 nbf is a string", "nbf", `"1"`, 503, resource.ReasonIntrospectionMalformed},
			{"206 another issuer", "iss", `"https://auth.example.test/"`, 401, resource.ReasonIssuerMismatch},
			{"206 no iss", "iss", ``, 200, ""},
			{"206 iss is empty", "iss", `""`, 503, resource.ReasonIntrospectionMalformed},
			{"206 another audience", "aud", `"https://mcp.example.test/mcp2"`, 401, resource.ReasonAudience},
			{"206 ours among others", "aud", `["x","https://mcp.example.test/mcp"]`, 200, ""},
			{"206 no aud", "aud", ``, 401, resource.ReasonAudience},
			{"206 aud for nobody", "aud", `[]`, 401, resource.ReasonAudience},
			{"206 aud is null", "aud", `null`, 503, resource.ReasonIntrospectionMalformed},
			{"207 token_type bearer", "token_type", `"bearer"`, 200, ""},
			{"207 no token_type", "token_type", ``, 200, ""},
			{"207 refresh token", "token_type", `"refresh_token"`, 401, resource.ReasonTokenType},
			{"207 ID token", "token_type", `"id_token"`, 401, resource.ReasonTokenType},
			{"207 DPoP", "token_type", `"DPoP"`, 401, resource.ReasonTokenType},
			{"207 token_type is empty", "token_type", `""`, 401, resource.ReasonTokenType},
			{"207 token_type is no string", "token_type", `["Bearer"]`, 503, resource.ReasonIntrospectionMalformed},
			{"207 Bearer by Unicode folding only", "token_type", `"\u212Aearer"`, 401, resource.ReasonTokenType},
			{"207 use of an access token", "token_use", `"access_token"`, 200, ""},
			{"207 use of an access token, in short", "token_use", `"access"`, 200, ""},
			{"207 use of a refresh token", "token_use", `"refresh_token"`, 401, resource.ReasonTokenType},
			{"207 use of an ID token", "token_use", `"id"`, 401, resource.ReasonTokenType},
			{"207 token_use is no string", "token_use", `1`, 503, resource.ReasonIntrospectionMalformed},
			{"208 bound to a key", "cnf", `{"jkt":"x"}`, 401, resource.ReasonSenderConstrained},
			{"208 bound to something odd", "cnf", `null`, 401, resource.ReasonSenderConstrained},
			{"209 scope is an array", "scope", `["a"]`, 200, ""},
			{"209 scope is a number", "scope", `7`, 200, ""},
			{"210 sub with a line break", "sub", `"a\r\nX-Evil: 1<script>"`, 200, ""},
			{"210 username with HTML", "username", `"<b>\r\n"`, 200, ""},
			{"no sub: the client is the principal", "sub", ``, 200, ""},
			{"claims over 16 KiB", "filler", `"` + strings.Repeat("x", 16<<10) + `"`, 503, resource.ReasonIntrospectionMalformed},
			{"nested too deep", "filler", strings.Repeat("[", 64) + strings.Repeat("]", 64), 503, resource.ReasonIntrospectionMalformed},
			{"nested, but not too deep", "filler", strings.Repeat("[", 63) + strings.Repeat("]", 63), 200, ""},
		} {
			token := w.claims(row.claim, row.json)
			if row.claim == "active" || row.claim == "filler" || row.claim == "Active" {
				w.expect("between: keeps the circuit closed", w.token(resourcetest.Token{}), 200, "")
			}
			w.expect(row.name, token, row.status, row.reason)
		}
	})
}

func TestPrincipal(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		for _, row := range []struct {
			name  string
			token resourcetest.Token
			want  string
		}{
			{"subject", resourcetest.Token{Subject: "bob"}, "25:https://auth.example.test sub:bob"},
			{"client credentials", resourcetest.Token{ClientID: "robot", Claims: map[string]any{"sub": resourcetest.Remove}}, "25:https://auth.example.test client:robot"},
			{"no iss: the issuer that was asked", resourcetest.Token{Subject: "eve", Claims: map[string]any{"iss": resourcetest.Remove}}, "25:https://auth.example.test sub:eve"},
		} {
			if got := w.expect(row.name, w.token(row.token), 200, ""); got.caller != row.want {
				w.Errorf("%s: got %q, want %q", row.name, got.caller, row.want)
			}
		}
		nobody := w.token(resourcetest.Token{Claims: map[string]any{"sub": resourcetest.Remove, "client_id": resourcetest.Remove}})
		w.expect("nobody", nobody, 401, resource.ReasonClaimMissing)
	})
}

// Whole documents; whatever is wrong with them, nobody is logged out.
func TestDocuments(t *testing.T) {
	const good = `{"active":true,"sub":"alice","aud":"https://mcp.example.test/mcp"}`
	typed := func(contentType string) resourcetest.Failure {
		return resourcetest.Failure{Body: []byte(good), Header: http.Header{"Content-Type": {contentType}}}
	}
	body := func(text string) resourcetest.Failure { return resourcetest.Failure{Body: []byte(text)} }
	for _, row := range []struct {
		name    string
		failure resourcetest.Failure
		status  int
		reason  resource.Reason
	}{
		{"good", body(good), 200, ""},
		{"white space round it", body(" \n" + good + "\r\n"), 200, ""},
		{"198 HTML", resourcetest.LoginPage(), 503, resource.ReasonIntrospectionContentType},
		{"198 JSON called HTML", typed("text/html"), 503, resource.ReasonIntrospectionContentType},
		{"198 no type", typed(""), 503, resource.ReasonIntrospectionContentType},
		{"198 two types", resourcetest.Failure{Body: []byte(good), Header: http.Header{"Content-Type": {"application/json", "text/html"}}}, 503, resource.ReasonIntrospectionContentType},
		{"198 malformed type", typed("application/json;;"), 503, resource.ReasonIntrospectionContentType},
		{"198 charset UTF-8, as many servers send it", typed("application/json;charset=UTF-8"), 200, ""},
		{"198 charset UTF-16", typed("application/json; charset=utf-16"), 503, resource.ReasonIntrospectionContentType},
		{"198 signed without being asked", typed("application/token-introspection+jwt"), 503, resource.ReasonIntrospectionContentType},
		{"198 empty", body(""), 503, resource.ReasonIntrospectionMalformed},
		{"198 null", body("null"), 503, resource.ReasonIntrospectionMalformed},
		{"198 true", body("true"), 503, resource.ReasonIntrospectionMalformed},
		{"198 array", body("[" + good + "]"), 503, resource.ReasonIntrospectionMalformed},
		{"198 garbage", resourcetest.Garbage(), 503, resource.ReasonIntrospectionMalformed},
		{"198 half a document", body(good[:len(good)-1]), 503, resource.ReasonIntrospectionMalformed},
		{"198 two documents", body(good + good), 503, resource.ReasonIntrospectionMalformed},
		{"198 byte order mark", body("\ufeff" + good), 503, resource.ReasonIntrospectionMalformed},
		{"198 invalid UTF-8", body(good[:len(good)-1] + ",\"x\":\"\xff\"}"), 503, resource.ReasonIntrospectionMalformed},
		{"198 duplicate deep inside", body(good[:len(good)-1] + `,"x":{"a":1,"a":2}}`), 503, resource.ReasonIntrospectionMalformed},
		{"198 cut off", resourcetest.Failure{Truncate: true}, 503, resource.ReasonIntrospectionTruncated},
		{"199 a GiB", resourcetest.Failure{Huge: 1 << 30}, 503, resource.ReasonIntrospectionTooLarge},
		{"199 gzip bomb", resourcetest.Failure{GzipBomb: 1 << 30}, 503, resource.ReasonIntrospectionTooLarge},
		{"199 compressed in another way", resourcetest.Failure{Body: []byte(good), Header: http.Header{"Content-Encoding": {"br"}}}, 503, resource.ReasonIntrospectionMalformed},
		{"199 one byte a second", resourcetest.Failure{Pace: time.Second}, 503, resource.ReasonIntrospectionTimeout},
		{"199 64 KiB of answer", resourcetest.Failure{Body: []byte(good[:len(good)-1] + strings.Repeat(" ", 64<<10-len(good)) + "}")}, 503, resource.ReasonIntrospectionMalformed}, // read, but over MaxClaimsBytes
		{"199 a byte more", resourcetest.Failure{Body: []byte(good[:len(good)-1] + strings.Repeat(" ", 64<<10-len(good)+1) + "}")}, 503, resource.ReasonIntrospectionTooLarge},
	} {
		t.Run(row.name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				w.fail(row.failure)
				w.expect(row.name, w.token(resourcetest.Token{}), row.status, row.reason)
				w.normal()
				w.expect("next", w.token(resourcetest.Token{}), 200, "")
			})
		})
	}
}

// Statuses other than 200 (RFC 7662 §2.3, RFC 6749 §5.2). again is what the same
// token gets a moment later, from an endpoint that is well: 401 if its refusal is
// remembered. opens is whether ten such answers keep a good token from being checked.
func TestStatuses(t *testing.T) {
	code := func(status int, code string) resourcetest.Failure {
		return resourcetest.Failure{Status: status, Body: []byte(`{"error":"` + code + `","error_description":"x"}`)}
	}
	only := func(status int) resourcetest.Failure { return resourcetest.Failure{Status: status} }
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
		{"200 401", code(401, "invalid_client"), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 401 without a body", only(401), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 403 with an OAuth error", code(403, "access_denied"), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 403 with a challenge (RFC 6750 §3.1)", resourcetest.Failure{Status: 403, Header: http.Header{"Www-Authenticate": {`Bearer error="insufficient_scope"`}}}, 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 403 without a body, as of a firewall", only(403), 503, resource.ReasonIntrospectionForbidden, 200, false},
		{"200 403 in HTML, as of a firewall", resourcetest.Failure{Status: 403, Body: []byte("<html>")}, 503, resource.ReasonIntrospectionForbidden, 200, false},
		{"200 403 with a missing scope in the body", code(403, "insufficient_scope"), 503, resource.ReasonIntrospectionCredentials, 503, false},
		{"200 403 with an error of a firewall's own", code(403, "Forbidden"), 503, resource.ReasonIntrospectionForbidden, 200, false},
		{"200 403 with an empty error", code(403, ""), 503, resource.ReasonIntrospectionForbidden, 200, false},
		{"200 406, as of a firewall", only(406), 503, resource.ReasonIntrospectionStatus, 200, false},
		{"200 422", code(422, "invalid_token"), 503, resource.ReasonIntrospectionStatus, 200, false},
		{"200 451", only(451), 503, resource.ReasonIntrospectionStatus, 200, false},
		{"200 unsupported_token_type", code(400, "unsupported_token_type"), 401, resource.ReasonTokenInvalid, 401, false},
		{"200 invalid_request", code(400, "invalid_request"), 401, resource.ReasonTokenInvalid, 401, false},
		{"200 413", only(413), 401, resource.ReasonTokenInvalid, 401, false},
		{"200 414", only(414), 401, resource.ReasonTokenInvalid, 401, false},
		{"200 431", only(431), 401, resource.ReasonTokenInvalid, 401, false},
		{"400 with another error", code(400, "invalid_token"), 503, resource.ReasonIntrospectionStatus, 200, false},
		{"400 in HTML, as of a firewall", resourcetest.Failure{Status: 400, Body: []byte("<html>")}, 503, resource.ReasonIntrospectionStatus, 200, false},
		{"400 with the error twice", resourcetest.Failure{Status: 400, Body: []byte(`{"error":"x","error":"invalid_request"}`)}, 503, resource.ReasonIntrospectionStatus, 200, false},
		{"201 429", only(429), 503, resource.ReasonIntrospectionRateLimited, 200, true},
		{"202 500", only(500), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 502", only(502), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 503", only(503), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 an error of ours from a broken server", code(500, "invalid_request"), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 404", only(404), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 408", only(408), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 410", only(410), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 405", only(405), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 204", only(204), 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 201 with an answer", resourcetest.Failure{Status: 201, Body: []byte(`{"active":true}`)}, 503, resource.ReasonIntrospectionStatus, 200, true},
		{"202 connection refused", resourcetest.Failure{Refuse: true}, 503, resource.ReasonIntrospectionUnreachable, 200, true},
		{"203 302", resourcetest.Failure{Redirect: "https://elsewhere.example.test/introspect"}, 503, resource.ReasonIntrospectionRedirect, 200, true},
		{"203 307", resourcetest.Failure{Redirect: "https://auth.example.test/introspect2", Status: 307}, 503, resource.ReasonIntrospectionRedirect, 200, true},
		{"203 308 to itself", resourcetest.Failure{Redirect: "https://auth.example.test/introspect", Status: 308}, 503, resource.ReasonIntrospectionRedirect, 200, true},
		{"203 304", only(304), 503, resource.ReasonIntrospectionRedirect, 200, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				token := w.token(resourcetest.Token{})
				w.fail(row.failure)
				w.expect("first", token, row.status, row.reason)
				if n := w.issuer.Count(resourcetest.Any); n != 1 {
					w.Errorf("%d requests left, want 1", n)
				}
				w.normal()
				if got := w.ask(token); got.status != row.again {
					w.Errorf("a moment later: got %d, want %d", got.status, row.again)
				}
				time.Sleep(introspect.NegativeTTL)
				w.expect("later", token, 200, "")
				w.fail(row.failure)
				for i := range 2 * introspect.FailuresToOpen {
					time.Sleep(introspect.CredentialsInterval / 5)
					w.ask(junk(i))
				}
				w.normal()
				want, open := 200, "0"
				if row.opens {
					want, open = 503, "1"
				}
				if got := w.metric("warder_introspection_circuit_open"); got != open {
					w.Errorf("circuit open: got %s, want %s", got, open)
				}
				if row.reason == resource.ReasonIntrospectionCredentials {
					time.Sleep(introspect.CredentialsInterval)
				}
				if got := w.ask(w.token(resourcetest.Token{})); got.status != want {
					w.Errorf("a good token behind ten of them: got %d, want %d", got.status, want)
				}
			})
		})
	}
}

// An answer says nothing about an audience that it doesn't name, unless the issuer
// is trusted to; never is an aud that is there overlooked.
func TestAnswersWithoutAudience(t *testing.T) { // bad-inputs 206
	trusting := func(c *resource.Config, _ *introspect.Config) { c.Opaque.TrustAnswersWithoutAudience = true }
	inWorld(t, trusting, func(w *world) {
		for _, row := range []struct {
			name, json string
			status     int
			reason     resource.Reason
			jwt        resource.Reason // of a JWT whose own aud is the same
		}{
			{"no aud", ``, 200, "", ""},
			{"ours", `"https://mcp.example.test/mcp"`, 200, "", ""},
			{"another's", `"https://other.example.test/"`, 401, resource.ReasonAudience, resource.ReasonAudience},
			{"aud for nobody", `[]`, 401, resource.ReasonAudience, resource.ReasonAudience},
			{"aud is empty", `""`, 401, resource.ReasonAudience, resource.ReasonAudience},
			{"aud is null", `null`, 503, resource.ReasonIntrospectionMalformed, resource.ReasonTokenMalformed},
		} {
			w.expect(row.name, w.claims("aud", row.json), row.status, row.reason)
			jwt, status := w.issuer.Token(resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Raw(row.json)}}), 401
			if row.jwt == "" {
				status = 200
			}
			w.expect(row.name+", of a JWT", jwt, status, row.jwt)
		}
	})
}

// Being trusted in answers is of no use to a JWT that is verified by its signature.
func TestSignedTokensNeedAnAudience(t *testing.T) { // bad-inputs 134
	inWorld(t, nil, func(w *world) {
		keys, err := jwks.New(jwks.Config{Issuer: w.issuer.Identifier(), Transport: w.issuer.Transport()})
		if err != nil {
			w.Fatal(err)
		}
		res, err := resource.New(resource.Config{Identifier: identifier, Logger: slog.New(slog.NewJSONHandler(w.log, nil)), Limits: resource.Limits{LogPerSecond: -1},
			Issuers: []resource.Issuer{{Verifier: keys, TrustAnswersWithoutAudience: true}}})
		if err != nil {
			w.Fatal(err)
		}
		w.door = nethttp.Middleware(res)(http.NotFoundHandler())
		w.expect("no aud", w.issuer.Token(resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Remove}}), 401, resource.ReasonAudience)
	})
}
