package jwks_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Concurrent requests with new and cached tokens, unknown keys and invalid signatures, during
// rotation, withdrawal, revocation, reads of one shared Caller, metrics and readiness. The race
// detector finds unprotected state.
func TestConcurrentUse(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	// no-store causes frequent refreshes.
	issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Header: http.Header{"Cache-Control": {"no-store"}}})
	quiet := slog.New(slog.DiscardHandler)
	verifier, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	var revoked atomic.Bool
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.test/mcp", Issuers: []resource.Issuer{{Verifier: verifier}}, Logger: quiet,
		Limits: resource.Limits{CacheEntries: 64}, ScopeOptions: resource.ScopeOptions{Implies: map[string][]string{"admin": {"read"}}},
		Hooks: resource.Hooks{Revocations: resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { return revoked.Load(), nil })},
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(token string) (resource.Decision, *resource.Refusal) {
		req := httptest.NewRequest(http.MethodPost, "https://mcp.example.test/mcp", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		return res.Authenticate(req)
	}
	ago := time.Now().Add(-time.Minute)
	mint := func(t resourcetest.Token) string { t.IssuedAt, t.Scope = ago, "admin"; return issuer.Token(t) }
	shared, refusal := ask(mint(resourcetest.Token{}))
	if refusal != nil {
		t.Fatal(refusal.Err)
	}
	stop := make(chan struct{})
	var background, workers sync.WaitGroup
	background.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if n%10 == 0 {
				old := issuer.SigningKeyID("")
				issuer.Rotate("")
				issuer.Withdraw(old)
			}
			revoked.Store(n%7 == 0)
			if n%3 == 0 {
				res.ForgetSubject(issuer.Identifier(), "alice")
			}
			_ = res.Ready(context.Background())
			collected := make(chan prometheus.Metric, 256)
			res.Metrics().Collect(collected)
		}
	})
	kinds := []func(n int) string{
		func(int) string { return mint(resourcetest.Token{}) },
		func(n int) string { return mint(resourcetest.Token{Header: map[string]any{"kid": n}}) },
		func(int) string { return mint(resourcetest.Token{Fault: resourcetest.WrongSignature}) },
		func(int) string { return mint(resourcetest.Token{Header: map[string]any{"kid": resourcetest.Remove}}) },
	}
	cached := mint(resourcetest.Token{})
	for worker := range 8 {
		workers.Go(func() {
			for n := range 400 {
				ask(kinds[(worker+n)%len(kinds)](n))
				ask(cached)
				caller := shared.Caller
				var claims map[string]any
				if !caller.Has("read") || caller.Decode(&claims) != nil || len(caller.AllScopes()) != 2 {
					t.Error("the shared caller changed")
				}
				if _, err := caller.MarshalJSON(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	close(stop)
	background.Wait()
}
