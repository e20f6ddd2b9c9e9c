package jwks_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource/resourcetest"
)

func inspected(keys []jwks.InspectedKey, err error) string {
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, "%s %v %v\n", k.ID, k.Algorithms, k.Err)
	}
	return fmt.Sprint(b.String(), err)
}

// Inspect returns used keys with their algorithms, then skipped ones, each time it is called.
func TestInspect(t *testing.T) {
	issuer := resourcetest.Start(t, resourcetest.Config{Algorithms: []string{"RS256", "ES256"}})
	verifier, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Algorithms: []string{"ES256", "ES384"}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	rsa, ec := issuer.KeyIDs()[0], issuer.KeyIDs()[1]
	set := fmt.Sprintf(`{"keys":[{"kty":"AKP","kid":"odd"},%s,%s,{"kty":"RSA","kid":"e","use":"enc","n":"AQAB","e":"AQAB"}]}`,
		resourcetest.JWK(issuer.PublicKey(rsa), map[string]any{"kid": "r"}), resourcetest.JWK(issuer.PublicKey(ec), map[string]any{"kid": "c"}))
	issuer.SetJWKS([]byte(set))
	want := "r [] <nil>\nc [ES256] <nil>\nodd [] jose: key: kty is not RSA, EC or OKP\n<nil>"
	for range 2 {
		if got := inspected(verifier.Inspect(t.Context())); got != want {
			t.Errorf("(-want +got)\n- %s\n+ %s", want, got)
		}
	}
	issuer.SetJWKS([]byte(`{"keys":[{"kty":"AKP","kid":"odd"}]}`))
	want = fmt.Sprintf("odd [] jose: key: kty is not RSA, EC or OKP\njwks: keyset: GET %s: status 200, content type \"application/json\": no usable key in the document", issuer.URL(resourcetest.JWKS))
	if got := inspected(verifier.Inspect(t.Context())); got != want {
		t.Errorf("no usable key (-want +got)\n- %s\n+ %s", want, got)
	}
	if err := verifier.Ready(t.Context()); err != nil {
		t.Errorf("got %v, want that the keys of the last success are used", err)
	}
}

// Inspect makes one fetch at a time, and its keys are used like those of other fetches.
func TestConcurrentInspect(t *testing.T) {
	issuer := resourcetest.Start(t)
	verifier, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := verifier.Inspect(t.Context()); err != nil {
				t.Error(err)
			}
		})
		group.Go(func() {
			if err := verifier.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verifier.Inspect(ctx); err != nil {
		t.Errorf("got %v, want that a fetch does not end with ctx", err)
	}
}
