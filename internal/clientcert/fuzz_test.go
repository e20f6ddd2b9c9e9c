package clientcert_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/clientcert"
)

// read returns what the Reader finds in a field of a proxy. It fails if the result is neither a
// thumbprint nor ErrMalformed.
func read(t *testing.T, c clientcert.Config, value string) (clientcert.Thumbprint, bool) {
	got, ok, err := reader(t, c).Read(fromProxy(c.Field, value))
	if ok != (err == nil) || err != nil && (got != clientcert.Thumbprint{} || !errors.Is(err, clientcert.ErrMalformed)) {
		t.Fatalf("%q: got %x, %v, %v", value, got, ok, err)
	}
	return got, ok
}

// FuzzByteSequence checks that an accepted field is the only encoding of the bytes that have the
// thumbprint.
func FuzzByteSequence(f *testing.F) {
	for _, seed := range []string{victim.byteSequence(), victim.base64(), "::", victim.byteSequence() + ";a=1", ":MA==:", ":MAcwADAAAwEA:", ":MAc\nwADAAAwEA:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, ok := read(t, rfc9440, value)
		if !ok {
			return
		}
		der, err := base64.StdEncoding.DecodeString(value[1 : len(value)-1])
		if err != nil || got != sha256.Sum256(der) || value != ":"+base64.StdEncoding.EncodeToString(der)+":" {
			t.Errorf("%q: got %x", value, got)
		}
	})
}

// FuzzPEM compares with packages net/url and encoding/pem, which accept more.
func FuzzPEM(f *testing.F) {
	for _, seed := range []string{victim.escaped(), escape(victim.pem() + attacker.pem()), encodeAll(victim.pem()), escape(victim.escaped()), victim.pem(), "%", "-----BEGIN+CERTIFICATE-----",
		"-----BEGIN%20CERTIFICATE-----%0AMAcwADAAAwEA%0A-----END%20CERTIFICATE-----"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, ok := read(t, nginx, value)
		if !ok {
			return
		}
		text, err := url.PathUnescape(value)
		block, rest := pem.Decode([]byte(strings.TrimSpace(text)))
		if err != nil || block == nil || block.Type != "CERTIFICATE" || len(block.Headers) > 0 || len(rest) > 0 || got != sha256.Sum256(block.Bytes) {
			t.Errorf("%q: got %x", value, got)
		}
	})
}

// FuzzXFCC checks that the thumbprint of an accepted element is that of its only Hash or Cert.
func FuzzXFCC(f *testing.F) {
	hash, cert := "Hash="+victim.hash(), `Cert="`+escapeForEnvoy(victim.pem())+`"`
	for _, seed := range []string{hash, cert, hash + ";" + cert, hash + "," + hash, "By=a;" + hash + `;Subject="CN=\"a\",\\";URI=b;DNS=c`, `Subject="` + hash + `";` + hash, hash + ";URI=;", "Hash=\"" + victim.hash() + `"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, ok := read(t, xfcc, value)
		if !ok {
			return
		}
		unquoted := removeQuoted(value)
		if strings.Contains(unquoted, ",") || strings.Count(strings.ToLower(";"+unquoted), ";hash=") > 1 || strings.Count(strings.ToLower(";"+unquoted), ";cert=") > 1 {
			t.Errorf("%q: more than one certificate", value)
		}
		text := hex.EncodeToString(got[:])
		if !strings.Contains(strings.ToLower(value), text) && !strings.Contains(strings.ToLower(";"+unquoted), ";cert=") {
			t.Errorf("%q: got %s from neither Hash nor Cert", value, text)
		}
	})
}

// removeQuoted removes what is inside quotes.
func removeQuoted(value string) string {
	var b strings.Builder
	quoted, escaped := false, false
	for _, c := range []byte(value) {
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case !quoted:
			b.WriteByte(c)
		}
	}
	return b.String()
}
