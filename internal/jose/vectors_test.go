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

// vectors reads a file of public test vectors into v. The vectors are not part of the repository:
// if they are absent, the test is skipped.
func vectors(t *testing.T, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(projectRoot(t), "..", "shared", "vectors", filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the public test vectors are absent: %v", err)
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// projectRoot returns the directory of the module that contains this test.
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
			t.Fatal("no go.mod in a parent directory of the test")
		}
		dir = filepath.Dir(dir)
	}
}

// wycheproof has the fields of a Wycheproof file that the tests use.
type wycheproof struct {
	NumberOfTests int
	TestGroups    []struct {
		Comment         string
		Public, Private json.RawMessage // a JWK or a JWK Set; Public is absent if the key is symmetric
		Tests           []vector
	}
}

type vector struct {
	TcID     int
	Comment  string
	JWS, JWE json.RawMessage // a string, or an object in the JSON serialization
	Result   string

	group string
	set   *keyset.Set     // the published keys of the group
	key   json.RawMessage // the same as JSON
}

// all returns every vector with the key set that its group would publish: the public keys, or the
// symmetric ones if there are no public keys.
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

// keySet returns the set of one JWK or of a JWK Set.
func keySet(key json.RawMessage) *keyset.Set {
	var members map[string]json.RawMessage
	if json.Unmarshal(key, &members) == nil && members["keys"] == nil {
		key = json.RawMessage(`{"keys":[` + string(key) + `]}`)
	}
	return keyset.New(keyset.Config{Source: keyset.Inline(key)})
}

// raw returns the vector's token as a client would send it.
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

// verify does what the request pipeline does with a token: it parses it and verifies it with the
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

// rejection describes vectors that are valid and are rejected by design. count makes changes
// visible.
type rejection struct {
	reason  string
	count   int
	matches func(v vector, err error) bool
}

var byDesign = map[string][]rejection{
	"json_web_signature_test.json": {
		{"HMAC: a resource server that can verify could forge", 10, isHMAC},
		{"an empty payload is not a JSON object", 6, hasComment("emptyPayload")},
		{"the key's alg is ES521, which does not exist (RFC 7518 §3.1 has ES512); without alg the token verifies, see 4.3 of the cookbook", 2, hasKeyAlg("ES521")},
		{"the key's alg is PS256, the token's PS384 (RFC 8725 §3.1)", 2, hasKeyAlg("PS256")},
	},
	"json_web_key_test.json": {
		{"HMAC", 4, isHMAC},
	},
	"json_web_crypto_test.json": {
		{"HMAC", 2, isHMAC},
		{"encrypted: never decrypted", 2, isEncrypted},
	},
	"json_web_encryption_test.json": {
		{"encrypted: never decrypted", 65, isEncrypted},
	},
}

// isHMAC reports whether the key is symmetric. Two headers (tcId 372, 373) contain a character that
// is not base64 and are valid only for readers that skip it: those tokens are malformed here.
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
		file                      string
		count, accepted, rejected int // rejected by design
	}{
		{"json_web_signature_test.json", 401, 26, 20},
		{"json_web_key_test.json", 26, 1, 4},
		{"json_web_crypto_test.json", 83, 2, 4},
		{"json_web_encryption_test.json", 139, 0, 65},
	} {
		t.Run(row.file, func(t *testing.T) {
			var file wycheproof
			vectors(t, "wycheproof/"+row.file, &file)
			accepted, rejected, counts := 0, 0, map[string]int{}
			for _, v := range file.all() {
				err := verify(v.set, v.raw())
				switch {
				case err == nil && v.Result != "valid":
					t.Errorf("%s %d %s: FALSE ACCEPT", v.group, v.TcID, v.Comment)
				case err == nil:
					accepted++
				case v.Result == "valid":
					rejected++
					counts[v.reason(row.file, err)]++
				}
			}
			for _, r := range byDesign[row.file] {
				if counts[r.reason] != r.count {
					t.Errorf("rejected by design, %s: got %d, want %d", r.reason, counts[r.reason], r.count)
				}
				delete(counts, r.reason)
			}
			for reason := range counts {
				t.Errorf("valid, but rejected: %s", reason)
			}
			all := len(file.all())
			if all != row.count || all != file.NumberOfTests || accepted != row.accepted || rejected != row.rejected {
				t.Errorf("got %d vectors (NumberOfTests is %d), %d accepted, %d rejected by design, want %d, %d, %d",
					all, file.NumberOfTests, accepted, rejected, row.count, row.accepted, row.rejected)
			}
			t.Logf("%d vectors, %d accepted, %d rejected by design, %d rejected as invalid", all, accepted, rejected, all-accepted-rejected)
		})
	}
}

// reason returns the matching reason in byDesign, or else a description of the vector.
func (v vector) reason(file string, err error) string {
	for _, r := range byDesign[file] {
		if r.matches(v, err) {
			return r.reason
		}
	}
	return v.group + " " + v.Comment + ": " + err.Error()
}
