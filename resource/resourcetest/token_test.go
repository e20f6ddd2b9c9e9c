package resourcetest_test

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"hash"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

func jwks(t *testing.T, s *resourcetest.Issuer) string {
	t.Helper()
	_, body := get(t, newClient(s), s.URL(resourcetest.JWKS))
	return body
}

// With every algorithm, the token is valid with a key in the JWKS that has the same "alg" (RFC
// 7518 §3, RFC 8037 §3.1).
func TestValidTokenOfEveryAlgorithm(t *testing.T) {
	s, _ := newIssuer(t, resourcetest.Config{})
	for _, alg := range algorithms {
		token := s.Token(resourcetest.Token{Alg: alg})
		header := string(segment(t, token, 0))
		kid := s.SigningKeyID(alg)
		if want := `{"alg":"` + alg + `","typ":"at+jwt","kid":"` + kid + `"}`; header != want {
			t.Errorf("%s: got header %s, want %s", alg, header, want)
		}
		if !verifies(publicKey(t, jwks(t, s), kid), alg, token) {
			t.Errorf("%s: the signature is invalid", alg)
		}
		for _, other := range algorithms {
			if other != alg && s.SigningKeyID(other) == kid {
				t.Errorf("%s and %s share a key", alg, other)
			}
		}
	}
	for _, v := range parse(t, jwks(t, s))["keys"].([]any) {
		k := v.(map[string]any)
		if kid, alg := k["kid"].(string), k["alg"].(string); s.SigningKeyID(alg) != kid || k["use"] != "sig" || k["d"] != nil {
			t.Errorf("published %v", k)
		}
	}
}

// The zero Token has all claims that RFC 9068 §2.2 requires, and each field changes its claim.
func TestTokenClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newIssuer(t, resourcetest.Config{})
		now, later := "946684800", "946685100" // midnight UTC 2000-01-01, plus five minutes
		const iss = `{"iss":"https://auth.example.test","sub":"alice","aud":"https://mcp.example.test/mcp","client_id":"test-client",`
		for _, row := range []struct {
			name  string
			token resourcetest.Token
			want  string
		}{
			{"zero value", resourcetest.Token{}, iss + `"iat":` + now + `,"exp":` + later + `,"jti":"*"}`},
			{"all fields", resourcetest.Token{Audience: "a", Subject: "b", ClientID: "c", Scope: "d e", IssuedAt: time.Unix(1000, 0), Lifetime: -time.Second},
				`{"iss":"https://auth.example.test","sub":"b","aud":"a","client_id":"c","scope":"d e","iat":1000,"exp":999,"jti":"*"}`},
			{"added, replaced, removed, null", resourcetest.Token{Claims: map[string]any{"sub": nil, "exp": resourcetest.Remove, "iat": "x", "zz": []int{1}, "cnf": map[string]any{"jkt": 1, "a": 2}, "nothing": resourcetest.Remove}},
				`{"iss":"https://auth.example.test","sub":null,"aud":"https://mcp.example.test/mcp","client_id":"test-client","iat":"x","jti":"*","cnf":{"a":2,"jkt":1},"zz":[1]}`},
			{"raw values: too large, and a duplicate", resourcetest.Token{Claims: map[string]any{"iat": resourcetest.Raw("1e400"), "exp": resourcetest.Raw(`1,"exp":2`)}}, iss + `"iat":1e400,"exp":1,"exp":2,"jti":"*"}`},
			{"raw payload", resourcetest.Token{RawPayload: []byte("\xef\xbb\xbf{]")}, "\xef\xbb\xbf{]"},
		} {
			token := s.Token(row.token)
			got := string(segment(t, token, 1))
			if i := strings.Index(got, `"jti":"`); i >= 0 {
				got = got[:i+7] + "*" + got[i+7+26:] // 128 random bits in base32
			}
			if got != row.want {
				t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
			}
			if !verifies(s.PublicKey(s.SigningKeyID("")), "ES256", token) {
				t.Errorf("%s: the signature is invalid", row.name)
			}
		}
	})
}

// Token.Header changes the header, and the signature remains valid.
func TestTokenHeader(t *testing.T) {
	s, _ := newIssuer(t, resourcetest.Config{})
	kid := s.SigningKeyID("")
	for _, row := range []struct {
		name   string
		header map[string]any
		raw    string
		want   string
	}{
		{"typ and kid removed", map[string]any{"typ": resourcetest.Remove, "kid": resourcetest.Remove}, "", `{"alg":"ES256"}`},
		{"false alg", map[string]any{"alg": "PS256"}, "", `{"alg":"PS256","typ":"at+jwt","kid":"` + kid + `"}`},
		{"crit, b64, zip, cty", map[string]any{"crit": []string{"b64"}, "b64": false, "zip": "DEF", "cty": "JWT"}, "", `{"alg":"ES256","typ":"at+jwt","kid":"` + kid + `","b64":false,"crit":["b64"],"cty":"JWT","zip":"DEF"}`},
		{"jku, x5c", map[string]any{"jku": "https://evil.example", "x5c": 7, "kid": nil}, "", `{"alg":"ES256","typ":"at+jwt","kid":null,"jku":"https://evil.example","x5c":7}`},
		{"duplicate alg", map[string]any{"alg": resourcetest.Raw(`"none","alg":"ES256"`)}, "", `{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"` + kid + `"}`},
		{"verbatim", nil, " {\"alg\":\"ES256\"}\n", " {\"alg\":\"ES256\"}\n"},
	} {
		config := resourcetest.Token{Header: row.header}
		if row.raw != "" {
			config.RawHeader = []byte(row.raw)
		}
		token := s.Token(config)
		if got := string(segment(t, token, 0)); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
		if !verifies(s.PublicKey(kid), "ES256", token) {
			t.Errorf("%s: the signature is invalid", row.name)
		}
	}
}

// TestFaults checks each fault with the standard library, and that signatures with a fault are
// invalid. faultTest makes the tokens.
func TestFaults(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	seen := make(map[resourcetest.Fault]bool)
	for _, fault := range resourcetest.Faults() {
		if seen[fault] {
			t.Errorf("%s is a duplicate", fault)
		}
		seen[fault] = true
		token := s.Token(resourcetest.Token{Fault: fault})
		if got := active(t, s, client, token); got != false { // RFC 7662 §2.2: the issuer did not issue it
			t.Errorf("%s: introspection reports active: %v", fault, got)
		}
	}
	f := faultTest{t, s}
	for _, alg := range algorithms {
		f.checkSignatures(alg)
		f.checkForm(alg)
		f.checkHMAC(alg)
	}
	for _, alg := range []string{"PS256", "PS384", "PS512", ""} {
		f.checkSalt(alg)
	}
	for _, alg := range []string{"ES256", "ES384", "ES512", ""} {
		f.checkDER(alg)
	}
}

type faultTest struct {
	*testing.T
	issuer *resourcetest.Issuer
}

// faultyToken is a token with its decoded header and last segment.
type faultyToken struct {
	text, header string
	segments     []string
	signature    []byte
}

func (f faultTest) token(fault resourcetest.Fault, alg string) faultyToken {
	text := f.issuer.Token(resourcetest.Token{Fault: fault, Alg: alg})
	segments := strings.Split(text, ".")
	header, _ := base64.RawURLEncoding.DecodeString(segments[0]) // it can be truncated
	signature, _ := base64.RawURLEncoding.DecodeString(segments[len(segments)-1])
	return faultyToken{text, string(header), segments, signature}
}

// digest returns the hash of the signed text.
func (k faultyToken) digest(hash crypto.Hash) []byte {
	h := hash.New()
	h.Write([]byte(k.segments[0] + "." + k.segments[1]))
	return h.Sum(nil)
}

// header returns the header of a token with this "alg" and the signing key of keyAlg.
func (f faultTest) header(alg, keyAlg string) string {
	return `{"alg":"` + alg + `","typ":"at+jwt","kid":"` + f.issuer.SigningKeyID(keyAlg) + `"}`
}

func (f faultTest) publicKey(alg string) crypto.PublicKey {
	return f.issuer.PublicKey(f.issuer.SigningKeyID(alg))
}

func (f faultTest) check(fault resourcetest.Fault, alg string, ok bool) {
	f.Helper()
	if !ok {
		f.Errorf("%s: the token does not have the fault %q", alg, fault)
	}
}

func (f faultTest) checkSignatures(alg string) {
	f.Helper()
	length := len(segment(f.T, f.issuer.Token(resourcetest.Token{Alg: alg}), 2))
	public := f.publicKey(alg)
	for _, fault := range []resourcetest.Fault{resourcetest.WrongSignature, resourcetest.UnpublishedKey, resourcetest.ZeroSignature} {
		k := f.token(fault, alg)
		f.check(fault, alg, k.header == f.header(alg, alg) && len(k.signature) == length && !verifies(public, alg, k.text))
		f.check(fault, alg, (fault == resourcetest.ZeroSignature) == (strings.Trim(string(k.signature), "\x00") == ""))
	}
	k := f.token(resourcetest.TruncatedSignature, alg)
	f.check(resourcetest.TruncatedSignature, alg, len(k.signature) == length/2)
}

func (f faultTest) checkForm(alg string) {
	f.Helper()
	k := f.token(resourcetest.NoSignature, alg)
	f.check(resourcetest.NoSignature, alg, k.header == f.header(alg, alg) && len(k.segments) == 3 && len(k.signature) == 0)
	k = f.token(resourcetest.AlgNone, alg)
	f.check(resourcetest.AlgNone, alg, k.header == f.header("none", alg) && len(k.segments) == 3 && k.segments[2] == "")
	k = f.token(resourcetest.TwoSegments, alg)
	f.check(resourcetest.TwoSegments, alg, k.header == f.header(alg, alg) && len(k.segments) == 2 && strings.HasSuffix(string(segment(f.T, k.text, 1)), "}"))
	for _, fault := range []resourcetest.Fault{resourcetest.TruncatedHeader, resourcetest.TruncatedPayload} {
		k := f.token(fault, alg)
		payload, _ := base64.RawURLEncoding.DecodeString(k.segments[1]) // it can be truncated
		truncated := strings.HasPrefix(f.header(alg, alg), k.header[:10]) && k.header != f.header(alg, alg)
		f.check(fault, alg, truncated == (fault == resourcetest.TruncatedHeader) && strings.HasSuffix(string(payload), "}") == (fault == resourcetest.TruncatedHeader))
		f.check(fault, alg, verifies(f.publicKey(alg), alg, k.text))
	}
}

func (f faultTest) checkHMAC(alg string) {
	f.Helper()
	public := f.publicKey(alg)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		f.Fatal(err)
	}
	for fault, secret := range map[resourcetest.Fault]string{
		resourcetest.HMACWithPEM: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		resourcetest.HMACWithJWK: string(resourcetest.JWK(public, map[string]any{"kid": f.issuer.SigningKeyID(alg), "use": "sig", "alg": alg})),
	} {
		k := f.token(fault, alg)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(k.segments[0] + "." + k.segments[1]))
		f.check(fault, alg, k.header == f.header("HS256", alg) && hmac.Equal(k.signature, mac.Sum(nil)))
		f.check(fault, alg, fault == resourcetest.HMACWithPEM || strings.Contains(jwks(f.T, f.issuer), secret))
	}
}

// checkSalt checks PSSWrongSalt, whose default algorithm is PS256.
func (f faultTest) checkSalt(alg string) {
	f.Helper()
	k := f.token(resourcetest.PSSWrongSalt, alg)
	alg = cmp.Or(alg, "PS256")
	public, hash := f.publicKey(alg), hashes[alg[2:]]
	err := rsa.VerifyPSS(public.(*rsa.PublicKey), hash, k.digest(hash), k.signature, &rsa.PSSOptions{SaltLength: 20})
	f.check(resourcetest.PSSWrongSalt, alg, err == nil && k.header == f.header(alg, alg) && !verifies(public, alg, k.text))
}

// checkDER checks ECDSAAsDER, whose default algorithm is ES256.
func (f faultTest) checkDER(alg string) {
	f.Helper()
	k := f.token(resourcetest.ECDSAAsDER, alg)
	alg = cmp.Or(alg, "ES256")
	public := f.publicKey(alg)
	valid := ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), k.digest(hashes[alg[2:]]), k.signature)
	f.check(resourcetest.ECDSAAsDER, alg, valid && k.header == f.header(alg, alg) && !verifies(public, alg, k.text))
}

// A token can be signed with a key of the attacker, which it can contain.
func TestForgedWithOwnKey(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := resourcetest.JWK(own.Public(), nil)
	token := s.Token(resourcetest.Token{Signer: own, Header: map[string]any{"jwk": public}})
	for _, forged := range []resourcetest.Token{{Signer: own}, {RawPayload: []byte("{}")}, {RawHeader: []byte("{}")}, {Encode: func(int, []byte) string { return "x" }}} {
		if got := active(t, s, client, s.Token(forged)); got != false { // the issuer did not issue it
			t.Errorf("introspection reports active: %v", got)
		}
	}
	embedded := `{"keys":[` + strings.Replace(string(public), "{", `{"kid":"x",`, 1) + `]}`
	if !verifies(publicKey(t, embedded, "x"), "ES256", token) || !strings.Contains(string(segment(t, token, 0)), `"jwk":`+string(public)) {
		t.Errorf("embedded key: %s", segment(t, token, 0))
	}
}

func TestForgedWithSecret(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	for _, secret := range []string{"", "secret"} {
		var mac hash.Hash
		fips140.WithoutEnforcement(func() { mac = hmac.New(sha512.New384, []byte(secret)) })
		forged := s.Token(resourcetest.Token{Alg: "HS384", Secret: []byte(secret)})
		i := strings.LastIndex(forged, ".")
		mac.Write([]byte(forged[:i]))
		if !hmac.Equal(mac.Sum(nil), segment(t, forged, 2)) || !strings.HasPrefix(string(segment(t, forged, 0)), `{"alg":"HS384",`) {
			t.Errorf("HS384 with %q: %s", secret, segment(t, forged, 0))
		}
		if got := active(t, s, client, forged); got != false {
			t.Errorf("introspection reports active: %v", got)
		}
	}
}

// The signature covers the segments as Encode returns them.
func TestTokenEncoding(t *testing.T) {
	s, _ := newIssuer(t, resourcetest.Config{})
	padded := s.Token(resourcetest.Token{RawHeader: []byte(`{"alg":"ES256" }`), Encode: func(i int, b []byte) string {
		if i == 2 {
			return base64.RawURLEncoding.EncodeToString(b)
		}
		return base64.URLEncoding.EncodeToString(b)
	}})
	if !strings.Contains(padded, "==.") || !verifies(s.PublicKey(s.SigningKeyID("")), "ES256", padded) {
		t.Errorf("padded: %s", padded)
	}
}

// A key that is published for RS256 can sign with PS256.
func TestKeyOfAnotherAlgorithm(t *testing.T) {
	s, _ := newIssuer(t, resourcetest.Config{})
	rs := s.SigningKeyID("RS256")
	if token := s.Token(resourcetest.Token{Key: rs, Alg: "PS256"}); !verifies(s.PublicKey(rs), "PS256", token) || verifies(s.PublicKey(rs), "RS256", token) {
		t.Error("the token is not signed with PS256 and the RS256 key")
	}
}

func TestJWKOfWeakKey(t *testing.T) {
	weak := &rsa.PublicKey{N: big.NewInt(0xC5), E: 1}
	if got, want := string(resourcetest.JWK(weak, map[string]any{"use": "enc", "kty": resourcetest.Remove})), `{"n":"xQ","e":"AQ","use":"enc"}`; got != want {
		t.Errorf("weak key: got %s, want %s", got, want)
	}
}

// Mistakes in a test panic at once. Otherwise the test would use another token than it intends
// to.
func TestMistakesPanic(t *testing.T) {
	s, _ := newIssuer(t, resourcetest.Config{})
	own, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(){
		"unknown algorithm":             func() { s.Token(resourcetest.Token{Alg: "RS999"}) },
		"HS256 without a secret":        func() { s.Token(resourcetest.Token{Alg: "HS256"}) },
		"unknown key":                   func() { s.Token(resourcetest.Token{Key: "x"}) },
		"withdraw unknown key":          func() { s.Withdraw("x") },
		"key of another kind":           func() { s.Token(resourcetest.Token{Alg: "RS256", Key: s.SigningKeyID("ES256")}) },
		"signer of another kind":        func() { s.Token(resourcetest.Token{Alg: "ES256", Signer: own}) },
		"salt with an EC key":           func() { s.Token(resourcetest.Token{Alg: "ES256", Fault: resourcetest.PSSWrongSalt}) },
		"DER with an Ed25519 key":       func() { s.Token(resourcetest.Token{Alg: "EdDSA", Fault: resourcetest.ECDSAAsDER}) },
		"claim that is not JSON":        func() { s.Token(resourcetest.Token{Claims: map[string]any{"x": make(chan int)}}) },
		"member that is not JSON":       func() { s.SetMetadata(map[string]any{"x": make(chan int)}) },
		"invalid status":                func() { s.Fail(resourcetest.JWKS, resourcetest.Failure{Status: 42}) },
		"public key of an unknown type": func() { resourcetest.JWK(crypto.PublicKey("x"), nil) },
	} {
		func() {
			defer func() {
				if message, _ := recover().(string); !strings.HasPrefix(message, "resourcetest: ") {
					t.Errorf("%s: recovered %q", name, message)
				}
			}()
			do()
		}()
	}
}
