package resource_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// spelled mints a token in which write has changed the encoding of one segment. A changed header
// or payload is signed as changed, so only the encoding can be the reason for a rejection.
func (f *fixture) spelled(segment int, write func(canonical string) string) string {
	for {
		changed := false
		token := f.issuer.Token(resourcetest.Token{
			// Bytes that encode to the characters in which the alphabets differ, and lengths that leave stray bits.
			RawHeader: []byte(f.validHeader() + `,"x":"??>>~~"}`), RawPayload: []byte(f.validPayload() + `,"x":"??>>~~"}`),
			Encode: func(n int, content []byte) string {
				for n < 2 && len(content)%3 != 1 {
					content = append(content, ' ')
				}
				canonical := base64.RawURLEncoding.EncodeToString(content)
				if n != segment {
					return canonical
				}
				text := write(canonical)
				changed = text != canonical
				return text
			},
		})
		if changed { // otherwise the signature has no "-" or "_": sign again
			return token
		}
	}
}

// Changes to the encoding of a segment.
var (
	padded   = func(s string) string { return s + strings.Repeat("=", -len(s)&3) }
	standard = func(s string) string { return strings.NewReplacer("-", "+", "_", "/").Replace(s) }
	mixed    = func(s string) string {
		at := strings.LastIndexAny(s, "-_")
		return s[:max(at, 0)] + standard(s[max(at, 0):])
	}
	strayBits = func(s string) string { // the next character of the alphabet, for the same bytes
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		return s[:len(s)-1] + string(alphabet[strings.IndexByte(alphabet, s[len(s)-1])+1])
	}
	longer = func(s string) string { return s + strings.Repeat("A", 5-len(s)%4) } // length%4 == 1
	insert = func(text string) func(string) string {
		return func(s string) string { return s[:8] + text + s[8:] }
	}
)

// hostileJWS covers the first part of section 2 of the list: the form of a token and its JSON.
func hostileJWS(h *hostile) {
	f := h.fixture(nil)
	tok := f.token(resourcetest.Token{})
	part := strings.Split(tok, ".")
	head := func(text string) string { return f.signed(text, f.validPayload()+"}") }
	body := func(text string) string { return f.signed(f.validHeader()+"}", text) }
	more := func(members string) string { return body(f.validPayload() + members + "}") }
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	exactly := func(n int, start, end string) string { return start + strings.Repeat("x", n-len(start+end)) + end }
	without := func(name string) string { // the payload without one member and without the closing brace
		rest := f.validPayload()[1:]
		var kept []string
		for member := range strings.SplitSeq(rest, ",") {
			if !strings.HasPrefix(member, `"`+name+`"`) {
				kept = append(kept, member)
			}
		}
		return "{" + strings.Join(kept, ",")
	}
	later := fmt.Sprint(time.Now().Unix() + 300)

	h.checkTokens(f, []tokenRow{
		{"42 one segment", part[0], invalid, reasonOpaque},
		{"42 two segments", part[0] + "." + part[1], invalid, reasonOpaque},
		{"42 four segments", tok + "." + part[2], invalid, reasonOpaque},
		{"43 five segments, an encrypted token (RFC 7516 §7.1)", tok + "." + part[1] + "." + part[2], invalid, reasonOpaque},
		{"43 five segments with alg and enc", "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AA.AA.AA.AA", invalid, reasonOpaque},
		{"44 empty header", "." + part[1] + "." + part[2], invalid, reasonOpaque},
		{"44 empty payload", part[0] + ".." + part[2], invalid, reasonMalformed},
		{"44 empty payload, signed", f.spelled(1, func(string) string { return "" }), invalid, reasonMalformed},
		{"44 empty signature", part[0] + "." + part[1] + ".", invalid, reasonMalformed},
		{"44 two dots only", "..", invalid, reasonOpaque},
		{"44 header followed by two dots", part[0] + "..", invalid, reasonMalformed},
		{"44 trailing dot", tok + ".", invalid, reasonOpaque},
		{"44 leading dot", "." + tok, invalid, reasonOpaque},
		{"45 line break before the token", "\n" + tok, malformed, reasonMalformedRequest},
		{"45 line break after the token", tok + "\r\n", malformed, reasonMalformedRequest},
		{"45 line break in the header, signed", f.spelled(0, insert("\n")), malformed, reasonMalformedRequest},
		{"45 CR LF in the payload, signed", f.spelled(1, insert("\r\n")), malformed, reasonMalformedRequest},
		{"45 line break in the signature", f.spelled(2, insert("\n")), malformed, reasonMalformedRequest},
		{"45 space in the payload, signed", f.spelled(1, insert(" ")), malformed, reasonMalformedRequest},
		{"45 tab in the signature", f.spelled(2, insert("\t")), malformed, reasonMalformedRequest},
		{"46 padding after the header, signed", f.spelled(0, padded), invalid, reasonMalformed},
		{"46 padding after the payload, signed", f.spelled(1, padded), invalid, reasonMalformed},
		{"46 padding after the signature", f.spelled(2, padded), invalid, reasonMalformed},
		{"47 standard alphabet in the header, signed", f.spelled(0, standard), invalid, reasonMalformed},
		{"47 standard alphabet in the payload, signed", f.spelled(1, standard), invalid, reasonMalformed},
		{"47 standard alphabet in the signature", f.spelled(2, standard), invalid, reasonMalformed},
		{"48 both alphabets in the header, signed", f.spelled(0, mixed), invalid, reasonMalformed},
		{"48 both alphabets in the payload, signed", f.spelled(1, mixed), invalid, reasonMalformed},
		{"48 both alphabets in the signature", f.spelled(2, mixed), invalid, reasonMalformed},
		{"49 stray bits in the header, signed (RFC 4648 §3.5)", f.spelled(0, strayBits), invalid, reasonMalformed},
		{"49 stray bits in the payload, signed", f.spelled(1, strayBits), invalid, reasonMalformed},
		{"49 stray bits in the signature", f.spelled(2, strayBits), invalid, reasonMalformed},
		{"50 one character too many in the header, signed", f.spelled(0, longer), invalid, reasonMalformed},
		{"50 one character too many in the payload, signed", f.spelled(1, longer), invalid, reasonMalformed},
		{"50 one character too many in the signature", f.spelled(2, longer), invalid, reasonMalformed},
		{"51 question mark in the header, signed", f.spelled(0, insert("?")), invalid, reasonMalformed},
		{"51 question mark in the payload, signed", f.spelled(1, insert("?")), invalid, reasonMalformed},
		{"51 one dot leader (U+2024) instead of a dot", strings.Replace(tok, ".", "\u2024", 1), malformed, reasonMalformedRequest},
		{"51 tilde in the payload, signed", f.spelled(1, insert("~")), invalid, reasonMalformed},

		{"52 header is not JSON", head(`{alg:ES256}`), invalid, reasonMalformed},
		{"52 header is a truncated object", head(f.validHeader()), invalid, reasonMalformed},
		{"52 header is an array", head(`["alg","ES256"]`), invalid, reasonOpaque},
		{"52 header is a string", head(`"alg"`), invalid, reasonOpaque},
		{"52 header is null", head(`null`), invalid, reasonOpaque},
		{"52 header is a number", head(`1`), invalid, reasonOpaque},
		{"52 header is an empty object", head(`{}`), invalid, reasonAlgorithm},
		{"52 header with single quotes", head(strings.ReplaceAll(f.validHeader()+"}", `"`, `'`)), invalid, reasonMalformed},
		{"52 header with a comment", head(f.validHeader() + "/**/}"), invalid, reasonMalformed},
		{"52 header with a trailing comma", head(f.validHeader() + ",}"), invalid, reasonMalformed},
		{"53 byte order mark before the header", head("\ufeff" + f.validHeader() + "}"), invalid, reasonOpaque},
		{"54 two objects in the header", head(f.validHeader() + "}{}"), invalid, reasonMalformed},
		{"54 garbage after the header", head(f.validHeader() + "}x"), invalid, reasonMalformed},
		{"54 NUL after the header", head(f.validHeader() + "}\x00"), invalid, reasonMalformed},
		{"54 white space after the header is valid JSON", head(f.validHeader() + "} \r\n\t"), accepted, ""},
		{"55 duplicate alg, none first", head(`{"alg":"none",` + f.validHeader()[1:] + "}"), invalid, reasonMalformed},
		{"55 duplicate alg, none last", head(f.validHeader() + `,"alg":"none"}`), invalid, reasonMalformed},
		{"55 duplicate alg, same value", head(f.validHeader() + `,"alg":"ES256"}`), invalid, reasonMalformed},
		{"55 duplicate kid", head(f.validHeader() + `,"kid":"x"}`), invalid, reasonMalformed},
		{"55 duplicate ignored member", head(f.validHeader() + `,"jku":"a","jku":"b"}`), invalid, reasonMalformed},
		{"55 duplicate alg, one escaped", head(f.validHeader() + `,"\u0061lg":"none"}`), invalid, reasonMalformed},
		{"56 ALG instead of alg", head(strings.Replace(f.validHeader(), "alg", "ALG", 1) + "}"), invalid, reasonMalformed},
		{"56 ALG and alg", head(f.validHeader() + `,"ALG":"none"}`), invalid, reasonMalformed},
		{"56 Kid and kid", head(f.validHeader() + `,"Kid":"x"}`), invalid, reasonMalformed},
		{"56 kid with the Kelvin sign, and kid", head(f.validHeader() + `,"\u212aid":"x"}`), invalid, reasonMalformed},
		{"57 invalid UTF-8 in a value of the header", head(f.validHeader() + ",\"x\":\"\xff\"}"), invalid, reasonMalformed},
		{"57 invalid UTF-8 in a name of the header", head(f.validHeader() + ",\"x\xc0\x80\":1}"), invalid, reasonMalformed},
		{"57 overlong encoding of a slash", head(f.validHeader() + ",\"y\":\"\xc0\xaf\"}"), invalid, reasonMalformed},
		{"58 lone surrogate in a value of the header", head(f.validHeader() + `,"x":"\ud800"}`), invalid, reasonMalformed},
		{"58 lone surrogate in a name of the header", head(f.validHeader() + `,"\udfff":1}`), invalid, reasonMalformed},
		{"58 lone surrogate in sub", body(without("sub") + `,"sub":"\ud800"}`), invalid, reasonMalformed},
		{"58 surrogates in the wrong order", body(without("sub") + `,"sub":"\udc00\ud800"}`), invalid, reasonMalformed},
		{"59 header of 8 KiB and one byte", head(exactly(8<<10+1, f.validHeader()+`,"x5c":"`, `"}`)), invalid, reasonMalformed},
		{"59 header of 8 KiB", head(exactly(8<<10, f.validHeader()+`,"x5c":"`, `"}`)), accepted, ""},
		{"60 header nested 4,000 deep", head(f.validHeader() + `,"x":` + nest(4000) + "}"), invalid, reasonMalformed},
		{"60 payload nested 5,000 deep", more(`,"x":` + nest(5000)), invalid, reasonMalformed},
		{"60 payload with 9,000 open brackets", more(`,"x":` + strings.Repeat("[", 9000)), invalid, reasonMalformed},
		{"61 payload is an array", body(`["sub"]`), invalid, reasonMalformed},
		{"61 payload is a string", body(`"sub"`), invalid, reasonMalformed},
		{"61 payload is null", body(`null`), invalid, reasonMalformed},
		{"61 payload is a number", body(`1`), invalid, reasonMalformed},
		{"61 payload is true", body(`true`), invalid, reasonMalformed},
		{"61 payload is an array with an object", body("[" + f.validPayload() + "}]"), invalid, reasonMalformed},
		{"62 garbage after the payload", body(f.validPayload() + "}x"), invalid, reasonMalformed},
		{"62 second object after the payload", body(f.validPayload() + "}" + f.validPayload() + "}"), invalid, reasonMalformed},
		{"62 NUL after the payload", body(f.validPayload() + "}\x00"), invalid, reasonMalformed},
		{"63 duplicate exp", more(`,"exp":` + later), invalid, reasonMalformed},
		{"63 duplicate aud", more(`,"aud":"x"`), invalid, reasonMalformed},
		{"63 duplicate sub", more(`,"sub":"admin"`), invalid, reasonMalformed},
		{"63 duplicate iss", more(`,"iss":"x"`), invalid, reasonMalformed},
		{"63 duplicate scope", more(`,"scope":"a","scope":"b"`), invalid, reasonMalformed},
		{"63 duplicate cnf", more(`,"cnf":null,"cnf":{}`), invalid, reasonMalformed},
		{"63 duplicate unknown claim", more(`,"x":1,"x":1`), invalid, reasonMalformed},
		{"63 duplicate name inside a claim", more(`,"act":{"sub":"a","sub":"b"}`), invalid, reasonMalformed},
		{"64 EXP instead of exp (RFC 7519 §7.3)", body(without("exp") + `,"EXP":` + later + "}"), invalid, reasonMalformed},
		{"64 Iss instead of iss", body(without("iss") + `,"Iss":"` + f.issuer.Identifier() + `"}`), invalid, reasonMalformed},
		{"64 AUD instead of aud", body(without("aud") + `,"AUD":"` + identifier + `"}`), invalid, reasonMalformed},
		{"64 AUD and aud", more(`,"AUD":"x"`), invalid, reasonMalformed},
		{"64 \u017fub and sub", more(",\"\u017fub\":\"x\""), invalid, reasonMalformed},
		{"65 byte order mark before the payload", body("\ufeff" + f.validPayload() + "}"), invalid, reasonMalformed},
		{"65 payload in UTF-16", body(utf16(f.validPayload() + "}")), invalid, reasonMalformed},
		{"66 payload of zero bytes", f.signed(f.validHeader()+"}", ""), invalid, reasonMalformed},
		{"67 escaped exp is exp", body(without("exp") + `,"\u0065xp":` + later + "}"), accepted, ""},
		{"67 escaped exp and exp", more(`,"\u0065xp":` + later), invalid, reasonMalformed},
		{"67 escaped exp, long expired", body(without("exp") + `,"\u0065xp":1}`), expired, reasonExpired},
		{"67 sub with escapes", body(without("sub") + `,"\u0073\u0075\u0062":"\u0061"}`), accepted, ""},
		{"68 escaped control characters in sub", body(without("sub") + `,"sub":"a\u0000\u001b[2J\r\n"}`), accepted, ""},
		{"68 unescaped control characters in sub", body(without("sub") + ",\"sub\":\"a\nb\"}"), invalid, reasonMalformed},
		{"69 valid token as the payload", body(tok), invalid, reasonMalformed},
		{"69 valid token as the payload, with cty (RFC 7519 §5.2)", f.signed(f.validHeader()+`,"cty":"JWT"}`, tok), invalid, reasonMalformed},
		{"70 flattened JSON serialization", `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`, malformed, reasonMalformedRequest},
		{"70 general JSON serialization, one of two signatures valid", `{"payload":"` + part[1] + `","signatures":[{"protected":"` + part[0] + `","signature":"AA"},{"protected":"` + part[0] + `","signature":"` + part[2] + `"}]}`, malformed, reasonMalformedRequest},
		{"70 flattened JSON serialization in base64url", base64.RawURLEncoding.EncodeToString([]byte(`{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`)), invalid, reasonOpaque},
	})
	hostileControlCharacters(h)
	hostileEncrypted(h, f, tok)
}

// utf16 returns text in UTF-16LE. The text must be ASCII.
func utf16(text string) string {
	var out strings.Builder
	for _, c := range []byte(text) {
		out.Write([]byte{c, 0})
	}
	return out.String()
}

// hostileControlCharacters tests that control characters in a token do not reach the log.
func hostileControlCharacters(h *hostile) {
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Scopes = []string{"read"} })
	f.sendClaim("sub", `"a\u0000\u001b[2J\r\nlevel=ERROR msg=\"forged\""`)
	f.sendClaim("iss", `"x\r\nlevel=ERROR"`)
	f.sendClaim("aud", `"\u202e\u0007\u009b"`)
	text := f.log.take()
	raw := strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\n' || c == 0x9b || c == 0x202e })
	h.expect("68 no control character in the log, raw or escaped", raw || strings.Contains(text, `\u00`) || strings.Contains(text, `\r`), false)
	h.expect("68 one log line per rejection", strings.Count(text, "\n"), 3)
}

func (f *fixture) sendClaim(name, json string) answer { return f.bearer(f.claim(name, json)) }

// hostileEncrypted tests that an encrypted token is treated as opaque. The verifier for opaque
// tokens gets its text unchanged. A malformed JWS is not sent to that verifier.
func hostileEncrypted(h *hostile, plain *fixture, tok string) {
	var seen []string
	f := h.fixture(func(c *resource.Config, k *jwks.Config) {
		c.Opaque = &resource.Issuer{Verifier: stubVerifier{"https://opaque.example.test", func(_ context.Context, t *resource.Token) (*resource.Claims, error) {
			seen = append(seen, fmt.Sprint(t.IsJWT(), t.Claims() == nil, t.JWS() == nil, " ", t.Raw()))
			return &resource.Claims{Issuer: "https://opaque.example.test", Subject: "s", Audience: []string{identifier}}, nil
		}}}
	})
	f.unexplained = true // the test counts calls
	encrypted := tok + ".AA.AA"
	h.expect("43 encrypted token with Config.Opaque", f.bearer(encrypted), accepted)
	h.expect("43 the verifier gets the whole text, not parsed", seen, []string{"false true true " + encrypted})
	seen = nil
	for name, token := range map[string]string{
		"44 empty payload, not sent to Opaque":       strings.Split(tok, ".")[0] + "..AA",
		"47 standard alphabet, not sent to Opaque":   plain.spelled(1, standard),
		"55 duplicate alg, not sent to Opaque":       plain.signed(plain.validHeader()+`,"alg":"none"}`, "{}"),
		"61 payload is an array, not sent to Opaque": plain.signed(plain.validHeader()+`}`, "[]"),
	} {
		h.expect(name, f.bearer(token), invalid)
	}
	h.expect("43 no other token was sent to Opaque", seen, []string(nil))
}

// hostileExpiry covers the rest of section 2: exp, and numbers. The fake clock does not advance.
func hostileExpiry(h *hostile) {
	f := h.fixture(nil)
	now := time.Now().Unix()
	exp := func(json string) string { return f.claim("exp", json) }
	in := func(seconds int64) string { return strconv.FormatInt(now+seconds, 10) }
	h.checkTokens(f, []tokenRow{
		{"71 exp missing (RFC 9068 §2.2): claim_missing, not expired", exp(""), invalid, reasonClaimMissing},
		{"72 exp is null, which is absent", exp("null"), invalid, reasonClaimMissing},
		{"73 exp 0", exp("0"), expired, reasonExpired},
		{"73 exp -0", exp("-0"), expired, reasonExpired},
		{"73 exp 0.0", exp("0.0"), expired, reasonExpired},
		{"73 exp 0e9", exp("0e9"), expired, reasonExpired},
		{"73 exp 0.5", exp("0.5"), expired, reasonExpired},
		{"73 exp is the string 0", exp(`"0"`), invalid, reasonMalformed},
		{"73 exp 1", exp("1"), expired, reasonExpired},
		{"74 exp -1", exp("-1"), invalid, reasonMalformed},
		{"74 exp -1e9", exp("-1e9"), invalid, reasonMalformed},
		{"74 exp -0.5", exp("-0.5"), invalid, reasonMalformed},
		{"74 exp is the smallest int64", exp(fmt.Sprint(int64(math.MinInt64))), invalid, reasonMalformed},
		{"75 exp is a string", exp(`"` + in(240) + `"`), invalid, reasonMalformed},
		{"76 exp in RFC 3339 format", exp(`"2000-01-01T00:05:00Z"`), invalid, reasonMalformed},
		{"77 exp with a fraction (RFC 7519 §2)", exp(in(240) + ".9"), accepted, ""},
		{"77 exp with an exponent", exp("9.4668504e8"), accepted, ""},
		{"77 fraction of exp is truncated: expired, half a second early", exp(in(-30) + ".5"), expired, reasonExpired},
		{"77 exp one second later", exp(in(-29) + ".5"), accepted, ""},
		{"78 exp 1e400", exp("1e400"), invalid, reasonMalformed},
		{"78 exp 1e308", exp("1e308"), invalid, reasonMalformed},
		{"79 exp 1e18", exp("1e18"), invalid, reasonMalformed},
		{"79 exp 1e19", exp("1e19"), invalid, reasonMalformed},
		{"79 exp 1000000000000000000", exp("1000000000000000000"), invalid, reasonMalformed},
		{"79 exp is the largest int64", exp(fmt.Sprint(int64(math.MaxInt64))), invalid, reasonMalformed},
		{"79 exp is the largest int64 plus one", exp("9223372036854775808"), invalid, reasonMalformed},
		{"79 exp is 2^64 + 1", exp("18446744073709551617"), invalid, reasonMalformed},
		{"79 exp is the year 10000", exp("253402300800"), invalid, reasonMalformed},
		{"79 exp is the end of the year 9999", exp("253402300799"), invalid, reasonLifetime},
		{"79 exp in milliseconds", exp(in(240) + "000"), invalid, reasonMalformed},
		{"79 exp in ten years", exp(in(10 * 365 * 24 * 3600)), accepted, ""},
		{"79 exp in ten years and one second", exp(in(10*365*24*3600 + 1)), invalid, reasonLifetime},
		{"80 exp NaN", exp("NaN"), invalid, reasonMalformed},
		{"80 exp Infinity", exp("Infinity"), invalid, reasonMalformed},
		{"80 exp -Infinity", exp("-Infinity"), invalid, reasonMalformed},
		{"81 exp is true", exp("true"), invalid, reasonMalformed},
		{"81 exp is an array", exp("[" + in(240) + "]"), invalid, reasonMalformed},
		{"81 exp is an object", exp(`{"n":` + in(240) + "}"), invalid, reasonMalformed},
		{"82 now is exp plus the leeway (RFC 7519 §4.1.4, on or after)", exp(in(-30)), expired, reasonExpired},
		{"83 now is one second before exp plus the leeway", exp(in(-29)), accepted, ""},
		{"83 now is exp", exp(in(0)), accepted, ""},
		{"84 exp with a leading zero", exp("0" + in(240)), invalid, reasonMalformed},
		{"84 exp with a plus sign", exp("+" + in(240)), invalid, reasonMalformed},
		{"84 exp in hexadecimal", exp("0x386d44f0"), invalid, reasonMalformed},
		{"84 exp with underscores", exp("946_685_040"), invalid, reasonMalformed},
		{"84 exp with a decimal point and no digit after it", exp(in(240) + "."), invalid, reasonMalformed},
		{"84 exp with an exponent without digits", exp(in(240) + "e"), invalid, reasonMalformed},
		{"84 exp in Arabic-Indic digits", exp("\u0661\u0662"), invalid, reasonMalformed},
		{"85 exp of 1 MB of digits", exp(strings.Repeat("9", 1<<20)), invalid, resource.ReasonTokenTooLarge},
		{"85 exp of 10,000 digits", exp(strings.Repeat("9", 10_000)), invalid, reasonMalformed},
		{"85 exp with 10,000 digits after the decimal point", exp(in(240) + "." + strings.Repeat("9", 10_000)), accepted, ""},
	})
	hostileLeeway(h)
	for name, leeway := range map[string]time.Duration{"83 leeway above five minutes": resource.MaxLeeway + 1, "83 leeway of an hour": time.Hour} {
		_, err := resource.New(resource.Config{Identifier: identifier, Limits: resource.Limits{Leeway: leeway}, Issuers: []resource.Issuer{{Verifier: stubVerifier{issuer: "https://auth.example.test"}}}})
		h.expect(name, fmt.Sprint(err), fmt.Sprintf("resource: configuration: Limits.Leeway: %s is over 5m0s; correct the clocks instead", leeway))
	}
}

// hostileLeeway tests the moment at which a token expires, for a cached token and without a
// cache.
func hostileLeeway(h *hostile) {
	for _, leeway := range []time.Duration{-1, 0, time.Minute, resource.MaxLeeway} {
		for _, ttl := range []time.Duration{0, -1} {
			f := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Limits.Leeway, c.Limits.CacheTTL = leeway, ttl })
			tok := f.token(resourcetest.Token{IssuedAt: time.Now(), Lifetime: time.Minute})
			validFor := time.Minute + map[time.Duration]time.Duration{-1: 0, 0: 30 * time.Second}[leeway] + max(leeway, 0)
			name := func(when string) string {
				return fmt.Sprintf("82 %s, leeway %s, cached %v", when, leeway, ttl == 0)
			}
			h.expect(name("first request"), f.bearer(tok), accepted)
			time.Sleep(validFor - 1)
			h.expect(name("one nanosecond before the token expires"), f.bearer(tok), accepted)
			time.Sleep(1)
			h.expect(name("expired"), f.bearer(tok), expired)
		}
	}
}
