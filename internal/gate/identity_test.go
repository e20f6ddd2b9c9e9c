package gate_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/resource/resourcetest"
)

const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`

// verify returns the claims of an identity JWT, after it has verified the JWT with the JWKS of the
// admin listener.
func (f *fixture) verify(jwt string) map[string]any {
	f.t.Helper()
	token, err := jose.Parse(jwt)
	if err != nil {
		f.t.Fatal(err)
	}
	if token.Header.Type != "warder-identity+jwt" {
		f.t.Errorf("typ is %q", token.Header.Type)
	}
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal([]byte(f.fetch("/.well-known/jwks.json").body), &set); err != nil {
		f.t.Fatal(err)
	}
	for _, text := range set.Keys {
		key, err := jose.ParseKey(text)
		if err != nil {
			f.t.Fatal(err)
		}
		if key.ID == token.Header.KeyID && key.Accepts(token.Header.Algorithm) && key.Verify(token) {
			claims := map[string]any{}
			if err := json.Unmarshal(token.Payload, &claims); err != nil {
				f.t.Fatal(err)
			}
			return claims
		}
	}
	f.t.Fatalf("no key of %d in the JWKS verifies the JWT", len(set.Keys))
	return nil
}

// The upstream gets a JWT that the served JWKS verifies, and named fields.
func TestIdentity(t *testing.T) {
	up := new(recorder)
	f := start(t, options{upstream: "  audience: urn:upstream\n  identity_headers: {Warder-User: subject, X-Scopes: scopes, X-Id: id, X-Issuer: issuer, X-Client: client_id, X-Resource: resource}\n"}, up)
	before := time.Now().Unix()
	req := f.post(call)
	req.Header.Set("Authorization", "Bearer "+f.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "mcp:run mcp:read", Subject: "Zoë, 50%\n"}))
	if got := f.do(req); got.status != 200 {
		t.Fatalf("got %+v", got)
	}
	h := up.one(t).header
	if len(h["Warder-Identity"]) != 1 {
		t.Fatalf("got %v", h)
	}
	claims := f.verify(h.Get("Warder-Identity"))
	issued, _ := claims["iat"].(float64)
	expiry, _ := claims["exp"].(float64)
	if int64(issued) < before || int64(issued) > time.Now().Unix() || expiry-issued != 60 || len(claims["jti"].(string)) < 20 {
		t.Errorf("iat, exp and jti are %v, %v and %v", claims["iat"], claims["exp"], claims["jti"])
	}
	delete(claims, "iat")
	delete(claims, "exp")
	delete(claims, "jti")
	want := map[string]any{"iss": "https://gate.example.test", "aud": "urn:upstream", "sub": "25:https://auth.example.test sub:Zoë, 50%\n", "client_id": "test-client",
		"scope": "mcp:run mcp:read", "token_iss": "https://auth.example.test", "token_sub": "Zoë, 50%\n", "resource": identifier}
	if !reflect.DeepEqual(claims, want) {
		t.Errorf("claims (-want +got)\n- %v\n+ %v", want, claims)
	}
	for name, value := range map[string]string{"Warder-User": "Zo%C3%AB%2C%2050%25%0A", "X-Scopes": "mcp:run mcp:read", "X-Id": "25:https://auth.example.test%20sub:Zo%C3%AB%2C%2050%25%0A",
		"X-Issuer": "https://auth.example.test", "X-Client": "test-client", "X-Resource": identifier} {
		if !reflect.DeepEqual(h[name], []string{value}) {
			t.Errorf("%s is %q, want %q", name, h[name], value)
		}
	}
}

// Requests without credentials for public operations have no identity, whatever the client sends.
func TestAnonymousHasNoIdentity(t *testing.T) {
	up := new(recorder)
	f := start(t, options{upstream: "  identity_headers: {Warder-User: subject}\n"}, up)
	req := f.post(list)
	req.Header.Del("Authorization")
	req.Header.Set("Warder-Identity", "forged")
	req.Header.Set("Warder-User", "forged")
	if got := f.do(req); got.status != 200 {
		t.Fatalf("got %+v", got)
	}
	if h := up.one(t).header; h["Warder-Identity"] != nil || h["Warder-User"] != nil {
		t.Errorf("got %v", h)
	}
}

// One JWT is sent again to the same upstream, and each caller has its own.
func TestIdentityIsCachedByCaller(t *testing.T) {
	up := new(recorder)
	f := start(t, options{}, up)
	sent := func(token string) string {
		req := f.post(call)
		req.Header.Set("Authorization", "Bearer "+token)
		if got := f.do(req); got.status != 200 {
			t.Fatalf("got %+v", got)
		}
		return up.one(t).header.Get("Warder-Identity")
	}
	alice, bob := f.token(), f.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "mcp:run", Subject: "bob"})
	first := sent(alice)
	if second := sent(alice); second != first {
		t.Error("the second request has another JWT")
	}
	if other := f.verify(sent(bob)); other["token_sub"] != "bob" {
		t.Errorf("got %v", other)
	}
}

// After a new key, new JWTs are signed with it, and the JWKS has both. A file that is not a key
// changes nothing.
func TestKeyRotation(t *testing.T) {
	up := new(recorder)
	f := start(t, options{}, up)
	token := f.token()
	sent := func() string {
		req := f.post(call)
		req.Header.Set("Authorization", "Bearer "+token)
		if got := f.do(req); got.status != 200 {
			t.Fatalf("got %+v", got)
		}
		return up.one(t).header.Get("Warder-Identity")
	}
	old := sent()
	f.write("identity.pem", "no key")
	if err := f.gate.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), filepath.Join(f.dir, "identity.pem")) {
		t.Errorf("got %v", err)
	}
	if again := sent(); again != old {
		t.Error("a rejected file has changed the JWT")
	}
	f.write("identity.pem", newKey(t))
	if err := f.gate.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := sent()
	if header := func(jwt string) string { return strings.SplitN(jwt, ".", 2)[0] }; header(old) == header(next) {
		t.Error("the new JWT has the old kid")
	}
	f.verify(old)
	f.verify(next)
}

// The token of the client is in no part of the request that the upstream gets, also if the client
// has put copies into other places.
func TestTokenIsTakenOff(t *testing.T) {
	up := new(recorder)
	f := start(t, options{}, up)
	token := f.token()
	for _, row := range []struct {
		name, field, value, query string
		status                    int
	}{
		{"only in Authorization", "X-Other", "1", "", 200},
		{"in Proxy-Authorization", "Proxy-Authorization", "Bearer " + token, "", 200},
		{"in a field of another kind", "X-Copy", "a " + token + " b", "", 200},
		{"in a cookie", "Cookie", "session=1; token=" + token, "", 200},
		{"in X-Forwarded-Access-Token", "X-Forwarded-Access-Token", token, "", 200},
		{"in a field of MCP", "Mcp-Param-A", token, "", 200},
		{"in access_token", "X-Other", "1", "?access_token=" + token, 400},
		{"in Access_Token", "X-Other", "1", "?Access_Token=" + token, 400},
		{"in another parameter", "X-Other", "1", "?t=" + token, 400},
		{"in another parameter, encoded", "X-Other", "1", "?t=a%20%" + fmt.Sprintf("%02X", token[0]) + token[1:], 400},
		{"in the path", "X-Other", "1", "/" + token, 400},
		{"as the name of a parameter", "X-Other", "1", "?" + token, 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			req := f.post(call)
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set(row.field, row.value)
			if below, ok := strings.CutPrefix(row.query, "/"); ok {
				req.URL.Path += "/" + below
			} else {
				req.URL.RawQuery = strings.TrimPrefix(row.query, "?")
			}
			if got := f.do(req); got.status != row.status {
				t.Fatalf("got %+v", got)
			}
			all := up.take()
			if (len(all) == 1) != (row.status == 200) {
				t.Fatalf("the upstream got %d requests", len(all))
			}
			for _, got := range all {
				if text, _ := json.Marshal([]any{got.uri, got.header, got.body}); strings.Contains(string(text), token) || got.header["Authorization"] != nil {
					t.Errorf("got %s", text)
				}
			}
		})
	}
}

// A 401 and challenges of the upstream are replaced, unless pass_challenges is set.
func TestUpstreamChallenges(t *testing.T) {
	up := &recorder{respond: func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Query().Get("as") {
		case "401":
			w.WriteHeader(401)
		case "401c":
			w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="https://evil.example"`)
			w.WriteHeader(401)
		case "403c":
			w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
			w.WriteHeader(403)
		case "200c":
			w.Header().Set("WWW-Authenticate", "Basic")
		case "407":
			w.WriteHeader(407)
		case "403":
			w.WriteHeader(403)
		}
		_, _ = io.WriteString(w, "own")
	}}
	const challenge = `{"jsonrpc":"2.0","id":null,"error":{"code":502,"message":"The MCP server rejected the gate","data":{"error_description":"The MCP server rejected the gate"}}}` + "\n"
	for _, row := range []struct {
		as     string
		pass   bool
		status int
		body   string
	}{
		{"401", false, 502, challenge}, {"401c", false, 502, challenge}, {"403c", false, 502, challenge}, {"200c", false, 502, challenge}, {"407", false, 502, challenge},
		{"403", false, 403, "own"}, {"401c", true, 401, "own"}, {"403c", true, 403, "own"}, {"407", true, 502, challenge},
	} {
		o := options{}
		if row.pass {
			o.upstream = "  pass_challenges: true\n"
		}
		f := start(t, o, up)
		req := f.post(call)
		req.URL.RawQuery = "as=" + row.as
		got := f.do(req)
		if got.status != row.status || got.body != row.body || row.status == 502 && got.header["Www-Authenticate"] != nil {
			t.Errorf("%s, pass %v: got %+v, want %d %s", row.as, row.pass, got, row.status, row.body)
		}
	}
}
