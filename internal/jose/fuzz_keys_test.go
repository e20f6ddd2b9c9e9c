package jose_test

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	otherjwk "github.com/lestrrat-go/jwx/v2/jwk"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/keyset"
	"github.com/warder-go/warder/internal/strictjson/strictjsontest"
)

// FuzzKeySet: a set holds exactly the sound public signing keys of the document, each
// under the thumbprint that RFC 7638 gives it and another library reads; the others
// are counted, and reading it again gives the same.
func FuzzKeySet(f *testing.F) {
	keys := []string{rsaJWK, ecJWK, edJWK, with(rsaJWK, `,"kid":"a","use":"sig","alg":"PS256","key_ops":["verify"],"x5c":["AA"]`),
		jwk(ecKey(elliptic.P384(), 1).Public(), ""), jwk(ecKey(elliptic.P521(), 1).Public(), ""), with(edJWK, `,"d":"AA"`), `{"kty":"oct","k":"AA"}`, `{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`,
		rsaOf(modulus(2048), "Aw"), rsaOf(modulus(1024), "AQAB"), with(ecJWK, `,"use":"enc"`), strings.Replace(edJWK, "Ed25519", "X25519", 1)}
	for _, key := range keys {
		f.Add([]byte(`{"keys":[` + key + `]}`))
	}
	f.Add([]byte(`{"keys":[` + strings.Join(keys, ",") + `]}`))
	for _, seed := range []string{`{"keys":[]}`, `{"keys":null}`, `{"KEYS":[]}`, `{"keys":[],"keys":[]}`, `{}`, `[]`, ecJWK, `{"keys":[1,null,"a",[],{}]}`,
		`{"keys":[` + strings.Repeat("{},", 63) + ecJWK + `]}`, `{"keys":[` + strings.Repeat("{},", 64) + ecJWK + `]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		set := keyset.New(keyset.Config{Source: keyset.Inline(document)})
		err := set.Ready(context.Background())
		elements, isSet := elementsOf(document)
		sound := 0
		for _, element := range elements {
			if checkKey(t, element) {
				sound++
			}
		}
		got := set.Stats()
		if want := isSet && sound > 0 && len(elements) <= keyset.MaxKeys; (err == nil) != want {
			t.Fatalf("%q: error %v, but %d sound keys of %d, a set: %v", document, err, sound, len(elements), isSet)
		}
		if err != nil {
			if unavailable := (*keyset.UnavailableError)(nil); !errors.As(err, &unavailable) || got != (keyset.Stats{}) {
				t.Fatalf("%q: error %v, %+v", document, err, got)
			}
			return
		}
		if got.Keys != sound || got.Skipped != len(elements)-sound {
			t.Fatalf("%q: %d keys and %d skipped, want %d and %d", document, got.Keys, got.Skipped, sound, len(elements)-sound)
		}
		again := keyset.New(keyset.Config{Source: keyset.Inline(document)})
		if err := again.Ready(context.Background()); err != nil || again.Stats().Keys != got.Keys || again.Stats().Skipped != got.Skipped {
			t.Fatalf("%q: read again: %v, %+v, want %+v", document, err, again.Stats(), got)
		}
	})
}

func elementsOf(document []byte) (elements []json.RawMessage, ok bool) {
	members, ok := strictjsontest.Object(document)
	raw, present := members["keys"]
	if !ok || !present || strictjsontest.CaseVariant(members, "keys") || raw[0] != '[' {
		return nil, false
	}
	return elements, json.Unmarshal(raw, &elements) == nil
}

// checkKey compares ParseKey with the rules as written down here once more, and with
// the other library, and reports whether the key is sound.
func checkKey(t *testing.T, document []byte) bool {
	t.Helper()
	want, sound := soundKey(document)
	key, err := jose.ParseKey(document)
	if (err == nil) != sound {
		t.Fatalf("%q: error %v, want it sound: %v", document, err, sound)
	}
	if !sound {
		return false
	}
	if key.Thumbprint != want {
		t.Fatalf("%q: thumbprint %x, want %x", document, key.Thumbprint, want)
	}
	members, _ := strictjsontest.Object(document)
	if kid, _, _ := strictjsontest.String(members, "kid"); key.ID != kid {
		t.Fatalf("%q: kid %q", document, key.ID)
	}
	checkWithOtherLibrary(t, document, members, want)
	return true
}

// checkWithOtherLibrary: every key that we hold is in what it reads, unless there is a
// certificate, which it insists on understanding and we never look at.
func checkWithOtherLibrary(t *testing.T, document []byte, members map[string]json.RawMessage, want [32]byte) {
	t.Helper()
	for name := range members {
		if strings.HasPrefix(name, "x5") {
			return
		}
	}
	set, err := otherjwk.Parse([]byte(`{"keys":[` + string(document) + `]}`))
	if err != nil || set.Len() != 1 {
		t.Fatalf("%q: read, but not by the other library: %v", document, err)
	}
	other, _ := set.Key(0)
	thumbprint, err := other.Thumbprint(crypto.SHA256)
	if err != nil || !slices.Equal(thumbprint, want[:]) {
		t.Fatalf("%q: thumbprint %x, error %v, want %x", document, thumbprint, err, want)
	}
}
