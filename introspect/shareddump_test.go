package introspect_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Someone who reads the store finds no token, no digest of a token, no claim and no key in it.
func TestStoreRevealsNothing(t *testing.T) {
	inProcesses(t, 2, func(_ int, _ *resource.Config, c *introspect.Config) {
		c.AnswerKeys = append(c.AnswerKeys, answerKey("2"))
	}, func(store *memoryAnswers, processes []*fixture) {
		secrets := [][]byte{answerKey("1"), answerKey("2"), []byte(resourcetest.DefaultClientSecret)}
		issuer := processes[0].issuer
		for i := range 100 {
			subject, department := fmt.Sprintf("subject-%d-of-somebody", i), fmt.Sprintf("department-%d-of-somebody", i)
			claims := resourcetest.Token{Subject: subject, Claims: map[string]any{"department": department}}
			token := issuer.OpaqueToken(claims)
			switch i % 4 {
			case 1:
				token = issuer.Token(claims)
			case 2:
				token = unknownToken(i)
			}
			processes[i%2].request(token)
			secrets = append(secrets, []byte(token), []byte(subject), []byte(department))
			for part := range strings.SplitSeq(token, ".") {
				secrets = append(secrets, []byte(part))
			}
			digest := sha256.Sum256([]byte(token))
			secrets = append(secrets, digest[:], digest[:16])
		}
		for _, common := range []string{issuer.Identifier(), identifier, resourcetest.DefaultClientID, "active", "inactive"} {
			secrets = append(secrets, []byte(common))
		}
		var dump bytes.Buffer
		for key, stored := range store.present() {
			dump.Write(key[:])
			dump.Write(stored.value)
		}
		if n := len(store.present()); n != 100 {
			t.Fatalf("got %d values, want 100", n)
		}
		for _, secret := range secrets {
			for _, form := range formsOf(secret) {
				if bytes.Contains(dump.Bytes(), form) {
					t.Errorf("the store contains %q", form)
				}
			}
		}
		dump.WriteString(base64.RawURLEncoding.EncodeToString(secrets[0]))
		if !bytes.Contains(dump.Bytes(), formsOf(secrets[0])[3]) {
			t.Error("the search does not work")
		}
	})
}

// formsOf returns a text as it is, in hexadecimal and in base64.
func formsOf(secret []byte) [][]byte {
	return [][]byte{
		secret, []byte(hex.EncodeToString(secret)),
		[]byte(base64.RawStdEncoding.EncodeToString(secret)), []byte(base64.RawURLEncoding.EncodeToString(secret)),
	}
}

// Equal answers have different values, so that a reader cannot see that an answer was repeated.
func TestValuesOfEqualAnswersDiffer(t *testing.T) {
	inProcesses(t, 1, func(_ int, r *resource.Config, _ *introspect.Config) { r.Limits.CacheTTL = -1 }, func(store *memoryAnswers, processes []*fixture) {
		fx := processes[0]
		token := fx.token(resourcetest.Token{})
		seen := map[string]bool{}
		for range 10 {
			fx.expect("valid token", token, 200, "")
			key, stored := store.only(t)
			if seen[string(stored.value)] {
				t.Error("a value was stored twice")
			}
			seen[string(stored.value)] = true
			store.Put(fx.Context(), key, nil, 0)
			time.Sleep(time.Second)
		}
	})
}
