package resourcetest_test

import (
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// RFC 9470 §4 and OpenID Connect Core 1.0 §3.1.2.1: "acr" is the first of acr_values,
// "auth_time" is set if max_age is. Both remain in refreshed tokens.
func TestRequestedLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := newIssuer(t, resourcetest.Config{})
		for _, row := range []struct{ name, changes, want string }{ // auth_time is relative to the login
			{"nothing requested", "", `null null`},
			{"acr_values", "acr_values=urn:gold+silver", `"urn:gold" null`},
			{"max_age", "max_age=0", `null 0`},
			{"both", "acr_values=gold&max_age=300", `"gold" 0`},
			{"empty", "acr_values=+&max_age=", `null null`},
		} {
			login := time.Now()
			_, reply, _ := tokenRequest(t, client, s, codeForm(t, client, s, row.changes, credentials))
			time.Sleep(time.Second)
			_, refreshed, _ := tokenRequest(t, client, s, credentials+"&grant_type=refresh_token&refresh_token="+reply["refresh_token"].(string))
			for kind, reply := range map[string]doc{"first": reply, "refreshed": refreshed} {
				token := reply["access_token"].(string)
				claims := parse(t, string(segment(t, token, 1)))
				_, introspection := post(t, client, s.URL(resourcetest.Introspection), "token="+token, "test-client", "test-secret")
				for from, got := range map[string]doc{"JWT": claims, "introspection": introspection} {
					if seconds, ok := got["auth_time"].(float64); ok {
						got["auth_time"] = int64(seconds) - login.Unix()
					}
					if got := text(got["acr"]) + " " + text(got["auth_time"]); got != row.want {
						t.Errorf("%s, %s, %s: got %s, want %s", row.name, kind, from, got, row.want)
					}
				}
			}
		}
		for _, changes := range []string{"max_age=-1", "max_age=x", "max_age=1.5", "max_age=99999999999", "acr_values=%00", "acr_values=%c3%a9", "acr_values=%ff"} {
			if _, reply := authorize(t, client, s, changes); reply.Get("error") != "invalid_request" {
				t.Errorf("%s: got %v", changes, reply)
			}
		}
	})
}

// RFC 9396 §6, §7 and §9: the authorization details are in the token response, the token and the
// introspection response. A token request can select some of them.
func TestAuthorizationDetails(t *testing.T) {
	const (
		first  = `{"type":"payment","amount":1.50,"n":12345678901234567890}`
		second = `{"type":"x","locations":["https://a.test"]}`
	)
	both := url.QueryEscape("[ " + first + ", " + second + " ]")
	for _, opaque := range []bool{false, true} {
		s, client := newIssuer(t, resourcetest.Config{OpaqueTokens: opaque})
		for _, row := range []struct{ name, authorize, form, want string }{
			{"none", "", "", ""},
			{"granted", "authorization_details=" + both, "", "[" + first + "," + second + "]"},
			{"one selected", "authorization_details=" + both, "&authorization_details=" + url.QueryEscape("["+second+"]"), "[" + second + "]"},
			{"an empty array", "authorization_details=[]", "", "[]"},
			{"others than granted", "authorization_details=" + url.QueryEscape("["+first+"]"), "&authorization_details=" + both, "invalid_authorization_details"},
			{"not granted", "", "&authorization_details=" + both, "invalid_authorization_details"},
			{"not an array", "", "&authorization_details={}", "invalid_authorization_details"},
			{"client credentials", "", "&grant_type=client_credentials&authorization_details=" + both, "[" + first + "," + second + "]"},
			{"client credentials, invalid", "", "&grant_type=client_credentials&authorization_details=[1]", "invalid_authorization_details"},
		} {
			form, err := url.ParseQuery(codeForm(t, client, s, row.authorize, credentials))
			if err != nil {
				t.Fatal(err)
			}
			changes, err := url.ParseQuery(row.form)
			if err != nil {
				t.Fatal(err)
			}
			for name, values := range changes {
				form[name] = values
			}
			_, reply, _ := tokenRequest(t, client, s, form.Encode())
			if code, failed := reply["error"]; failed {
				if code != row.want {
					t.Errorf("%s: got %v, want %s", row.name, reply, row.want)
				}
				continue
			}
			want := any(nil)
			if row.want != "" {
				want = parse(t, `{"a":`+row.want+`}`)["a"]
			}
			token := reply["access_token"].(string)
			_, introspection := post(t, client, s.URL(resourcetest.Introspection), "token="+token, "test-client", "test-secret")
			documents := map[string]doc{"response": reply, "introspection": introspection}
			if !opaque {
				documents["JWT"] = parse(t, string(segment(t, token, 1)))
			}
			for from, got := range documents {
				if got := got["authorization_details"]; text(got) != text(want) {
					t.Errorf("%s, %s: got %v, want %v", row.name, from, got, want)
				}
			}
		}
	}
}

// RFC 9396 §5: the authorization endpoint rejects values that are not arrays of objects with a
// type.
func TestInvalidAuthorizationDetails(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	for _, details := range []string{
		"x", "null", "{}", `"a"`, "[1]", "[null]", "[{}]", `[{"type":1}]`, `[{"type":""}]`, `[{"type":null}]`, `[{"TYPE":"a"}]`,
		`[{"type":"a","type":"b"}]`, `[{"type":"a"},{}]`, `[{"type":"a"}`, `[{"type":"` + "\xff" + `"}]`,
	} {
		if _, reply := authorize(t, client, s, "authorization_details="+url.QueryEscape(details)); reply.Get("error") != "invalid_authorization_details" {
			t.Errorf("%s: got %v", details, reply)
		}
	}
}
