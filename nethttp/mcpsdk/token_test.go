package mcpsdk_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// MCP authorization, "Access Token Privilege Restriction": servers must not pass on a token. The
// handler does not receive the token or the placeholder that Bridge uses for the SDK.
func TestHandlerDoesNotReceiveToken(t *testing.T) {
	type leak = func(req *http.Request, token string) *http.Request
	tests := []struct {
		name     string
		keep     bool // HTTPOptions.KeepAuthorization
		inClaims bool // the verifier adds the token to the claims
		leak     leak // a middleware before Bridge that adds the token to the request
		want     []string
	}{
		{"without a leak", false, false, nil, nil},
		{"KeepAuthorization keeps the header", true, false, nil, []string{"header"}},
		{"control: a token in a header is found", false, false, func(req *http.Request, token string) *http.Request {
			req.Header.Set("X-Token", "Bearer "+token)
			return req
		}, []string{"header"}},
		{"control: a token in the context is found", false, false, func(req *http.Request, token string) *http.Request {
			type key struct{}
			return req.WithContext(context.WithValue(req.Context(), key{}, &struct{ hidden []any }{[]any{map[string][]byte{"t": []byte(token)}}}))
		}, []string{"context"}},
		{"control: a token in the claims is found", false, true, nil, []string{"context", "TokenInfo"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			issuer := resourcetest.Start(t)
			config := resource.Config{
				Identifier: "https://mcp.example/mcp", Issuers: []resource.Issuer{{Verifier: verifier(t, issuer)}}, HTTP: resource.HTTPOptions{KeepAuthorization: tt.keep},
			}
			if tt.inClaims {
				config.Issuers[0].Verifier = leakingVerifier{issuer.Identifier()}
			}
			res := newResource(t, config)
			token := issuer.Token(resourcetest.Token{Audience: "https://mcp.example/mcp"})
			var found, placeholder []string
			inside := http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				found = partsWith(req, token)
				placeholder = partsWith(req, "accepted-by-warder")
			})
			bridge := mcpsdk.Bridge(res)(inside)
			leaky := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if tt.leak != nil {
					req = tt.leak(req, token)
				}
				bridge.ServeHTTP(w, req)
			})
			got := send(t, "POST", serve(t, nethttp.Middleware(res)(leaky)), callTool, bearer(token))
			if got.status != http.StatusOK {
				t.Fatalf("got status %d, want 200", got.status)
			}
			if fmt.Sprint(found) != fmt.Sprint(tt.want) {
				t.Errorf("parts with the token: got %v, want %v", found, tt.want)
			}
			if placeholder != nil {
				t.Errorf("the placeholder for the SDK is in %v, want none", placeholder)
			}
		})
	}
}

// An introspected token can lack an expiry (RFC 7662 §2.2). The SDK accepts it.
func TestTokenWithoutExpiry(t *testing.T) {
	res := newResource(t, resource.Config{
		Identifier: "https://mcp.example/mcp", Opaque: &resource.Issuer{Verifier: noExpiryVerifier{}},
	})
	var info *auth.TokenInfo
	inside := http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { info = auth.TokenInfoFromContext(req.Context()) })
	got := send(t, "POST", serve(t, mcpsdk.Handler(res, inside)), callTool, bearer("opaque"))
	if got.status != http.StatusOK || info == nil || !info.Expiration.Equal(time.Time{}) {
		t.Errorf("got status %d and TokenInfo %+v, want 200 and a TokenInfo without Expiration", got.status, info)
	}
}

// noExpiryVerifier accepts every token and returns claims without an expiry.
type noExpiryVerifier struct{}

func (noExpiryVerifier) Issuer() string { return "https://auth.example" }

func (noExpiryVerifier) Verify(context.Context, *resource.Token) (*resource.Claims, error) {
	return resource.ParseClaims([]byte(`{"iss":"https://auth.example","aud":"https://mcp.example/mcp","sub":"alice"}`))
}

// leakingVerifier accepts every token and adds it to the claims.
type leakingVerifier struct{ issuer string }

func (v leakingVerifier) Issuer() string { return v.issuer }

func (v leakingVerifier) Verify(_ context.Context, t *resource.Token) (*resource.Claims, error) {
	return resource.ParseClaims(fmt.Appendf(nil, `{"iss":%q,"aud":"https://mcp.example/mcp","sub":"alice","exp":%d,"token":%q}`,
		v.issuer, time.Now().Add(time.Hour).Unix(), t.Raw()))
}

// partsWith returns the parts of a request that contain the text.
func partsWith(req *http.Request, text string) (found []string) {
	s := search{text: text, seen: map[uintptr]bool{}}
	if s.in(reflect.ValueOf(req.Header)) {
		found = append(found, "header")
	}
	// The context also contains the TokenInfo, which is searched separately.
	info := auth.TokenInfoFromContext(req.Context())
	s.skip = info
	if s.in(reflect.ValueOf(req.Context())) {
		found = append(found, "context")
	}
	s = search{text: text, seen: map[uintptr]bool{}}
	if s.in(reflect.ValueOf(info)) {
		found = append(found, "TokenInfo")
	}
	return found
}

// search searches for a text in all values that can be reached from a value, including
// unexported fields. It does not search objects that other goroutines use.
type search struct {
	text string
	skip *auth.TokenInfo
	seen map[uintptr]bool
}

func (s *search) in(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return strings.Contains(v.String(), s.text)
	case reflect.Interface:
		return s.in(v.Elem())
	case reflect.Pointer:
		return s.follow(v) && s.in(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if s.in(v.Field(i)) {
				return true
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if s.in(it.Key()) || s.in(it.Value()) {
				return true
			}
		}
	case reflect.Slice, reflect.Array:
		return s.inElements(v)
	}
	return false
}

func (s *search) inElements(v reflect.Value) bool {
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		return strings.Contains(string(v.Bytes()), s.text)
	}
	for i := range v.Len() {
		if s.in(v.Index(i)) {
			return true
		}
	}
	return false
}

// follow reports whether to search the target of a pointer.
func (s *search) follow(v reflect.Value) bool {
	switch v.Type() {
	case reflect.TypeFor[*http.Server](), reflect.TypeFor[*resource.Resource](), reflect.TypeFor[*net.TCPAddr]():
		return false
	case reflect.TypeFor[*auth.TokenInfo]():
		if s.skip != nil && v.Pointer() == reflect.ValueOf(s.skip).Pointer() {
			return false
		}
	}
	switch v.Type().String() {
	case "*resource.policy": // other requests use it too
		return false
	case "*context.cancelCtx": // has a mutex; search only its parent
		return s.in(v.Elem().FieldByName("Context"))
	}
	old := s.seen[v.Pointer()]
	s.seen[v.Pointer()] = true
	return !old
}
