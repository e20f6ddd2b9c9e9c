package dpop_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/dpop"
	"github.com/warder-go/warder/internal/jose"
)

// RFC 9449 §6.1, §7.1: the request of Figure 12 with the proof of Figure 13 and the thumbprint of
// Figure 8.
func TestExampleOfRFC9449(t *testing.T) {
	const (
		accessToken = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
		ath         = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
		jkt         = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
		url         = "https://resource.example.org/protectedresource"
		proof       = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19" +
			".eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9" +
			".2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
	)
	sum := digest.Of(accessToken)
	if got := base64.RawURLEncoding.EncodeToString(sum[:]); got != ath {
		t.Errorf("ath is %s, want %s", got, ath)
	}
	if got, err := dpop.Normalize(url); got != url || err != nil {
		t.Errorf("normalized %q, %v", got, err)
	}
	thumbprint, ok := jose.ParseThumbprint(jkt)
	if !ok {
		t.Fatal("the thumbprint cannot be read")
	}
	issued := time.Unix(1562262618, 0)
	want := dpop.Expected{Method: "GET", URL: url, Now: issued, Window: time.Minute, Token: sum, Thumbprint: thumbprint}
	got, e := newChecker(t).Check(proof, want)
	if e != nil {
		t.Fatal(e)
	}
	if got.Nonce != "" || !got.Until.Equal(issued.Add(61*time.Second)) || got.Use != digest.Of(string(thumbprint[:]), "16:e1j3V_bKic8-LAEB", url) {
		t.Errorf("got %+v", got)
	}
	for kind, change := range map[dpop.Kind]func(*dpop.Expected){
		dpop.Method: func(e *dpop.Expected) { e.Method = "HEAD" },
		dpop.URL:    func(e *dpop.Expected) { e.URL += "/" },
		dpop.Time:   func(e *dpop.Expected) { e.Now = issued.Add(time.Hour) },
		dpop.Token:  func(e *dpop.Expected) { e.Token = digest.Of(accessToken + " ") },
		dpop.Key:    func(e *dpop.Expected) { e.Thumbprint[31]++ },
	} {
		other := want
		change(&other)
		if _, e := newChecker(t).Check(proof, other); e == nil || e.Kind != kind {
			t.Errorf("got %v, want kind %d", e, kind)
		}
	}
}
