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

// spelled mints a token of which one segment is written otherwise; what is wrong is
// signed as well, so that nothing else can be the reason for a refusal.
func (f *fixture) spelled(segment int, write func(canonical string) string) string {
	for {
		changed := false
		token := f.issuer.Token(resourcetest.Token{
			// Bytes that make every alphabet show, and lengths that leave stray bits.
			RawHeader: []byte(f.goodHeader() + `,"x":"??>>~~"}`), RawPayload: []byte(f.goodPayload() + `,"x":"??>>~~"}`),
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
		if changed { // else a signature without "-" and "_": sign again
			return token
		}
	}
}

// What is done to a segment.
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

// hostileJWS is the first part of section 2: form and JSON.
func hostileJWS(h *hostile) {
	f := h.fixture(nil)
	tok := f.token(resourcetest.Token{})
	part := strings.Split(tok, ".")
	head := func(text string) string { return f.signed(text, f.goodPayload()+"}") }
	body := func(text string) string { return f.signed(f.goodHeader()+"}", text) }
	more := func(members string) string { return body(f.goodPayload() + members + "}") }
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	exactly := func(n int, start, end string) string { return start + strings.Repeat("x", n-len(start+end)) + end }
	without := func(name string) string { // the payload without one member, still open at its end
		rest := f.goodPayload()[1:]
		var kept []string
		for member := range strings.SplitSeq(rest, ",") {
			if !strings.HasPrefix(member, `"`+name+`"`) {
				kept = append(kept, member)
			}
		}
		return "{" + strings.Join(kept, ",")
	}
	later := fmt.Sprint(time.Now().Unix() + 300)

	h.walk(f, []tokenRow{
		{"42 one part", part[0], invalid, whyOpaque},
		{"42 two parts", part[0] + "." + part[1], invalid, whyOpaque},
		{"42 four parts", tok + "." + part[2], invalid, whyOpaque},
		{"43 five parts, an encrypted one (RFC 7516 §7.1)", tok + "." + part[1] + "." + part[2], invalid, whyOpaque},
		{"43 five parts with alg and enc", "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AA.AA.AA.AA", invalid, whyOpaque},
		{"44 empty header", "." + part[1] + "." + part[2], invalid, whyOpaque},
		{"44 empty payload", part[0] + ".." + part[2], invalid, whyForm},
		{"44 empty payload, signed", f.spelled(1, func(string) string { return "" }), invalid, whyForm},
		{"44 empty signature", part[0] + "." + part[1] + ".", invalid, whyForm},
		{"44 two dots alone", "..", invalid, whyOpaque},
		{"44 header and two dots", part[0] + "..", invalid, whyForm},
		{"44 trailing dot", tok + ".", invalid, whyOpaque},
		{"44 leading dot", "." + tok, invalid, whyOpaque},
		{"45 line break before the token", "\n" + tok, malformed, whyRequest},
		{"45 line break behind the token", tok + "\r\n", malformed, whyRequest},
		{"45 line break in the header, signed", f.spelled(0, insert("\n")), malformed, whyRequest},
		{"45 CR LF in the payload, signed", f.spelled(1, insert("\r\n")), malformed, whyRequest},
		{"45 line break in the signature", f.spelled(2, insert("\n")), malformed, whyRequest},
		{"45 space in the payload, signed", f.spelled(1, insert(" ")), malformed, whyRequest},
		{"45 tab in the signature", f.spelled(2, insert("\t")), malformed, whyRequest},
		{"46 padding behind the header, signed", f.spelled(0, padded), malformed, whyRequest},
		{"46 padding behind the payload, signed", f.spelled(1, padded), malformed, whyRequest},
		{"46 padding behind the signature", f.spelled(2, padded), invalid, whyForm},
		{"47 standard alphabet in the header, signed", f.spelled(0, standard), invalid, whyForm},
		{"47 standard alphabet in the payload, signed", f.spelled(1, standard), invalid, whyForm},
		{"47 standard alphabet in the signature", f.spelled(2, standard), invalid, whyForm},
		{"48 both alphabets in the header, signed", f.spelled(0, mixed), invalid, whyForm},
		{"48 both alphabets in the payload, signed", f.spelled(1, mixed), invalid, whyForm},
		{"48 both alphabets in the signature", f.spelled(2, mixed), invalid, whyForm},
		{"49 stray bits in the header, signed (RFC 4648 §3.5)", f.spelled(0, strayBits), invalid, whyForm},
		{"49 stray bits in the payload, signed", f.spelled(1, strayBits), invalid, whyForm},
		{"49 stray bits in the signature", f.spelled(2, strayBits), invalid, whyForm},
		{"50 a character too many in the header, signed", f.spelled(0, longer), invalid, whyForm},
		{"50 a character too many in the payload, signed", f.spelled(1, longer), invalid, whyForm},
		{"50 a character too many in the signature", f.spelled(2, longer), invalid, whyForm},
		{"51 question mark in the header, signed", f.spelled(0, insert("?")), malformed, whyRequest},
		{"51 question mark in the payload, signed", f.spelled(1, insert("?")), malformed, whyRequest},
		{"51 one dot leader (U+2024) for a dot", strings.Replace(tok, ".", "\u2024", 1), malformed, whyRequest},
		{"51 tilde in the payload, signed", f.spelled(1, insert("~")), invalid, whyForm},

		{"52 header is no JSON", head(`{alg:ES256}`), invalid, whyForm},
		{"52 header is half an object", head(f.goodHeader()), invalid, whyForm},
		{"52 header is an array", head(`["alg","ES256"]`), invalid, whyOpaque},
		{"52 header is a string", head(`"alg"`), invalid, whyOpaque},
		{"52 header is null", head(`null`), invalid, whyOpaque},
		{"52 header is a number", head(`1`), invalid, whyOpaque},
		{"52 header is empty", head(`{}`), invalid, whyAlg},
		{"52 header with single quotes", head(strings.ReplaceAll(f.goodHeader()+"}", `"`, `'`)), invalid, whyForm},
		{"52 header with a comment", head(f.goodHeader() + "/**/}"), invalid, whyForm},
		{"52 header with a trailing comma", head(f.goodHeader() + ",}"), invalid, whyForm},
		{"53 byte order mark before the header", head("\ufeff" + f.goodHeader() + "}"), invalid, whyOpaque},
		{"54 two objects in the header", head(f.goodHeader() + "}{}"), invalid, whyForm},
		{"54 garbage behind the header", head(f.goodHeader() + "}x"), invalid, whyForm},
		{"54 NUL behind the header", head(f.goodHeader() + "}\x00"), invalid, whyForm},
		{"54 white space behind the header is JSON", head(f.goodHeader() + "} \r\n\t"), accepted, ""},
		{"55 alg twice, none first", head(`{"alg":"none",` + f.goodHeader()[1:] + "}"), invalid, whyForm},
		{"55 alg twice, none last", head(f.goodHeader() + `,"alg":"none"}`), invalid, whyForm},
		{"55 alg twice, the same", head(f.goodHeader() + `,"alg":"ES256"}`), invalid, whyForm},
		{"55 kid twice", head(f.goodHeader() + `,"kid":"x"}`), invalid, whyForm},
		{"55 an ignored member twice", head(f.goodHeader() + `,"jku":"a","jku":"b"}`), invalid, whyForm},
		{"55 alg twice, once with an escape", head(f.goodHeader() + `,"\u0061lg":"none"}`), invalid, whyForm},
		{"56 ALG in place of alg", head(strings.Replace(f.goodHeader(), "alg", "ALG", 1) + "}"), invalid, whyForm},
		{"56 ALG beside alg", head(f.goodHeader() + `,"ALG":"none"}`), invalid, whyForm},
		{"56 Kid beside kid", head(f.goodHeader() + `,"Kid":"x"}`), invalid, whyForm},
		{"56 kid with the Kelvin sign", head(f.goodHeader() + `,"\u212aid":"x"}`), invalid, whyForm},
		{"57 invalid UTF-8 in a value of the header", head(f.goodHeader() + ",\"x\":\"\xff\"}"), invalid, whyForm},
		{"57 invalid UTF-8 in a name of the header", head(f.goodHeader() + ",\"x\xc0\x80\":1}"), invalid, whyForm},
		{"57 overlong slash in kid", head(f.goodHeader() + ",\"y\":\"\xc0\xaf\"}"), invalid, whyForm},
		{"58 lone surrogate in a value of the header", head(f.goodHeader() + `,"x":"\ud800"}`), invalid, whyForm},
		{"58 lone surrogate in a name of the header", head(f.goodHeader() + `,"\udfff":1}`), invalid, whyForm},
		{"58 lone surrogate in sub", body(without("sub") + `,"sub":"\ud800"}`), invalid, whyForm},
		{"58 surrogates in wrong order", body(without("sub") + `,"sub":"\udc00\ud800"}`), invalid, whyForm},
		{"59 header of 8 KiB and a byte", head(exactly(8<<10+1, f.goodHeader()+`,"x5c":"`, `"}`)), invalid, whyForm},
		{"59 header of 8 KiB", head(exactly(8<<10, f.goodHeader()+`,"x5c":"`, `"}`)), accepted, ""},
		{"60 header nested 4,000 deep", head(f.goodHeader() + `,"x":` + nest(4000) + "}"), invalid, whyForm},
		{"60 payload nested 5,000 deep", more(`,"x":` + nest(5000)), invalid, whyForm},
		{"60 payload with 9,000 open brackets", more(`,"x":` + strings.Repeat("[", 9000)), invalid, whyForm},
		{"61 payload is an array", body(`["sub"]`), invalid, whyForm},
		{"61 payload is a string", body(`"sub"`), invalid, whyForm},
		{"61 payload is null", body(`null`), invalid, whyForm},
		{"61 payload is a number", body(`1`), invalid, whyForm},
		{"61 payload is true", body(`true`), invalid, whyForm},
		{"61 payload is an object in an array", body("[" + f.goodPayload() + "}]"), invalid, whyForm},
		{"62 garbage behind the payload", body(f.goodPayload() + "}x"), invalid, whyForm},
		{"62 a second object behind the payload", body(f.goodPayload() + "}" + f.goodPayload() + "}"), invalid, whyForm},
		{"62 NUL behind the payload", body(f.goodPayload() + "}\x00"), invalid, whyForm},
		{"63 exp twice", more(`,"exp":` + later), invalid, whyForm},
		{"63 aud twice", more(`,"aud":"x"`), invalid, whyForm},
		{"63 sub twice", more(`,"sub":"admin"`), invalid, whyForm},
		{"63 iss twice", more(`,"iss":"x"`), invalid, whyForm},
		{"63 scope twice", more(`,"scope":"a","scope":"b"`), invalid, whyForm},
		{"63 cnf twice", more(`,"cnf":null,"cnf":{}`), invalid, whyForm},
		{"63 an unknown claim twice", more(`,"x":1,"x":1`), invalid, whyForm},
		{"63 a name twice inside of a claim", more(`,"act":{"sub":"a","sub":"b"}`), invalid, whyForm},
		{"64 EXP in place of exp (RFC 7519 §7.3)", body(without("exp") + `,"EXP":` + later + "}"), invalid, whyForm},
		{"64 Iss in place of iss", body(without("iss") + `,"Iss":"` + f.issuer.Identifier() + `"}`), invalid, whyForm},
		{"64 AUD in place of aud", body(without("aud") + `,"AUD":"` + identifier + `"}`), invalid, whyForm},
		{"64 AUD beside aud", more(`,"AUD":"x"`), invalid, whyForm},
		{"64 \u017fub beside sub", more(",\"\u017fub\":\"x\""), invalid, whyForm},
		{"65 byte order mark before the payload", body("\ufeff" + f.goodPayload() + "}"), invalid, whyForm},
		{"65 payload in UTF-16", body(utf16(f.goodPayload() + "}")), invalid, whyForm},
		{"66 payload of no bytes", f.signed(f.goodHeader()+"}", ""), invalid, whyForm},
		{"67 escaped exp is exp", body(without("exp") + `,"\u0065xp":` + later + "}"), accepted, ""},
		{"67 escaped exp beside exp", more(`,"\u0065xp":` + later), invalid, whyForm},
		{"67 escaped exp, long past", body(without("exp") + `,"\u0065xp":1}`), expired, whyExpired},
		{"67 sub in escapes", body(without("sub") + `,"\u0073\u0075\u0062":"\u0061"}`), accepted, ""},
		{"68 control characters in sub", body(without("sub") + `,"sub":"a\u0000\u001b[2J\r\n"}`), accepted, ""},
		{"68 control characters unescaped", body(without("sub") + ",\"sub\":\"a\nb\"}"), invalid, whyForm},
		{"69 a good token as payload", body(tok), invalid, whyForm},
		{"69 a good token as payload, with cty (RFC 7519 §5.2)", f.signed(f.goodHeader()+`,"cty":"JWT"}`, tok), invalid, whyForm},
		{"70 flattened JSON", `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`, malformed, whyRequest},
		{"70 general JSON, one of two signatures good", `{"payload":"` + part[1] + `","signatures":[{"protected":"` + part[0] + `","signature":"AA"},{"protected":"` + part[0] + `","signature":"` + part[2] + `"}]}`, malformed, whyRequest},
		{"70 flattened JSON in base64", base64.RawURLEncoding.EncodeToString([]byte(`{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`)), invalid, whyOpaque},
	})
	hostileControls(h)
	hostileEncrypted(h, f, tok)
}

func utf16(text string) string {
	var out strings.Builder
	for _, c := range []byte(text) {
		out.Write([]byte{c, 0})
	}
	return out.String()
}

// hostileControls: what a token may say, a log must not repeat raw.
func hostileControls(h *hostile) {
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Scopes = []string{"read"} })
	f.claimed("sub", `"a\u0000\u001b[2J\r\nlevel=ERROR msg=\"forged\""`)
	f.claimed("iss", `"x\r\nlevel=ERROR"`)
	f.claimed("aud", `"\u202e\u0007\u009b"`)
	text := f.log.take()
	raw := strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\n' || c == 0x9b || c == 0x202e })
	h.expect("68 no control character in the log, escaped neither", raw || strings.Contains(text, `\u00`) || strings.Contains(text, `\r`), false)
	h.expect("68 a line of the log for each refusal", strings.Count(text, "\n"), 3)
}

func (f *fixture) claimed(name, json string) answer { return f.bearer(f.claim(name, json)) }

// hostileEncrypted: an encrypted token is opaque to us. Where there is a verifier
// for opaque tokens it gets the text as it came; what only looks like a JWS does not
// get that far.
func hostileEncrypted(h *hostile, plain *fixture, tok string) {
	var seen []string
	f := h.fixture(func(c *resource.Config, k *jwks.Config) {
		c.Opaque = &resource.Issuer{Verifier: voucher{"https://opaque.example.test", func(_ context.Context, t *resource.Token) (*resource.Claims, error) {
			seen = append(seen, fmt.Sprint(t.IsJWT(), t.Claims() == nil, t.JWS() == nil, " ", t.Raw()))
			return &resource.Claims{Issuer: "https://opaque.example.test", Subject: "s", Audience: []string{identifier}}, nil
		}}}
	})
	encrypted := tok + ".AA.AA"
	h.expect("43 encrypted token with Config.Opaque", f.bearer(encrypted), accepted)
	h.expect("43 which got it whole, and unread", seen, []string{"false true true " + encrypted})
	seen = nil
	for name, token := range map[string]string{
		"44 empty payload is not sent to Opaque":    strings.Split(tok, ".")[0] + "..AA",
		"47 wrong alphabet is not sent to Opaque":   plain.spelled(1, standard),
		"55 duplicate in header not sent to Opaque": plain.signed(plain.goodHeader()+`,"alg":"none"}`, "{}"),
		"61 payload no object not sent to Opaque":   plain.signed(plain.goodHeader()+`}`, "[]"),
	} {
		h.expect(name, f.bearer(token), invalid)
	}
	h.expect("43 nothing else was sent there", seen, []string(nil))
}

// hostileTimes is the rest of section 2: exp, and numbers. The clock stands still.
func hostileTimes(h *hostile) {
	f := h.fixture(nil)
	now := time.Now().Unix()
	exp := func(json string) string { return f.claim("exp", json) }
	in := func(seconds int64) string { return strconv.FormatInt(now+seconds, 10) }
	h.walk(f, []tokenRow{
		{"71 exp absent (RFC 9068 §2.2): missing, not expired", exp(""), invalid, whyMissing},
		{"72 exp null", exp("null"), invalid, whyForm},
		{"73 exp 0", exp("0"), invalid, whyForm},
		{"73 exp -0", exp("-0"), invalid, whyForm},
		{"73 exp 0.0", exp("0.0"), invalid, whyForm},
		{"73 exp 0e9", exp("0e9"), invalid, whyForm},
		{"73 exp 0.5", exp("0.5"), invalid, whyForm},
		{"73 exp the string 0", exp(`"0"`), invalid, whyForm},
		{"73 exp 1", exp("1"), expired, whyExpired},
		{"74 exp -1", exp("-1"), invalid, whyForm},
		{"74 exp -1e9", exp("-1e9"), invalid, whyForm},
		{"74 exp -0.5", exp("-0.5"), invalid, whyForm},
		{"74 exp the least int64", exp(fmt.Sprint(int64(math.MinInt64))), invalid, whyForm},
		{"75 exp in a string", exp(`"` + in(240) + `"`), invalid, whyForm},
		{"76 exp in RFC 3339", exp(`"2000-01-01T00:05:00Z"`), invalid, whyForm},
		{"77 exp with a fraction (RFC 7519 §2)", exp(in(240) + ".9"), accepted, ""},
		{"77 exp with an exponent", exp("9.4668504e8"), accepted, ""},
		{"77 a fraction is cut: it expired half a second before", exp(in(-30) + ".5"), expired, whyExpired},
		{"77 a second later it would do", exp(in(-29) + ".5"), accepted, ""},
		{"78 exp 1e400", exp("1e400"), invalid, whyForm},
		{"78 exp 1e308", exp("1e308"), invalid, whyForm},
		{"79 exp 1e18", exp("1e18"), invalid, whyForm},
		{"79 exp 1e19", exp("1e19"), invalid, whyForm},
		{"79 exp 1000000000000000000", exp("1000000000000000000"), invalid, whyForm},
		{"79 exp the largest int64", exp(fmt.Sprint(int64(math.MaxInt64))), invalid, whyForm},
		{"79 exp one more than that", exp("9223372036854775808"), invalid, whyForm},
		{"79 exp two to the 64th and a little", exp("18446744073709551617"), invalid, whyForm},
		{"79 exp the year 10000", exp("253402300800"), invalid, whyForm},
		{"79 exp the end of 9999", exp("253402300799"), invalid, whyLife},
		{"79 exp in milliseconds", exp(in(240) + "000"), invalid, whyForm},
		{"79 exp in ten years", exp(in(10 * 365 * 24 * 3600)), accepted, ""},
		{"79 exp a second beyond", exp(in(10*365*24*3600 + 1)), invalid, whyLife},
		{"80 exp NaN", exp("NaN"), invalid, whyForm},
		{"80 exp Infinity", exp("Infinity"), invalid, whyForm},
		{"80 exp -Infinity", exp("-Infinity"), invalid, whyForm},
		{"81 exp true", exp("true"), invalid, whyForm},
		{"81 exp array", exp("[" + in(240) + "]"), invalid, whyForm},
		{"81 exp object", exp(`{"n":` + in(240) + "}"), invalid, whyForm},
		{"82 now is exp and the leeway (RFC 7519 §4.1.4, on or after)", exp(in(-30)), expired, whyExpired},
		{"83 a second less", exp(in(-29)), accepted, ""},
		{"83 exp is now", exp(in(0)), accepted, ""},
		{"84 exp with a leading zero", exp("0" + in(240)), invalid, whyForm},
		{"84 exp with a plus", exp("+" + in(240)), invalid, whyForm},
		{"84 exp in hexadecimal", exp("0x386d44f0"), invalid, whyForm},
		{"84 exp with underscores", exp("946_685_040"), invalid, whyForm},
		{"84 exp with a point and no digit", exp(in(240) + "."), invalid, whyForm},
		{"84 exp with an exponent and no digit", exp(in(240) + "e"), invalid, whyForm},
		{"84 exp in Arabic-Indic digits", exp("\u0661\u0662"), invalid, whyForm},
		{"85 exp of 1 MB of digits", exp(strings.Repeat("9", 1<<20)), invalid, resource.ReasonTokenTooLarge},
		{"85 exp of 10,000 digits", exp(strings.Repeat("9", 10_000)), invalid, whyForm},
		{"85 exp of 10,000 digits behind the point", exp(in(240) + "." + strings.Repeat("9", 10_000)), accepted, ""},
	})
	hostileLeeway(h)
	for name, leeway := range map[string]time.Duration{"83 leeway over five minutes": resource.MaxLeeway + 1, "83 leeway of an hour": time.Hour} {
		_, err := resource.New(resource.Config{Identifier: identifier, Limits: resource.Limits{Leeway: leeway}, Issuers: []resource.Issuer{{Verifier: voucher{issuer: "https://auth.example.test"}}}})
		h.expect(name, fmt.Sprint(err), fmt.Sprintf("resource: configuration: Limits.Leeway: %s is over 5m0s; correct the clocks instead", leeway))
	}
}

// hostileLeeway finds the moment at which a token expires, for one that is looked
// at for the first time and for one that is remembered.
func hostileLeeway(h *hostile) {
	for _, leeway := range []time.Duration{-1, 0, time.Minute, resource.MaxLeeway} {
		for _, ttl := range []time.Duration{0, -1} {
			f := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Limits.Leeway, c.Limits.CacheTTL = leeway, ttl })
			tok := f.token(resourcetest.Token{IssuedAt: time.Now(), Lifetime: time.Minute})
			over := time.Minute + map[time.Duration]time.Duration{-1: 0, 0: 30 * time.Second}[leeway] + max(leeway, 0)
			name := func(when string) string {
				return fmt.Sprintf("82 %s, leeway %s, memory %v", when, leeway, ttl == 0)
			}
			h.expect(name("first look"), f.bearer(tok), accepted)
			time.Sleep(over - 1)
			h.expect(name("a nanosecond before it is over"), f.bearer(tok), accepted)
			time.Sleep(1)
			h.expect(name("over"), f.bearer(tok), expired)
		}
	}
}
