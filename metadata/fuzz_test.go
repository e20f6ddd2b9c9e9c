package metadata_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/strictjson/strictjsontest"
	"github.com/warder-go/warder/metadata"
)

// constantServer is a metadata.Getter with the same body for every URL.
type constantServer struct {
	body      []byte
	requested []string // URLs
}

func (s *constantServer) Get(_ context.Context, u string, _ http.Header) (*outbound.Response, error) {
	s.requested = append(s.requested, u)
	return &outbound.Response{Status: http.StatusOK, Header: http.Header{}, Body: s.body}, nil
}

// FuzzDiscovery checks that Discover accepts a document exactly if it is unambiguous, its issuer
// is byte for byte the requested one, and the URLs that are used are https, and that it returns
// the same values as a second parser. Discover must request URLs of the issuer's origin only.
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
		server := &constantServer{body: body}
		got, err := metadata.Discover(t.Context(), server, issuer, metadata.JWKSURI, metadata.IntrospectionEndpoint, metadata.TokenEndpoint)
		u := checkRequested(t, issuer, server.requested)
		if len(server.requested) == 0 {
			if got != nil || err == nil || metadata.CheckIssuer(issuer, true) == nil {
				t.Fatalf("issuer %q: no request, got %v, error %v", issuer, got, err)
			}
			return
		}
		want, ok := serverOf(u, issuer, body)
		if (err == nil) != ok || (got != nil) != ok {
			t.Fatalf("issuer %q, body %q: %v, error %v, want it accepted: %v", issuer, body, got, err, ok)
		}
		if err != nil {
			if len(server.requested) < 2 {
				t.Fatalf("issuer %q: stopped after %q", issuer, server.requested)
			}
			return
		}
		want.URL = server.requested[0]
		if len(server.requested) != 1 || *got != want {
			t.Fatalf("issuer %q, body %q:\n got %+v\nwant %+v", issuer, body, got, want)
		}
	})
}

// checkRequested checks that only well-known URLs of the issuer's origin were requested, each once.
func checkRequested(t *testing.T, issuer string, requested []string) *url.URL {
	t.Helper()
	u, err := url.Parse(issuer)
	for i, raw := range requested {
		if err != nil || u.Host == "" || !strings.HasPrefix(raw, u.Scheme+"://"+u.Host+"/") || !strings.Contains(raw, "/.well-known/") {
			t.Fatalf("issuer %q: requested %q", issuer, raw)
		}
		if slices.Contains(requested[:i], raw) || i == 3 {
			t.Fatalf("issuer %q: requested %q", issuer, requested)
		}
	}
	return u
}

// serverOf is a second parser of documents (RFC 8414 §2, §3.3).
func serverOf(issuer *url.URL, identifier string, body []byte) (s metadata.AuthorizationServer, ok bool) {
	members, ok := strictjsontest.Object(body)
	if !ok || strictjsontest.CaseVariant(members, "issuer", "jwks_uri", "introspection_endpoint", "token_endpoint") {
		return s, false
	}
	maps.DeleteFunc(members, func(_ string, value json.RawMessage) bool { return string(value) == "null" })
	for name, to := range map[string]*string{"issuer": &s.Issuer, "jwks_uri": &s.JWKSURI, "introspection_endpoint": &s.IntrospectionEndpoint, "token_endpoint": &s.TokenEndpoint} {
		if *to, _, ok = strictjsontest.String(members, name); !ok || name != "issuer" && !validURL(issuer, *to) {
			return s, false
		}
	}
	return s, s.Issuer == identifier
}

// validURL reports whether a URL is empty, or absolute and in canonical form, without user and
// fragment, and https. It may be http on the host of an http issuer.
func validURL(issuer *url.URL, raw string) bool {
	u, err := url.Parse(raw)
	if raw == "" {
		return true
	}
	if err != nil || metadata.CheckEndpoint(raw, true) != nil || u.String() != raw || u.User != nil || u.Host == "" || strings.Contains(raw, "#") {
		return false
	}
	bothLoopback := outbound.IsLoopbackHost(u.Hostname()) && outbound.IsLoopbackHost(issuer.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && issuer.Scheme == "http" && (bothLoopback || u.Hostname() == issuer.Hostname())
}
