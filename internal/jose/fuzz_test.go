package jose_test

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/strictjson/strictjsontest"
)

// FuzzCompactToken checks that another library accepts the tokens that this package accepts, with
// the same header, payload and result of verification, and that they have no second encoding.
func FuzzCompactToken(f *testing.F) {
	keys := map[string]*jose.Key{}
	for _, alg := range jose.AlgorithmNames() {
		own := familyOf(alg)
		if keys[own.name] == nil {
			key, err := jose.ParseKey([]byte(jwk(own.key().Public(), "")))
			if err != nil {
				f.Fatal(err)
			}
			keys[own.name] = key
		}
		f.Add(token(alg))
		f.Add(sign(alg, own.key(), `{"typ":"at+jwt","alg":"`+alg+`","kid":"k\u0031"}`, `{}`))
	}
	f.Fuzz(func(t *testing.T, raw string) {
		token, err := jose.Parse(raw)
		if err != nil {
			if token != nil || !errors.Is(err, jose.ErrMalformed) && !errors.Is(err, jose.ErrAlgorithm) {
				t.Fatalf("%q: got %v, error %v", raw, token, err)
			}
			return
		}
		header, payload, signature := segments(t, raw)
		checkHeader(t, header, token.Header)
		if string(token.Payload) != string(payload) {
			t.Fatalf("%q: payload %q, the other decoder has %q", raw, token.Payload, payload)
		}
		if header[0] == '{' && !jose.LooksLikeJWS(raw) {
			t.Fatalf("%q is accepted but does not look like a JWS", raw)
		}
		for _, family := range families {
			compareVerification(t, raw, token, keys[family.name], family.key().Public())
		}
		if len(signature) == 0 {
			t.Fatalf("%q: accepted without a signature", raw)
		}
	})
}

// segments decodes a token with another decoder, and fails if the token is not the only encoding
// of these bytes (RFC 7515 §2).
func segments(t *testing.T, raw string) (header, payload, signature []byte) {
	t.Helper()
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		t.Fatalf("%q: accepted, but it has %d segments", raw, len(parts))
	}
	var decoded [3][]byte
	for i, part := range parts {
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || base64.RawURLEncoding.EncodeToString(b) != part || part == "" {
			t.Fatalf("%q: accepted, but segment %d is not canonical: %v", raw, i, err)
		}
		decoded[i] = b
	}
	return decoded[0], decoded[1], decoded[2]
}

// compareVerification checks that the other library verifies the same signatures. It is known to
// accept any PSS salt and, for ECDSA, any curve with any algorithm.
func compareVerification(t *testing.T, raw string, token *jose.Token, key *jose.Key, public crypto.PublicKey) {
	t.Helper()
	alg := token.Header.Algorithm.String()
	name := alg
	if name == "Ed25519" {
		name = "EdDSA" // the name in the other library
	}
	ours := key.Verify(token)
	if !key.Accepts(token.Header.Algorithm) {
		if ours {
			t.Fatalf("%q: verified with a key that does not accept %s", raw, alg)
		}
		return
	}
	verifier, err := jws.NewVerifier(jwa.SignatureAlgorithm(name))
	if err != nil {
		t.Fatal(err)
	}
	dot := strings.LastIndexByte(raw, '.')
	theirs := verifier.Verify([]byte(raw[:dot]), unb64(raw[dot+1:]), public) == nil
	if ours && !theirs || theirs && !ours && alg[0] != 'P' {
		t.Fatalf("%q: verified %v, by the other library %v", raw, ours, theirs)
	}
}

// FuzzJOSEHeader checks that a header is accepted exactly if it is unambiguous and requires no
// feature that this package lacks, and that it is parsed as by other libraries.
func FuzzJOSEHeader(f *testing.F) {
	for _, seed := range []string{
		`{"alg":"ES256"}`, `{"alg":"RS256","kid":"a","typ":"at+jwt"}`, `{"\u0061lg":"EdDSA","typ":"JWT"}`, `{"alg":"none"}`, `{"alg":"HS256"}`,
		`{"alg":"ES256","crit":["exp"]}`, `{"alg":"ES256","b64":false}`, `{"alg":"ES256","ALG":"none"}`, `{"alg":"ES256","alg":"none"}`,
		"{\"alg\":\"ES256\",\"\u212Aid\":\"a\"}", `{"alg":"PS384","jwk":{"kty":"RSA"},"x5c":"x","jku":1}`, `{"alg":"ES512","kid":""}`, `{"alg":null}`,
		`{"alg":"Ed25519","kid":"\ud83d\ude00","typ":"\ufffd"}`, `{"alg":"ES384","zip":"DEF","cty":"JWT"}`, ` {"alg":"ES256"} `, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		size := 64
		if members, ok := strictjsontest.Object(header); ok {
			alg, _, _ := strictjsontest.String(members, "alg")
			size = max(size, map[string]int{"ES384": 96, "ES512": 132}[alg])
			if strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS") {
				size = 256
			}
		}
		token, err := jose.Parse(b64(header) + ".e30." + b64(make([]byte, size)))
		if want := validHeader(header); (err == nil) != want {
			t.Fatalf("%q: error %v, want it accepted: %v", header, err, want)
		}
		if err == nil {
			checkHeader(t, header, token.Header)
		}
	})
}

// validHeader is a second implementation of the rules for headers.
func validHeader(header []byte) bool {
	members, ok := strictjsontest.Object(header)
	if !ok || len(header) > 8192 || strictjsontest.CaseVariant(members, "alg", "kid", "typ", "cty", "crit", "b64", "zip") {
		return false
	}
	for _, name := range []string{"cty", "crit", "b64", "zip"} {
		if _, present := members[name]; present {
			return false
		}
	}
	alg, _, algOK := strictjsontest.String(members, "alg")
	kid, hasKid, kidOK := strictjsontest.String(members, "kid")
	typ, hasTyp, typOK := strictjsontest.String(members, "typ")
	return algOK && kidOK && typOK && slices.Contains(jose.AlgorithmNames(), alg) &&
		!(hasKid && kid == "") && len(kid) <= 256 && !(hasTyp && typ == "")
}

// checkHeader compares a parsed header with the results of encoding/json, which ignores case, and
// of the other library. The latter rejects some members that package jose ignores.
func checkHeader(t *testing.T, header []byte, got jose.Header) {
	t.Helper()
	var standard struct{ Alg, Kid, Typ string }
	if err := json.Unmarshal(header, &standard); err != nil {
		t.Fatalf("%q: accepted, but not by encoding/json: %v", header, err)
	}
	if got.Algorithm.String() != standard.Alg || got.KeyID != standard.Kid || got.Type != standard.Typ {
		t.Fatalf("%q: got %v, encoding/json has %v", header, got, standard)
	}
	other := jws.NewHeaders()
	if err := json.Unmarshal(header, other); err != nil {
		if members, _ := strictjsontest.Object(header); !hasIgnoredMember(members) && standard.Alg != "Ed25519" {
			t.Fatalf("%q: accepted, but not by the other library: %v", header, err)
		}
		return
	}
	if string(other.Algorithm()) != standard.Alg || other.KeyID() != standard.Kid || other.Type() != standard.Typ {
		t.Fatalf("%q: got %v, the other library has %v", header, got, other)
	}
}

// hasIgnoredMember reports whether a header has a member that package jose ignores and the other
// library parses (RFC 7515 §4.1).
func hasIgnoredMember(members map[string]json.RawMessage) bool {
	for _, name := range []string{"jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256"} {
		if _, present := members[name]; present {
			return true
		}
	}
	return false
}

// FuzzSignedToken checks that a token verifies exactly if it is unchanged since it was signed, has
// a valid header, and has the alg that it was signed with.
func FuzzSignedToken(f *testing.F) {
	algorithms := []string{"RS256", "PS256", "ES256", "ES384", "EdDSA"}
	var keys []*jose.Key
	for _, alg := range algorithms {
		key, err := jose.ParseKey([]byte(jwk(familyOf(alg).key().Public(), "")))
		if err != nil {
			f.Fatal(err)
		}
		keys = append(keys, key)
	}
	for i, alg := range algorithms {
		f.Add(byte(i), `{"alg":"`+alg+`"}`, `{"sub":"a"}`, uint16(0), "", byte(0))
		f.Add(byte(i), `{"alg":"`+alg+`","kid":"k"}`, `{"sub":"a"}`, uint16(40), "AAAA", byte(4))
		f.Add(byte(i), `{"alg":"ES256"}`, `{}`, uint16(65535), "\n", byte(0))
		f.Add(byte(i), `{"alg":"RS256"}`, `{}`, uint16(65535), "=", byte(0))
		f.Add(byte(i), `{"alg":"none"}`, `{}`, uint16(0), ".", byte(1))
	}
	f.Fuzz(func(t *testing.T, which byte, header, payload string, at uint16, insert string, cut byte) {
		i := int(which) % len(algorithms)
		alg := algorithms[i]
		signed := sign(alg, familyOf(alg).key(), header, payload)
		// Replace some characters by others.
		from := min(int(at), len(signed))
		raw := signed[:from] + insert + signed[min(from+int(cut), len(signed)):]
		token, err := jose.Parse(raw)
		got := err == nil && keys[i].Verify(token)
		members, _ := strictjsontest.Object([]byte(header))
		headerAlg, _, _ := strictjsontest.String(members, "alg")
		want := raw == signed && validHeader([]byte(header)) && payload != "" && (headerAlg == alg || headerAlg == "Ed25519" && alg == "EdDSA")
		if got != want {
			t.Fatalf("signed %s\n   got %s\nverified %v, error %v, want %v", signed, raw, got, err, want)
		}
		if got && (string(token.Payload) != payload || !jose.LooksLikeJWS(raw) && header[0] == '{') {
			t.Fatalf("%s: payload %q, want %q", raw, token.Payload, payload)
		}
	})
}
