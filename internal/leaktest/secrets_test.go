package leaktest_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/leaktest"
)

// Any 24 consecutive characters of a secret are found, and the finding does not contain
// them.
func TestFindPieces(t *testing.T) {
	var secrets leaktest.Secrets
	header, payload, signature := rand.Text()+rand.Text(), rand.Text()+rand.Text()+rand.Text(), rand.Text()+rand.Text()+rand.Text()
	secrets.AddToken("Bearer " + header + "." + payload + "." + signature)
	secrets.Add("client secret", "test-secret")
	for _, part := range []string{header, payload, signature} {
		for at := 0; at+24 <= len(part); at++ {
			piece := part[at : at+24]
			kind, around := secrets.Find(`{"msg":"refused","error":"no ` + piece + ` here"}`)
			if kind != "token" || strings.Contains(around, piece[:8]) || !strings.Contains(around, `"error":"no [SECRET] here"`) {
				t.Fatalf("at %d: got %q %q", at, kind, around)
			}
		}
	}
	if kind, around := secrets.Find("sent test-secret away"); kind != "client secret" || around != "sent [SECRET] away" {
		t.Errorf("got %q %q", kind, around)
	}
	for _, harmless := range []string{"", "Bearer", strings.Repeat("a", 100), `{"error":"invalid_token"}`, rand.Text() + rand.Text(), signature[:15]} {
		if kind, around := secrets.Find(harmless); kind != "" {
			t.Errorf("%q: got %q %q", harmless, kind, around)
		}
	}
}

func TestFindKeys(t *testing.T) {
	var secrets leaktest.Secrets
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secrets.AddKey(curve)
	secrets.AddKey(edwards)
	secrets.AddBytes("handle key", []byte("0123456789abcdef0123456789abcdef"))
	d, err := curve.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"JWK":           `{"kty":"EC","d":"` + base64.RawURLEncoding.EncodeToString(d) + `"}`,
		"number":        new(big.Int).SetBytes(d).String(),
		"hexadecimal":   fmt.Sprintf("%x", edwards.Seed()),
		"bytes as text": "key 0123456789abcdef0123456789abcdef is bad",
		"Go value":      fmt.Sprintf("%x", []byte("0123456789abcdef0123456789abcdef")),
	} {
		if kind, _ := secrets.Find(text); kind == "" {
			t.Errorf("%s: not found", name)
		}
	}
	if kind, around := secrets.Find(base64.RawURLEncoding.EncodeToString(edwards.Public().(ed25519.PublicKey))); kind != "" {
		t.Errorf("a public key: got %q %q", kind, around)
	}
}
