package claimset_test

import (
	"crypto/sha256"
	"encoding/base64"
	"testing"

	"github.com/warder-go/warder/internal/claimset"
)

// RFC 7800 §3.1, RFC 9449 §6.1, RFC 8705 §3.1
func TestConfirmation(t *testing.T) {
	hash := sha256.Sum256([]byte("x"))
	text := `"` + base64.RawURLEncoding.EncodeToString(hash[:]) + `"`
	key := claimset.Confirmation{Method: claimset.ConfirmationKey, Thumbprint: hash}
	certificate := claimset.Confirmation{Method: claimset.ConfirmationCertificate, Thumbprint: hash}
	other := claimset.Confirmation{Method: claimset.ConfirmationOther}
	for _, row := range []struct {
		name, cnf string
		want      claimset.Confirmation
	}{
		{"no cnf", `null`, claimset.Confirmation{}},
		{"a key", `{"jkt":` + text + `}`, key},
		{"a certificate", `{"x5t#S256":` + text + `}`, certificate},
		{"a key of Keycloak 26.7", `{"jkt":` + text + `,"kc-jkt-type":"DPoP"}`, key},
		{"a key of Keycloak 26.7, the other order", `{"kc-jkt-type":"DPoP","jkt":` + text + `}`, key},
		{"another member is ignored", `{"jkt":` + text + `,"x":{"jkt":"y"}}`, key},
		{"only another member", `{"x":` + text + `}`, other},
		{"a method in another case", `{"JKT":` + text + `}`, other},
		{"a method, and again in another case", `{"jkt":` + text + `,"JKT":"x"}`, other},
		{"a method and one that is null", `{"jkt":` + text + `,"x5t#S256":null}`, other},
		{"a key and a certificate", `{"jkt":` + text + `,"x5t#S256":` + text + `}`, other},
		{"a key and another method", `{"jkt":` + text + `,"jwk":{}}`, other},
		{"another method", `{"kid":"a"}`, other},
		{"a key that is too short", `{"jkt":"x"}`, other},
		{"no members", `{}`, other},
		{"a string", text, other},
	} {
		claims, err := claimset.Parse([]byte(`{"cnf":` + row.cnf + `}`))
		if err != nil || claims.Confirmation != row.want {
			t.Errorf("%s: got %+v, error %v, want %+v", row.name, claims.Confirmation, err, row.want)
		}
	}
}
