package resourcetest_test

import (
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

// Every algorithm gives a token that verifies by the JWKS (RFC 7518 §3, RFC
// 8037 §3.1) under a JWK that says the same algorithm.
func TestGoodTokenOfEveryAlgorithm(t *testing.T) {
	s, _ := newIssuer(t, resourcetest.Config{})
	for _, alg := range algorithms {
		token := s.Token(resourcetest.Token{Alg: alg})
		header := string(segment(t, token, 0))
		kid := s.SigningKeyID(alg)
		if want := `{"alg":"` + alg + `","typ":"at+jwt","kid":"` + kid + `"}`; header != want {
			t.Errorf("%s: got header %s, want %s", alg, header, want)
		}
		if !verifies(publicKey(t, jwks(t, s), kid), alg, token) {
			t.Errorf("%s: the token does not verify", alg)
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

// The zero Token is all that RFC 9068 §2.2 wants, and each field changes its claim.
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
			{"raw values: too big, and twice", resourcetest.Token{Claims: map[string]any{"iat": resourcetest.Raw("1e400"), "exp": resourcetest.Raw(`1,"exp":2`)}}, iss + `"iat":1e400,"exp":1,"exp":2,"jti":"*"}`},
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
				t.Errorf("%s: does not verify", row.name)
			}
		}
	})
}

// Header members are as asked, and the signature stays a good one over them.
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
		{"alg lies", map[string]any{"alg": "PS256"}, "", `{"alg":"PS256","typ":"at+jwt","kid":"` + kid + `"}`},
		{"crit, b64, zip, cty", map[string]any{"crit": []string{"b64"}, "b64": false, "zip": "DEF", "cty": "JWT"}, "", `{"alg":"ES256","typ":"at+jwt","kid":"` + kid + `","b64":false,"crit":["b64"],"cty":"JWT","zip":"DEF"}`},
		{"jku, x5c", map[string]any{"jku": "https://evil.example", "x5c": 7, "kid": nil}, "", `{"alg":"ES256","typ":"at+jwt","kid":null,"jku":"https://evil.example","x5c":7}`},
		{"duplicate alg", map[string]any{"alg": resourcetest.Raw(`"none","alg":"ES256"`)}, "", `{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"` + kid + `"}`},
		{"verbatim", nil, " {\"alg\":\"ES256\"}\n", " {\"alg\":\"ES256\"}\n"},
	} {
		t2 := resourcetest.Token{Header: row.header}
		if row.raw != "" {
			t2.RawHeader = []byte(row.raw)
		}
		token := s.Token(t2)
		if got := string(segment(t, token, 0)); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
		if !verifies(s.PublicKey(kid), "ES256", token) {
			t.Errorf("%s: does not verify", row.name)
		}
	}
}

// Each fault is what its name says, by the standard library, and no fault of
// the signature verifies.
func TestFaults(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	seen := make(map[resourcetest.Fault]bool)
	for _, fault := range resourcetest.Faults() {
		if seen[fault] {
			t.Errorf("%s is listed twice", fault)
		}
		seen[fault] = true
		token := s.Token(resourcetest.Token{Fault: fault})
		if got := active(t, s, client, token); got != false { // RFC 7662 §2.2: not one that it issued
			t.Errorf("%s: introspection says active: %v", fault, got)
		}
	}
	mint := func(fault resourcetest.Fault, alg string) (token, header string, parts []string, signature []byte) {
		token = s.Token(resourcetest.Token{Fault: fault, Alg: alg})
		parts = strings.Split(token, ".")
		head, _ := base64.RawURLEncoding.DecodeString(parts[0])
		signature, _ = base64.RawURLEncoding.DecodeString(parts[len(parts)-1])
		return token, string(head), parts, signature
	}
	decoded := func(part string) string {
		content, _ := base64.RawURLEncoding.DecodeString(part) // what there is of it
		return string(content)
	}
	head := func(alg, key string) string {
		return `{"alg":"` + alg + `","typ":"at+jwt","kid":"` + s.SigningKeyID(key) + `"}`
	}
	check := func(fault resourcetest.Fault, alg string, ok bool) {
		t.Helper()
		if !ok {
			t.Errorf("%s %s is not what it says", alg, fault)
		}
	}
	for _, alg := range algorithms {
		good := len(segment(t, s.Token(resourcetest.Token{Alg: alg}), 2))
		public := s.PublicKey(s.SigningKeyID(alg))
		for _, fault := range []resourcetest.Fault{resourcetest.WrongSignature, resourcetest.UnpublishedKey, resourcetest.ZeroSignature} {
			token, header, _, signature := mint(fault, alg)
			check(fault, alg, header == head(alg, alg) && len(signature) == good && !verifies(public, alg, token))
			check(fault, alg, (fault == resourcetest.ZeroSignature) == (strings.Trim(string(signature), "\x00") == ""))
		}
		_, header, parts, signature := mint(resourcetest.NoSignature, alg)
		check(resourcetest.NoSignature, alg, header == head(alg, alg) && len(parts) == 3 && len(signature) == 0)
		_, header, parts, _ = mint(resourcetest.AlgNone, alg)
		check(resourcetest.AlgNone, alg, header == head("none", alg) && len(parts) == 3 && parts[2] == "")
		_, header, parts, _ = mint(resourcetest.TwoSegments, alg)
		check(resourcetest.TwoSegments, alg, header == head(alg, alg) && len(parts) == 2 && strings.HasSuffix(string(segment(t, strings.Join(parts, "."), 1)), "}"))
		_, _, _, signature = mint(resourcetest.TruncatedSignature, alg)
		check(resourcetest.TruncatedSignature, alg, len(signature) == good/2)
		for _, fault := range []resourcetest.Fault{resourcetest.TruncatedHeader, resourcetest.TruncatedPayload} {
			token, header, parts, _ := mint(fault, alg)
			payload := decoded(parts[1])
			cut := strings.HasPrefix(head(alg, alg), header[:10]) && header != head(alg, alg)
			check(fault, alg, cut == (fault == resourcetest.TruncatedHeader) && strings.HasSuffix(payload, "}") == (fault == resourcetest.TruncatedHeader) && verifies(public, alg, token))
		}
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		secrets := map[resourcetest.Fault]string{
			resourcetest.HMACWithPEM: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
			resourcetest.HMACWithJWK: string(resourcetest.JWK(public, map[string]any{"kid": s.SigningKeyID(alg), "use": "sig", "alg": alg})),
		}
		for fault, secret := range secrets {
			_, header, parts, signature := mint(fault, alg)
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(parts[0] + "." + parts[1]))
			check(fault, alg, header == head("HS256", alg) && hmac.Equal(signature, mac.Sum(nil)))
			check(fault, alg, fault == resourcetest.HMACWithPEM || strings.Contains(jwks(t, s), secret))
		}
	}
	for _, alg := range []string{"PS256", "PS384", "PS512", ""} {
		token, header, parts, signature := mint(resourcetest.PSSWrongSalt, alg)
		if alg == "" {
			alg = "PS256"
		}
		public, hash := s.PublicKey(s.SigningKeyID(alg)), hashes[alg[2:]]
		h := hash.New()
		h.Write([]byte(parts[0] + "." + parts[1]))
		err := rsa.VerifyPSS(public.(*rsa.PublicKey), hash, h.Sum(nil), signature, &rsa.PSSOptions{SaltLength: 20})
		check(resourcetest.PSSWrongSalt, alg, err == nil && header == head(alg, alg) && !verifies(public, alg, token))
	}
	for _, alg := range []string{"ES256", "ES384", "ES512", ""} {
		token, header, parts, signature := mint(resourcetest.ECDSAAsDER, alg)
		if alg == "" {
			alg = "ES256"
		}
		public := s.PublicKey(s.SigningKeyID(alg))
		h := hashes[alg[2:]].New()
		h.Write([]byte(parts[0] + "." + parts[1]))
		check(resourcetest.ECDSAAsDER, alg, ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), h.Sum(nil), signature) && header == head(alg, alg) && !verifies(public, alg, token))
	}
}

// An attacker's own key, secrets of any kind, other encodings: the signature
// is always a good one by what the attacker holds.
func TestAttackersTokens(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := resourcetest.JWK(own.Public(), nil)
	token := s.Token(resourcetest.Token{Signer: own, Header: map[string]any{"jwk": public}})
	for _, forged := range []resourcetest.Token{{Signer: own}, {RawPayload: []byte("{}")}, {RawHeader: []byte("{}")}, {Encode: func(int, []byte) string { return "x" }}} {
		if got := active(t, s, client, s.Token(forged)); got != false { // the issuer did not make it
			t.Errorf("introspection says active: %v", got)
		}
	}
	embedded := `{"keys":[` + strings.Replace(string(public), "{", `{"kid":"x",`, 1) + `]}`
	if !verifies(publicKey(t, embedded, "x"), "ES256", token) || !strings.Contains(string(segment(t, token, 0)), `"jwk":`+string(public)) {
		t.Errorf("embedded key: %s", segment(t, token, 0))
	}
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
			t.Errorf("introspection says active: %v", got)
		}
	}
	padded := s.Token(resourcetest.Token{RawHeader: []byte(`{"alg":"ES256" }`), Encode: func(i int, b []byte) string {
		if i == 2 {
			return base64.RawURLEncoding.EncodeToString(b)
		}
		return base64.URLEncoding.EncodeToString(b)
	}})
	if !strings.Contains(padded, "==.") || !verifies(s.PublicKey(s.SigningKeyID("")), "ES256", padded) {
		t.Errorf("padded: %s", padded)
	}
	rs := s.SigningKeyID("RS256") // a key published for RS256, used for PS256 all the same
	if token := s.Token(resourcetest.Token{Key: rs, Alg: "PS256"}); !verifies(s.PublicKey(rs), "PS256", token) || verifies(s.PublicKey(rs), "RS256", token) {
		t.Error("PS256 by the RS256 key is not what it says")
	}
	weak := &rsa.PublicKey{N: big.NewInt(0xC5), E: 1}
	if got, want := string(resourcetest.JWK(weak, map[string]any{"use": "enc", "kty": resourcetest.Remove})), `{"n":"xQ","e":"AQ","use":"enc"}`; got != want {
		t.Errorf("weak key: got %s, want %s", got, want)
	}
}

// Mistakes of the test panic at once, instead of giving a token that means
// something else.
func TestContradictionsPanic(t *testing.T) {
	s, _ := newIssuer(t, resourcetest.Config{})
	own, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(){
		"unknown algorithm":      func() { s.Token(resourcetest.Token{Alg: "RS999"}) },
		"HS256 without a secret": func() { s.Token(resourcetest.Token{Alg: "HS256"}) },
		"unknown key":            func() { s.Token(resourcetest.Token{Key: "x"}) },
		"withdraw unknown key":   func() { s.Withdraw("x") },
		"key of another kind":    func() { s.Token(resourcetest.Token{Alg: "RS256", Key: s.SigningKeyID("ES256")}) },
		"signer of another kind": func() { s.Token(resourcetest.Token{Alg: "ES256", Signer: own}) },
		"salt of an EC key":      func() { s.Token(resourcetest.Token{Alg: "ES256", Fault: resourcetest.PSSWrongSalt}) },
		"DER of an Ed25519 key":  func() { s.Token(resourcetest.Token{Alg: "EdDSA", Fault: resourcetest.ECDSAAsDER}) },
		"claim that is no JSON":  func() { s.Token(resourcetest.Token{Claims: map[string]any{"x": make(chan int)}}) },
		"member that is no JSON": func() { s.SetMetadata(map[string]any{"x": make(chan int)}) },
		"status that is none":    func() { s.Fail(resourcetest.JWKS, resourcetest.Failure{Status: 42}) },
		"key that is no key":     func() { resourcetest.JWK(crypto.PublicKey("x"), nil) },
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
