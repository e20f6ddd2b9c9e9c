package jwks_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

// Each unusable key is logged once with its kid and its fault, also if no key is usable.
func TestUnusableKeysAreLogged(t *testing.T) {
	const odd, small, encryption = `{"kty":"AKP","kid":"odd"}`, `{"kty":"RSA","kid":"small","n":"AQAB","e":"AQAB"}`, `{"kty":"RSA","kid":"enc","use":"enc","n":"AQAB","e":"AQAB"}`
	for _, row := range []struct {
		name, keys string
		want       []string // records, in any order
		failure    string
	}{
		{"two unusable keys", odd + "," + small, []string{
			`kid=odd error="jose: key: kty is not RSA, EC or OKP"`, `kid=small error="jose: key: modulus is shorter than 2048 bits"`}, "no usable key in the document"},
		{"a duplicate", odd + "," + odd, []string{`kid=odd error="jose: key: kty is not RSA, EC or OKP"`}, "no usable key in the document"},
		{"only for encryption", encryption + "," + encryption, nil, "no usable key in the document: none of its keys is for verifying signatures"},
		{"one for encryption, one unusable", encryption + "," + odd, []string{`kid=odd error="jose: key: kty is not RSA, EC or OKP"`}, "no usable key in the document"},
		{"none", "", nil, "no usable key in the document"},
	} {
		var log strings.Builder
		logTo := func(_ *resource.Config, c *jwks.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }
		withFixtureConfig(t, logTo, func(w *fixture) {
			w.issuer.SetJWKS([]byte(`{"keys":[` + row.keys + `]}`))
			for range 3 {
				w.expect(row.name, w.token(), 503)
				time.Sleep(2 * time.Second)
			}
		})
		if got := strings.Count(log.String(), "unusable key skipped"); got != len(row.want) {
			t.Errorf("%s: %d records about keys, want %d:\n%s", row.name, got, len(row.want), &log)
		}
		for _, want := range row.want {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s: no record with %s:\n%s", row.name, want, &log)
			}
		}
		if !strings.Contains(log.String(), row.failure+`"`) {
			t.Errorf("%s: no record with %s:\n%s", row.name, row.failure, &log)
		}
		_, err := jwks.New(jwks.Config{Issuer: "https://as.example", Keys: []byte(`{"keys":[` + row.keys + `]}`), Logger: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.HasSuffix(err.Error(), row.failure) {
			t.Errorf("%s: New returned %v, want an error that ends with %s", row.name, err, row.failure)
		}
	}
}

// Keys whose algorithm or curve is for encryption are not unusable keys, even without use.
func TestKeysForEncryptionAreNotLogged(t *testing.T) {
	var log strings.Builder
	logTo := func(_ *resource.Config, c *jwks.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }
	withFixtureConfig(t, logTo, func(w *fixture) {
		w.issuer.SetJWKS(w.set(`{"kty":"RSA","alg":"RSA-OAEP","n":"AQAB","e":"AQAB"}`, `{"kty":"OKP","crv":"X25519","x":"AA"}`))
		w.expect("the key for signatures", w.token(), 200)
	})
	if log.Len() > 0 {
		t.Errorf("got %s", &log)
	}
}
