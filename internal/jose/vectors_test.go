package jose_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/keyset"
)

// vectors reads a file of public test vectors into v. They are not part of the
// project: without them the test is skipped.
func vectors(t *testing.T, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(projectRoot(t), "..", "shared", "vectors", filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the public test vectors are not here: %v", err)
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// projectRoot is the directory of the module that this test belongs to.
func projectRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// A wycheproof file, as far as it matters here.
type wycheproof struct {
	NumberOfTests int
	TestGroups    []struct {
		Comment         string
		Public, Private json.RawMessage // a JWK or a JWK Set; Public is absent where the key is symmetric
		Tests           []vector
	}
}

type vector struct {
	TcID     int
	Comment  string
	JWS, JWE json.RawMessage // a string, or an object: JSON serialization
	Result   string

	group string
	set   *keyset.Set     // what the group publishes
	key   json.RawMessage // the same as text
}

// all returns every vector with the key set that its group would publish: the public
// keys, or, where there are none, the symmetric ones.
func (w *wycheproof) all() (out []vector) {
	for _, g := range w.TestGroups {
		key := g.Public
		if key == nil {
			key = g.Private
		}
		set := keySet(key)
		for _, v := range g.Tests {
			v.group, v.set, v.key = g.Comment, set, key
			out = append(out, v)
		}
	}
	return out
}

func keySet(key json.RawMessage) *keyset.Set {
	var members map[string]json.RawMessage
	if json.Unmarshal(key, &members) == nil && members["keys"] == nil {
		key = json.RawMessage(`{"keys":[` + string(key) + `]}`)
	}
	return keyset.New(keyset.Config{Source: keyset.Inline(key)})
}

// raw is the vector's token as a client would send it.
func (v vector) raw() string {
	encoded := v.JWS
	if encoded == nil {
		encoded = v.JWE
	}
	var text string
	if json.Unmarshal(encoded, &text) != nil {
		return string(encoded)
	}
	return text
}

// verify is the way of a token behind the front door: read, then verified with the
// keys of its issuer.
func verify(set *keyset.Set, raw string) error {
	if !jose.LooksLikeJWS(raw) {
		return errors.New("opaque")
	}
	token, err := jose.Parse(raw)
	if err != nil {
		return err
	}
	_, err = set.Verify(context.Background(), keyset.Token{Token: token})
	return err
}

// A refusal on purpose: what the vectors call valid and we don't accept, why, and how
// many of them there are, so that a change is noticed.
type refusal struct {
	why   string
	count int
	is    func(v vector, err error) bool
}

var onPurpose = map[string][]refusal{
	"json_web_signature_test.json": {
		{"HMAC: a resource server that can verify could forge (bad-inputs 91)", 10, isHMAC},
		{"an empty payload is no JSON object, so no token (bad-inputs 44, 66)", 6, hasComment("emptyPayload")},
		{"the key's alg is ES521, which is no algorithm (RFC 7518 §3.1 has ES512); without it the token verifies, see the cookbook's 4.3", 2, hasKeyAlg("ES521")},
		{"the key's alg is PS256, the token's PS384 (RFC 8725 §3.1, bad-inputs 94)", 2, hasKeyAlg("PS256")},
	},
	"json_web_key_test.json": {
		{"HMAC (bad-inputs 91)", 4, isHMAC},
	},
	"json_web_crypto_test.json": {
		{"HMAC (bad-inputs 91)", 2, isHMAC},
		{"encrypted: never decrypted (bad-inputs 43)", 2, isEncrypted},
	},
	"json_web_encryption_test.json": {
		{"encrypted: never decrypted (bad-inputs 43)", 65, isEncrypted},
	},
}

// isHMAC asks for a symmetric key. Where a character that is no base64 stands in the
// header (tcId 372, 373: "valid" for readers that skip it) the token is refused for
// that already.
func isHMAC(v vector, err error) bool {
	return strings.Contains(string(v.key), `"oct"`) && (errors.Is(err, jose.ErrAlgorithm) || errors.Is(err, jose.ErrMalformed))
}

func isEncrypted(v vector, err error) bool {
	return v.JWE != nil && strings.Count(v.raw(), ".") == 4 && err.Error() == "opaque"
}

func hasComment(comment string) func(vector, error) bool {
	return func(v vector, err error) bool { return v.Comment == comment && errors.Is(err, jose.ErrMalformed) }
}

func hasKeyAlg(alg string) func(vector, error) bool {
	return func(v vector, err error) bool {
		var key struct{ Alg string }
		return json.Unmarshal(v.key, &key) == nil && key.Alg == alg && !errors.Is(err, keyset.ErrBadSignature)
	}
}

func TestWycheproof(t *testing.T) {
	for _, row := range []struct {
		file                     string
		count, accepted, refused int // refused: on purpose
	}{
		{"json_web_signature_test.json", 401, 26, 20},
		{"json_web_key_test.json", 26, 1, 4},
		{"json_web_crypto_test.json", 83, 2, 4},
		{"json_web_encryption_test.json", 139, 0, 65},
	} {
		t.Run(row.file, func(t *testing.T) {
			var file wycheproof
			vectors(t, "wycheproof/"+row.file, &file)
			accepted, refused, counts := 0, 0, map[string]int{}
			for _, v := range file.all() {
				err := verify(v.set, v.raw())
				switch {
				case err == nil && v.Result != "valid":
					t.Errorf("%s %d %s: FALSE ACCEPT", v.group, v.TcID, v.Comment)
				case err == nil:
					accepted++
				case v.Result == "valid":
					refused++
					counts[v.why(row.file, err)]++
				}
			}
			for _, r := range onPurpose[row.file] {
				if counts[r.why] != r.count {
					t.Errorf("refused on purpose, %s: got %d, want %d", r.why, counts[r.why], r.count)
				}
				delete(counts, r.why)
			}
			for why := range counts {
				t.Errorf("valid, but refused: %s", why)
			}
			all := len(file.all())
			if all != row.count || all != file.NumberOfTests || accepted != row.accepted || refused != row.refused {
				t.Errorf("got %d vectors (the file says %d), %d accepted, %d refused on purpose, want %d, %d, %d",
					all, file.NumberOfTests, accepted, refused, row.count, row.accepted, row.refused)
			}
			t.Logf("%d vectors, %d accepted, %d refused on purpose, %d refused as invalid", all, accepted, refused, all-accepted-refused)
		})
	}
}

// why finds the reason on the list, or describes a vector that is on none.
func (v vector) why(file string, err error) string {
	for _, r := range onPurpose[file] {
		if r.is(v, err) {
			return r.why
		}
	}
	return v.group + " " + v.Comment + ": " + err.Error()
}
