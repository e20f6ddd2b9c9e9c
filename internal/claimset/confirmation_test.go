package claimset_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/claimset"
)

// RFC 7800 §3.1, RFC 9449 §6.1, RFC 8705 §3.1: exactly one registered method, which is
// supported.
func TestConfirmation(t *testing.T) {
	var thumbprint [32]byte
	for i := range thumbprint {
		thumbprint[i] = byte(i)
	}
	text := base64.RawURLEncoding.EncodeToString(thumbprint[:])
	none := claimset.Confirmation{}
	other := claimset.Confirmation{Method: claimset.ConfirmationOther}
	for _, row := range []struct {
		name, cnf string
		want      claimset.Confirmation
	}{
		{"absent", ``, none},
		{"null", `null`, none},
		{"an empty string, which counts as absent", `""`, none},
		{"a key", `{"jkt":"` + text + `"}`, claimset.Confirmation{Method: "jkt", Thumbprint: thumbprint}},
		{"a certificate", `{"x5t#S256":"` + text + `"}`, claimset.Confirmation{Method: "x5t#S256", Thumbprint: thumbprint}},
		{"a name with escapes", `{"\u006akt":"` + text + `"}`, claimset.Confirmation{Method: "jkt", Thumbprint: thumbprint}},
		{"a value with escapes", `{"jkt":"\u0041` + text[1:] + `"}`, claimset.Confirmation{Method: "jkt", Thumbprint: thumbprint}},
		{"empty", `{}`, other},
		{"an array", `[]`, other},
		{"an array with an object", `[{"jkt":"` + text + `"}]`, other},
		{"a string", `"` + text + `"`, other},
		{"a number", `1`, other},
		{"false", `false`, other},
		{"a key in another case", `{"JKT":"` + text + `"}`, other},
		{"a certificate in another case", `{"x5t#s256":"` + text + `"}`, other},
		{"an unknown method", `{"x":"` + text + `"}`, other},
		{"kid", `{"kid":"a"}`, other},
		{"jwk (RFC 7800 §3.2)", `{"jwk":{"kty":"EC"}}`, other},
		{"osc (RFC 9203)", `{"osc":{}}`, other},
		{"a key and a certificate", `{"jkt":"` + text + `","x5t#S256":"` + text + `"}`, other},
		{"a key and another member (RFC 7800 §3.1)", `{"jkt":"` + text + `","x":1}`, claimset.Confirmation{Method: "jkt", Thumbprint: thumbprint}},
		{"a key of Keycloak 26.7", `{"jkt":"` + text + `","kc-jkt-type":"DPoP"}`, claimset.Confirmation{Method: "jkt", Thumbprint: thumbprint}},
		{"a key and null", `{"jkt":"` + text + `","x5t#S256":null}`, other},
		{"another member and a key", `{"x":{"jkt":1},"jkt":"` + text + `"}`, claimset.Confirmation{Method: "jkt", Thumbprint: thumbprint}},
		{"a key and another registered method", `{"jkt":"` + text + `","jwk":{}}`, other},
		{"a key in two cases", `{"jkt":"` + text + `","Jkt":"` + text + `"}`, other},
		{"null as the key", `{"jkt":null}`, other},
		{"a number as the key", `{"jkt":1}`, other},
		{"an array as the key", `{"jkt":["` + text + `"]}`, other},
		{"an empty key", `{"jkt":""}`, other},
		{"a padded key", `{"jkt":"` + text + `="}`, other},
		{"a short key", `{"jkt":"` + text[1:] + `"}`, other},
		{"a long key", `{"jkt":"` + text + `A"}`, other},
		{"a key with unused bits", `{"jkt":"` + text[:42] + `9"}`, other},
		{"a key in the other alphabet", `{"jkt":"` + strings.Repeat("+", 43) + `"}`, other},
		{"a key with a line break", `{"jkt":"` + text[:42] + `\n"}`, other},
		{"SHA-1", `{"x5t":"` + text + `"}`, other},
	} {
		object := `{"iss":"a"}`
		if row.cnf != "" {
			object = `{"iss":"a","cnf":` + row.cnf + `}`
		}
		set, err := claimset.Parse([]byte(object))
		if set.Confirmation != row.want || err != nil {
			t.Errorf("%s: got %+v, %v, want %+v", row.name, set.Confirmation, err, row.want)
		}
	}
	for name, object := range map[string]string{
		"cnf twice":         `{"cnf":null,"cnf":{"jkt":"` + text + `"}}`,
		"Cnf":               `{"Cnf":{"jkt":"` + text + `"}}`,
		"a key twice":       `{"cnf":{"jkt":"` + text + `","jkt":"` + text + `"}}`,
		"cnf nested":        `{"cnf":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`,
		"half of an object": `{"cnf":{"jkt":"` + text + `"`,
	} {
		if set, err := claimset.Parse([]byte(object)); err == nil {
			t.Errorf("%s: accepted: %+v", name, set.Confirmation)
		}
	}
}

// A token is bound if one of two sets of claims binds it, and not supported if they differ.
func TestMergeConfirmations(t *testing.T) {
	none := claimset.Confirmation{}
	other := claimset.Confirmation{Method: claimset.ConfirmationOther}
	a := claimset.Confirmation{Method: claimset.ConfirmationKey, Thumbprint: [32]byte{1}}
	b := claimset.Confirmation{Method: claimset.ConfirmationKey, Thumbprint: [32]byte{2}}
	c := claimset.Confirmation{Method: claimset.ConfirmationCertificate, Thumbprint: [32]byte{1}}
	for _, row := range []struct {
		name        string
		x, y, merge claimset.Confirmation
	}{
		{"none", none, none, none},
		{"one", a, none, a},
		{"the same", a, a, a},
		{"two keys", a, b, other},
		{"a key and a certificate with one thumbprint", a, c, other},
		{"a certificate", c, none, c},
		{"not supported", other, none, other},
		{"not supported, and a key", other, a, other},
		{"twice not supported", other, other, other},
	} {
		if got := row.x.Merge(row.y); got != row.merge {
			t.Errorf("%s: got %+v, want %+v", row.name, got, row.merge)
		}
		if got := row.y.Merge(row.x); got != row.merge {
			t.Errorf("%s, in the other order: got %+v, want %+v", row.name, got, row.merge)
		}
	}
}
