package clientauth_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/clientauth"
	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/keytest"
)

// Each method adds its credentials to the header or the form, and nothing else. Package
// introspect tests the methods at a server, and files that are rotated.
func TestApply(t *testing.T) {
	fail := func(context.Context) (string, error) { return "", nil }
	for _, row := range []struct {
		name   string
		config clientauth.Config
		want   string // header, form, note; or the error
	}{
		{"default", clientauth.Config{ClientID: "i:d", ClientSecret: "s é"}, "Basic aSUzQWQ6cyslQzMlQTk=  ; a server that does not decode Basic needs method client_secret_basic_raw"},
		{"raw", clientauth.Config{Method: clientauth.ClientSecretBasicRaw, ClientID: "i@d", ClientSecret: "s:t"}, "Basic aUBkOnM6dA==  "},
		{"post", clientauth.Config{Method: clientauth.ClientSecretPost, ClientID: "id", ClientSecret: " s"}, " client_id=id&client_secret=+s ; the secret begins with white space"},
		{"bearer", clientauth.Config{Method: clientauth.Bearer, BearerToken: "abc"}, "Bearer abc  "},
		{"certificate", clientauth.Config{Method: clientauth.TLSClientAuth, ClientID: "id"}, " client_id=id "},
		{"function without a secret", clientauth.Config{ClientID: "id", ClientSecretFunc: fail}, "function returned an empty secret"},
		{"token with a line break", clientauth.Config{Method: clientauth.Bearer, BearerToken: "a\r\nX: y"}, "bearer token is not a b64token (RFC 6750 §2.1)"},
	} {
		header, form := http.Header{}, url.Values{}
		note, err := clientauth.New(row.config, "https://as.example").Apply(t.Context(), header, form)
		got := fmt.Sprintf("%s %s %s", header.Get("Authorization"), form.Encode(), note)
		if err != nil {
			got = err.Error()
		}
		if got != row.want || len(header) > 1 {
			t.Errorf("%s (-want +got)\n- %q\n+ %q", row.name, row.want, got)
		}
	}
}

// claimsOf decodes an assertion. It does not verify the signature.
func claimsOf(t *testing.T, assertion string) (claims map[string]any) {
	t.Helper()
	parts := strings.Split(assertion, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || len(parts) != 3 || json.Unmarshal(raw, &claims) != nil {
		t.Fatalf("%q is not an assertion", assertion)
	}
	return claims
}

// An assertion is for the issuer, unless Audience says otherwise (RFC 7523bis §4), and each
// has its own jti.
func TestAssertions(t *testing.T) {
	for audience, want := range map[string]string{"": "https://as.example", "https://as.example/token": "https://as.example/token"} {
		a := clientauth.New(clientauth.Config{Method: clientauth.PrivateKeyJWT, ClientID: "id", Signer: keytest.P256(), Audience: audience}, "https://as.example")
		seen := map[string]bool{}
		for range 2 {
			form := url.Values{}
			if _, err := a.Apply(t.Context(), http.Header{}, form); err != nil {
				t.Fatal(err)
			}
			claims := claimsOf(t, form.Get("client_assertion"))
			if claims["iss"] != "id" || claims["sub"] != "id" || claims["aud"] != want || form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
				t.Errorf("got %v, want aud %q", claims, want)
			}
			seen[fmt.Sprint(claims["jti"])] = true
		}
		if len(seen) != 2 {
			t.Errorf("got jti %v, want two", seen)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, row := range []struct {
		name   string
		config clientauth.Config
		want   string
	}{
		{"default", clientauth.Config{ClientID: "id", ClientSecret: "s"}, "<nil>"},
		{"nothing", clientauth.Config{}, "c: Auth.ClientID: is missing; method \"client_secret_basic\" requires it\nAuth.ClientSecret: is missing; method \"client_secret_basic\" requires it or ClientSecretFile or ClientSecretFunc"},
		{"unknown method", clientauth.Config{Method: "none"}, `c: Auth.Method: "none" is not one of ["client_secret_basic" "client_secret_basic_raw" "client_secret_post" "private_key_jwt" "bearer" "tls_client_auth"]`},
		{"two secrets", clientauth.Config{ClientID: "id", ClientSecret: "s", ClientSecretFile: "f"}, "c: Auth.ClientSecretFile: ClientSecret is also set; set only one of them"},
		{"field of another method", clientauth.Config{Method: clientauth.TLSClientAuth, ClientID: "id", BearerToken: "t"}, "c: Auth.BearerToken: is not used by method \"tls_client_auth\"; remove it or set another Method"},
	} {
		var mistakes configerr.List
		row.config.Check(&mistakes)
		if got := fmt.Sprint(mistakes.Err("c")); got != row.want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, row.want, got)
		}
	}
	var mistakes configerr.List
	clientauth.Connections{}.Check(clientauth.TLSClientAuth, &mistakes)
	clientauth.Connections{CertificateFile: "f"}.Check("", &mistakes)
	if got := len(mistakes.All()); got != 2 {
		t.Errorf("%d mistakes, want 2: %v", got, mistakes.All())
	}
}

// However a Config or an Authenticator is printed, the output has no credentials.
func TestRedaction(t *testing.T) {
	c := clientauth.Config{ClientID: "id", ClientSecret: "s3cret", BearerToken: "s3cret"}
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("test", "config", c)
	holder := struct{ a *clientauth.Authenticator }{clientauth.New(c, "")}
	all := string(encoded) + log.String() + fmt.Sprintf("%v %+v %#v %s %d %+v %#v", c, c, c, c, c, holder, holder)
	if strings.Contains(all, "s3cret") || !strings.Contains(all, "[redacted credentials]") {
		t.Errorf("got %s", all)
	}
}
