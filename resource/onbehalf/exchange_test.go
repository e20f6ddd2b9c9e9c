package onbehalf_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/apikey"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
	bearerGrant   = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// RFC 8693 §2.1, RFC 7523 §2.1, and the on-behalf-of flow of Entra.
func TestRequests(t *testing.T) {
	actorFile := filepath.Join(t.TempDir(), "actor")
	if err := os.WriteFile(actorFile, []byte("actor-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		target onbehalf.Target
		want   url.Values // without the caller's token
		param  string     // with the caller's token
	}{
		{"token exchange with a resource", onbehalf.Target{Name: "calendar", Resources: []string{calendar}, Scopes: []string{"a", "b"}},
			url.Values{"grant_type": {exchangeGrant}, "subject_token_type": {onbehalf.AccessTokenType}, "requested_token_type": {onbehalf.AccessTokenType},
				"resource": {calendar}, "scope": {"a b"}}, "subject_token"},
		{"token exchange with audiences", onbehalf.Target{Name: "calendar", Audiences: []string{"one", "two"}, SubjectTokenType: onbehalf.JWTType, RequestedTokenType: onbehalf.JWTType},
			url.Values{"grant_type": {exchangeGrant}, "subject_token_type": {onbehalf.JWTType}, "requested_token_type": {onbehalf.JWTType},
				"audience": {"one", "two"}}, "subject_token"},
		{"Entra", onbehalf.Target{Name: "calendar", Grant: onbehalf.EntraOnBehalfOf, Scopes: []string{"https://graph.example.test/Calendars.Read"}},
			url.Values{"grant_type": {bearerGrant}, "requested_token_use": {"on_behalf_of"}, "scope": {"https://graph.example.test/Calendars.Read"}}, "assertion"},
		{"an assertion", onbehalf.Target{Name: "calendar", Grant: onbehalf.JWTBearer, Resources: []string{calendar}},
			url.Values{"grant_type": {bearerGrant}, "resource": {calendar}}, "assertion"},
	} {
		inBubble(t, func(c *config) { c.onbehalf.Targets = []onbehalf.Target{row.target} }, func(f *fixture) {
			subject := f.token("alice")
			token, _ := f.must(f.caller(subject))
			sent := f.issuer.Last(resourcetest.TokenEndpoint)
			want := url.Values{row.param: {subject}}
			for name, values := range row.want {
				want[name] = values
			}
			if !reflect.DeepEqual(sent.Form, want) {
				f.Errorf("%s: the form differs (-want +got):\n-%v\n+%v", row.name, want, sent.Form)
			}
			if token == subject || !strings.HasPrefix(sent.Header.Get("Authorization"), "Basic ") {
				f.Errorf("%s: got the caller's token, or the client did not authenticate", row.name)
			}
		})
	}
}

// RFC 8693 §1.1, §4.1: the actor is this server, and the claim act names it.
func TestActor(t *testing.T) {
	var actor string
	inBubble(t, func(c *config) {
		target := target()
		target.Actor = &onbehalf.Actor{TokenType: onbehalf.JWTType, TokenFunc: func(context.Context) (string, error) {
			if actor == "" {
				return "", errors.New("the vault is sealed")
			}
			return actor, nil
		}}
		c.onbehalf.Targets = []onbehalf.Target{target}
	}, func(f *fixture) {
		caller := f.caller(f.token("alice"))
		_, err := f.get(caller)
		f.wantError("no actor token", err, onbehalf.KindClientRefused, "credentials")
		time.Sleep(2 * time.Second) // the interval between calls without credentials
		actor = f.token("mcp-server")
		issued, _ := f.must(caller)
		form := f.issuer.Last(resourcetest.TokenEndpoint).Form
		if form.Get("actor_token") != actor || form.Get("actor_token_type") != onbehalf.JWTType {
			f.Errorf("the form has no actor token: %v", form)
		}
		claims := claimsOf(f, issued)
		if act, _ := claims["act"].(map[string]any); act["sub"] != "mcp-server" || claims["sub"] != "alice" {
			f.Errorf("got claims %v, want the user as sub and the server as act", claims)
		}
	})
}

func claimsOf(f *fixture, token string) (claims map[string]any) {
	f.Helper()
	response := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodPost, "/introspect", strings.NewReader(url.Values{"token": {token}}.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(resourcetest.DefaultClientID, resourcetest.DefaultClientSecret)
	f.issuer.ServeHTTP(response, req)
	if err := json.Unmarshal(response.Body.Bytes(), &claims); err != nil {
		f.Fatal(err)
	}
	return claims
}

// Only callers that a Resource has accepted with an access token of the issuer have a token.
func TestCallersWithoutToken(t *testing.T) {
	key, sum := apikey.Generate("pat_")
	keys, err := apikey.New(apikey.Config{Issuer: "keys", Resource: identifier, Keys: []apikey.Key{{ID: "robot", SHA256: sum, Subject: "robot"}}})
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, func(c *config) {
		c.resource.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Api-Key": keys}
		c.resource.Credentials.Prefixed = map[string]resource.Issuer{"pat_": {Verifier: keys}}
	}, func(f *fixture) {
		caller := f.caller(f.token("alice"))
		encoded, err := json.Marshal(caller)
		if err != nil {
			f.Fatal(err)
		}
		for _, secret := range f.secrets {
			if strings.Contains(string(encoded), secret) {
				f.Error("the encoded caller has the token")
			}
		}
		decoded := new(resource.Caller)
		if err := json.Unmarshal(encoded, decoded); err != nil {
			f.Fatal(err)
		}
		req := httptest.NewRequest(http.MethodPost, identifier, nil)
		req.Header.Set("X-Api-Key", key)
		d, refusal := f.res.Authenticate(req)
		if refusal != nil {
			f.Fatalf("%+v", refusal)
		}
		stripped, _ := resource.FromContext(resource.WithoutHeldToken(f.accept(f.token("alice")).Context()))
		for _, row := range []struct {
			name   string
			caller *resource.Caller
			kind   onbehalf.Kind
		}{
			{"nil", nil, onbehalf.KindNoToken},
			{"the zero value", new(resource.Caller), onbehalf.KindNoToken},
			{"a decoded caller", decoded, onbehalf.KindNoToken},
			{"an API key in a header field", d.Caller, onbehalf.KindOtherIssuer},
			{"an API key after Bearer", f.caller(key), onbehalf.KindOtherIssuer},
			{"the context of a session", stripped, onbehalf.KindNoToken},
		} {
			_, err := f.get(row.caller)
			f.wantError(row.name, err, row.kind, "")
			if _, err := row.caller.HeldToken(context.Background()); !errors.Is(err, resource.ErrNoHeldToken) {
				f.Errorf("%s: got error %v, want ErrNoHeldToken", row.name, err)
			}
		}
		_, err = f.exchanger.Token(context.Background(), caller, "unknown")
		f.wantError("an unknown target", err, onbehalf.KindUnknownTarget, "")
		if n := f.exchanges(); n != 0 {
			f.Errorf("got %d calls, want none", n)
		}
	})
}

// HoldTokens is off by default.
func TestTokensAreNotHeldByDefault(t *testing.T) {
	inBubble(t, func(c *config) { c.resource.Credentials.HoldTokens = false }, func(f *fixture) {
		_, err := f.get(f.caller(f.token("alice")))
		f.wantError("off", err, onbehalf.KindNoToken, "")
	})
}

// An access token in a field of TokenHeaders can be exchanged.
func TestTokenHeader(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		opaque, err := introspect.New(introspect.Config{
			Issuer: f.issuer.Identifier(), Transport: f.issuer.Transport(),
			Auth: introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret},
		})
		if err != nil {
			f.Fatal(err)
		}
		res, err := resource.New(resource.Config{
			Identifier:  identifier,
			Opaque:      &resource.Issuer{Verifier: opaque},
			Credentials: resource.Credentials{HoldTokens: true, TokenHeaders: map[string]resource.Issuer{"X-Proxy-Token": {Verifier: opaque}}},
		})
		if err != nil {
			f.Fatal(err)
		}
		for header, scheme := range map[string]string{"X-Proxy-Token": "", "Authorization": "Bearer "} {
			token := f.issuer.OpaqueToken(resourcetest.Token{Audience: identifier})
			f.secrets = append(f.secrets, token)
			req := httptest.NewRequest(http.MethodPost, identifier, nil)
			req.Header.Set(header, scheme+token)
			d, refusal := res.Authenticate(req)
			if refusal != nil {
				f.Fatalf("%s: %+v", header, refusal)
			}
			f.must(d.Caller)
			if got := f.issuer.Last(resourcetest.TokenEndpoint).Form.Get("subject_token"); got != token {
				f.Errorf("%s: another token was exchanged", header)
			}
		}
	})
}

func TestMetrics(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		caller := f.caller(f.token("alice"))
		f.must(caller)
		f.must(caller)
		f.issuer.SetExchange(resourcetest.Exchange{Error: "invalid_target"})
		_, _ = f.get(f.caller(f.token("bob")))
		text := f.metrics()
		for _, want := range []string{
			`warder_onbehalf_tokens_total{issuer="https://auth.example.test",outcome="issued",target="calendar"} 1`,
			`warder_onbehalf_tokens_total{issuer="https://auth.example.test",outcome="cached",target="calendar"} 1`,
			`warder_onbehalf_tokens_total{issuer="https://auth.example.test",outcome="target_refused",target="calendar"} 1`,
			`warder_onbehalf_cached_tokens{issuer="https://auth.example.test"} 1`,
			`warder_onbehalf_circuit_open{issuer="https://auth.example.test"} 0`,
			`warder_onbehalf_call_duration_seconds_count{issuer="https://auth.example.test"} 2`,
		} {
			if !strings.Contains(text, want+"\n") {
				f.Errorf("no line %s in the metrics:\n%s", want, text)
			}
		}
	})
}

// A token prints as a placeholder, wherever it is.
func TestTokenDoesNotPrint(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		token, err := f.get(f.caller(f.token("alice")))
		if err != nil {
			f.Fatal(err)
		}
		encoded, err := json.Marshal(map[string]any{"token": token})
		if err != nil {
			f.Fatal(err)
		}
		hidden := struct {
			pointer *onbehalf.Token
			value   onbehalf.Token
		}{token, *token}
		text := fmt.Sprintf("%v %+v %#v %s %v %+v %#v", token, token, token, token, hidden, hidden, hidden) + string(encoded)
		if strings.Contains(text, token.AccessToken()) || !strings.Contains(text, "[redacted token]") {
			f.Errorf("the token is printed, or no placeholder: %s", text)
		}
	})
}
