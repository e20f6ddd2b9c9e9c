// Package providertest holds warder's configurations for well-known authorization
// servers against tokens of the shapes that these issue: see testdata/providers.
package providertest_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

const folder = "../../testdata/providers"

// A fixture is one file there. The README beside it says what its members mean.
type fixture struct {
	Provider  string                     `json:"provider"`
	Documents map[string]json.RawMessage `json:"documents"`
	Endpoint  string                     `json:"endpoint"`
	Cases     []sample                   `json:"cases"`
}

// A sample is one token, with what must become of it.
type sample struct {
	What   string         `json:"what"`
	Header map[string]any `json:"header"`
	Claims map[string]any `json:"claims"`
	Sign   string         `json:"sign"`
	Token  string         `json:"token"`

	Status int             `json:"status"`
	Answer json.RawMessage `json:"answer"`

	Accepted *accepted `json:"accepted"`
	Refused  *refused  `json:"refused"`
}

// accepted is who the caller is.
type accepted struct {
	Issuer    string   `json:"issuer"` // "": the one in the claims or the configuration
	Subject   string   `json:"subject"`
	Client    string   `json:"client"`
	Scopes    []string `json:"scopes"`
	AllScopes []string `json:"all_scopes"` // nil: Scopes
	Roles     []string `json:"roles"`
}

// refused is what stands in the log and, for insufficient_scope, in the challenge.
type refused struct {
	Reason string `json:"reason"`
	Got    string `json:"got"`
	Want   string `json:"want"`
	Scope  string `json:"scope"`
}

func load(t *testing.T, name string) (f fixture) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	// What a later sample leaves out is as in the first that has it.
	var header, claims map[string]any
	for n := range f.Cases {
		s := &f.Cases[n]
		if s.Token != "" {
			continue
		}
		if header == nil {
			header, claims = s.Header, s.Claims
		}
		if s.Header == nil {
			s.Header = header
		}
		changed := maps.Clone(claims)
		maps.Copy(changed, s.Claims)
		maps.DeleteFunc(changed, func(_ string, value any) bool { return value == nil })
		s.Claims = changed
	}
	return f
}

// privateKey reads one of the two keys, which sign nothing else anywhere.
func privateKey(t *testing.T, name string) *rsa.PrivateKey {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, name+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		t.Fatalf("%s is no PEM", name)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

// token signs a sample's claims, or returns its text.
func (s *sample) token(t *testing.T, mint *resourcetest.Issuer) string {
	t.Helper()
	if s.Token != "" {
		return s.Token
	}
	header, err := json.Marshal(s.Header)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(s.Claims)
	if err != nil {
		t.Fatal(err)
	}
	token := resourcetest.Token{Alg: "RS256", RawHeader: header, RawPayload: payload}
	switch s.Sign {
	case "secret":
		token.Alg, token.Secret = "HS512", []byte("of the authorization server alone")
	case "":
		token.Signer = privateKey(t, "signing")
	default:
		token.Signer = privateKey(t, s.Sign)
	}
	return mint.Token(token)
}

// document is what the provider serves at an address: JSON, with the material of the
// test keys in a key set.
func (f *fixture) document(t *testing.T, address string) []byte {
	t.Helper()
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	raw := f.Documents[address]
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Error(err)
		return nil
	}
	if set.Keys == nil {
		return raw
	}
	for _, key := range set.Keys {
		name, _ := key["key"].(string)
		if delete(key, "key"); name == "" {
			name = "signing"
		}
		public := privateKey(t, name).PublicKey
		key["n"] = base64.RawURLEncoding.EncodeToString(public.N.Bytes())
		key["e"] = base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes())
	}
	out, err := json.Marshal(set)
	if err != nil {
		t.Error(err)
	}
	return out
}

// Each file has a configuration and each configuration a file, with at least one token
// that it accepts and two that it refuses.
func TestEveryProvider(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files, error %v", err)
	}
	var names []string
	for _, path := range paths {
		names = append(names, strings.TrimSuffix(filepath.Base(path), ".json"))
	}
	slices.Sort(names)
	if configured := slices.Sorted(maps.Keys(configurations)); !slices.Equal(names, configured) {
		t.Errorf("files are %q, configurations %q", names, configured)
	}
	for _, name := range names {
		good, bad := 0, 0
		for _, s := range load(t, name).Cases {
			switch {
			case s.Accepted != nil && s.Refused == nil:
				good++
			case s.Accepted == nil && s.Refused != nil:
				bad++
			default:
				t.Errorf("%s: %s: is it accepted or refused?", name, s.What)
			}
		}
		if good < 1 || bad < 2 {
			t.Errorf("%s: %d tokens are accepted and %d refused; too few", name, good, bad)
		}
	}
}
