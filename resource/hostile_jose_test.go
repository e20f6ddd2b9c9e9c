package resource_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// countingTransport counts the requests that are sent, to any host.
type countingTransport struct {
	to http.RoundTripper
	n  atomic.Int64
}

func (m *countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	m.n.Add(1)
	return m.to.RoundTrip(r)
}

// hostileJOSE covers section 4 of the list: header parameters. No parameter is followed: the
// only network request is one for the issuer's keys, because of the first unknown kid.
func hostileJOSE(h *hostile) {
	out := new(countingTransport)
	f := h.fixture(func(_ *resource.Config, k *jwks.Config) { out.to, k.Transport = k.Transport, out })
	before, issuerRequests := out.n.Load(), f.issuer.Count(resourcetest.Any)
	h.expect("119 the transport counts: keys were fetched", before > 0, true)

	attacker, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.Fatal(err)
	}
	public := string(resourcetest.JWK(attacker.Public(), map[string]any{"kid": "evil"}))
	head := func(members string) string { return f.signed(f.validHeader()+members+"}", f.validPayload()+"}") }
	forged := func(header map[string]any) string {
		return f.token(resourcetest.Token{Signer: attacker, Header: header})
	}
	raw := func(json string) resourcetest.Raw { return resourcetest.Raw(json) }
	many := func(n int) string {
		var out strings.Builder
		for i := range n {
			fmt.Fprintf(&out, `,"x%d":%d`, i, i)
		}
		return out.String()
	}
	kid := func(text string) string { return f.token(resourcetest.Token{Header: map[string]any{"kid": text}}) }
	unencoded := func(members string) string { // RFC 7797 §3: the payload is not base64url-encoded
		return f.issuer.Token(resourcetest.Token{
			RawHeader: []byte(f.validHeader() + members + "}"), RawPayload: []byte(f.validPayload() + "}"),
			Encode: func(n int, content []byte) string {
				if n == 1 {
					return "payload" // contains only characters of b64token
				}
				return b64(content)
			},
		})
	}

	h.checkTokens(f, []tokenRow{
		{"114 crit names exp (RFC 7515 §4.1.11)", head(`,"crit":["exp"],"exp":1`), invalid, reasonMalformed},
		{"114 crit names an unknown extension", head(`,"crit":["http://example.test/x"],"http://example.test/x":true`), invalid, reasonMalformed},
		{"115 crit is empty", head(`,"crit":[]`), invalid, reasonMalformed},
		{"116 crit is a string", head(`,"crit":"exp"`), invalid, reasonMalformed},
		{"116 crit is null", head(`,"crit":null`), invalid, reasonMalformed},
		{"116 crit with a duplicate name", head(`,"crit":["x","x"],"x":1`), invalid, reasonMalformed},
		{"116 crit names alg (CVE-2026-35042)", head(`,"crit":["alg"]`), invalid, reasonMalformed},
		{"116 crit names a missing member", head(`,"crit":["x"]`), invalid, reasonMalformed},
		{"116 Crit in mixed case", head(`,"Crit":["x"],"x":1`), invalid, reasonMalformed},
		{"117 b64 false with crit (RFC 7797 §3)", head(`,"b64":false,"crit":["b64"]`), invalid, reasonMalformed},
		{"117 b64 false without crit", head(`,"b64":false`), invalid, reasonMalformed},
		{"117 b64 false, payload not encoded", unencoded(`,"b64":false,"crit":["b64"]`), invalid, reasonMalformed},
		{"117 b64 true", head(`,"b64":true,"crit":["b64"]`), invalid, reasonMalformed},
		{"118 b64 is a string", head(`,"b64":"x"`), invalid, reasonMalformed},
		{"119 jku with a valid signature", f.param("jku", `"https://evil.example.test/jwks"`), accepted, ""},
		{"119 jku of the attacker who signed the token", forged(map[string]any{"kid": "evil", "jku": "https://evil.example.test/jwks"}), invalid, reasonKeyUnknown},
		{"119 jku with scheme http", forged(map[string]any{"jku": "http://evil.example.test/jwks"}), invalid, reasonSignature},
		{"119 jku is a file URL", forged(map[string]any{"jku": "file:///etc/passwd"}), invalid, reasonSignature},
		{"119 jku is the cloud metadata service", forged(map[string]any{"jku": "http://169.254.169.254/latest"}), invalid, reasonSignature},
		{"119 jku on the issuer's host", forged(map[string]any{"jku": f.issuer.Identifier() + "/upload"}), invalid, reasonSignature},
		{"119 jku is a number", f.param("jku", "1"), accepted, ""},
		{"119 x5u of the attacker who signed the token", forged(map[string]any{"x5u": "https://evil.example.test/cert"}), invalid, reasonSignature},
		{"119 x5u is a file URL", f.param("x5u", `"file:///dev/zero"`), accepted, ""},
		{"120 jwk of the attacker who signed the token (CVE-2018-0114)", forged(map[string]any{"jwk": raw(public)}), invalid, reasonSignature},
		{"120 jwk of the attacker, its kid in the header", forged(map[string]any{"kid": "evil", "jwk": raw(public)}), invalid, reasonKeyUnknown},
		{"120 jwk of the attacker, no kid", forged(map[string]any{"kid": resourcetest.Remove, "jwk": raw(public)}), invalid, reasonKeyUnknown},
		{"120 jwk is symmetric", forged(map[string]any{"jwk": raw(`{"kty":"oct","k":"AA"}`)}), invalid, reasonSignature},
		{"120 jwk is garbage, valid signature", f.param("jwk", `"garbage"`), accepted, ""},
		{"121 x5c of the attacker who signed the token", forged(map[string]any{"x5c": []string{"MIIB"}}), invalid, reasonSignature},
		{"121 x5c is garbage, valid signature", f.param("x5c", `["not base64"]`), accepted, ""},
		{"121 x5c is a string, valid signature", f.param("x5c", `"MIIB"`), accepted, ""},
		{"121 x5c is null, valid signature", f.param("x5c", "null"), accepted, ""},
		{"122 x5t of another certificate, valid signature", f.param("x5t", `"AAAA"`), accepted, ""},
		{"122 x5t#S256 of another certificate, valid signature", f.param("x5t#S256", `"AAAA"`), accepted, ""},
		{"122 x5t is a number, valid signature", f.param("x5t", "1"), accepted, ""},
		{"123 no kid, one key", f.param("kid", ""), accepted, ""},
		{"124 kid is an empty string", f.param("kid", `""`), invalid, reasonMalformed},
		{"124 kid is a number", f.param("kid", "1"), invalid, reasonMalformed},
		{"124 kid is null", f.param("kid", "null"), invalid, reasonMalformed},
		{"124 kid is an array", f.param("kid", `["`+f.issuer.SigningKeyID("")+`"]`), invalid, reasonMalformed},
		{"124 kid is an object", f.param("kid", `{"kid":"x"}`), invalid, reasonMalformed},
		{"124 kid is true", f.param("kid", "true"), invalid, reasonMalformed},
		{"125 kid is a path", kid("../../../../dev/null"), invalid, reasonKeyUnknown},
		{"125 kid is SQL", kid("' OR 1=1--"), invalid, reasonKeyUnknown},
		{"125 kid is a shell command", kid("$(id)`id`|id"), invalid, reasonKeyUnknown},
		{"125 kid with a line break", kid("a\r\nlevel=ERROR"), invalid, reasonKeyUnknown},
		{"125 kid with NUL", kid("a\x00b"), invalid, reasonKeyUnknown},
		{"125 kid of the key with a trailing NUL", kid(f.issuer.SigningKeyID("") + "\x00"), invalid, reasonKeyUnknown},
		{"125 kid of the key with a trailing space", kid(f.issuer.SigningKeyID("") + " "), invalid, reasonKeyUnknown},
		{"125 kid of the key in upper case", kid(strings.ToUpper(f.issuer.SigningKeyID(""))), invalid, reasonKeyUnknown},
		{"125 kid of 256 bytes", kid(strings.Repeat("x", 256)), invalid, reasonKeyUnknown},
		{"125 kid of 257 bytes", kid(strings.Repeat("x", 257)), invalid, reasonMalformed},
		{"125 kid of 128 characters in 257 bytes", kid(strings.Repeat("é", 128) + "x"), invalid, reasonMalformed},
		{"125 kid of 7 KB", kid(strings.Repeat("x", 7<<10)), invalid, reasonMalformed},
		{"125 kid of 10 KB", kid(strings.Repeat("x", 10<<10)), invalid, reasonMalformed},
		{"125 kid is a URL", kid("https://evil.example.test/key"), invalid, reasonKeyUnknown},
		{"125 kid is a template", kid("${jndi:ldap://evil.example.test}{{7*7}}%s%n"), invalid, reasonKeyUnknown},
		{"129 typ missing", f.param("typ", ""), accepted, ""},
		{"129 typ JWT", f.param("typ", `"JWT"`), accepted, ""},
		{"129 typ jwt", f.param("typ", `"jwt"`), accepted, ""},
		{"129 typ at+jwt (RFC 9068 §2.1)", f.param("typ", `"at+jwt"`), accepted, ""},
		{"129 typ AT+JWT", f.param("typ", `"AT+JWT"`), accepted, ""},
		{"129 typ application/at+jwt", f.param("typ", `"application/at+jwt"`), accepted, ""},
		{"129 typ Application/AT+JWT", f.param("typ", `"Application/AT+JWT"`), accepted, ""},
		{"129 typ id_token", f.param("typ", `"id_token"`), invalid, reasonTokenType},
		{"129 typ dpop+jwt (RFC 8725 §3.11)", f.param("typ", `"dpop+jwt"`), invalid, reasonTokenType},
		{"129 typ logout+jwt", f.param("typ", `"logout+jwt"`), invalid, reasonTokenType},
		{"129 typ secevent+jwt", f.param("typ", `"secevent+jwt"`), invalid, reasonTokenType},
		{"129 typ entity-statement+jwt", f.param("typ", `"entity-statement+jwt"`), invalid, reasonTokenType},
		{"129 typ rt+jwt", f.param("typ", `"rt+jwt"`), invalid, reasonTokenType},
		{"129 typ JOSE", f.param("typ", `"JOSE"`), invalid, reasonTokenType},
		{"129 typ at+jwt with a parameter", f.param("typ", `"at+jwt; v=1"`), invalid, reasonTokenType},
		{"129 typ at+jwt with a leading space", f.param("typ", `" at+jwt"`), invalid, reasonTokenType},
		{"129 typ is a number", f.param("typ", "1"), invalid, reasonMalformed},
		{"129 typ is null", f.param("typ", "null"), invalid, reasonMalformed},
		{"129 typ is an empty string", f.param("typ", `""`), invalid, reasonMalformed},
		{"129 typ is an array", f.param("typ", `["at+jwt"]`), invalid, reasonMalformed},
		{"130 zip DEF", f.param("zip", `"DEF"`), invalid, reasonMalformed},
		{"130 zip is null", f.param("zip", "null"), invalid, reasonMalformed},
		{"131 url and nonce (RFC 8555 §6.4)", head(`,"url":"https://evil.example.test/","nonce":"n"`), accepted, ""},
		{"131 enc and epk, parameters of encrypted tokens", head(`,"enc":"A256GCM","epk":{},"p2c":2147483647`), accepted, ""},
		{"132 cty JWT", f.param("cty", `"JWT"`), invalid, reasonMalformed},
		{"132 cty application/json", f.param("cty", `"application/json"`), invalid, reasonMalformed},
		{"132 cty is null", f.param("cty", "null"), invalid, reasonMalformed},
		{"133 500 unknown members", head(many(500)), accepted, ""},
		{"133 1,000 unknown members", head(many(1000)), invalid, reasonMalformed},
	})
	h.expect("119 three network requests were sent, for the first unknown kids", out.n.Load()-before, int64(3))
	h.expect("126 three requests to the issuer for all unknown kids: then the budget is used up", f.issuer.Count(resourcetest.Any)-issuerRequests, 3)

	hostileStrictType(h)
	hostileKeyIDs(h)
	hostileUnknownKey(h)
}

// hostileStrictType covers typ in strict mode (RFC 9068 §2.1).
func hostileStrictType(h *hostile) {
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Issuers[0].StrictRFC9068 = true })
	h.checkTokens(f, []tokenRow{
		{"129 strict: typ at+jwt", f.param("typ", `"at+jwt"`), accepted, ""},
		{"129 strict: typ application/at+jwt", f.param("typ", `"application/at+jwt"`), accepted, ""},
		{"129 strict: typ AT+jwt", f.param("typ", `"AT+jwt"`), accepted, ""},
		{"129 strict: typ JWT", f.param("typ", `"JWT"`), invalid, reasonTokenType},
		{"129 strict: typ missing", f.param("typ", ""), invalid, reasonTokenType},
		{"129 strict: typ id_token", f.param("typ", `"id_token"`), invalid, reasonTokenType},
	})
}

// hostileKeyIDs covers which keys of a set a token is verified with.
func hostileKeyIDs(h *hostile) {
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			h.Fatal(err)
		}
		return k
	}
	jwk := func(k *ecdsa.PrivateKey, kid any) string {
		return string(resourcetest.JWK(k.Public(), map[string]any{"kid": kid}))
	}
	right, wrong := key(), []*ecdsa.PrivateKey{key(), key(), key(), key()}
	rsaKey := string(newRawRSA(2048, 65537, nil).jwk())
	composed, decomposed := "caf\u00e9", "cafe\u0301"
	sameKid := func(n int) string { // n wrong keys, then the right one, all with the same kid
		var set []string
		for _, k := range wrong[:n] {
			set = append(set, jwk(k, "k"))
		}
		return strings.Join(append(set, jwk(right, "k")), ",")
	}
	for _, row := range []struct {
		name string
		set  string
		kid  string // "": no kid
		want answer
	}{
		{"123 no kid, one of two keys has the right key type", jwk(right, "k") + "," + rsaKey, "", accepted},
		{"123 no kid, two keys have the right key type", jwk(right, "k") + "," + jwk(wrong[0], "l"), "", accepted},
		{"123 no kid, the only key has no kid", jwk(right, resourcetest.Remove), "", accepted},
		{"123 kid, the only key has no kid", jwk(right, resourcetest.Remove), "k", invalid},
		{"125 kid composed, key decomposed (NFC, NFD)", jwk(right, decomposed), composed, invalid},
		{"125 kid and key composed", jwk(right, composed), composed, accepted},
		{"127 kid of a key with another key type", jwk(right, "k") + "," + rsaKey, "x", invalid},
		{"128 one wrong key first with the same kid", sameKid(1), "k", accepted},
		{"128 three wrong keys first with the same kid", sameKid(3), "k", accepted},
		{"128 four wrong keys first: the fifth key is not tried", sameKid(4), "k", invalid},
		{"128 kid of a wrong key, the right key has another kid", jwk(wrong[0], "k") + "," + jwk(right, "l"), "k", invalid},
	} {
		f := newFixture(h.T, func(_ *resource.Config, k *jwks.Config) { k.Keys = []byte(`{"keys":[` + row.set + `]}`) })
		token := resourcetest.Token{Signer: right, Header: map[string]any{"kid": row.kid}}
		if row.kid == "" {
			token.Header["kid"] = resourcetest.Remove
		}
		h.expect(row.name, f.bearer(f.token(token)), row.want)
	}
}

// hostileUnknownKey counts fetches: three unknown kids cause one each. Later ones cause one each
// 5 s. See jwks/unknownkey_test.go for tokens that are newer than the fetched keys.
func hostileUnknownKey(h *hostile) {
	f := h.fixture(nil)
	f.unexplained = true // the test counts calls
	type outcome struct {
		answer
		fetches int
	}
	ask := func() outcome {
		got := f.bearer(f.token(resourcetest.Token{Header: map[string]any{"kid": rand.Text()}}))
		return outcome{got, f.issuer.Count(resourcetest.JWKS)}
	}
	h.expect("126 unknown kid, keys fetched without cause", ask(), outcome{invalid, 2})
	h.expect("126 a second unknown kid", ask(), outcome{invalid, 3})
	h.expect("126 a third unknown kid", ask(), outcome{invalid, 4})
	h.expect("126 no fourth fetch, because the budget is used up and the token is older than the keys", ask(), outcome{invalid, 4})
	time.Sleep(5*time.Second - 1)
	h.expect("126 no fetch one nanosecond before five seconds have passed", ask(), outcome{invalid, 4})
	time.Sleep(1)
	h.expect("126 one fetch after five seconds", ask(), outcome{invalid, 5})
}
