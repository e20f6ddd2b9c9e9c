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

// A meter counts what leaves, wherever to.
type meter struct {
	to http.RoundTripper
	n  atomic.Int64
}

func (m *meter) RoundTrip(r *http.Request) (*http.Response, error) {
	m.n.Add(1)
	return m.to.RoundTrip(r)
}

// hostileJOSE is section 4. No parameter of a header is ever followed: the section
// runs without one request to anywhere.
func hostileJOSE(h *hostile) {
	out := new(meter)
	f := h.fixture(func(_ *resource.Config, k *jwks.Config) { out.to, k.Transport = k.Transport, out })
	before, asked := out.n.Load(), f.issuer.Count(resourcetest.Any)
	h.expect("119 the meter works: keys were fetched", before > 0, true)

	attacker, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.Fatal(err)
	}
	public := string(resourcetest.JWK(attacker.Public(), map[string]any{"kid": "evil"}))
	head := func(members string) string { return f.signed(f.goodHeader()+members+"}", f.goodPayload()+"}") }
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
	unencoded := func(members string) string { // RFC 7797 §3: the payload as it is
		return f.issuer.Token(resourcetest.Token{
			RawHeader: []byte(f.goodHeader() + members + "}"), RawPayload: []byte(f.goodPayload() + "}"),
			Encode: func(n int, content []byte) string {
				if n == 1 {
					return "payload" // what b64token allows of an unencoded one
				}
				return b64(content)
			},
		})
	}

	h.walk(f, []tokenRow{
		{"114 crit names exp (RFC 7515 §4.1.11)", head(`,"crit":["exp"],"exp":1`), invalid, whyForm},
		{"114 crit names what nobody knows", head(`,"crit":["http://example.test/x"],"http://example.test/x":true`), invalid, whyForm},
		{"115 crit empty", head(`,"crit":[]`), invalid, whyForm},
		{"116 crit a string", head(`,"crit":"exp"`), invalid, whyForm},
		{"116 crit null", head(`,"crit":null`), invalid, whyForm},
		{"116 crit with a name twice", head(`,"crit":["x","x"],"x":1`), invalid, whyForm},
		{"116 crit names alg (CVE-2026-35042)", head(`,"crit":["alg"]`), invalid, whyForm},
		{"116 crit names an absent member", head(`,"crit":["x"]`), invalid, whyForm},
		{"116 Crit", head(`,"Crit":["x"],"x":1`), invalid, whyForm},
		{"117 b64 false with crit (RFC 7797 §3)", head(`,"b64":false,"crit":["b64"]`), invalid, whyForm},
		{"117 b64 false without crit", head(`,"b64":false`), invalid, whyForm},
		{"117 b64 false, payload unencoded", unencoded(`,"b64":false,"crit":["b64"]`), invalid, whyForm},
		{"117 b64 true", head(`,"b64":true,"crit":["b64"]`), invalid, whyForm},
		{"118 b64 a string", head(`,"b64":"x"`), invalid, whyForm},
		{"119 jku, well signed", f.param("jku", `"https://evil.example.test/jwks"`), accepted, ""},
		{"119 jku of an attacker who signed", forged(map[string]any{"kid": "evil", "jku": "https://evil.example.test/jwks"}), invalid, whyKey},
		{"119 jku by http", forged(map[string]any{"jku": "http://evil.example.test/jwks"}), invalid, whySig},
		{"119 jku of a file", forged(map[string]any{"jku": "file:///etc/passwd"}), invalid, whySig},
		{"119 jku of the cloud's metadata", forged(map[string]any{"jku": "http://169.254.169.254/latest"}), invalid, whySig},
		{"119 jku on the issuer's own host", forged(map[string]any{"jku": f.issuer.Identifier() + "/upload"}), invalid, whySig},
		{"119 jku a number", f.param("jku", "1"), accepted, ""},
		{"119 x5u of an attacker who signed", forged(map[string]any{"x5u": "https://evil.example.test/cert"}), invalid, whySig},
		{"119 x5u of a file", f.param("x5u", `"file:///dev/zero"`), accepted, ""},
		{"120 jwk of an attacker who signed (CVE-2018-0114)", forged(map[string]any{"jwk": raw(public)}), invalid, whySig},
		{"120 jwk, its kid in the header", forged(map[string]any{"kid": "evil", "jwk": raw(public)}), invalid, whyKey},
		{"120 jwk without kid", forged(map[string]any{"kid": resourcetest.Remove, "jwk": raw(public)}), invalid, whySig},
		{"120 jwk symmetric", forged(map[string]any{"jwk": raw(`{"kty":"oct","k":"AA"}`)}), invalid, whySig},
		{"120 jwk is garbage, well signed", f.param("jwk", `"garbage"`), accepted, ""},
		{"121 x5c of an attacker who signed", forged(map[string]any{"x5c": []string{"MIIB"}}), invalid, whySig},
		{"121 x5c is garbage, well signed", f.param("x5c", `["not base64"]`), accepted, ""},
		{"121 x5c is a string, well signed", f.param("x5c", `"MIIB"`), accepted, ""},
		{"121 x5c is null, well signed", f.param("x5c", "null"), accepted, ""},
		{"122 x5t of another certificate, well signed", f.param("x5t", `"AAAA"`), accepted, ""},
		{"122 x5t#S256 of another certificate, well signed", f.param("x5t#S256", `"AAAA"`), accepted, ""},
		{"122 x5t a number, well signed", f.param("x5t", "1"), accepted, ""},
		{"123 no kid, one key", f.param("kid", ""), accepted, ""},
		{"124 kid empty", f.param("kid", `""`), invalid, whyForm},
		{"124 kid a number", f.param("kid", "1"), invalid, whyForm},
		{"124 kid null", f.param("kid", "null"), invalid, whyForm},
		{"124 kid an array", f.param("kid", `["`+f.issuer.SigningKeyID("")+`"]`), invalid, whyForm},
		{"124 kid an object", f.param("kid", `{"kid":"x"}`), invalid, whyForm},
		{"124 kid true", f.param("kid", "true"), invalid, whyForm},
		{"125 kid a path", kid("../../../../dev/null"), invalid, whyKey},
		{"125 kid SQL", kid("' OR 1=1--"), invalid, whyKey},
		{"125 kid shell", kid("$(id)`id`|id"), invalid, whyKey},
		{"125 kid a line break", kid("a\r\nlevel=ERROR"), invalid, whyKey},
		{"125 kid NUL", kid("a\x00b"), invalid, whyKey},
		{"125 kid of the key and NUL", kid(f.issuer.SigningKeyID("") + "\x00"), invalid, whyKey},
		{"125 kid of the key and a space", kid(f.issuer.SigningKeyID("") + " "), invalid, whyKey},
		{"125 kid of the key in upper case", kid(strings.ToUpper(f.issuer.SigningKeyID(""))), invalid, whyKey},
		{"125 kid of 256 bytes", kid(strings.Repeat("x", 256)), invalid, whyKey},
		{"125 kid of 257 bytes", kid(strings.Repeat("x", 257)), invalid, whyForm},
		{"125 kid of 128 characters in 257 bytes", kid(strings.Repeat("é", 128) + "x"), invalid, whyForm},
		{"125 kid of 7 KB", kid(strings.Repeat("x", 7<<10)), invalid, whyForm},
		{"125 kid of 10 KB", kid(strings.Repeat("x", 10<<10)), invalid, whyForm},
		{"125 kid a URL", kid("https://evil.example.test/key"), invalid, whyKey},
		{"125 kid a template", kid("${jndi:ldap://evil.example.test}{{7*7}}%s%n"), invalid, whyKey},
		{"129 typ absent", f.param("typ", ""), accepted, ""},
		{"129 typ JWT", f.param("typ", `"JWT"`), accepted, ""},
		{"129 typ jwt", f.param("typ", `"jwt"`), accepted, ""},
		{"129 typ at+jwt (RFC 9068 §2.1)", f.param("typ", `"at+jwt"`), accepted, ""},
		{"129 typ AT+JWT", f.param("typ", `"AT+JWT"`), accepted, ""},
		{"129 typ application/at+jwt", f.param("typ", `"application/at+jwt"`), accepted, ""},
		{"129 typ Application/AT+JWT", f.param("typ", `"Application/AT+JWT"`), accepted, ""},
		{"129 typ id_token", f.param("typ", `"id_token"`), invalid, whyType},
		{"129 typ dpop+jwt (RFC 8725 §3.11)", f.param("typ", `"dpop+jwt"`), invalid, whyType},
		{"129 typ logout+jwt", f.param("typ", `"logout+jwt"`), invalid, whyType},
		{"129 typ secevent+jwt", f.param("typ", `"secevent+jwt"`), invalid, whyType},
		{"129 typ entity-statement+jwt", f.param("typ", `"entity-statement+jwt"`), invalid, whyType},
		{"129 typ rt+jwt", f.param("typ", `"rt+jwt"`), invalid, whyType},
		{"129 typ JOSE", f.param("typ", `"JOSE"`), invalid, whyType},
		{"129 typ at+jwt with a parameter", f.param("typ", `"at+jwt; v=1"`), invalid, whyType},
		{"129 typ at+jwt with a space", f.param("typ", `" at+jwt"`), invalid, whyType},
		{"129 typ a number", f.param("typ", "1"), invalid, whyForm},
		{"129 typ null", f.param("typ", "null"), invalid, whyForm},
		{"129 typ empty", f.param("typ", `""`), invalid, whyForm},
		{"129 typ an array", f.param("typ", `["at+jwt"]`), invalid, whyForm},
		{"130 zip DEF", f.param("zip", `"DEF"`), invalid, whyForm},
		{"130 zip null", f.param("zip", "null"), invalid, whyForm},
		{"131 url and nonce (RFC 8555 §6.4)", head(`,"url":"https://evil.example.test/","nonce":"n"`), accepted, ""},
		{"131 enc and epk, of encrypted tokens", head(`,"enc":"A256GCM","epk":{},"p2c":2147483647`), accepted, ""},
		{"132 cty JWT", f.param("cty", `"JWT"`), invalid, whyForm},
		{"132 cty of anything", f.param("cty", `"application/json"`), invalid, whyForm},
		{"132 cty null", f.param("cty", "null"), invalid, whyForm},
		{"133 500 unknown members", head(many(500)), accepted, ""},
		{"133 1,000 unknown members", head(many(1000)), invalid, whyForm},
	})
	h.expect("119 nothing was fetched from anywhere", out.n.Load()-before, int64(0))
	h.expect("126 nor from the issuer, though kids were unknown: tokens are older than the keys", f.issuer.Count(resourcetest.Any)-asked, 0)

	hostileStrictType(h)
	hostileKeyIDs(h)
	hostileUnknownKey(h)
}

// hostileStrictType is RFC 9068 §2.1 to the letter.
func hostileStrictType(h *hostile) {
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Issuers[0].StrictRFC9068 = true })
	h.walk(f, []tokenRow{
		{"129 strict: typ at+jwt", f.param("typ", `"at+jwt"`), accepted, ""},
		{"129 strict: typ application/at+jwt", f.param("typ", `"application/at+jwt"`), accepted, ""},
		{"129 strict: typ AT+jwt", f.param("typ", `"AT+jwt"`), accepted, ""},
		{"129 strict: typ JWT", f.param("typ", `"JWT"`), invalid, whyType},
		{"129 strict: typ absent", f.param("typ", ""), invalid, whyType},
		{"129 strict: typ id_token", f.param("typ", `"id_token"`), invalid, whyType},
	})
}

// hostileKeyIDs: which of several keys a token may be checked with.
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
	good, wrong := key(), []*ecdsa.PrivateKey{key(), key(), key(), key()}
	rsaKey := string(newRawRSA(2048, 65537, nil).jwk())
	composed, decomposed := "caf\u00e9", "cafe\u0301"
	sameKid := func(n int) string { // n wrong keys, then the right one, all under one kid
		var set []string
		for _, k := range wrong[:n] {
			set = append(set, jwk(k, "k"))
		}
		return strings.Join(append(set, jwk(good, "k")), ",")
	}
	for _, row := range []struct {
		name string
		set  string
		kid  string // "": none
		want answer
	}{
		{"123 no kid, one key of the kind among two", jwk(good, "k") + "," + rsaKey, "", accepted},
		{"123 no kid, two keys of the kind", jwk(good, "k") + "," + jwk(wrong[0], "l"), "", invalid},
		{"123 no kid, the only key has none either", jwk(good, resourcetest.Remove), "", accepted},
		{"123 a kid, the only key has none", jwk(good, resourcetest.Remove), "k", invalid},
		{"125 kid composed, key decomposed (NFC, NFD)", jwk(good, decomposed), composed, invalid},
		{"125 both composed", jwk(good, composed), composed, accepted},
		{"127 kid of another kind's key", jwk(good, "k") + "," + rsaKey, "x", invalid},
		{"128 one wrong key first under the same kid", sameKid(1), "k", accepted},
		{"128 three wrong keys first", sameKid(3), "k", accepted},
		{"128 four: the fifth is not tried", sameKid(4), "k", invalid},
		{"128 the kid of a wrong key beside it", jwk(wrong[0], "k") + "," + jwk(good, "l"), "k", invalid},
	} {
		f := newFixture(h.T, func(_ *resource.Config, k *jwks.Config) { k.Keys = []byte(`{"keys":[` + row.set + `]}`) })
		token := resourcetest.Token{Signer: good, Header: map[string]any{"kid": row.kid}}
		if row.kid == "" {
			token.Header["kid"] = resourcetest.Remove
		}
		h.expect(row.name, f.bearer(f.token(token)), row.want)
	}
}

// hostileUnknownKey counts fetches: a kid that nobody knows costs at most one, and
// none while the last is fresh.
func hostileUnknownKey(h *hostile) {
	f := h.fixture(nil)
	type outcome struct {
		answer
		fetches int
	}
	ask := func() outcome {
		got := f.bearer(f.token(resourcetest.Token{Header: map[string]any{"kid": rand.Text()}}))
		return outcome{got, f.issuer.Count(resourcetest.JWKS)}
	}
	h.expect("126 unknown kid, keys just fetched", ask(), outcome{invalid, 1})
	time.Sleep(5 * time.Second)
	h.expect("126 five seconds later: one fetch", ask(), outcome{invalid, 2})
	h.expect("126 and none more", ask(), outcome{invalid, 2})
	time.Sleep(5*time.Second - 1)
	h.expect("126 nor just before the next five seconds are over", ask(), outcome{invalid, 2})
}
