package jose_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/jose"
)

// parseHeader parses a token with the given JOSE header. The rest of the token is a well-formed
// ES256 token.
func parseHeader(header string) (jose.Header, error) {
	token, err := jose.Parse(b64([]byte(header)) + ".e30." + b64(make([]byte, 64)))
	if err != nil {
		return jose.Header{}, err
	}
	return token.Header, nil
}

func TestHeader(t *testing.T) {
	for _, row := range []struct{ name, header, kid, typ string }{
		{"only alg", `{"alg":"ES256"}`, "", ""},
		{"kid and typ", `{"typ":"at+jwt","kid":"k","alg":"ES256"}`, "k", "at+jwt"},
		{"white space", " {\n\"alg\" : \"ES256\" } ", "", ""},
		{"names and values with escapes (RFC 7515 §5.3)", `{"\u0061lg":"\u0045S256","kid":"\u006b"}`, "k", ""},
		{"119 jku and x5u to anywhere", `{"alg":"ES256","jku":"http://169.254.169.254/","x5u":"file:///etc/passwd"}`, "", ""},
		{"120 a key of the attacker in jwk", `{"alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"","y":""}}`, "", ""},
		{"121 x5c of the wrong type", `{"alg":"ES256","x5c":"garbage"}`, "", ""},
		{"121 x5c that is null", `{"alg":"ES256","x5c":null}`, "", ""},
		{"122 thumbprints", `{"alg":"ES256","x5t":"x","x5t#S256":1}`, "", ""},
		{"131 the header members of ACME", `{"alg":"ES256","url":"https://a","nonce":"n"}`, "", ""},
		{"133 five hundred unknown members", `{"alg":"ES256"` + unknown(500) + `}`, "", ""},
		{"125 a kid of 256 bytes", `{"alg":"ES256","kid":"` + strings.Repeat("k", 256) + `"}`, strings.Repeat("k", 256), ""},
		{"125 a kid with a path, a quote and a line break", `{"alg":"ES256","kid":"../../dev/null' OR 1=1--\n$(id)"}`, "../../dev/null' OR 1=1--\n$(id)", ""},
		{"125 a kid of one space", `{"alg":"ES256","kid":" "}`, " ", ""},
	} {
		got, err := parseHeader(row.header)
		if err != nil || got.Algorithm.String() != "ES256" || got.KeyID != row.kid || got.Type != row.typ {
			t.Errorf("%s:\n got %v, error %v\nwant kid %q, typ %q", row.name, got, err, row.kid, row.typ)
		}
	}
}

// unknown returns n unknown members, each with a leading comma.
func unknown(n int) string {
	var out strings.Builder
	for i := range n {
		out.WriteString(`,"u` + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26)) + `":1`)
	}
	return out.String()
}

// RFC 7515 §4, §5.2; RFC 8725 §3.1, §3.2.
//
// The number at the beginning of a name is that of the input in the project's list of bad
// inputs. TestHostile of package resource uses the same numbers.
func TestHeaderRejects(t *testing.T) {
	for _, row := range []struct {
		name, header string
		want         error
	}{
		{"52 text that is not JSON", `alg=ES256`, jose.ErrMalformed},
		{"52 an array", `[{"alg":"ES256"}]`, jose.ErrMalformed},
		{"52 a string", `"ES256"`, jose.ErrMalformed},
		{"52 null", `null`, jose.ErrMalformed},
		{"52 a number", `1`, jose.ErrMalformed},
		{"53 a byte order mark", "\uFEFF" + `{"alg":"ES256"}`, jose.ErrMalformed},
		{"54 two objects", `{"alg":"ES256"}{"alg":"ES256"}`, jose.ErrMalformed},
		{"54 trailing data", `{"alg":"ES256"}x`, jose.ErrMalformed},
		{"55 a duplicate alg, none first", `{"alg":"none","alg":"ES256"}`, jose.ErrMalformed},
		{"55 a duplicate alg, none last", `{"alg":"ES256","alg":"none"}`, jose.ErrMalformed},
		{"55 a duplicate alg, once with an escape", `{"alg":"ES256","\u0061lg":"none"}`, jose.ErrMalformed},
		{"55 a duplicate kid", `{"alg":"ES256","kid":"a","kid":"b"}`, jose.ErrMalformed},
		{"55 a duplicate unknown name", `{"alg":"ES256","x":1,"x":2}`, jose.ErrMalformed},
		{"56 ALG", `{"ALG":"ES256"}`, jose.ErrMalformed},
		{"56 Alg in addition to alg", `{"alg":"ES256","Alg":"none"}`, jose.ErrMalformed},
		{"56 Kid", `{"alg":"ES256","Kid":"a"}`, jose.ErrMalformed},
		{"56 kid with the Kelvin sign", `{"alg":"ES256","` + "\u212A" + `id":"a"}`, jose.ErrMalformed},
		{"56 CRIT", `{"alg":"ES256","CRIT":["exp"]}`, jose.ErrMalformed},
		{"57 invalid UTF-8", "{\"alg\":\"ES256\",\"x\":\"\xff\"}", jose.ErrMalformed},
		{"58 a lone surrogate", `{"alg":"ES256","kid":"\ud800"}`, jose.ErrMalformed},
		{"60 nesting of 65", `{"alg":"ES256","x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, jose.ErrMalformed},
		{"86 none", `{"alg":"none"}`, jose.ErrAlgorithm},
		{"86 None", `{"alg":"None"}`, jose.ErrAlgorithm},
		{"86 NONE", `{"alg":"NONE"}`, jose.ErrAlgorithm},
		{"86 nOnE", `{"alg":"nOnE"}`, jose.ErrAlgorithm},
		{"86 none and a space", `{"alg":"none "}`, jose.ErrAlgorithm},
		{"88 no alg", `{"kid":"k"}`, jose.ErrAlgorithm},
		{"88 an empty alg", `{"alg":""}`, jose.ErrAlgorithm},
		{"88 alg null", `{"alg":null}`, jose.ErrMalformed},
		{"88 alg a number", `{"alg":256}`, jose.ErrMalformed},
		{"88 alg an array", `{"alg":["ES256"]}`, jose.ErrMalformed},
		{"91 HS256", `{"alg":"HS256"}`, jose.ErrAlgorithm},
		{"91 HS384", `{"alg":"HS384"}`, jose.ErrAlgorithm},
		{"91 HS512", `{"alg":"HS512"}`, jose.ErrAlgorithm},
		{"99 ES256K", `{"alg":"ES256K"}`, jose.ErrAlgorithm},
		{"100 Ed448", `{"alg":"Ed448"}`, jose.ErrAlgorithm},
		{"110 RSA1_5", `{"alg":"RSA1_5"}`, jose.ErrAlgorithm},
		{"110 RSA-OAEP", `{"alg":"RSA-OAEP"}`, jose.ErrAlgorithm},
		{"110 dir", `{"alg":"dir"}`, jose.ErrAlgorithm},
		{"111 RS999", `{"alg":"RS999"}`, jose.ErrAlgorithm},
		{"111 lower case", `{"alg":"es256"}`, jose.ErrAlgorithm},
		{"111 a trailing NUL", `{"alg":"ES256\u0000"}`, jose.ErrAlgorithm},
		{"111 full-width letters", `{"alg":"ＥＳ256"}`, jose.ErrAlgorithm},
		{"111 ES521, a misspelling of ES512", `{"alg":"ES521"}`, jose.ErrAlgorithm},
		{"112 ML-DSA", `{"alg":"ML-DSA-65"}`, jose.ErrAlgorithm},
		{"114 crit with an unknown extension", `{"alg":"ES256","crit":["exp"],"exp":1}`, jose.ErrMalformed},
		{"115 an empty crit", `{"alg":"ES256","crit":[]}`, jose.ErrMalformed},
		{"116 crit a string", `{"alg":"ES256","crit":"b64"}`, jose.ErrMalformed},
		{"116 crit null", `{"alg":"ES256","crit":null}`, jose.ErrMalformed},
		{"116 crit with alg", `{"alg":"ES256","crit":["alg"]}`, jose.ErrMalformed},
		{"116 crit with an escape", `{"alg":"ES256","\u0063rit":["b64"],"b64":true}`, jose.ErrMalformed},
		{"117 b64 false (RFC 7797)", `{"alg":"ES256","b64":false}`, jose.ErrMalformed},
		{"117 b64 true, which has no effect", `{"alg":"ES256","b64":true}`, jose.ErrMalformed},
		{"118 b64 a string", `{"alg":"ES256","b64":"x"}`, jose.ErrMalformed},
		{"124 an empty kid", `{"alg":"ES256","kid":""}`, jose.ErrMalformed},
		{"124 kid a number", `{"alg":"ES256","kid":1}`, jose.ErrMalformed},
		{"124 kid null", `{"alg":"ES256","kid":null}`, jose.ErrMalformed},
		{"124 kid an array", `{"alg":"ES256","kid":["k"]}`, jose.ErrMalformed},
		{"124 kid an object", `{"alg":"ES256","kid":{"k":1}}`, jose.ErrMalformed},
		{"125 a kid of 257 bytes", `{"alg":"ES256","kid":"` + strings.Repeat("k", 257) + `"}`, jose.ErrMalformed},
		{"129 typ a number", `{"alg":"ES256","typ":1}`, jose.ErrMalformed},
		{"129 typ null", `{"alg":"ES256","typ":null}`, jose.ErrMalformed},
		{"129 an empty typ", `{"alg":"ES256","typ":""}`, jose.ErrMalformed},
		{"130 zip", `{"alg":"ES256","zip":"DEF"}`, jose.ErrMalformed},
		{"130 zip NONE, which only a Reader with KeepZipNone keeps", `{"alg":"ES256","zip":"NONE"}`, jose.ErrMalformed},
		{"132 cty", `{"alg":"ES256","cty":"JWT"}`, jose.ErrMalformed},
		{"132 an empty cty", `{"alg":"ES256","cty":""}`, jose.ErrMalformed},
	} {
		got, err := parseHeader(row.header)
		if !errors.Is(err, row.want) || got != (jose.Header{}) {
			t.Errorf("%s (-want +got)\n- %v\n+ %v, header %v", row.name, row.want, err, got)
		}
	}
}

// RFC 9068 §2.1, §4; RFC 8725 §3.11.
func TestAccessTokenTypes(t *testing.T) {
	for _, row := range []struct {
		typ             string
		strict, lenient bool
	}{
		{"at+jwt", true, true}, {"AT+JWT", true, true}, {"application/at+jwt", true, true}, {"Application/AT+jwt", true, true},
		{"", false, true}, {"JWT", false, true}, {"jwt", false, true},
		{"application/jwt", false, false}, {"id_token", false, false}, {"dpop+jwt", false, false}, {"logout+jwt", false, false},
		{"secevent+jwt", false, false}, {"entity-statement+jwt", false, false}, {"token-introspection+jwt", false, false},
		{"at+jwt ", false, false}, {" at+jwt", false, false}, {"at+jwt; charset=utf-8", false, false}, {"at+jwt\x00", false, false},
		{"application/application/at+jwt", false, false}, {"at jwt", false, false}, {"JWS", false, false}, {"JOSE", false, false},
		{"at+jwſ", false, false}, {"ａt+jwt", false, false},
	} {
		h := jose.Header{Type: row.typ}
		if strict, lenient := h.IsAccessTokenType(true, nil), h.IsAccessTokenType(false, nil); strict != row.strict || lenient != row.lenient {
			t.Errorf("%q: got strict %v, lenient %v, want %v and %v", row.typ, strict, lenient, row.strict, row.lenient)
		}
	}
}

// Further types are compared like media types (RFC 2045 §5.1), and do not count in strict mode.
func TestFurtherAccessTokenTypes(t *testing.T) {
	for typ, want := range map[string]bool{
		"JOSE": true, "jose": true, "Jose": true, "JOSE ": false, "application/JOSE": false, "JOSE+JSON": false,
		"JO\u017FE": false, "x": true, "y": false, "at+jwt": true, "JWT": true, "": true, "id_token": false,
	} {
		h := jose.Header{Type: typ}
		if got := h.IsAccessTokenType(false, []string{"JOSE", "x"}); got != want {
			t.Errorf("%q: got %v, want %v", typ, got, want)
		}
		if got := h.IsAccessTokenType(true, []string{"JOSE", "x"}); got != (typ == "at+jwt") {
			t.Errorf("%q: got %v in strict mode", typ, got)
		}
	}
}

// Errors are logged. They must not quote the token.
func TestParseErrorsDoNotQuoteToken(t *testing.T) {
	for _, header := range []string{
		`{"alg":"hunter2"}`, `{"alg":"ES256","hunter2":1,"hunter2":2}`, `hunter2`, `{"alg":"ES256","kid":"` + strings.Repeat("hunter2", 60) + `"}`,
		`{"alg":"ES256","cty":"hunter2"}`, `{"alg":"ES256","crit":["hunter2"]}`, `{"alg":"ES256","typ":["hunter2"]}`,
	} {
		_, err := parseHeader(header)
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), b64([]byte("hunter2"))) {
			t.Errorf("%s: error %v", header, err)
		}
	}
}
