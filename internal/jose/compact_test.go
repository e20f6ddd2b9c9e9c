package jose_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/jose"
)

// A token that looks like a JWS is never treated as an opaque token.
func TestLooksLikeJWS(t *testing.T) {
	for _, row := range []struct {
		name, raw string
		want      bool
	}{
		{"a JWT", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", true},
		{"an empty header object", "e30.e30.c2ln", true},
		{"a header that begins with a brace and a space", "eyAi.e30.c2ln", true},
		{"a header that begins with a brace and a line break", "ewog.e30.c2ln", true},
		{"a plus of the standard alphabet in the header", "e+.e30.c2ln", true},
		{"a slash of the standard alphabet in the header", "e/.e30.c2ln", true},
		{"a dash of the URL alphabet in the header", "e-.e30.c2ln", true},
		{"a header with padding", "eyJ9==.e30.c2ln", true},
		{"only a header and two dots", "ey..", true},
		{"43 five segments, as in an encrypted token", "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn", false},
		{"one dot", "eyJhbGciOiJSUzI1NiJ9.e30", false},
		{"three dots", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln.", false},
		{"no dot", "eyJhbGciOiJSUzI1NiJ9", false},
		{"three segments that do not begin with a brace", "abc.def.ghi", false},
		{"a first byte of 0x78, with the same upper six bits", "eA.e30.c2ln", false},
		{"a first byte of 0x7a, which differs in one bit", "ev.e30.c2ln", false},
		{"a capital E", "EyJ.e30.c2ln", false},
		{"a second character outside of ASCII", "e\xff.e30.c2ln", false},
		{"a second character that is a dot", "e..", false},
		{"one character", "e", false},
		{"an empty token", "", false},
		{"an array", "W10.e30.c2ln", false},
		{"JSON serialization", `{"payload":"","signatures":[]}`, false},
	} {
		if got := jose.LooksLikeJWS(row.raw); got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}

func TestParse(t *testing.T) {
	got := mustParse(t, sign("ES256", familyOf("ES256").key(), `{"kid":"k1", "alg":"ES256","typ":"at+jwt"}`, `not even JSON`))
	if h := got.Header; h.Algorithm.String() != "ES256" || h.KeyID != "k1" || h.Type != "at+jwt" || string(got.Payload) != "not even JSON" {
		t.Errorf("got header %v and payload %q", h, got.Payload)
	}
}

// RFC 7515 §5.2, §7.1.
//
// The number at the beginning of a name is that of the input in the project's list of bad
// inputs. TestHostile of package resource uses the same numbers.
func TestParseRejects(t *testing.T) {
	valid := token("ES256")
	parts := strings.Split(valid, ".")
	head, payload, signature := parts[0], parts[1], parts[2]
	join := func(segments ...string) string { return strings.Join(segments, ".") }
	for _, row := range []struct {
		name, raw, want string
	}{
		{"42 an empty token", "", "not three segments"},
		{"42 one segment", head, "not three segments"},
		{"42 two segments", join(head, payload), "not three segments"},
		{"42 four segments", join(head, payload, signature, signature), "not three segments"},
		{"43 five segments", join(head, payload, signature, signature, signature), "not three segments"},
		{"44 a trailing dot", valid + ".", "not three segments"},
		{"44 a leading dot", "." + valid, "not three segments"},
		{"44 only dots", "..", "empty header"},
		{"44 no header", join("", payload, signature), "empty header"},
		{"44 no payload", join(head, "", signature), "empty payload"},
		{"44 no signature", join(head, payload, ""), "empty signature"},
		{"45 a leading space", " " + valid, "header is not base64url"},
		{"45 a trailing line break", valid + "\n", "signature is not base64url"},
		{"45 CR LF in the header", join(head[:4]+"\r\n"+head[4:], payload, signature), "header is not base64url"},
		{"45 a line break in the payload", join(head, payload[:4]+"\n"+payload[4:], signature), "payload is not base64url"},
		{"45 CR in the signature", join(head, payload, signature[:4]+"\r"+signature[4:]), "signature is not base64url"},
		{"45 four trailing line breaks, the length of a base64 group", join(head, payload, signature+"\n\n\n\n"), "signature is not base64url"},
		{"46 padding in the header", join(b64([]byte(`{"alg":"ES256" }`))+"==", payload, signature), "header is not base64url"},
		{"46 padding in the payload", join(head, "e30=", signature), "payload is not base64url"},
		{"46 padding in the signature", join(head, payload, signature+"=="), "signature is not base64url"},
		{"47 the standard alphabet in the payload", join(head, "+/+/", signature), "payload is not base64url"},
		{"48 both alphabets in one segment", join(head, "-_+/", signature), "payload is not base64url"},
		{"49 stray bits at the end of the payload", join(head, "e31", signature), "payload is not base64url"},
		{"49 stray bits at the end of the signature", join(head, payload, signature[:len(signature)-1]+withStrayBit(signature)), "signature is not base64url"},
		{"50 a segment of one character", join(head, "e", signature), "payload is not base64url"},
		{"50 a segment of five characters", join(head, "e30ab", signature), "payload is not base64url"},
		{"51 a question mark", join(head, "e3?0", signature), "payload is not base64url"},
		{"51 a letter outside of ASCII", join(head, "e3é", signature), "payload is not base64url"},
		{"51 NUL", join(head, "e30\x00", signature), "payload is not base64url"},
		{"59 a header of 8193 bytes", join(b64([]byte(`{"alg":"ES256","x5c":"`+strings.Repeat("x", 8193-24)+`"}`)), payload, signature), "header larger than 8192 bytes"},
		{"97 a signature of 63 bytes", join(head, payload, b64(make([]byte, 63))), "invalid signature length for ES256"},
		{"97 a signature of 65 bytes", join(head, payload, b64(make([]byte, 65))), "invalid signature length for ES256"},
		{"97 a signature in DER", join(head, payload, b64(make([]byte, 72))), "invalid signature length for ES256"},
	} {
		got, err := jose.Parse(row.raw)
		if want := "jose: malformed token: " + row.want; got != nil || !errors.Is(err, jose.ErrMalformed) || err.Error() != want {
			t.Errorf("%s (-want +got)\n- %s\n+ %v", row.name, want, err)
		}
	}
}

// withStrayBit returns the last character of a segment of 64 bytes with its lowest bit set. That
// bit is not part of the bytes.
func withStrayBit(segment string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, segment[len(segment)-1])
	return alphabet[last|1 : last|1+1]
}

func TestHeaderOfMaximumSize(t *testing.T) {
	header := `{"alg":"ES256","x5c":"` + strings.Repeat("x", jose.MaxHeaderBytes-24) + `"}`
	if len(header) != jose.MaxHeaderBytes {
		t.Fatalf("the header has %d bytes", len(header))
	}
	mustParse(t, sign("ES256", familyOf("ES256").key(), header, `{}`))
}

// A signature of a length that is invalid for the algorithm is rejected before a key is looked up
// or fetched (RFC 7518 §3.3, §3.4, RFC 8032 §5.1.6).
func TestSignatureLengths(t *testing.T) {
	for _, row := range []struct {
		algorithms string
		valid      []int
		invalid    []int
	}{
		{"RS256 RS384 RS512 PS256 PS384 PS512", []int{256, 257, 384, 512, 1024}, []int{1, 128, 255, 1025, 2048}},
		{"ES256", []int{64}, []int{32, 63, 65, 70, 72, 96, 132}},
		{"ES384", []int{96}, []int{64, 95, 97, 132}},
		{"ES512", []int{132}, []int{64, 96, 128, 131, 133}},
		{"EdDSA Ed25519", []int{64}, []int{32, 63, 65, 114}},
	} {
		for alg := range strings.FieldsSeq(row.algorithms) {
			parse := func(size int) error {
				_, err := jose.Parse(b64([]byte(`{"alg":"`+alg+`"}`)) + ".e30." + b64(make([]byte, size)))
				return err
			}
			for _, size := range row.valid {
				if err := parse(size); err != nil {
					t.Errorf("%s with %d bytes: %v", alg, size, err)
				}
			}
			for _, size := range row.invalid {
				if err := parse(size); !errors.Is(err, jose.ErrMalformed) {
					t.Errorf("%s with %d bytes: error %v", alg, size, err)
				}
			}
		}
	}
}

// Splitting a token with many dots must not use much memory (CVE-2025-30204).
func TestManyDotsAllocations(t *testing.T) {
	for _, raw := range []string{strings.Repeat(".", 900_000), "ey" + strings.Repeat(".", 900_000), strings.Repeat("a.", 450_000)} {
		if got := testing.AllocsPerRun(10, func() { _ = jose.LooksLikeJWS(raw); _, _ = jose.Parse(raw) }); got > 5 {
			t.Errorf("%d dots: %v allocations", len(raw), got)
		}
	}
}
