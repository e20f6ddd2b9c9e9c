package onbehalf_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The success answers of the on-behalf-of flow: scopes by full URI or by name, with and without a
// refresh token, and with scopes that the user has granted before.
func TestEntraAnswers(t *testing.T) {
	accept := func(c *config) { c.onbehalf.Targets[0].AcceptWiderScopes = true }
	basic := func(c *config) { c.onbehalf.Auth.Method = introspect.ClientSecretBasic }
	for _, row := range []struct {
		name    string
		answer  entra
		request string // scopes
		change  func(*config)
		scopes  string // of the token
		detail  string // of an unusable answer
	}{
		{"scopes as requested", entra{}, mailRead, nil, mailRead, ""},
		{"scopes by name", entra{scope: "Mail.Read"}, mailRead, nil, "Mail.Read", ""},
		{"HTTP Basic", entra{}, mailRead, basic, mailRead, ""},
		{"fewer scopes", entra{scope: "Mail.Read"}, mailRead + " " + entraTarget + "/Mail.Send", nil, "Mail.Read", ""},
		{"all granted scopes, with .default", entra{scope: "Mail.Read Mail.Send openid profile"}, entraTarget + "/.default", nil, "Mail.Read Mail.Send openid profile", ""},
		{"scopes that were granted before", entra{scope: "Mail.Read Mail.Send"}, mailRead, nil, "", onbehalf.DetailScope},
		{"scopes that were granted before, accepted", entra{scope: "Mail.Read Mail.Send"}, mailRead, accept, "Mail.Read Mail.Send", ""},
		{"a scope of another target", entra{scope: "https://other.example.test/Mail.Read"}, mailRead, nil, "", onbehalf.DetailScope},
		{"a scope that ends like one of the target", entra{scope: "d"}, mailRead, nil, "", onbehalf.DetailScope},
		{"a refresh token is ignored", entra{}, mailRead + " offline_access", nil, mailRead + " offline_access", ""},
		{"expires_in twice", entra{extra: `,"expires_in":1`}, mailRead, nil, "", onbehalf.DetailMalformed},
		{"members of a SAML answer", entra{extra: `,"expires_on":1529627844,"resource":"https://api.contoso.com"`}, mailRead, nil, mailRead, ""},
	} {
		inBubble(t, row.answer.inEntra(row.change, strings.Fields(row.request)...), func(f *fixture) {
			f.secrets = append(f.secrets, entraSecret, "entra-r3fresh")
			caller := f.caller(f.token("alice"))
			token, err := f.get(caller)
			if row.detail != "" {
				f.wantError(row.name, err, onbehalf.KindUnusable, row.detail)
				return
			}
			if err != nil || !reflect.DeepEqual(token.Scopes(), strings.Fields(row.scopes)) {
				f.Fatalf("%s: got error %v, want a token with scopes %q", row.name, err, row.scopes)
			}
			if again, _ := f.must(caller); again != token.AccessToken() || len(row.answer.requests) != 1 {
				f.Errorf("%s: got %d requests, want one", row.name, len(row.answer.requests))
			}
		})
	}
}

// What the endpoint checks itself: the client, the assertion and the scope.
func TestEntraChecks(t *testing.T) {
	auth := func(id, secret string) func(*config) {
		return func(c *config) { c.onbehalf.Auth.ClientID, c.onbehalf.Auth.ClientSecret = id, secret }
	}
	claims := func(members map[string]any) func(*resourcetest.Token) {
		return func(t *resourcetest.Token) { t.Claims = members }
	}
	for _, row := range []struct {
		name   string
		scope  string
		change func(*config)
		token  func(*resourcetest.Token)
		kind   onbehalf.Kind
		detail string
		code   string
		other  bool // the endpoint expects another audience
	}{
		{"700016: unknown app", mailRead, auth("unknown", entraSecret), nil, onbehalf.KindClientRefused, "credentials", "unauthorized_client", false},
		{"7000215: wrong secret", mailRead, auth(entraClient, "wrong"), nil, onbehalf.KindClientRefused, "credentials", "invalid_client", false},
		{"7000222: expired secret", mailRead, auth(entraClient, "expired"), nil, onbehalf.KindClientRefused, "credentials", "invalid_client", false},
		{"500131: assertion for another app", mailRead, nil, claims(nil), onbehalf.KindNotExchangeable, onbehalf.DetailAssertion, "invalid_grant", true},
		{"7000114: token of an application", mailRead, nil, claims(map[string]any{"idtyp": "app"}), onbehalf.KindNotExchangeable, onbehalf.DetailAppOnly, "invalid_grant", false},
		{"240002: ID token", mailRead, nil, claims(map[string]any{"nonce": "n"}), onbehalf.KindNotExchangeable, onbehalf.DetailAssertion, "invalid_grant", false},
		{"70011: unknown scope", entraTarget + "/Mail.Delete", nil, nil, onbehalf.KindScopeRefused, "", "invalid_scope", false},
		{"500011: unknown target", "https://unknown.example.test/Mail.Read", nil, nil, onbehalf.KindTargetRefused, "", "invalid_resource", false},
		{"90009: a token for itself", "api://" + entraClient + "/access", nil, nil, onbehalf.KindTargetRefused, "", "invalid_request", false},
	} {
		for _, assertionFirst := range []bool{false, true} {
			server := &entra{assertionFirst: assertionFirst, audience: map[bool]string{true: "api://another"}[row.other]}
			inBubble(t, server.inEntra(row.change, row.scope), func(f *fixture) {
				spec := resourcetest.Token{Audience: identifier, Subject: "alice"}
				if row.token != nil {
					row.token(&spec)
				}
				_, err := f.get(f.caller(f.issuer.Token(spec)))
				detail := row.detail
				if assertionFirst && row.kind == onbehalf.KindClientRefused { // a random assertion has another error
					detail = onbehalf.DetailRequest
				}
				own := f.wantError(row.name, err, row.kind, detail)
				if own.Code != row.code || own.Claims != "" {
					f.Errorf("%s: got code %q and claims %q", row.name, own.Code, own.Claims)
				}
			})
		}
	}
}

// The answer that the user is disabled is used for 10 seconds too.
func TestDisabledUser(t *testing.T) {
	server := &entra{refusal: &entraRefusal{code: "invalid_grant", number: 50057}}
	inBubble(t, server.inEntra(nil, mailRead), func(f *fixture) {
		caller := f.caller(f.token("alice"))
		for range 2 {
			_, err := f.get(caller)
			f.wantError("disabled", err, onbehalf.KindEnded, "")
		}
		if n := len(server.requests); n != 1 {
			f.Errorf("got %d requests, want 1", n)
		}
	})
}

// The number in error_codes decides, whatever the code is. The rows are from Microsoft's list.
func TestEntraNumbers(t *testing.T) {
	const claims = `{"access_token":{"polids":{"essential":true,"values":["9ab03e19-ed42-4168-b6b7-7001fb3e933a"]}}}`
	const interaction = onbehalf.KindInteraction
	for _, row := range []struct {
		answer entraRefusal
		kind   onbehalf.Kind
		detail string
	}{
		{entraRefusal{code: "invalid_grant", number: 65001, suberror: "consent_required"}, interaction, onbehalf.DetailConsent},
		{entraRefusal{code: "interaction_required", number: 50076, suberror: "basic_action", claims: claims}, interaction, onbehalf.DetailMFA},
		{entraRefusal{code: "interaction_required", number: 50079, claims: claims}, interaction, onbehalf.DetailMFA},
		{entraRefusal{code: "interaction_required", number: 50158, suberror: "basic_action", claims: claims}, interaction, onbehalf.DetailMFA},
		{entraRefusal{code: "interaction_required", number: 53000, suberror: "additional_action", claims: claims}, interaction, onbehalf.DetailConditionalAccess},
		{entraRefusal{code: "interaction_required", number: 53001, suberror: "additional_action", claims: claims}, interaction, onbehalf.DetailConditionalAccess},
		{entraRefusal{code: "interaction_required", number: 53003, suberror: "message_only", claims: claims}, interaction, onbehalf.DetailConditionalAccess},
		{entraRefusal{code: "invalid_grant", number: 50173, suberror: "bad_token"}, interaction, onbehalf.DetailLogin},
		{entraRefusal{code: "invalid_grant", number: 50132}, interaction, onbehalf.DetailLogin},
		{entraRefusal{code: "invalid_grant", number: 70043, suberror: "token_expired"}, interaction, onbehalf.DetailLogin},
		{entraRefusal{code: "invalid_grant", number: 50057}, onbehalf.KindEnded, ""},
		{entraRefusal{code: "invalid_grant", number: 500133}, onbehalf.KindEnded, ""},
		{entraRefusal{code: "invalid_grant", number: 50013}, onbehalf.KindNotExchangeable, onbehalf.DetailAssertion},
		{entraRefusal{code: "invalid_grant", number: 500131}, onbehalf.KindNotExchangeable, onbehalf.DetailAssertion},
		{entraRefusal{code: "invalid_grant", number: 7000114}, onbehalf.KindNotExchangeable, onbehalf.DetailAppOnly},
		{entraRefusal{code: "invalid_grant", number: 65002}, onbehalf.KindTargetRefused, ""},
		{entraRefusal{code: "invalid_grant", number: 50105}, onbehalf.KindTargetRefused, ""},
		{entraRefusal{code: "invalid_resource", number: 500011}, onbehalf.KindTargetRefused, ""},
		{entraRefusal{code: "invalid_scope", number: 70011}, onbehalf.KindScopeRefused, ""},
		{entraRefusal{code: "temporarily_unavailable", number: 90055, status: 400}, onbehalf.KindUnavailable, "status"},
	} {
		for _, code := range []string{row.answer.code, "invalid_grant", "invalid_request", "interaction_required", "invalid_client", "unauthorized_client"} {
			answer := row.answer
			answer.code = code
			server := &entra{refusal: &answer}
			inBubble(t, server.inEntra(nil, mailRead), func(f *fixture) {
				_, err := f.get(f.caller(f.token("alice")))
				own := f.wantError(strings.Join([]string{code, row.detail}, " "), err, row.kind, row.detail)
				want := &onbehalf.Error{Kind: row.kind, Target: "calendar", Detail: row.detail, Code: code, Status: 400, RetryAfter: own.RetryAfter, Err: own.Err}
				if row.kind == interaction {
					want.Scopes, want.Claims = []string{"mcp:mail"}, row.answer.claims
				}
				if text := fmt.Sprintf("error_codes has %d", answer.number); !strings.HasSuffix(own.Error(), text) {
					f.Errorf("got error %v, want it to end with %s", own, text)
				}
				if !reflect.DeepEqual(own, want) || (own.RetryAfter > 0) != (row.kind == onbehalf.KindUnavailable) {
					f.Errorf("%d with %s (-want +got):\n-%+v\n+%+v", answer.number, code, want, own)
				}
			})
		}
	}
}

// With a number that is not known, suberror decides, and otherwise the code.
func TestEntraUnknownNumbers(t *testing.T) {
	for _, row := range []struct {
		answer entraRefusal
		kind   onbehalf.Kind
		detail string
	}{
		{entraRefusal{code: "invalid_grant", number: 1, suberror: "consent_required"}, onbehalf.KindInteraction, onbehalf.DetailConsent},
		{entraRefusal{code: "unauthorized_client", number: 1, suberror: "protection_policy_required"}, onbehalf.KindInteraction, onbehalf.DetailConditionalAccess},
		{entraRefusal{code: "interaction_required", number: 1}, onbehalf.KindInteraction, ""},
		{entraRefusal{code: "invalid_resource", number: 1}, onbehalf.KindTargetRefused, ""},
		{entraRefusal{code: "invalid_grant", number: 1, suberror: "unknown"}, onbehalf.KindSubjectRefused, ""},
		{entraRefusal{code: "unauthorized_client", number: 1}, onbehalf.KindClientRefused, onbehalf.DetailRequest}, // a random assertion is answered otherwise
	} {
		server := &entra{refusal: &row.answer}
		inBubble(t, server.inEntra(nil, mailRead), func(f *fixture) {
			_, err := f.get(f.caller(f.token("alice")))
			f.wantError(row.answer.code+" "+row.answer.suberror, err, row.kind, row.detail)
		})
	}
}
