// Package providertest tests warder's configurations for well-known authorization servers
// with tokens of the form that these servers issue. See testdata/providers.
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

// A fixture is one file in testdata/providers. The README there explains its members.
type fixture struct {
	Provider  string                     `json:"provider"`
	Documents map[string]json.RawMessage `json:"documents"`
	Endpoint  string                     `json:"endpoint"`
	Cases     []tokenCase                `json:"cases"`
}

// A tokenCase is one token and the expected result.
type tokenCase struct {
	Name   string         `json:"what"`
	Header map[string]any `json:"header"`
	Claims map[string]any `json:"claims"`
	Sign   string         `json:"sign"`
	Token  string         `json:"token"`

	Status int             `json:"status"`
	Answer json.RawMessage `json:"answer"`

	Accepted *accepted `json:"accepted"`
	Rejected *rejected `json:"refused"`
}

// accepted is the expected caller.
type accepted struct {
	Issuer    string   `json:"issuer"` // "": from the claims or the configuration
	Subject   string   `json:"subject"`
	Client    string   `json:"client"`
	Scopes    []string `json:"scopes"`
	AllScopes []string `json:"all_scopes"` // nil: equal to Scopes
	Roles     []string `json:"roles"`
}

// rejected is the expected log record. Scope is the scope in the challenge; if it is
// empty, the challenge names the scope that each request needs.
type rejected struct {
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
	var cases []*tokenCase
	for n := range f.Cases {
		cases = append(cases, &f.Cases[n])
	}
	inherit(cases)
	return f
}

// inherit gives a case the members that it omits from the first case that is not opaque.
func inherit(cases []*tokenCase) {
	var header, claims map[string]any
	for _, s := range cases {
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
}

// privateKey reads one of the two test keys, which are public and sign nothing else.
func privateKey(t *testing.T, name string) *rsa.PrivateKey {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, name+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		t.Fatalf("%s is not PEM", name)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

// token returns the token of the case. It signs the claims, unless the case has an opaque
// token.
func (s *tokenCase) token(t *testing.T, issuer *resourcetest.Issuer) string {
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
		token.Alg, token.Secret = "HS512", []byte("known to the authorization server only")
	case "":
		token.Signer = privateKey(t, "signing")
	default:
		token.Signer = privateKey(t, s.Sign)
	}
	return issuer.Token(token)
}

// document returns the JSON that the provider serves at url. In a key set it adds n and e
// of the test keys.
func (f *fixture) document(t *testing.T, url string) []byte {
	t.Helper()
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	raw := f.Documents[url]
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

// Every fixture has a configuration and every configuration has a fixture, with at least
// one accepted and two rejected tokens.
func TestFixtures(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures, error %v", err)
	}
	var names []string
	for _, path := range paths {
		names = append(names, strings.TrimSuffix(filepath.Base(path), ".json"))
	}
	slices.Sort(names)
	if configured := slices.Sorted(maps.Keys(configurations)); !slices.Equal(names, configured) {
		t.Errorf("got fixtures %q, configurations %q; want the same names", names, configured)
	}
	for _, name := range names {
		accepted, rejected := 0, 0
		for _, s := range load(t, name).Cases {
			switch {
			case s.Accepted != nil && s.Rejected == nil:
				accepted++
			case s.Accepted == nil && s.Rejected != nil:
				rejected++
			default:
				t.Errorf("%s: %s: want either accepted or refused", name, s.Name)
			}
		}
		if accepted < 1 || rejected < 2 {
			t.Errorf("%s: got %d accepted and %d rejected tokens, want at least 1 and 2", name, accepted, rejected)
		}
	}
}
