package resourcetest_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

func newClient(s *resourcetest.Issuer) *http.Client { return &http.Client{Transport: s.Transport()} }

// published returns the key ids in the JWKS.
func published(t *testing.T, s *resourcetest.Issuer) []string {
	t.Helper()
	var ids []string
	keys, ok := parse(t, jwks(t, s))["keys"].([]any)
	if !ok {
		t.Fatalf("keys is not an array in %s", jwks(t, s))
	}
	for _, k := range keys {
		ids = append(ids, k.(map[string]any)["kid"].(string))
	}
	return ids
}

// signedBy returns the kid in the header of a token.
func signedBy(t *testing.T, s *resourcetest.Issuer, token resourcetest.Token) string {
	t.Helper()
	return parse(t, string(segment(t, s.Token(token), 0)))["kid"].(string)
}

func TestKeyLifecycle(t *testing.T) {
	for _, alg := range []string{"ES256", "RS256"} {
		t.Run(alg, func(t *testing.T) {
			s, _ := newIssuer(t, resourcetest.Config{Algorithms: []string{alg}})
			expect := func(step, signer string, want ...string) {
				t.Helper()
				if got := published(t, s); !slices.Equal(got, want) || !slices.Equal(s.KeyIDs(), want) {
					t.Errorf("%s: got keys %v and %v, want %v", step, got, s.KeyIDs(), want)
				}
				if got := signedBy(t, s, resourcetest.Token{}); got != signer || s.SigningKeyID(alg) != signer {
					t.Errorf("%s: signed by %s, want %s", step, got, signer)
				}
			}
			first := s.SigningKeyID("")
			expect("one key", first, first)
			second := s.Publish("")
			expect("published", first, first, second)
			s.Use(second)
			expect("used", second, first, second)
			third := s.Rotate(alg)
			expect("rotated", third, first, second, third)
			s.Withdraw(first)
			expect("withdrawn", third, second, third)
			if got := signedBy(t, s, resourcetest.Token{Key: first}); got != first {
				t.Errorf("signed by %s, want the withdrawn %s", got, first)
			}
			before := s.Token(resourcetest.Token{})
			s.ReplaceUnderSameKid(third)
			expect("replaced", third, second, third)
			public := publicKey(t, jwks(t, s), third)
			if verifies(public, alg, before) || !verifies(public, alg, s.Token(resourcetest.Token{})) {
				t.Error("the key with this id was not replaced")
			}
			s.Withdraw(second)
			s.Withdraw(third)
			if got := jwks(t, s); got != `{"keys":[]}` {
				t.Errorf("got %s, want a JWKS without keys", got)
			}
			s.SetJWKS([]byte("raw\x00"))
			if got := jwks(t, s); got != "raw\x00" {
				t.Errorf("got %q, want the bytes set", got)
			}
			s.SetJWKS(nil)
			if got := jwks(t, s); got != `{"keys":[]}` {
				t.Errorf("got %s after SetJWKS(nil), want a JWKS without keys", got)
			}
		})
	}
}

func TestConfiguredAlgorithms(t *testing.T) {
	s, _ := newIssuer(t, resourcetest.Config{Algorithms: []string{"EdDSA", "ES384", "RS256"}})
	ids := published(t, s)
	if len(ids) != 3 || signedBy(t, s, resourcetest.Token{}) != ids[0] {
		t.Fatalf("keys %v: want the first one to sign", ids)
	}
	for i, alg := range []string{"EdDSA", "ES384", "RS256"} {
		if got := signedBy(t, s, resourcetest.Token{Alg: alg}); got != ids[i] {
			t.Errorf("%s signed by %s, want %s", alg, got, ids[i])
		}
	}
	added := s.Publish("PS256") // the only key of its algorithm
	if got := signedBy(t, s, resourcetest.Token{Alg: "PS256"}); got != added || len(published(t, s)) != 4 {
		t.Errorf("PS256 signed by %s, want %s", got, added)
	}
	withdrawn := s.Publish("ES512")
	s.Withdraw(withdrawn)
	if got := signedBy(t, s, resourcetest.Token{Alg: "ES512"}); got == withdrawn {
		t.Error("a withdrawn key, which was not the signing key, was selected for signing")
	}
}

// RSA keys are reused after an issuer was closed, but open issuers do not share keys.
func TestOpenIssuersDoNotShareKeys(t *testing.T) {
	seen := make(map[string]bool)
	var mu sync.Mutex
	var open []*resourcetest.Issuer
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			s, err := resourcetest.NewIssuer(resourcetest.Config{Algorithms: []string{"RS256", "PS256"}})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			open = append(open, s)
		})
	}
	workers.Wait()
	for _, s := range open {
		for _, kid := range s.KeyIDs() {
			seen[string(resourcetest.JWK(s.PublicKey(kid), nil))] = true
		}
		defer s.Close()
	}
	if len(seen) != 4 {
		t.Errorf("%d different keys, want 4", len(seen))
	}
	open[0].Close()
	next, err := resourcetest.NewIssuer(resourcetest.Config{Algorithms: []string{"RS256"}})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	own := string(resourcetest.JWK(open[1].PublicKey(open[1].KeyIDs()[0]), nil))
	if got := string(resourcetest.JWK(next.PublicKey(next.KeyIDs()[0]), nil)); got == own {
		t.Error("a new issuer got the key of an open issuer")
	}
}
