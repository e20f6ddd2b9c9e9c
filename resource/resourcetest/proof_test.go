package resourcetest_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"

	"github.com/warder-go/warder/resource/resourcetest"
)

// readProof reads a DPoP proof with the standard library and jwx. It verifies the signature with
// the key in the header and returns its thumbprint (RFC 7638).
func readProof(t *testing.T, proof string) (header, claims doc, thumbprint string) {
	t.Helper()
	header, claims = parse(t, string(segment(t, proof, 0))), parse(t, string(segment(t, proof, 1)))
	key, err := jwk.ParseKey([]byte(text(header["jwk"])))
	if err != nil {
		t.Fatal(err)
	}
	var public any
	if err := key.Raw(&public); err != nil {
		t.Fatal(err)
	}
	if !verifies(public, header["alg"].(string), proof) {
		t.Errorf("the signature of %s is invalid", proof)
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return header, claims, base64.RawURLEncoding.EncodeToString(sum)
}

// The examples of RFC 9449 §5 (figures 4 and 6) and §7.1 (figure 12). The test uses them to check
// readProof, and the constants of the RFC to check the hashes of this package.
func TestReadProofOfRFC(t *testing.T) {
	const (
		key    = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."
		token  = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
		wanted = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	)
	for _, row := range []struct{ name, proof, claims string }{
		{"figure 4", key + "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
			`{"htm":"POST","htu":"https://server.example.com/token","iat":1562262616,"jti":"-BwC3ESc6acc2lTc"}`},
		{"figure 6", key + "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjY1Mjk2fQ.pAqut2IRDm_De6PR93SYmGBPXpwrAk90e8cP2hjiaG5QsGSuKDYW7_X620BxqhvYC8ynrrvZLTk41mSRroapUA",
			`{"htm":"POST","htu":"https://server.example.com/token","iat":1562265296,"jti":"-BwC3ESc6acc2lTc"}`},
		{"figure 12", key + "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
			`{"ath":"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo","htm":"GET","htu":"https://resource.example.org/protectedresource","iat":1562262618,"jti":"e1j3V_bKic8-LAEB"}`},
	} {
		_, claims, thumbprint := readProof(t, row.proof)
		if got := text(claims); got != row.claims || thumbprint != wanted { // RFC 9449 §6.1, figure 7: the jkt
			t.Errorf("%s: got %s of key %s, want %s of key %s", row.name, got, thumbprint, row.claims, wanted)
		}
	}
	_, claims, _ := readProof(t, resourcetest.NewProofKey("").Proof(resourcetest.Proof{Token: token}))
	if got := claims["ath"]; got != "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo" {
		t.Errorf("ath %v, want that of figure 12", got)
	}
}

// RFC 9449 §4.2: with every algorithm, a proof has exactly these members and a valid signature.
func TestProofOfEveryAlgorithm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, alg := range append(algorithms, "") {
			key := resourcetest.NewProofKey(alg)
			proof := key.Proof(resourcetest.Proof{ID: "1", Method: "GET", URL: "https://a.test/b?c#d", Token: "t", Nonce: "n", IssuedAt: time.Unix(1000, 0)})
			header, _, thumbprint := readProof(t, proof)
			if alg == "" {
				alg = "ES256"
			}
			if want := `{"typ":"dpop+jwt","alg":"` + alg + `","jwk":` + string(resourcetest.JWK(key.Public(), nil)) + "}"; string(segment(t, proof, 0)) != want {
				t.Errorf("got header %v, want %s", header, want)
			}
			if got, want := string(segment(t, proof, 1)), `{"jti":"1","htm":"GET","htu":"https://a.test/b","iat":1000,"ath":"`+sha256Text("t")+`","nonce":"n"}`; got != want {
				t.Errorf("%s: got %s, want %s", alg, got, want)
			}
			if thumbprint != key.Thumbprint() {
				t.Errorf("%s: thumbprint %s, want %s", alg, key.Thumbprint(), thumbprint)
			}
		}
		key := resourcetest.NewProofKey("")
		for _, row := range []struct {
			name   string
			proof  resourcetest.Proof
			header string
			claims string
		}{
			{"zero value", resourcetest.Proof{}, "", `{"jti":"*","htm":"POST","htu":"https://mcp.example.test/mcp","iat":946684800}`},
			{"members", resourcetest.Proof{ID: "1", Claims: map[string]any{"htm": 1, "iat": resourcetest.Remove, "x": resourcetest.Raw("1e400")}, Header: map[string]any{"typ": "JWT", "jwk": resourcetest.Remove}},
				`{"typ":"JWT","alg":"ES256"}`, `{"jti":"1","htm":1,"htu":"https://mcp.example.test/mcp","x":1e400}`},
			{"verbatim", resourcetest.Proof{RawHeader: []byte(`{"alg":"ES256"}`), RawPayload: []byte("]")}, `{"alg":"ES256"}`, "]"},
		} {
			proof := key.Proof(row.proof)
			header, claims := string(segment(t, proof, 0)), string(segment(t, proof, 1))
			if i := len(`{"jti":"`); strings.HasPrefix(row.claims, `{"jti":"*`) {
				claims = claims[:i] + "*" + claims[i+26:] // 128 random bits in base32
			}
			if row.header != "" && header != row.header || claims != row.claims || !verifies(key.Public(), "ES256", proof) {
				t.Errorf("%s: got %s.%s, want %s.%s", row.name, header, claims, row.header, row.claims)
			}
		}
	})
}

func sha256Text(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Signer and Encode change only the signature and the encoding.
func TestForgedProof(t *testing.T) {
	key, other := resourcetest.NewProofKey("EdDSA"), ed25519.NewKeyFromSeed(make([]byte, 32))
	proof := key.Proof(resourcetest.Proof{Signer: other})
	if verifies(key.Public(), "EdDSA", proof) || !verifies(other.Public(), "EdDSA", proof) {
		t.Error("want a signature of Signer")
	}
	if header := string(segment(t, proof, 0)); !strings.Contains(header, string(resourcetest.JWK(key.Public(), nil))) {
		t.Errorf("header %s, want the key", header)
	}
	proof = key.Proof(resourcetest.Proof{Encode: func(segment int, content []byte) string {
		if segment == 2 {
			return base64.RawURLEncoding.EncodeToString(content)
		}
		return string("01"[segment])
	}})
	if !strings.HasPrefix(proof, "0.1.") || !verifies(key.Public(), "EdDSA", proof) {
		t.Errorf("got %s, want the segments 0 and 1", proof)
	}
}
