package jose_test

import (
	"bytes"
	"cmp"
	"crypto"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	otherjwk "github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/internal/strictjson/strictjsontest"
)

// compareProof checks a proof with the other library and with ParseKey. It reports whether this
// package accepts the proof.
func compareProof(t *testing.T, raw string) bool {
	t.Helper()
	p, err := jose.ParseProof(raw, nil)
	if err != nil {
		return false
	}
	head, ok := p.Verify()
	if !ok {
		return false
	}
	header, payload, _ := segments(t, raw)
	if string(p.Payload) != string(payload) || !validProofHeader(header) {
		t.Fatalf("%q: accepted with payload %q", raw, p.Payload)
	}
	members, _ := strictjsontest.Object(header)
	key, err := jose.ParseKey(members["jwk"])
	if err != nil || key.Thumbprint != head.Thumbprint {
		t.Fatalf("%q: thumbprint %x, that of ParseKey is %x, error %v", raw, head.Thumbprint, key.Thumbprint, err)
	}
	compareWithOtherLibrary(t, raw, members, head)
	again, err := jose.ParseProof(raw, head)
	if err != nil {
		t.Fatalf("%q: with the known header: %v", raw, err)
	}
	if second, ok := again.Verify(); !ok || second != head {
		t.Fatalf("%q: not verified with the known header", raw)
	}
	return true
}

// compareWithOtherLibrary checks that the other library accepts a proof too, with the same key. It
// skips members that this package ignores and the other library parses.
func compareWithOtherLibrary(t *testing.T, raw string, members map[string]json.RawMessage, head *jose.ProofHead) {
	t.Helper()
	inKey, _ := strictjsontest.Object(members["jwk"])
	for name := range inKey {
		if strings.HasPrefix(name, "x5") {
			return
		}
	}
	other, err := otherjwk.ParseKey(members["jwk"])
	if err != nil {
		t.Fatalf("%q: the other library does not accept the key: %v", raw, err)
	}
	thumbprint, err := other.Thumbprint(crypto.SHA256)
	if err != nil || !slices.Equal(thumbprint, head.Thumbprint[:]) {
		t.Fatalf("%q: thumbprint %x, that of the other library is %x, error %v", raw, head.Thumbprint, thumbprint, err)
	}
	var public any
	if err := other.Raw(&public); err != nil {
		t.Fatal(err)
	}
	name := head.Algorithm.String()
	if name == "Ed25519" {
		name = "EdDSA" // the name in the other library
	}
	verifier, err := jws.NewVerifier(jwa.SignatureAlgorithm(name))
	if err != nil {
		t.Fatal(err)
	}
	dot := strings.LastIndexByte(raw, '.')
	if err := verifier.Verify([]byte(raw[:dot]), unb64(raw[dot+1:]), public); err != nil {
		t.Fatalf("%q: the other library does not verify it: %v", raw, err)
	}
	if _, _, isText := strictjsontest.String(members, "kid"); name != head.Algorithm.String() || members["kid"] != nil && !isText {
		return // the other library rejects this header
	}
	if _, err := jws.Verify([]byte(raw), jws.WithKey(jwa.SignatureAlgorithm(name), public)); err != nil {
		t.Fatalf("%q: the other library does not accept it: %v", raw, err)
	}
}

// validProofHeader is a second implementation of the rules for the header, except those for the
// key.
func validProofHeader(header []byte) bool {
	members, ok := strictjsontest.Object(header)
	known := []string{"alg", "typ", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "cty", "crit", "b64", "zip"}
	if !ok || strictjsontest.CaseVariant(members, known...) {
		return false
	}
	for _, name := range known[3:] {
		if _, present := members[name]; present {
			return false
		}
	}
	alg, _, algOK := strictjsontest.String(members, "alg")
	_, hasTyp, typOK := strictjsontest.String(members, "typ")
	return algOK && (typOK || !hasTyp) && slices.Contains(jose.AlgorithmNames(), alg) && members["jwk"] != nil
}

// keysOfProofs are keys of all kinds, valid or not, with an algorithm. Proofs with them are signed
// with the key of the family.
func keysOfProofs() map[string][]string {
	keys := map[string][]string{}
	for _, alg := range jose.AlgorithmNames() {
		for _, family := range families {
			own := jwk(family.key().Public(), "")
			keys[alg] = append(keys[alg], own, jwk(family.otherKey().Public(), ""), with(own, `,"kid":"a","use":"sig","key_ops":["verify"],"alg":"`+alg+`"`),
				with(own, `,"use":"enc"`), with(own, `,"d":"AQ"`), with(own, `,"x5c":["AA"]`), strings.Replace(own, `"}`, `="}`, 1), with(own, `,"KTY":"EC"`))
		}
	}
	return keys
}

// Every kind of key with every algorithm: what this package accepts, the other library accepts
// with the same thumbprint.
func TestProofsWithOtherLibrary(t *testing.T) {
	accepted := 0
	for alg, keys := range keysOfProofs() {
		for _, key := range keys {
			if compareProof(t, sign(alg, familyOf(alg).key(), proofHeader(alg, key, ""), `{"a":1}`)) {
				accepted++
			}
		}
	}
	if want := 3 * len(jose.AlgorithmNames()); accepted != want { // plain, with other members, and with x5c, which is ignored
		t.Errorf("%d proofs were accepted, want %d", accepted, want)
	}
	short, coordinate, _ := keytest.ShortX() // a coordinate that begins with a zero
	own := jwk(&short.PublicKey, "")
	if !compareProof(t, sign("ES256", short, proofHeader("ES256", own, ""), `{}`)) {
		t.Error("a key whose x begins with a zero was not accepted")
	}
	if compareProof(t, sign("ES256", short, proofHeader("ES256", strings.Replace(own, b64(coordinate), b64(coordinate[1:]), 1), ""), `{}`)) {
		t.Error("a key whose x has no leading zero was accepted (RFC 7518 §6.2.1.2)")
	}
}

// The keys of Wycheproof, in the header of a proof. None of the signatures is valid. What
// ParseProof accepts, ParseKey accepts with the same thumbprint unless the point is not on the
// curve or the modulus is weak.
func TestWycheproofKeysOfProofs(t *testing.T) {
	parsed := 0
	for _, name := range []string{"json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json"} {
		var file wycheproof
		vectors(t, "wycheproof/"+name, &file)
		for _, v := range file.all() {
			members, ok := strictjsontest.Object(v.key)
			if !ok || members["kty"] == nil {
				continue
			}
			for _, alg := range jose.AlgorithmNames() {
				size := map[string]int{"ES256": 64, "ES384": 96, "ES512": 132, "EdDSA": 64, "Ed25519": 64}[alg]
				signature := b64(bytes.Repeat([]byte{1}, cmp.Or(size, 256)))
				p, err := jose.ParseProof(b64str(proofHeader(alg, string(v.key), ""))+".e30."+signature, nil)
				if err != nil {
					continue
				}
				parsed++
				if key, err := jose.ParseKey(v.key); err == nil && key.Thumbprint != p.Head.Thumbprint {
					t.Errorf("%s %d: thumbprint %x, that of ParseKey is %x", name, v.TcID, p.Head.Thumbprint, key.Thumbprint)
				}
				if _, ok := p.Verify(); ok {
					t.Errorf("%s %d, %s: FALSE ACCEPT", name, v.TcID, alg)
				}
			}
		}
	}
	if parsed < 100 {
		t.Errorf("only %d keys were parsed", parsed)
	}
}

// FuzzProof checks proofs that were signed and then changed: what this package accepts, the other
// library accepts with the same key, and ParseKey accepts the key with the same thumbprint. A proof
// that was changed after it was signed is never accepted.
func FuzzProof(f *testing.F) {
	algorithms := []string{"ES256", "ES384", "EdDSA", "PS256"}
	for i, alg := range algorithms {
		own := jwk(familyOf(alg).key().Public(), "")
		for _, key := range []string{own, with(own, `,"kid":"a","use":"sig"`), with(own, `,"d":null`), jwk(familyOf(alg).otherKey().Public(), "")} {
			f.Add(byte(i), proofHeader(alg, key, ""), `{"jti":"a"}`, uint16(0), "", byte(0))
		}
		f.Add(byte(i), proofHeader(alg, own, `,"jku":"a"`), `{}`, uint16(65535), "=", byte(0))
		f.Add(byte(i), proofHeader(alg, own, `,"kid":1`), `{}`, uint16(30), "A", byte(1))
		f.Add(byte(i), proofHeader("none", own, ""), `{}`, uint16(65535), "\n", byte(0))
	}
	f.Fuzz(func(t *testing.T, which byte, header, payload string, at uint16, insert string, cut byte) {
		alg := algorithms[int(which)%len(algorithms)]
		signed := sign(alg, familyOf(alg).key(), header, payload)
		from := min(int(at), len(signed))
		raw := signed[:from] + insert + signed[min(from+int(cut), len(signed)):]
		if compareProof(t, raw) && raw != signed {
			t.Fatalf("signed %s\naccepted %s", signed, raw)
		}
	})
}
