package metadata_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/strictjson/strictjsontest"
	"github.com/warder-go/warder/metadata"
)

// everywhere answers every URL with one body.
type everywhere struct {
	body  []byte
	asked []string
}

func (e *everywhere) Get(_ context.Context, u string, _ http.Header) (*outbound.Response, error) {
	e.asked = append(e.asked, u)
	return &outbound.Response{Status: http.StatusOK, Header: http.Header{}, Body: e.body}, nil
}

// FuzzDiscovery: a document is taken exactly if everybody reads it alike, its issuer is
// the one asked for byte for byte, and what we use of it is https; then with the values
// that others read. Nothing is asked but the issuer's own origin.
func FuzzDiscovery(f *testing.F) {
	const issuer = "https://as.example/t/1"
	for _, body := range []string{
		`{"issuer":"https://as.example/t/1","jwks_uri":"https://keys.example/jwks","introspection_endpoint":"https://as.example/i?x=y","introspection_endpoint_auth_methods_supported":["client_secret_basic"]}`,
		`{"issuer":"https://as.example/t/1/"}`, `{"issuer":"https://as.example/t/2"}`, `{"issuer":"https://as.example/t/1","jwks_uri":"http://as.example/jwks"}`,
		`{"issuer":"https://as.example/t/1","jwks_uri":"file:///etc/passwd"}`, `{"issuer":"https://as.example/t/1","jwks_uri":"https://u:p@as.example/"}`,
		`{"issuer":"https://as.example/t/1","jwks_uri":"https://169.254.169.254/"}`, `{"issuer":"https://as.example/t/1","jwks_uri":null}`, `{"issuer":null}`,
		`{"issuer":"https://evil.example","issuer":"https://as.example/t/1"}`, `{"Issuer":"https://as.example/t/1"}`, `{"\u0069ssuer":"https:\/\/as.example/t/1","token_endpoint":null}`,
		`{"issuer":"https://as.example/t/1","introspection_endpoint_auth_methods_supported":"none"}`, `{"issuer":"https://as.example/t/1"}x`, `{}`, `[]`, ``,
	} {
		f.Add(issuer, []byte(body))
	}
	for _, other := range []string{"https://as.example", "https://as.example/", "http://127.0.0.1:8080/t", "http://as.example", "https://[::1]:9/%7e", "https://as.example/?", "https://AS.example/#x", "x", ""} {
		f.Add(other, []byte(`{"issuer":"`+other+`","jwks_uri":"http://localhost/jwks"}`))
	}
	f.Fuzz(func(t *testing.T, issuer string, body []byte) {
		server := &everywhere{body: body}
		got, err := metadata.Discover(t.Context(), server, issuer)
		u := checkAsked(t, issuer, server.asked)
		if len(server.asked) == 0 {
			if got != nil || err == nil || metadata.CheckIssuer(issuer, true) == nil {
				t.Fatalf("issuer %q: nothing was asked, yet %v, error %v", issuer, got, err)
			}
			return
		}
		want, ok := serverOf(u, issuer, body)
		if (err == nil) != ok || (got != nil) != ok {
			t.Fatalf("issuer %q, body %q: %v, error %v, want it taken: %v", issuer, body, got, err, ok)
		}
		if err != nil {
			if asked := len(server.asked); asked < 2 {
				t.Fatalf("issuer %q: gave up after %q", issuer, server.asked)
			}
			return
		}
		if got.URL != server.asked[0] || len(server.asked) != 1 || got.Issuer != issuer || got.JWKSURI != want.JWKSURI || got.IntrospectionEndpoint != want.IntrospectionEndpoint ||
			!slices.Equal(got.IntrospectionEndpointAuthMethodsSupported, want.IntrospectionEndpointAuthMethodsSupported) {
			t.Fatalf("issuer %q, body %q:\n got %+v\nwant %+v", issuer, body, got, want)
		}
	})
}

// checkAsked: only well-known URLs of the issuer's own origin are asked, each once.
func checkAsked(t *testing.T, issuer string, asked []string) *url.URL {
	t.Helper()
	u, err := url.Parse(issuer)
	for i, raw := range asked {
		if err != nil || u.Host == "" || !strings.HasPrefix(raw, u.Scheme+"://"+u.Host+"/") || !strings.Contains(raw, "/.well-known/") {
			t.Fatalf("issuer %q: asked %q", issuer, raw)
		}
		if slices.Contains(asked[:i], raw) || i == 3 {
			t.Fatalf("issuer %q: asked %q", issuer, asked)
		}
	}
	return u
}

// serverOf reads the document by other means (RFC 8414 §2, §3.3).
func serverOf(issuer *url.URL, identifier string, body []byte) (s metadata.AuthorizationServer, ok bool) {
	const methods = "introspection_endpoint_auth_methods_supported"
	members, ok := strictjsontest.Object(body)
	if !ok || strictjsontest.CaseVariant(members, "issuer", "jwks_uri", "introspection_endpoint", methods) {
		return s, false
	}
	for name, to := range map[string]*string{"issuer": &s.Issuer, "jwks_uri": &s.JWKSURI, "introspection_endpoint": &s.IntrospectionEndpoint} {
		if *to, _, ok = strictjsontest.String(members, name); !ok || name != "issuer" && !goodURL(issuer, *to) {
			return s, false
		}
	}
	if raw, present := members[methods]; present {
		var list []any
		if raw[0] != '[' || json.Unmarshal(raw, &list) != nil {
			return s, false
		}
		for _, element := range list {
			method, isString := element.(string)
			if !isString {
				return s, false
			}
			s.IntrospectionEndpointAuthMethodsSupported = append(s.IntrospectionEndpointAuthMethodsSupported, method)
		}
	}
	return s, s.Issuer == identifier
}

// goodURL: absent, or an absolute URL that is written in its one form, without user and
// fragment, and https, save on the host of an issuer that is itself http.
func goodURL(issuer *url.URL, raw string) bool {
	u, err := url.Parse(raw)
	if raw == "" {
		return true
	}
	if err != nil || metadata.CheckEndpoint(raw, true) != nil || u.String() != raw || u.User != nil || u.Host == "" || strings.Contains(raw, "#") {
		return false
	}
	sameMachine := outbound.IsLoopbackHost(u.Hostname()) && outbound.IsLoopbackHost(issuer.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && issuer.Scheme == "http" && (sameMachine || u.Hostname() == issuer.Hostname())
}
