package resource_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// quoted returns text as a JSON string.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// list returns a JSON array of n strings that ends with last.
func list(n int, last string) string {
	var out strings.Builder
	for i := range n - 1 {
		fmt.Fprintf(&out, `"x%d",`, i)
	}
	return "[" + out.String() + quoted(last) + "]"
}

// hostileClaims covers section 5 of the list.
func hostileClaims(h *hostile) {
	hostileAudience(h)
	hostileIssuer(h)
	hostilePrincipal(h)
	hostileDates(h)
	hostileScopes(h)
	hostileBinding(h)
}

// hostileAudience covers aud: RFC 9068 §4, RFC 8707 §2 and MCP's audience binding.
func hostileAudience(h *hostile) {
	f := h.fixture(nil)
	aud := func(json string) string { return f.claim("aud", json) }
	h.checkTokens(f, []tokenRow{
		{"134 aud missing", aud(""), invalid, reasonAudience},
		{"134 aud is null", aud("null"), invalid, reasonAudience},
		{"134 aud is an empty string", aud(`""`), invalid, reasonAudience},
		{"134 aud is an empty array", aud("[]"), invalid, reasonAudience},
		{"135 aud is a prefix of the identifier", aud(quoted("https://mcp.example.test/mc")), invalid, reasonAudience},
		{"135 aud is the origin of the identifier", aud(quoted("https://mcp.example.test")), invalid, reasonAudience},
		{"135 aud is the identifier with a suffix", aud(quoted(identifier + "2")), invalid, reasonAudience},
		{"135 aud is a path below the identifier", aud(quoted(identifier + "/tools")), invalid, reasonAudience},
		{"135 aud on a host that begins with the host of the identifier", aud(quoted("https://mcp.example.test.evil.example/mcp")), invalid, reasonAudience},
		{"135 aud with the host of the identifier as userinfo", aud(quoted("https://mcp.example.test@evil.example/mcp")), invalid, reasonAudience},
		{"135 aud with the identifier in the query", aud(quoted("https://evil.example/?" + identifier)), invalid, reasonAudience},
		{"135 aud with two values joined by a space", aud(quoted(identifier + " https://other.example.test")), invalid, reasonAudience},
		{"136 aud with an extra trailing slash", aud(quoted(identifier + "/")), invalid, reasonAudience},
		{"136 aud with the default port", aud(quoted("https://mcp.example.test:443/mcp")), invalid, reasonAudience},
		{"136 aud with the host in upper case", aud(quoted("https://MCP.example.test/mcp")), invalid, reasonAudience},
		{"136 aud with the scheme in upper case", aud(quoted("HTTPS://mcp.example.test/mcp")), invalid, reasonAudience},
		{"136 aud with the path in upper case", aud(quoted("https://mcp.example.test/MCP")), invalid, reasonAudience},
		{"136 aud with a percent-encoded letter", aud(quoted("https://mcp.example.test/%6dcp")), invalid, reasonAudience},
		{"136 aud with a dot segment", aud(quoted("https://mcp.example.test/./mcp")), invalid, reasonAudience},
		{"136 aud with scheme http", aud(quoted("http://mcp.example.test/mcp")), invalid, reasonAudience},
		{"136 aud with a fragment", aud(quoted(identifier + "#")), invalid, reasonAudience},
		{"136 aud with a trailing space", aud(quoted(identifier + " ")), invalid, reasonAudience},
		{"136 aud with a Cyrillic letter", aud(quoted("https://m\u0441p.example.test/mcp")), invalid, reasonAudience},
		{"136 aud with JSON escapes is equal to the identifier", aud(`"https:\/\/mcp.example.test\u002fmcp"`), accepted, ""},
		{"137 aud array with the identifier", aud(list(2, identifier)), accepted, ""},
		{"137 aud array of 64, the identifier is last", aud(list(64, identifier)), accepted, ""},
		{"137 aud array of 100", aud(list(100, identifier)), accepted, ""},
		{"137 aud array of 1,000", aud(list(1000, identifier)), accepted, ""},
		{"137 aud array of 1,001", aud(list(1001, identifier)), invalid, reasonTooMany},
		{"138 aud array with a number", aud("[1," + quoted(identifier) + "]"), invalid, reasonMalformed},
		{"138 aud array with null", aud("[" + quoted(identifier) + ",null]"), invalid, reasonMalformed},
		{"138 aud array in an array", aud("[[" + quoted(identifier) + "]]"), invalid, reasonMalformed},
		{"139 aud is an object", aud(`{"` + identifier + `":true}`), invalid, reasonMalformed},
		{"139 aud is true", aud("true"), invalid, reasonMalformed},
		{"140 aud is a client ID", aud(quoted(resourcetest.DefaultClientID)), invalid, reasonAudience},
		{"140 aud is another server", aud(quoted("https://other.example.test/mcp")), invalid, reasonAudience},
		{"140 aud is the issuer", aud(quoted(f.issuer.Identifier())), invalid, reasonAudience},
		{"140 aud is *", aud(`"*"`), invalid, reasonAudience},
		{"140 claim resource does not replace aud", f.token(resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Remove, "resource": identifier}}), invalid, reasonAudience},
	})

	const origin = "https://mcp.example.test"
	for _, at := range []string{origin, origin + "/"} {
		f := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Identifier = at })
		got := func(aud string) int { return f.bearer(f.token(resourcetest.Token{Audience: aud})).status }
		h.expect("136 "+at+": aud without a slash (RFC 3986 §6.2.3)", got(origin), 200)
		h.expect("136 "+at+": aud with a slash", got(origin+"/"), 200)
		h.expect("136 "+at+": aud with two slashes", got(origin+"//"), 401)
		h.expect("136 "+at+": aud with the default port", got(origin+":443"), 401)
		h.expect("136 "+at+": aud with a path", got(origin+"/mcp"), 401)
		h.expect("136 "+at+": aud with a query", got(origin+"?"), 401)
	}

	issuers := func(audiences ...string) []resource.Issuer {
		return []resource.Issuer{{Verifier: stubVerifier{issuer: "https://auth.example.test"}, Audiences: audiences}}
	}
	for _, row := range []struct {
		name   string
		config resource.Config
		want   string
	}{
		{"141 empty audience", resource.Config{Identifier: identifier, Issuers: issuers("")}, `Issuers[0].Audiences[0]: empty; name an audience; a setting that accepts every audience does not exist`},
		{"141 the issuer as the audience", resource.Config{Identifier: identifier, Issuers: issuers("https://auth.example.test")}, `Issuers[0].Audiences[0]: "https://auth.example.test" is the issuer itself, whose tokens for itself are not for this resource`},
	} {
		_, err := resource.New(row.config)
		h.expect(row.name, fmt.Sprint(err), "resource: configuration: "+row.want)
	}
	_, err := resource.New(resource.Config{Issuers: issuers()})
	h.expect("141 no Identifier", strings.HasPrefix(fmt.Sprint(err), "resource: configuration: Identifier: "), true)
}

// hostileIssuer covers iss: RFC 8725 §3.8, and mix-ups between issuers.
func hostileIssuer(h *hostile) {
	out := new(countingTransport)
	f := h.fixture(func(_ *resource.Config, k *jwks.Config) { out.to, k.Transport = k.Transport, out })
	before := out.n.Load()
	iss := func(json string) string { return f.claim("iss", json) }
	h.checkTokens(f, []tokenRow{
		{"142 iss missing", iss(""), invalid, reasonIssuerUnknown},
		{"142 iss is null", iss("null"), invalid, reasonIssuerUnknown},
		{"142 iss is an empty string", iss(`""`), invalid, reasonIssuerUnknown},
		{"142 iss is a number", iss("1"), invalid, reasonMalformed},
		{"142 iss is an array", iss(`["https://auth.example.test"]`), invalid, reasonMalformed},
		{"142 iss is an object", iss(`{}`), invalid, reasonMalformed},
		{"143 iss with an extra trailing slash", iss(quoted("https://auth.example.test/")), invalid, reasonIssuerUnknown},
		{"143 iss with scheme http", iss(quoted("http://auth.example.test")), invalid, reasonIssuerUnknown},
		{"143 iss in upper case", iss(quoted("https://AUTH.example.test")), invalid, reasonIssuerUnknown},
		{"143 iss with a Cyrillic letter", iss(quoted("https://\u0430uth.example.test")), invalid, reasonIssuerUnknown},
		{"143 iss in full-width letters", iss(quoted("https://\uff41uth.example.test")), invalid, reasonIssuerUnknown},
		{"143 iss with the host of the issuer as userinfo", iss(quoted("https://auth.example.test@evil.example")), invalid, reasonIssuerUnknown},
		{"143 iss with the default port", iss(quoted("https://auth.example.test:443")), invalid, reasonIssuerUnknown},
		{"143 iss with a trailing space", iss(quoted("https://auth.example.test ")), invalid, reasonIssuerUnknown},
		{"143 iss with a trailing NUL", iss(quoted("https://auth.example.test\x00")), invalid, reasonIssuerUnknown},
		{"143 iss with a zero-width space", iss(quoted("https://auth.example.test\u200b")), invalid, reasonIssuerUnknown},
		{"145 iss is a template", iss(quoted("https://auth.example.test/{tenantid}/v2.0")), invalid, reasonIssuerUnknown},
		{"146 iss is an attacker's issuer", iss(quoted("https://evil.example.test")), invalid, reasonIssuerUnknown},
		{"146 iss is a file URL", iss(quoted("file:///etc/passwd")), invalid, reasonIssuerUnknown},
		{"146 iss is the cloud metadata service", iss(quoted("http://169.254.169.254")), invalid, reasonIssuerUnknown},
	})
	h.expect("146 no network requests were sent", out.n.Load()-before, int64(0))
	for name, c := range map[string]jwks.Config{
		"145 template as the issuer": {Issuer: "https://login.example.test/{tenantid}/v2.0"},
		"145 * as the issuer":        {Issuer: "*"},
		"145 no issuer":              {},
	} {
		_, err := jwks.New(c)
		h.expect(name, err != nil, true)
	}
	hostileMixUp(h)
}

// hostileMixUp tests that the keys of an issuer verify only tokens of that issuer.
func hostileMixUp(h *hostile) {
	tenant := func(id string) *resourcetest.Issuer {
		issuer, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://" + id + ".example.test"})
		if err != nil {
			h.Fatal(err)
		}
		h.Cleanup(issuer.Close)
		return issuer
	}
	a, b := tenant("a"), tenant("b")
	keysOfB, err := jwks.New(jwks.Config{Issuer: b.Identifier(), Transport: b.Transport()})
	if err != nil {
		h.Fatal(err)
	}
	both := withLoadedKeys(newFixtureWith(h.T, a, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers = append(c.Issuers, resource.Issuer{Verifier: keysOfB, Audiences: []string{"urn:only:b"}})
	}))
	onlyA := withLoadedKeys(newFixtureWith(h.T, a, withTokenHeader(h, nil)))
	by := func(signer *resourcetest.Issuer, iss string, header map[string]any, aud string) string {
		return signer.Token(resourcetest.Token{IssuedAt: time.Now().Add(-time.Minute), Audience: aud, Header: header, Claims: map[string]any{"iss": iss}})
	}
	kidOfA := map[string]any{"kid": a.SigningKeyID("")}
	h.checkBearerTokens(both, []tokenRow{
		{"144 A's token", by(a, a.Identifier(), nil, ""), accepted, ""},
		{"144 B's token", by(b, b.Identifier(), nil, ""), accepted, ""},
		{"144 B signs a token with iss A", by(b, a.Identifier(), nil, ""), invalid, reasonKeyUnknown},
		{"144 B signs a token with iss A and a kid of A", by(b, a.Identifier(), kidOfA, ""), invalid, reasonSignature},
		{"144 B signs a token with iss A and no kid", by(b, a.Identifier(), map[string]any{"kid": resourcetest.Remove}, ""), invalid, reasonKeyUnknown},
		{"144 A signs a token with iss B", by(a, b.Identifier(), nil, ""), invalid, reasonKeyUnknown},
		{"144 audience of B in B's token", by(b, b.Identifier(), nil, "urn:only:b"), accepted, ""},
		{"144 audience of B in A's token", by(a, a.Identifier(), nil, "urn:only:b"), invalid, reasonAudience},
	})
	h.checkTokens(onlyA, []tokenRow{
		{"144 B's token, only A is configured", by(b, b.Identifier(), nil, ""), invalid, reasonIssuerUnknown},
		{"144 token with iss A signed by B, only A is configured", by(b, a.Identifier(), nil, ""), invalid, reasonKeyUnknown},
	})
}

// hostilePrincipal covers sub, client_id and jti, by default and in strict mode (RFC 9068 §2.2).
func hostilePrincipal(h *hostile) {
	f := h.fixture(nil)
	strict := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Issuers[0].StrictRFC9068 = true })
	with := func(f *fixture, claims map[string]any) string { return f.token(resourcetest.Token{Claims: claims}) }
	null, removed := resourcetest.Raw("null"), resourcetest.Remove
	h.checkTokens(f, []tokenRow{
		{"147 sub is null, which is absent", with(f, map[string]any{"sub": null}), accepted, ""},
		{"147 sub is a number", with(f, map[string]any{"sub": 7}), invalid, reasonMalformed},
		{"147 sub is an empty string, which is absent", with(f, map[string]any{"sub": ""}), accepted, ""},
		{"147 sub is an array", with(f, map[string]any{"sub": []string{"alice"}}), invalid, reasonMalformed},
		{"147 sub missing, client_id present", with(f, map[string]any{"sub": removed}), accepted, ""},
		{"147 sub missing, azp present", with(f, map[string]any{"sub": removed, "client_id": removed, "azp": "c"}), accepted, ""},
		{"147 sub and client_id missing", with(f, map[string]any{"sub": removed, "client_id": removed}), accepted, ""},
		{"147 sub and client_id missing, azp is a number", with(f, map[string]any{"sub": removed, "client_id": removed, "azp": 7}), accepted, ""},
		{"147 sub and client_id missing, email present", with(f, map[string]any{"sub": removed, "client_id": removed, "email": "a@example.test"}), invalid, reasonClaimMissing},
		{"148 client_id missing", with(f, map[string]any{"client_id": removed}), accepted, ""},
		{"148 client_id is an empty string, which is absent", with(f, map[string]any{"client_id": ""}), accepted, ""},
		{"148 client_id is a number", with(f, map[string]any{"client_id": 7}), invalid, reasonMalformed},
		{"148 jti missing", with(f, map[string]any{"jti": removed}), accepted, ""},
		{"148 jti is a number", with(f, map[string]any{"jti": 7}), invalid, reasonMalformed},
		{"148 jti is an empty string, which is absent", with(f, map[string]any{"jti": ""}), accepted, ""},
	})
	h.checkTokens(strict, []tokenRow{
		{"147 strict: all claims present", with(strict, nil), accepted, ""},
		{"147 strict: sub missing", with(strict, map[string]any{"sub": removed}), invalid, reasonClaimMissing},
		{"148 strict: client_id missing", with(strict, map[string]any{"client_id": removed}), invalid, reasonClaimMissing},
		{"148 strict: jti missing", with(strict, map[string]any{"jti": removed}), invalid, reasonClaimMissing},
		{"149 strict: iat missing", with(strict, map[string]any{"iat": removed}), invalid, reasonClaimMissing},
	})
	denying := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Hooks.Revocations = denyID("bad") })
	h.checkTokens(denying, []tokenRow{
		{"151 jti is revoked", with(denying, map[string]any{"jti": "bad"}), invalid, resource.ReasonRevoked},
		{"151 jti that differs in case from a revoked one", with(denying, map[string]any{"jti": "Bad"}), accepted, ""},
	})
}

// hostileDates covers nbf, iat and lifetime. The fake clock does not advance. The leeway is 30 s.
func hostileDates(h *hostile) {
	f := h.fixture(nil)
	now := time.Now().Unix()
	set := func(f *fixture, claims ...any) string { // pairs of a name and seconds from now or JSON
		changes := map[string]any{}
		for i := 0; i < len(claims); i += 2 {
			switch v := claims[i+1].(type) {
			case int:
				changes[claims[i].(string)] = resourcetest.Raw(strconv.FormatInt(now+int64(v), 10))
			case string:
				changes[claims[i].(string)] = resourcetest.Raw(v)
			}
		}
		return f.token(resourcetest.Token{Claims: changes})
	}
	h.checkTokens(f, []tokenRow{
		{"149 iat at the end of the leeway", set(f, "iat", 30), accepted, ""},
		{"149 iat one second after the leeway", set(f, "iat", 31), invalid, reasonNotYetValid},
		{"149 iat ten minutes in the future", set(f, "iat", 600, "exp", 900), invalid, reasonNotYetValid},
		{"149 iat in milliseconds", set(f, "iat", strconv.FormatInt(now*1000, 10)), invalid, reasonMalformed},
		{"149 iat missing", set(f, "iat", ""), accepted, ""},
		{"149 iat is null, which is absent", set(f, "iat", "null"), accepted, ""},
		{"149 iat is a string", set(f, "iat", quoted(fmt.Sprint(now))), invalid, reasonMalformed},
		{"149 iat is negative", set(f, "iat", "-1"), invalid, reasonMalformed},
		{"149 iat is 1e400", set(f, "iat", "1e400"), invalid, reasonMalformed},
		{"149 iat after exp", set(f, "iat", 20, "exp", 10), invalid, reasonLifetime},
		{"149 nbf at the end of the leeway", set(f, "nbf", 30), accepted, ""},
		{"149 nbf one second after the leeway", set(f, "nbf", 31), invalid, reasonNotYetValid},
		{"149 nbf with a fraction, which is truncated", set(f, "nbf", fmt.Sprint(now+30, ".9")), accepted, ""},
		{"149 nbf after exp", set(f, "nbf", 20, "exp", 10), invalid, reasonLifetime},
		{"149 nbf is a string", set(f, "nbf", quoted(fmt.Sprint(now))), invalid, reasonMalformed},
		{"149 nbf is null, which is absent", set(f, "nbf", "null"), accepted, ""},
		{"149 nbf is true", set(f, "nbf", "true"), invalid, reasonMalformed},
		{"149 nbf is 1e19", set(f, "nbf", "1e19"), invalid, reasonMalformed},
		{"150 lifetime of nine years, no limit configured", set(f, "exp", 9*365*24*3600), accepted, ""},
	})
	short := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Limits.MaxLifetime = time.Hour })
	h.checkTokens(short, []tokenRow{
		{"150 lifetime at the limit", set(short, "iat", -60, "exp", 3540), accepted, ""},
		{"150 lifetime one second above the limit", set(short, "iat", -60, "exp", 3541), invalid, reasonLifetime},
		{"150 lifetime below the limit, but iat missing", set(short, "iat", "", "exp", 60), invalid, reasonLifetime},
		{"150 iat is 0", set(short, "iat", "0", "exp", 60), invalid, reasonLifetime},
		{"150 iat in the future within the leeway, lifetime above the limit", set(short, "iat", 30, "exp", 3631), invalid, reasonLifetime},
	})
}

// hostileScopes covers scope and the claims that are similar to it (RFC 6749 §3.3).
func hostileScopes(h *hostile) {
	needs := func(scopes ...string) *fixture {
		return h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Scopes = scopes })
	}
	read, files, capitalized := needs("read"), needs("files:read"), needs("Read")
	with := func(f *fixture, claims map[string]any) string { return f.token(resourcetest.Token{Claims: claims}) }
	scope := func(text string) string { return with(read, map[string]any{"scope": text}) }
	other := func(name string, value any) string { return with(read, map[string]any{name: value}) }
	raw := func(json string) resourcetest.Raw { return resourcetest.Raw(json) }
	insufficientScope := lacking("read")
	spaced := func(n int) string { return strings.Repeat("x ", n-1) + "read" }
	h.checkTokens(read, []tokenRow{
		{"152 scope is longer than the required one", scope("readwrite"), insufficientScope, reasonScope},
		{"152 scope is a prefix of the required one", scope("rea"), insufficientScope, reasonScope},
		{"152 scope in capitalized case", scope("READ"), insufficientScope, reasonScope},
		{"152 scope with a namespace", scope("mcp:read"), insufficientScope, reasonScope},
		{"152 scope is *", scope("*"), insufficientScope, reasonScope},
		{"152 scope with a Cyrillic letter that resembles d", scope("rea\u0501"), insufficientScope, reasonScope},
		{"153 separated by a tab", scope("write\tread"), insufficientScope, reasonScope},
		{"153 separated by a newline", scope("write\nread"), insufficientScope, reasonScope},
		{"153 separated by a comma", scope("write,read"), insufficientScope, reasonScope},
		{"153 separated by a plus sign", scope("write+read"), insufficientScope, reasonScope},
		{"153 separated by a no-break space", scope("write\u00a0read"), insufficientScope, reasonScope},
		{"153 separated by an ideographic space", scope("write\u3000read"), insufficientScope, reasonScope},
		{"153 two spaces", scope("write  read"), accepted, ""},
		{"153 leading and trailing spaces", scope("  read "), accepted, ""},
		{"153 only spaces", scope("   "), insufficientScope, reasonScope},
		{"154 scope is an array", other("scope", []string{"write", "read"}), accepted, ""},
		{"154 scp is a string", other("scp", "write read"), accepted, ""},
		{"154 scp is an array", other("scp", []string{"write", "read"}), accepted, ""},
		{"154 claim scopes is ignored", other("scopes", []string{"read"}), insufficientScope, reasonScope},
		{"154 claim permissions is ignored", other("permissions", []string{"read"}), insufficientScope, reasonScope},
		{"154 scope without the required one, scp with it", with(read, map[string]any{"scope": "write", "scp": "read"}), insufficientScope, reasonScope},
		{"154 scp without the required one, scope with it", with(read, map[string]any{"scope": "read", "scp": "write"}), accepted, ""},
		{"154 scope is an empty string, which is absent, scp has the required one", with(read, map[string]any{"scope": "", "scp": "read"}), accepted, ""},
		{"154 scope is an empty array, scp has the required one", with(read, map[string]any{"scope": []string{}, "scp": "read"}), insufficientScope, reasonScope},
		{"154 scp before scope in the JSON text", with(read, map[string]any{"client_id": raw(`"c","scp":"read","scope":"write"`)}), insufficientScope, reasonScope},
		{"154 Scope", other("Scope", "read"), withScopeHint(invalid, "read"), reasonMalformed},
		{"155 scope is null", other("scope", raw("null")), insufficientScope, reasonScope},
		{"155 scope is null, which is absent, scp has the required one", with(read, map[string]any{"scope": raw("null"), "scp": "read"}), accepted, ""},
		{"155 scope is a number", other("scope", 1), insufficientScope, reasonScope},
		{"155 scope is true", other("scope", true), insufficientScope, reasonScope},
		{"155 scope is an object", other("scope", raw(`{"read":true}`)), insufficientScope, reasonScope},
		{"155 scope is an array with a number", other("scope", raw(`["read",1]`)), insufficientScope, reasonScope},
		{"155 scope missing", scope(""), insufficientScope, reasonScope},
		{"156 scope with a quote", scope(`x", error="y`), insufficientScope, reasonScope},
		{"156 scope with a backslash", scope(`x\`), insufficientScope, reasonScope},
		{"156 scope with CR LF", scope("x\r\nSet-Cookie: a=b"), insufficientScope, reasonScope},
		{"157 1,000 scopes", scope(spaced(1000)), accepted, ""},
		{"157 1,001 scopes", scope(spaced(1001)), withScopeHint(invalid, "read"), reasonTooMany},
		{"157 1,001 scopes in an array", other("scope", raw("["+strings.Repeat(`"x",`, 1000)+`"read"]`)), withScopeHint(invalid, "read"), reasonTooMany},
		{"157 10,000 scopes", scope(spaced(10_000)), withScopeHint(invalid, "read"), resource.ReasonTokenTooLarge},
		{"159 realm_access.roles is ignored", other("realm_access", raw(`{"roles":["read"]}`)), insufficientScope, reasonScope},
		{"159 roles is ignored", other("roles", []string{"read"}), insufficientScope, reasonScope},
		{"159 groups is ignored", other("groups", []string{"read"}), insufficientScope, reasonScope},
		{"159 authorities is ignored", other("authorities", []string{"read", "SCOPE_read"}), insufficientScope, reasonScope},
		{"163 authorization_details is malformed", other("authorization_details", raw(`{"type":1}`)), insufficientScope, reasonScope},
		{"163 authorization_details with actions is ignored", other("authorization_details", raw(`[{"type":"mcp","actions":["read"]}]`)), insufficientScope, reasonScope},
	})
	h.checkTokens(files, []tokenRow{
		{"152 files does not include files:read", with(files, map[string]any{"scope": "files"}), lacking("files:read"), reasonScope},
		{"152 files:* does not include files:read", with(files, map[string]any{"scope": "files:*"}), lacking("files:read"), reasonScope},
		{"152 files:read", with(files, map[string]any{"scope": "files:read"}), accepted, ""},
	})
	h.checkTokens(capitalized, []tokenRow{{"152 read does not include Read", with(capitalized, map[string]any{"scope": "read"}), lacking("Read"), reasonScope}})
	free := needs()
	h.checkTokens(free, []tokenRow{
		{"158 no scope required, none granted", with(free, nil), accepted, ""},
		{"158 no scope required, scope is null", with(free, map[string]any{"scope": raw("null")}), accepted, ""},
		{"163 authorization_details is malformed, no scope required", with(free, map[string]any{"authorization_details": "x"}), accepted, ""},
	})
}

// hostileBinding covers cnf, act and the size of the claims.
func hostileBinding(h *hostile) {
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Limits.MaxTokenBytes = 64 << 10 })
	claim := f.claim
	chain := func(n int) string { return strings.Repeat(`{"sub":"s","act":`, n) + "{}" + strings.Repeat("}", n) }
	sized := func(n int) string { // a token with claims of n bytes
		body := f.validPayload() + `,"x":"`
		return f.signed(f.validHeader()+"}", body+strings.Repeat("x", n-len(body)-2)+`"}`)
	}
	h.checkTokens(f, []tokenRow{
		{"160 cnf with jkt (RFC 9449 §7.2)", claim("cnf", `{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}`), invalid, reasonSenderConstrained},
		{"160 cnf with x5t#S256 (RFC 8705 §3)", claim("cnf", `{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}`), invalid, reasonSenderConstrained},
		{"160 cnf with an unknown method", claim("cnf", `{"x":1}`), invalid, reasonSenderConstrained},
		{"160 cnf with two methods", claim("cnf", `{"jkt":"a","x5t#S256":"b"}`), invalid, reasonSenderConstrained},
		{"160 cnf is an empty object", claim("cnf", `{}`), invalid, reasonSenderConstrained},
		{"160 cnf is null, which is absent", claim("cnf", `null`), accepted, ""},
		{"160 cnf is false", claim("cnf", `false`), invalid, reasonSenderConstrained},
		{"160 cnf is a string", claim("cnf", `"jkt"`), invalid, reasonSenderConstrained},
		{"160 cnf with a numeric jkt", claim("cnf", `{"jkt":1}`), invalid, reasonSenderConstrained},
		{"160 Cnf in mixed case", claim("Cnf", `{"jkt":"a"}`), invalid, reasonMalformed},
		{"161 act nested 50 deep (RFC 8693 §4.1)", claim("act", chain(50)), accepted, ""},
		{"161 act nested 100 deep", claim("act", chain(100)), invalid, reasonMalformed},
		{"161 may_act is allowed", claim("may_act", `{"sub":"admin"}`), accepted, ""},
		{"161 act is a string", claim("act", `"admin"`), accepted, ""},
		{"162 claims of 47 KiB", sized(47 << 10), accepted, ""},
		{"162 claims of 49 KiB, so the token is over 64 KiB", sized(49 << 10), invalid, reasonTooLarge},
	})
	var caller *resource.Caller
	f.inner = storeCaller(&caller)
	f.bearer(claim("act", chain(2)))
	var carried struct {
		Act json.RawMessage `json:"act"`
	}
	err := caller.Decode(&carried)
	h.expect("161 act is available to the handler and does not change the subject", fmt.Sprint(err, " ", string(carried.Act), " ", caller.Subject()), "<nil> "+chain(2)+" alice")

	// An attacker who removes cnf must sign the token with another key.
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	h.checkTokens(f, []tokenRow{{"160 cnf removed, signed with another key", f.token(resourcetest.Token{Signer: other}), invalid, reasonSignature}})
}
