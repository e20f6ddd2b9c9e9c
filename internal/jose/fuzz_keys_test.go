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
	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/internal/strictjson/strictjsontest"
)

// FuzzKeySet checks that a key set has exactly the valid public signing keys of the document and
// counts the others, that thumbprints are those of RFC 7638 and of another library, and that a
// second set of the same document is equal.
func FuzzKeySet(f *testing.F) {
	seeds := []string{rsaJWK, ecJWK, edJWK, with(rsaJWK, `,"kid":"a","use":"sig","alg":"PS256","key_ops":["verify"],"x5c":["AA"]`),
		jwk(ecKey(elliptic.P384(), 1).Public(), ""), jwk(ecKey(elliptic.P521(), 1).Public(), ""), with(edJWK, `,"d":"AA"`), `{"kty":"oct","k":"AA"}`, `{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`,
		rsaOf(modulus(2048), "Aw"), rsaOf(modulus(1024), "AQAB"), rsaOf(modulus(2048), "AAEAAQ=="), strings.Replace(edJWK, `"}`, `="}`, 1), with(ecJWK, `,"use":"enc"`), strings.Replace(edJWK, "Ed25519", "X25519", 1)}
	for _, key := range seeds {
		f.Add([]byte(`{"keys":[` + key + `]}`))
	}
	f.Add([]byte(`{"keys":[` + strings.Join(seeds, ",") + `]}`))
	short, coordinate, _ := keytest.ShortX()
	canonical := b64(coordinate)
	for _, x := range []string{b64(coordinate[1:]), b64(coordinate[1:]) + "==", b64(append([]byte{0}, coordinate...)), b64(append([]byte{1}, coordinate...))} {
		f.Add([]byte(`{"keys":[` + strings.Replace(jwk(&short.PublicKey, ""), `"x":"`+canonical, `"x":"`+x, 1) + `]}`))
	}
	for _, seed := range []string{`{"keys":[]}`, `{"keys":null}`, `{"KEYS":[]}`, `{"keys":[],"keys":[]}`, `{}`, `[]`, ecJWK, `{"keys":[1,null,"a",[],{}]}`,
		`{"keys":[` + strings.Repeat("{},", 63) + ecJWK + `]}`, `{"keys":[` + strings.Repeat("{},", 64) + ecJWK + `]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		elements, isSet := elementsOf(document)
		valid := countValid(t, elements)
		got, err := load(document)
		if want := isSet && valid > 0 && len(elements) <= keyset.MaxKeys; (err == nil) != want {
			t.Fatalf("%q: error %v, but %d valid keys of %d, a set: %v", document, err, valid, len(elements), isSet)
		}
		if err != nil {
			if unavailable := (*keyset.UnavailableError)(nil); !errors.As(err, &unavailable) || got != (keyset.Stats{}) {
				t.Fatalf("%q: error %v, %+v", document, err, got)
			}
			return
		}
		if skipped := len(elements) - valid - countNotForSignatures(elements); got.Keys != valid || got.Skipped != skipped {
			t.Fatalf("%q: %d keys and %d skipped, want %d and %d", document, got.Keys, got.Skipped, valid, skipped)
		}
		if second, err := load(document); err != nil || second.Keys != got.Keys || second.Skipped != got.Skipped {
			t.Fatalf("%q: second set: %v, %+v, want %+v", document, err, second, got)
		}
	})
}

// load makes a key set of the document and returns its state.
func load(document []byte) (keyset.Stats, error) {
	set := keyset.New(keyset.Config{Source: keyset.Inline(document)})
	err := set.Ready(context.Background())
	return set.Stats(), err
}

// elementsOf returns the elements of keys, and false if document is not a key set.
func elementsOf(document []byte) (elements []json.RawMessage, ok bool) {
	members, ok := strictjsontest.Object(document)
	raw, present := members["keys"]
	if !ok || !present || strictjsontest.CaseVariant(members, "keys") || raw[0] != '[' {
		return nil, false
	}
	return elements, json.Unmarshal(raw, &elements) == nil
}

// countValid checks each key and returns the number of valid ones.
func countValid(t *testing.T, elements []json.RawMessage) (valid int) {
	t.Helper()
	for _, element := range elements {
		if checkKey(t, element) {
			valid++
		}
	}
	return valid
}

// countNotForSignatures returns the number of keys for other uses, which are not skipped keys.
func countNotForSignatures(elements []json.RawMessage) (n int) {
	for _, element := range elements {
		if _, err := jose.ParseKey(element); errors.Is(err, jose.ErrNotForSignatures) {
			n++
		}
	}
	return n
}

// checkKey compares ParseKey with validKey and with the other library, and reports whether the
// key is valid.
func checkKey(t *testing.T, document []byte) bool {
	t.Helper()
	want, valid := validKey(document)
	key, err := jose.ParseKey(document)
	if (err == nil) != valid {
		t.Fatalf("%q: error %v, want a valid key: %v", document, err, valid)
	}
	if !valid {
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

// isCanonical reports whether a member is neither padded nor a coordinate of unusual length.
func isCanonical(members map[string]json.RawMessage, name string) bool {
	text, _, isString := strictjsontest.String(members, name)
	crv, _, _ := strictjsontest.String(members, "crv")
	if _, size, _ := curveOf(crv); size > 0 && (name == "x" || name == "y") && len(bytesOf(text)) != size {
		return false
	}
	return !isString || !strings.HasSuffix(text, "=")
}

// checkWithOtherLibrary checks that the other library reads the same key. It skips keys with a
// certificate, which package jose ignores and the other library parses, keys with null members,
// which the other library rejects, and keys that are not in the form of the RFCs.
func checkWithOtherLibrary(t *testing.T, document []byte, members map[string]json.RawMessage, want [32]byte) {
	t.Helper()
	for name, value := range members {
		if strings.HasPrefix(name, "x5") || isAbsent(value) || !isCanonical(members, name) {
			return
		}
	}
	set, err := otherjwk.Parse([]byte(`{"keys":[` + string(document) + `]}`))
	if err != nil || set.Len() != 1 {
		t.Fatalf("%q: accepted, but not by the other library: %v", document, err)
	}
	other, _ := set.Key(0)
	thumbprint, err := other.Thumbprint(crypto.SHA256)
	if err != nil || !slices.Equal(thumbprint, want[:]) {
		t.Fatalf("%q: thumbprint %x, error %v, want %x", document, thumbprint, err, want)
	}
}
