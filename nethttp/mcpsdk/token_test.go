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

// MCP authorization, "Access Token Privilege Restriction": a token must not be passed
// on, and a server that never sees it can't. Nor does it see what stood in for it.
func TestTokenIsNowhereInside(t *testing.T) {
	type leak = func(req *http.Request, token string) *http.Request
	tests := []struct {
		name   string
		keep   bool // Config.KeepAuthorization
		chatty bool // a verifier that puts the token into the claims
		leak   leak // a middleware in between that gives it away
		want   []string
	}{
		{"as it should be", false, false, nil, nil},
		{"KeepAuthorization keeps the header as it came", true, false, nil, []string{"header"}},
		{"control: the search finds it in a header", false, false, func(req *http.Request, token string) *http.Request {
			req.Header.Set("X-Token", "Bearer "+token)
			return req
		}, []string{"header"}},
		{"control: the search finds it in the context", false, false, func(req *http.Request, token string) *http.Request {
			type key struct{}
			return req.WithContext(context.WithValue(req.Context(), key{}, &struct{ hidden []any }{[]any{map[string][]byte{"t": []byte(token)}}}))
		}, []string{"context"}},
		{"control: the search finds it in claims", false, true, nil, []string{"context", "TokenInfo"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			issuer := resourcetest.Start(t)
			config := resource.Config{
				Identifier: "https://mcp.example/mcp", Issuers: []resource.Issuer{{Verifier: verifier(t, issuer)}}, HTTP: resource.HTTPOptions{KeepAuthorization: tt.keep},
			}
			if tt.chatty {
				config.Issuers[0].Verifier = chatty{issuer.Identifier()}
			}
			res := newResource(t, config)
			token := issuer.Token(resourcetest.Token{Audience: "https://mcp.example/mcp"})
			var found, placeholder []string
			inside := http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				found = where(req, token)
				placeholder = where(req, "accepted-by-warder")
			})
			bridge := mcpsdk.Bridge(res)(inside)
			between := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if tt.leak != nil {
					req = tt.leak(req, token)
				}
				bridge.ServeHTTP(w, req)
			})
			got := send(t, "POST", serve(t, nethttp.Middleware(res)(between)), callTool, bearer(token))
			if got.status != http.StatusOK {
				t.Fatalf("got status %d, want 200", got.status)
			}
			if fmt.Sprint(found) != fmt.Sprint(tt.want) {
				t.Errorf("the token is in: got %v, want %v", found, tt.want)
			}
			if placeholder != nil {
				t.Errorf("the placeholder for the SDK is in %v, want nowhere", placeholder)
			}
		})
	}
}

// An introspected token may have no expiry (RFC 7662 §2.2): the SDK lets it pass.
func TestTokenWithoutExpiry(t *testing.T) {
	res := newResource(t, resource.Config{
		Identifier: "https://mcp.example/mcp", Opaque: &resource.Issuer{Verifier: eternal{}},
	})
	var info *auth.TokenInfo
	inside := http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { info = auth.TokenInfoFromContext(req.Context()) })
	got := send(t, "POST", serve(t, mcpsdk.Handler(res, inside)), callTool, bearer("opaque"))
	if got.status != http.StatusOK || info == nil || !info.Expiration.Equal(time.Time{}) {
		t.Errorf("got status %d and TokenInfo %+v, want 200 and one without Expiration", got.status, info)
	}
}

// eternal vouches for everything.
type eternal struct{}

func (eternal) Issuer() string { return "https://auth.example" }

func (eternal) Verify(context.Context, *resource.Token) (*resource.Claims, error) {
	return resource.ParseClaims([]byte(`{"iss":"https://auth.example","aud":"https://mcp.example/mcp","sub":"alice"}`))
}

// chatty vouches for everything and tells what it was shown.
type chatty struct{ issuer string }

func (c chatty) Issuer() string { return c.issuer }

func (c chatty) Verify(_ context.Context, t *resource.Token) (*resource.Claims, error) {
	return resource.ParseClaims(fmt.Appendf(nil, `{"iss":%q,"aud":"https://mcp.example/mcp","sub":"alice","exp":%d,"token":%q}`,
		c.issuer, time.Now().Add(time.Hour).Unix(), t.Raw()))
}

// where names the parts of a request that hold the text.
func where(req *http.Request, text string) (found []string) {
	s := search{text: text, seen: map[uintptr]bool{}}
	if s.in(reflect.ValueOf(req.Header)) {
		found = append(found, "header")
	}
	// The TokenInfo is in the context, too: look there without it.
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

// search looks for a text in everything that can be reached from a value, unexported
// fields included, save for the machinery that others are busy with.
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
		return s.fresh(v) && s.in(v.Elem())
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
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			return strings.Contains(string(v.Bytes()), s.text)
		}
		for i := range v.Len() {
			if s.in(v.Index(i)) {
				return true
			}
		}
	}
	return false
}

// fresh reports whether a pointer is to be followed.
func (s *search) fresh(v reflect.Value) bool {
	switch v.Type() {
	case reflect.TypeFor[*http.Server](), reflect.TypeFor[*resource.Resource](), reflect.TypeFor[*net.TCPAddr]():
		return false
	case reflect.TypeFor[*auth.TokenInfo]():
		if s.skip != nil && v.Pointer() == reflect.ValueOf(s.skip).Pointer() {
			return false
		}
	}
	switch v.Type().String() {
	case "*resource.policy": // what a Resource decides by; other requests use it too
		return false
	case "*context.cancelCtx": // has a mutex; only its parent matters
		return s.in(v.Elem().FieldByName("Context"))
	}
	old := s.seen[v.Pointer()]
	s.seen[v.Pointer()] = true
	return !old
}
