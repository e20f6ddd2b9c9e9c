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

// quoted is a JSON string.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// list is a JSON array of n strings, the last one as given.
func list(n int, last string) string {
	var out strings.Builder
	for i := range n - 1 {
		fmt.Fprintf(&out, `"x%d",`, i)
	}
	return "[" + out.String() + quoted(last) + "]"
}

// hostileClaims is section 5.
func hostileClaims(h *hostile) {
	hostileAudience(h)
	hostileIssuer(h)
	hostilePrincipal(h)
	hostileDates(h)
	hostileScopes(h)
	hostileBinding(h)
}

// hostileAudience: RFC 9068 §4, RFC 8707 §2, and MCP's audience binding.
func hostileAudience(h *hostile) {
	f := h.fixture(nil)
	aud := func(json string) string { return f.claim("aud", json) }
	h.walk(f, []tokenRow{
		{"134 aud missing", aud(""), invalid, whyAud},
		{"134 aud null", aud("null"), invalid, whyForm},
		{"134 aud empty", aud(`""`), invalid, whyAud},
		{"134 aud an empty array", aud("[]"), invalid, whyAud},
		{"135 aud is a prefix", aud(quoted("https://mcp.example.test/mc")), invalid, whyAud},
		{"135 aud is the origin", aud(quoted("https://mcp.example.test")), invalid, whyAud},
		{"135 aud is longer", aud(quoted(identifier + "2")), invalid, whyAud},
		{"135 aud is below", aud(quoted(identifier + "/tools")), invalid, whyAud},
		{"135 aud on a host with ours in front", aud(quoted("https://mcp.example.test.evil.example/mcp")), invalid, whyAud},
		{"135 aud with ours as userinfo", aud(quoted("https://mcp.example.test@evil.example/mcp")), invalid, whyAud},
		{"135 aud with ours in the query", aud(quoted("https://evil.example/?" + identifier)), invalid, whyAud},
		{"135 aud of two joined by a space", aud(quoted(identifier + " https://other.example.test")), invalid, whyAud},
		{"136 aud with a slash more", aud(quoted(identifier + "/")), invalid, whyAud},
		{"136 aud with the default port", aud(quoted("https://mcp.example.test:443/mcp")), invalid, whyAud},
		{"136 aud with the host in upper case", aud(quoted("https://MCP.example.test/mcp")), invalid, whyAud},
		{"136 aud with the scheme in upper case", aud(quoted("HTTPS://mcp.example.test/mcp")), invalid, whyAud},
		{"136 aud with the path in upper case", aud(quoted("https://mcp.example.test/MCP")), invalid, whyAud},
		{"136 aud with a percent variant", aud(quoted("https://mcp.example.test/%6dcp")), invalid, whyAud},
		{"136 aud with a dot segment", aud(quoted("https://mcp.example.test/./mcp")), invalid, whyAud},
		{"136 aud by http", aud(quoted("http://mcp.example.test/mcp")), invalid, whyAud},
		{"136 aud with a fragment", aud(quoted(identifier + "#")), invalid, whyAud},
		{"136 aud with a space behind it", aud(quoted(identifier + " ")), invalid, whyAud},
		{"136 aud with a Cyrillic letter", aud(quoted("https://m\u0441p.example.test/mcp")), invalid, whyAud},
		{"136 aud in JSON escapes is the same", aud(`"https:\/\/mcp.example.test\u002fmcp"`), accepted, ""},
		{"137 aud array with ours", aud(list(2, identifier)), accepted, ""},
		{"137 aud array of 64, ours the last", aud(list(64, identifier)), accepted, ""},
		{"137 aud array of 65", aud(list(65, identifier)), invalid, whyForm},
		{"137 aud array of 1,000", aud(list(1000, identifier)), invalid, whyForm},
		{"138 aud array with a number", aud("[1," + quoted(identifier) + "]"), invalid, whyForm},
		{"138 aud array with null", aud("[" + quoted(identifier) + ",null]"), invalid, whyForm},
		{"138 aud array in an array", aud("[[" + quoted(identifier) + "]]"), invalid, whyForm},
		{"139 aud an object", aud(`{"` + identifier + `":true}`), invalid, whyForm},
		{"139 aud true", aud("true"), invalid, whyForm},
		{"140 aud is a client", aud(quoted(resourcetest.DefaultClientID)), invalid, whyAud},
		{"140 aud is another server", aud(quoted("https://other.example.test/mcp")), invalid, whyAud},
		{"140 aud is the issuer", aud(quoted(f.issuer.Identifier())), invalid, whyAud},
		{"140 aud is a star", aud(`"*"`), invalid, whyAud},
		{"140 a claim resource is no aud", f.token(resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Remove, "resource": identifier}}), invalid, whyAud},
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
		return []resource.Issuer{{Verifier: voucher{issuer: "https://auth.example.test"}, Audiences: audiences}}
	}
	for _, row := range []struct {
		name   string
		config resource.Config
		want   string
	}{
		{"141 empty audience", resource.Config{Identifier: identifier, Issuers: issuers("")}, `Issuers[0].Audiences[0]: empty; there is no way to accept any audience`},
		{"141 the issuer as audience", resource.Config{Identifier: identifier, Issuers: issuers("https://auth.example.test")}, `Issuers[0].Audiences[0]: "https://auth.example.test" is the issuer itself, whose tokens for itself are not for this resource`},
	} {
		_, err := resource.New(row.config)
		h.expect(row.name, fmt.Sprint(err), "resource: configuration: "+row.want)
	}
	_, err := resource.New(resource.Config{Issuers: issuers()})
	h.expect("141 no identifier", strings.HasPrefix(fmt.Sprint(err), "resource: configuration: Identifier: "), true)
}

// hostileIssuer: RFC 8725 §3.8, and mix-up of several issuers.
func hostileIssuer(h *hostile) {
	out := new(meter)
	f := h.fixture(func(_ *resource.Config, k *jwks.Config) { out.to, k.Transport = k.Transport, out })
	before := out.n.Load()
	iss := func(json string) string { return f.claim("iss", json) }
	h.walk(f, []tokenRow{
		{"142 iss missing", iss(""), invalid, whyNoIss},
		{"142 iss null", iss("null"), invalid, whyForm},
		{"142 iss empty", iss(`""`), invalid, whyForm},
		{"142 iss a number", iss("1"), invalid, whyForm},
		{"142 iss an array", iss(`["https://auth.example.test"]`), invalid, whyForm},
		{"142 iss an object", iss(`{}`), invalid, whyForm},
		{"143 iss with a slash more", iss(quoted("https://auth.example.test/")), invalid, whyNoIss},
		{"143 iss by http", iss(quoted("http://auth.example.test")), invalid, whyNoIss},
		{"143 iss in upper case", iss(quoted("https://AUTH.example.test")), invalid, whyNoIss},
		{"143 iss with a Cyrillic letter", iss(quoted("https://\u0430uth.example.test")), invalid, whyNoIss},
		{"143 iss in full-width letters", iss(quoted("https://\uff41uth.example.test")), invalid, whyNoIss},
		{"143 iss with ours as userinfo", iss(quoted("https://auth.example.test@evil.example")), invalid, whyNoIss},
		{"143 iss with the default port", iss(quoted("https://auth.example.test:443")), invalid, whyNoIss},
		{"143 iss with a space", iss(quoted("https://auth.example.test ")), invalid, whyNoIss},
		{"143 iss with NUL", iss(quoted("https://auth.example.test\x00")), invalid, whyNoIss},
		{"143 iss with a zero width space", iss(quoted("https://auth.example.test\u200b")), invalid, whyNoIss},
		{"145 iss is a template", iss(quoted("https://auth.example.test/{tenantid}/v2.0")), invalid, whyNoIss},
		{"146 iss of an attacker", iss(quoted("https://evil.example.test")), invalid, whyNoIss},
		{"146 iss of a file", iss(quoted("file:///etc/passwd")), invalid, whyNoIss},
		{"146 iss of the cloud's metadata", iss(quoted("http://169.254.169.254")), invalid, whyNoIss},
	})
	h.expect("146 nothing was fetched from anywhere", out.n.Load()-before, int64(0))
	for name, c := range map[string]jwks.Config{
		"145 a template as issuer": {Issuer: "https://login.example.test/{tenantid}/v2.0"},
		"145 a star as issuer":     {Issuer: "*"},
		"145 no issuer":            {},
	} {
		_, err := jwks.New(c)
		h.expect(name, err != nil, true)
	}
	hostileMixUp(h)
}

// hostileMixUp: keys count for the issuer that published them, and for no other.
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
	both := warm(newFixtureWith(h.T, a, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers = append(c.Issuers, resource.Issuer{Verifier: keysOfB, Audiences: []string{"urn:only:b"}})
	}))
	onlyA := warm(newFixtureWith(h.T, a, nil))
	by := func(signer *resourcetest.Issuer, iss string, header map[string]any, aud string) string {
		return signer.Token(resourcetest.Token{IssuedAt: time.Now().Add(-time.Minute), Audience: aud, Header: header, Claims: map[string]any{"iss": iss}})
	}
	kidOfA := map[string]any{"kid": a.SigningKeyID("")}
	h.walk(both, []tokenRow{
		{"144 A's token", by(a, a.Identifier(), nil, ""), accepted, ""},
		{"144 B's token", by(b, b.Identifier(), nil, ""), accepted, ""},
		{"144 B signs for A", by(b, a.Identifier(), nil, ""), invalid, whyKey},
		{"144 B signs for A under a kid of A", by(b, a.Identifier(), kidOfA, ""), invalid, whySig},
		{"144 B signs for A without kid", by(b, a.Identifier(), map[string]any{"kid": resourcetest.Remove}, ""), invalid, whySig},
		{"144 A signs for B", by(a, b.Identifier(), nil, ""), invalid, whyKey},
		{"144 B's audience in B's token", by(b, b.Identifier(), nil, "urn:only:b"), accepted, ""},
		{"144 B's audience in A's token", by(a, a.Identifier(), nil, "urn:only:b"), invalid, whyAud},
	})
	h.walk(onlyA, []tokenRow{
		{"144 B's token where only A is known", by(b, b.Identifier(), nil, ""), invalid, whyNoIss},
		{"144 B's token that says A", by(b, a.Identifier(), nil, ""), invalid, whyKey},
	})
}

// hostilePrincipal: who the token is about, by default and by RFC 9068 §2.2.
func hostilePrincipal(h *hostile) {
	f := h.fixture(nil)
	strict := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Issuers[0].StrictRFC9068 = true })
	but := func(f *fixture, claims map[string]any) string { return f.token(resourcetest.Token{Claims: claims}) }
	none, gone := resourcetest.Raw("null"), resourcetest.Remove
	h.walk(f, []tokenRow{
		{"147 sub null", but(f, map[string]any{"sub": none}), invalid, whyForm},
		{"147 sub a number", but(f, map[string]any{"sub": 7}), invalid, whyForm},
		{"147 sub empty", but(f, map[string]any{"sub": ""}), invalid, whyForm},
		{"147 sub an array", but(f, map[string]any{"sub": []string{"alice"}}), invalid, whyForm},
		{"147 sub missing, client_id there", but(f, map[string]any{"sub": gone}), accepted, ""},
		{"147 sub missing, azp there", but(f, map[string]any{"sub": gone, "client_id": gone, "azp": "c"}), accepted, ""},
		{"147 sub and client missing", but(f, map[string]any{"sub": gone, "client_id": gone}), invalid, whyMissing},
		{"147 sub and client missing, azp a number", but(f, map[string]any{"sub": gone, "client_id": gone, "azp": 7}), invalid, whyMissing},
		{"147 sub and client missing, email there", but(f, map[string]any{"sub": gone, "client_id": gone, "email": "a@example.test"}), invalid, whyMissing},
		{"148 client_id missing", but(f, map[string]any{"client_id": gone}), accepted, ""},
		{"148 client_id empty", but(f, map[string]any{"client_id": ""}), invalid, whyForm},
		{"148 client_id a number", but(f, map[string]any{"client_id": 7}), invalid, whyForm},
		{"148 jti missing", but(f, map[string]any{"jti": gone}), accepted, ""},
		{"148 jti a number", but(f, map[string]any{"jti": 7}), invalid, whyForm},
		{"148 jti empty", but(f, map[string]any{"jti": ""}), invalid, whyForm},
	})
	h.walk(strict, []tokenRow{
		{"147 strict: all there", but(strict, nil), accepted, ""},
		{"147 strict: sub missing", but(strict, map[string]any{"sub": gone}), invalid, whyMissing},
		{"148 strict: client_id missing", but(strict, map[string]any{"client_id": gone}), invalid, whyMissing},
		{"148 strict: jti missing", but(strict, map[string]any{"jti": gone}), invalid, whyMissing},
		{"149 strict: iat missing", but(strict, map[string]any{"iat": gone}), invalid, whyMissing},
	})
	denying := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Hooks.Revoked = denyID("bad") })
	h.walk(denying, []tokenRow{
		{"151 jti on a deny-list", but(denying, map[string]any{"jti": "bad"}), invalid, resource.ReasonRevoked},
		{"151 another jti", but(denying, map[string]any{"jti": "Bad"}), accepted, ""},
	})
}

// hostileDates: nbf, iat and lifetime; the clock stands still. The leeway is 30 s.
func hostileDates(h *hostile) {
	f := h.fixture(nil)
	now := time.Now().Unix()
	set := func(f *fixture, claims ...any) string { // name, seconds from now or JSON, …
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
	h.walk(f, []tokenRow{
		{"149 iat at the end of the leeway", set(f, "iat", 30), accepted, ""},
		{"149 iat a second beyond", set(f, "iat", 31), invalid, whyEarly},
		{"149 iat in ten minutes", set(f, "iat", 600, "exp", 900), invalid, whyEarly},
		{"149 iat in milliseconds", set(f, "iat", strconv.FormatInt(now*1000, 10)), invalid, whyForm},
		{"149 iat missing", set(f, "iat", ""), accepted, ""},
		{"149 iat null", set(f, "iat", "null"), invalid, whyForm},
		{"149 iat a string", set(f, "iat", quoted(fmt.Sprint(now))), invalid, whyForm},
		{"149 iat negative", set(f, "iat", "-1"), invalid, whyForm},
		{"149 iat 1e400", set(f, "iat", "1e400"), invalid, whyForm},
		{"149 iat behind exp", set(f, "iat", 20, "exp", 10), invalid, whyLife},
		{"149 nbf at the end of the leeway", set(f, "nbf", 30), accepted, ""},
		{"149 nbf a second beyond", set(f, "nbf", 31), invalid, whyEarly},
		{"149 nbf with a fraction, cut", set(f, "nbf", fmt.Sprint(now+30, ".9")), accepted, ""},
		{"149 nbf behind exp", set(f, "nbf", 20, "exp", 10), invalid, whyLife},
		{"149 nbf a string", set(f, "nbf", quoted(fmt.Sprint(now))), invalid, whyForm},
		{"149 nbf null", set(f, "nbf", "null"), invalid, whyForm},
		{"149 nbf true", set(f, "nbf", "true"), invalid, whyForm},
		{"149 nbf 1e19", set(f, "nbf", "1e19"), invalid, whyForm},
		{"150 a lifetime of nine years, no limit set", set(f, "exp", 9*365*24*3600), accepted, ""},
	})
	short := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Limits.MaxLifetime = time.Hour })
	h.walk(short, []tokenRow{
		{"150 lifetime at the limit", set(short, "iat", -60, "exp", 3540), accepted, ""},
		{"150 lifetime a second over it", set(short, "iat", -60, "exp", 3541), invalid, whyLife},
		{"150 lifetime within, but iat missing", set(short, "iat", "", "exp", 60), invalid, whyLife},
		{"150 iat 0", set(short, "iat", "0", "exp", 60), invalid, whyLife},
		{"150 iat moved to the future by the leeway", set(short, "iat", 30, "exp", 3631), invalid, whyLife},
	})
}

// hostileScopes: RFC 6749 §3.3.
func hostileScopes(h *hostile) {
	needs := func(scopes ...string) *fixture {
		return h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Scopes = scopes })
	}
	read, files, upper := needs("read"), needs("files:read"), needs("Read")
	with := func(f *fixture, claims map[string]any) string { return f.token(resourcetest.Token{Claims: claims}) }
	scope := func(text string) string { return with(read, map[string]any{"scope": text}) }
	other := func(name string, value any) string { return with(read, map[string]any{name: value}) }
	raw := func(json string) resourcetest.Raw { return resourcetest.Raw(json) }
	no := lacking("read")
	spaced := func(n int) string { return strings.Repeat("x ", n-1) + "read" }
	h.walk(read, []tokenRow{
		{"152 scope is longer", scope("readwrite"), no, whyScope},
		{"152 scope is a part", scope("rea"), no, whyScope},
		{"152 scope in upper case", scope("READ"), no, whyScope},
		{"152 scope with a namespace", scope("mcp:read"), no, whyScope},
		{"152 scope a star", scope("*"), no, whyScope},
		{"152 scope with a long s and dotless i", scope("rea\u0501"), no, whyScope},
		{"153 split by a tab", scope("write\tread"), no, whyScope},
		{"153 split by a line break", scope("write\nread"), no, whyScope},
		{"153 split by a comma", scope("write,read"), no, whyScope},
		{"153 split by a plus", scope("write+read"), no, whyScope},
		{"153 split by a no-break space", scope("write\u00a0read"), no, whyScope},
		{"153 split by an ideographic space", scope("write\u3000read"), no, whyScope},
		{"153 two spaces", scope("write  read"), accepted, ""},
		{"153 spaces before and behind", scope("  read "), accepted, ""},
		{"153 spaces alone", scope("   "), no, whyScope},
		{"154 scope an array", other("scope", []string{"write", "read"}), accepted, ""},
		{"154 scp a string", other("scp", "write read"), accepted, ""},
		{"154 scp an array", other("scp", []string{"write", "read"}), accepted, ""},
		{"154 scopes", other("scopes", []string{"read"}), no, whyScope},
		{"154 permissions", other("permissions", []string{"read"}), no, whyScope},
		{"154 scope without it, scp with it", with(read, map[string]any{"scope": "write", "scp": "read"}), no, whyScope},
		{"154 scp without it, scope with it", with(read, map[string]any{"scope": "read", "scp": "write"}), accepted, ""},
		{"154 scope empty, scp with it", with(read, map[string]any{"scope": "", "scp": "read"}), no, whyScope},
		{"154 scope an empty array, scp with it", with(read, map[string]any{"scope": []string{}, "scp": "read"}), no, whyScope},
		{"154 scp before scope in the text", with(read, map[string]any{"client_id": raw(`"c","scp":"read","scope":"write"`)}), no, whyScope},
		{"154 Scope", other("Scope", "read"), hinting(invalid, "read"), whyForm},
		{"155 scope null", other("scope", raw("null")), no, whyScope},
		{"155 scope null, scp with it", with(read, map[string]any{"scope": raw("null"), "scp": "read"}), no, whyScope},
		{"155 scope a number", other("scope", 1), no, whyScope},
		{"155 scope true", other("scope", true), no, whyScope},
		{"155 scope an object", other("scope", raw(`{"read":true}`)), no, whyScope},
		{"155 scope an array with a number", other("scope", raw(`["read",1]`)), no, whyScope},
		{"155 scope missing", scope(""), no, whyScope},
		{"156 scope with a quote", scope(`x", error="y`), no, whyScope},
		{"156 scope with a backslash", scope(`x\`), no, whyScope},
		{"156 scope with CR LF", scope("x\r\nSet-Cookie: a=b"), no, whyScope},
		{"157 1,000 scopes", scope(spaced(1000)), accepted, ""},
		{"157 1,001 scopes", scope(spaced(1001)), hinting(invalid, "read"), whyForm},
		{"157 1,001 scopes in an array", other("scope", raw("["+strings.Repeat(`"x",`, 1000)+`"read"]`)), hinting(invalid, "read"), whyForm},
		{"157 10,000 scopes", scope(spaced(10_000)), hinting(invalid, "read"), resource.ReasonTokenTooLarge},
		{"159 realm_access.roles", other("realm_access", raw(`{"roles":["read"]}`)), no, whyScope},
		{"159 roles", other("roles", []string{"read"}), no, whyScope},
		{"159 groups", other("groups", []string{"read"}), no, whyScope},
		{"159 authorities", other("authorities", []string{"read", "SCOPE_read"}), no, whyScope},
		{"163 authorization_details malformed", other("authorization_details", raw(`{"type":1}`)), no, whyScope},
		{"163 authorization_details with actions", other("authorization_details", raw(`[{"type":"mcp","actions":["read"]}]`)), no, whyScope},
	})
	h.walk(files, []tokenRow{
		{"152 files is not files:read", with(files, map[string]any{"scope": "files"}), lacking("files:read"), whyScope},
		{"152 files:* is not files:read", with(files, map[string]any{"scope": "files:*"}), lacking("files:read"), whyScope},
		{"152 files:read", with(files, map[string]any{"scope": "files:read"}), accepted, ""},
	})
	h.walk(upper, []tokenRow{{"152 read is not Read", with(upper, map[string]any{"scope": "read"}), lacking("Read"), whyScope}})
	free := needs()
	h.walk(free, []tokenRow{
		{"158 nothing needed, no scope", with(free, nil), accepted, ""},
		{"158 nothing needed, scope null", with(free, map[string]any{"scope": raw("null")}), accepted, ""},
		{"163 authorization_details malformed, no rule asks", with(free, map[string]any{"authorization_details": "x"}), accepted, ""},
	})
}

// hostileBinding: cnf, act and the size of it all.
func hostileBinding(h *hostile) {
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Limits.MaxTokenBytes = 64 << 10 })
	claim := f.claim
	chain := func(n int) string { return strings.Repeat(`{"sub":"s","act":`, n) + "{}" + strings.Repeat("}", n) }
	sized := func(n int) string { // claims of n bytes
		body := f.goodPayload() + `,"x":"`
		return f.signed(f.goodHeader()+"}", body+strings.Repeat("x", n-len(body)-2)+`"}`)
	}
	h.walk(f, []tokenRow{
		{"160 cnf with jkt (RFC 9449 §7.2)", claim("cnf", `{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}`), invalid, whyBound},
		{"160 cnf with x5t#S256 (RFC 8705 §3)", claim("cnf", `{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}`), invalid, whyBound},
		{"160 cnf with an unknown method", claim("cnf", `{"x":1}`), invalid, whyBound},
		{"160 cnf with two methods", claim("cnf", `{"jkt":"a","x5t#S256":"b"}`), invalid, whyBound},
		{"160 cnf empty", claim("cnf", `{}`), invalid, whyBound},
		{"160 cnf null", claim("cnf", `null`), invalid, whyBound},
		{"160 cnf false", claim("cnf", `false`), invalid, whyBound},
		{"160 cnf a string", claim("cnf", `"jkt"`), invalid, whyBound},
		{"160 cnf with jkt a number", claim("cnf", `{"jkt":1}`), invalid, whyBound},
		{"160 Cnf", claim("Cnf", `{"jkt":"a"}`), invalid, whyForm},
		{"161 act 50 deep (RFC 8693 §4.1)", claim("act", chain(50)), accepted, ""},
		{"161 act 100 deep", claim("act", chain(100)), invalid, whyForm},
		{"161 may_act", claim("may_act", `{"sub":"admin"}`), accepted, ""},
		{"161 act of another form", claim("act", `"admin"`), accepted, ""},
		{"162 claims of 16 KiB", sized(16 << 10), accepted, ""},
		{"162 a byte more", sized(16<<10 + 1), invalid, whyForm},
	})
	var caller *resource.Caller
	f.inner = keepCaller(&caller)
	f.bearer(claim("act", chain(2)))
	var carried struct {
		Act json.RawMessage `json:"act"`
	}
	err := caller.Decode(&carried)
	h.expect("161 act is carried, and is nobody's subject", fmt.Sprint(err, " ", string(carried.Act), " ", caller.Subject()), "<nil> "+chain(2)+" alice")

	// A bound token that an attacker took the cnf from has another signature.
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	h.walk(f, []tokenRow{{"160 cnf taken away, signed by somebody else", f.token(resourcetest.Token{Signer: other}), invalid, whySig}})
}
