package onbehalf_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/resourcetest"
)

// RFC 6749 §5.2, RFC 8693 §2.2.2, RFC 8707 §2, OpenID Connect Core §3.1.2.6.
func TestRefusals(t *testing.T) {
	for _, row := range []struct {
		code   string
		status int
		kind   onbehalf.Kind
		detail string
	}{
		{"invalid_request", 400, onbehalf.KindSubjectRefused, ""},
		{"invalid_grant", 400, onbehalf.KindSubjectRefused, ""},
		{"access_denied", 403, onbehalf.KindSubjectRefused, ""},
		{"invalid_target", 400, onbehalf.KindTargetRefused, ""},
		{"invalid_scope", 400, onbehalf.KindScopeRefused, ""},
		{"interaction_required", 400, onbehalf.KindInteraction, ""},
		{"login_required", 400, onbehalf.KindInteraction, onbehalf.DetailLogin},
		{"consent_required", 400, onbehalf.KindInteraction, onbehalf.DetailConsent},
		{"insufficient_user_authentication", 400, onbehalf.KindInteraction, onbehalf.DetailMFA},  // RFC 9470 §3
		{"unmet_authentication_requirements", 400, onbehalf.KindInteraction, onbehalf.DetailMFA}, // of its own specification of OpenID
		{"unauthorized_client", 400, onbehalf.KindClientRefused, "credentials"},
		{"unsupported_grant_type", 400, onbehalf.KindClientRefused, "credentials"},
		{"invalid_client", 401, onbehalf.KindClientRefused, "credentials"},
		{"temporarily_unavailable", 400, onbehalf.KindUnavailable, "status"},
	} {
		inBubble(t, nil, func(f *fixture) {
			f.issuer.SetExchange(resourcetest.Exchange{Error: row.code, Status: row.status})
			_, err := f.get(f.caller(f.token("alice")))
			own := f.wantError(row.code, err, row.kind, row.detail)
			if own.Code != row.code || own.Target != "calendar" {
				f.Errorf("%s: got code %q and target %q", row.code, own.Code, own.Target)
			}
			if strings.Contains(f.log.String(), "circuit opened") {
				f.Errorf("%s: the circuit opened", row.code)
			}
		})
	}
}

// With an assertion, invalid_request can be about the caller's token (RFC 7523 §3.1), so it does not limit the
// calls for other callers.
func TestInvalidRequestWithAssertion(t *testing.T) {
	inBubble(t, func(c *config) { c.onbehalf.Targets[0].Grant = onbehalf.JWTBearer }, func(f *fixture) {
		f.issuer.SetExchange(resourcetest.Exchange{Error: "invalid_request"})
		_, err := f.get(f.caller(f.token("alice")))
		f.wantError("an assertion", err, onbehalf.KindSubjectRefused, "")
		f.issuer.SetExchange(resourcetest.Exchange{})
		f.must(f.caller(f.token("bob")))
	})
}

// Error answers of Entra, as its documentation shows them.
func TestEntra(t *testing.T) {
	const consentURL = "https://login.example.test/consent?client_id=mcp-server"
	const claims = `{"access_token":{"capolids":{"essential":true,"values":["b9c5b9c5-0000-0000-0000-000000000000"]}}}`
	codes := func(n ...int) map[string]any {
		return map[string]any{"error_codes": n, "error_description": "AADSTS50076: Due to a configuration change", "timestamp": "2026-01-01 00:00:00Z", "trace_id": "x", "correlation_id": "y"}
	}
	with := func(m map[string]any, name string, value any) map[string]any { m[name] = value; return m }
	for _, row := range []struct {
		name, code string
		members    map[string]any
		kind       onbehalf.Kind
		detail     string
		claims     string
	}{
		{"MFA", "interaction_required", with(codes(50076), "claims", claims), onbehalf.KindInteraction, onbehalf.DetailMFA, claims},
		{"MFA by invalid_grant", "invalid_grant", with(codes(50079), "suberror", "basic_action"), onbehalf.KindInteraction, onbehalf.DetailMFA, ""},
		{"no consent", "invalid_grant", with(codes(65001), "suberror", "consent_required"), onbehalf.KindInteraction, onbehalf.DetailConsent, ""},
		{"an unknown number, with suberror", "invalid_grant", with(codes(1), "suberror", "consent_required"), onbehalf.KindInteraction, onbehalf.DetailConsent, ""},
		{"conditional access", "interaction_required", with(codes(53003), "claims", claims), onbehalf.KindInteraction, onbehalf.DetailConditionalAccess, claims},
		{"an unknown number", "interaction_required", codes(1), onbehalf.KindInteraction, "", ""},
		{"the token is for another app", "invalid_grant", codes(50013), onbehalf.KindNotExchangeable, onbehalf.DetailAssertion, ""},
		{"the token belongs to an app", "invalid_grant", codes(7000114), onbehalf.KindNotExchangeable, onbehalf.DetailAppOnly, ""},
		{"the target is unknown", "invalid_resource", codes(500011), onbehalf.KindTargetRefused, "", ""},
		{"the target is unknown, with a registered code", "invalid_grant", codes(500011), onbehalf.KindTargetRefused, "", ""},
		{"a scope is unknown", "invalid_scope", codes(70011), onbehalf.KindScopeRefused, "", ""},
		{"the secret is wrong", "invalid_client", codes(7000215), onbehalf.KindClientRefused, "credentials", ""},
		{"the app is disabled", "unauthorized_client", codes(7000112), onbehalf.KindClientRefused, "credentials", ""},
		{"claims that are not an object", "interaction_required", with(codes(50076), "claims", "x"), onbehalf.KindInteraction, onbehalf.DetailMFA, ""},
		{"claims with a line break", "interaction_required", with(codes(50076), "claims", "{\"access_token\":{}\r\n}"), onbehalf.KindInteraction, onbehalf.DetailMFA, ""},
		{"claims with a duplicate member", "interaction_required", with(codes(50076), "claims", `{"access_token":{"a":1,"a":2}}`), onbehalf.KindInteraction, onbehalf.DetailMFA, ""},
		{"claims over the limit", "interaction_required", with(codes(50076), "claims", `{"access_token":{"a":"`+strings.Repeat("x", 2<<10)+`"}}`), onbehalf.KindInteraction, onbehalf.DetailMFA, ""},
		{"numbers that are not an array", "interaction_required", map[string]any{"error_codes": "50076"}, onbehalf.KindInteraction, "", ""},
		{"a number that is too long", "interaction_required", map[string]any{"error_codes": resourcetest.Raw("[99999999999999999999, 50076]")}, onbehalf.KindInteraction, onbehalf.DetailMFA, ""},
	} {
		inBubble(t, func(c *config) {
			c.onbehalf.Targets = []onbehalf.Target{{Name: "calendar", Grant: onbehalf.EntraOnBehalfOf, Scopes: []string{"https://graph.example.test/.default"}, ChallengeScopes: []string{"mcp:calendar"}, InteractionURL: consentURL}}
		}, func(f *fixture) {
			f.issuer.SetExchange(resourcetest.Exchange{Error: row.code, Members: row.members})
			_, err := f.get(f.caller(f.token("alice")))
			own := f.wantError(row.name, err, row.kind, row.detail)
			if interaction := row.kind == onbehalf.KindInteraction; own.Claims != row.claims || (own.Scopes != nil) != interaction || (own.InteractionURL == consentURL) != interaction {
				f.Errorf("%s: got claims %q, scopes %q and URL %q", row.name, own.Claims, own.Scopes, own.InteractionURL)
			}
			if strings.Contains(own.Error()+f.log.String(), "AADSTS") {
				f.Errorf("%s: the text of the issuer is in the error or in the log", row.name)
			}
		})
	}
}

// With "/.default", Entra names the granted scopes, which were not requested one by one.
func TestEntraDefaultScope(t *testing.T) {
	for scope, wanted := range map[string]bool{"https://graph.example.test/.default": true, "https://graph.example.test/Mail.Read": false} {
		inBubble(t, func(c *config) {
			c.onbehalf.Targets = []onbehalf.Target{{Name: "calendar", Grant: onbehalf.EntraOnBehalfOf, Scopes: []string{scope}}}
		}, func(f *fixture) {
			f.issuer.SetExchange(resourcetest.Exchange{Members: map[string]any{"scope": "Mail.Read Mail.Send"}})
			token, err := f.get(f.caller(f.token("alice")))
			if !wanted {
				f.wantError(scope, err, onbehalf.KindUnusable, onbehalf.DetailScope)
			} else if err != nil || !reflect.DeepEqual(token.Scopes(), []string{"Mail.Read", "Mail.Send"}) {
				f.Errorf("%s: got error %v, want the granted scopes", scope, err)
			}
		})
	}
}

// An interaction becomes a challenge that the client can act on.
func TestChallenge(t *testing.T) {
	for _, row := range []struct {
		name, code string
		status     int
		challenge  string
	}{
		{"interaction", "interaction_required", http.StatusForbidden,
			`Bearer resource_metadata="https://mcp.example.test/.well-known/oauth-protected-resource/mcp", scope="mcp:calendar", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`},
		{"another error", "invalid_target", http.StatusInternalServerError, ""},
	} {
		inBubble(t, func(c *config) {
			c.onbehalf.Targets[0].ChallengeScopes = []string{"mcp:calendar"}
			c.resource.Operations = resource.Operations{LateChallenges: true, Undeclared: resource.AllowUndeclared}
		}, func(f *fixture) {
			f.issuer.SetExchange(resourcetest.Exchange{Error: row.code})
			handler := nethttp.Handler(f.res, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				caller, _ := resource.FromContext(req.Context())
				_, err := f.exchanger.Token(req.Context(), caller, "calendar")
				own := f.wantError(row.name, err, map[bool]onbehalf.Kind{true: onbehalf.KindInteraction, false: onbehalf.KindTargetRefused}[row.challenge != ""], "")
				if own.Challenge(req.Context()) {
					return
				}
				w.WriteHeader(own.HTTPStatus())
			}))
			req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+f.token("alice"))
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, req)
			if w.Code != row.status || w.Header().Get("WWW-Authenticate") != row.challenge {
				f.Errorf("%s: got status %d and challenge %q", row.name, w.Code, w.Header().Get("WWW-Authenticate"))
			}
		})
	}
}
