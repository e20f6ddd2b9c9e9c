package jose_test

import (
	"testing"

	"github.com/warder-go/warder/internal/jose"
)

// The proofs of RFC 9449, Figures 2 and 13, which one key signed. Its thumbprint is in Figure 8.
const (
	rfc9449Header = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"

	rfc9449Figure2 = rfc9449Header + ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"

	rfc9449Figure13 = rfc9449Header + ".eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)

// RFC 9449 §4.1, §6.1, §7.1
func TestProofsOfRFC9449(t *testing.T) {
	const jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	var known *jose.ProofHead
	for _, row := range []struct{ name, raw, payload string }{
		{"Figure 2", rfc9449Figure2, `{"jti":"-BwC3ESc6acc2lTc","htm":"POST","htu":"https://server.example.com/token","iat":1562262616}`},
		{"Figure 13", rfc9449Figure13, `{"jti":"e1j3V_bKic8-LAEB","htm":"GET","htu":"https://resource.example.org/protectedresource","iat":1562262618,"ath":"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"}`},
	} {
		p, err := jose.ParseProof(row.raw, known)
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		head, ok := p.Verify()
		if !ok || b64(head.Thumbprint[:]) != jkt || head.Type != "dpop+jwt" || head.Algorithm.String() != "ES256" || string(p.Payload) != row.payload {
			t.Errorf("%s: verified %v, %+v, payload %s", row.name, ok, head, p.Payload)
		}
		if want, ok := jose.ParseThumbprint(jkt); !ok || want != p.Head.Thumbprint {
			t.Errorf("%s: thumbprint %x, want %x", row.name, p.Head.Thumbprint, want)
		}
		known = head
	}
	// The signature of one does not fit the other.
	mixed := rfc9449Figure2[:len(rfc9449Figure2)-86] + rfc9449Figure13[len(rfc9449Figure13)-86:]
	if accepts(mixed) == nil {
		t.Error("a proof with the signature of another was accepted")
	}
}
