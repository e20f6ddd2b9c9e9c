package jwks_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// forgedFixture is an issuer and a resource that trusts it, with the defaults.
type forgedFixture struct {
	issuer   *resourcetest.Issuer
	handler  http.Handler
	registry *prometheus.Registry
}

func newForgedFixture(t *testing.T, issuer *resourcetest.Issuer, keys jwks.Config) *forgedFixture {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	keys.Issuer, keys.Logger = issuer.Identifier(), quiet
	verifier, err := jwks.New(keys)
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{Identifier: "https://mcp.example.test/mcp", Issuers: []resource.Issuer{{Verifier: verifier}}, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	f := &forgedFixture{issuer, nethttp.Middleware(res)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), prometheus.NewRegistry()}
	f.registry.MustRegister(res.Metrics())
	return f
}

// decisions returns warder_decisions_total by result and reason.
func (f *forgedFixture) decisions(t *testing.T) map[string]int {
	t.Helper()
	families, err := f.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]int{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if n := int(m.GetCounter().GetValue()); family.GetName() == "warder_decisions_total" && n > 0 {
				all[strings.TrimSpace(labels["result"]+" "+labels["reason"])] = n
			}
		}
	}
	return all
}

// flood sends 1,000 requests with forged tokens and one valid token after each hundred. All have
// the time of the request in iat.
func (f *forgedFixture) flood(t *testing.T, fault resourcetest.Fault, ask func(token string) (status int)) {
	t.Helper()
	for n := range 1000 {
		if status := ask(f.issuer.Token(resourcetest.Token{Fault: fault})); status != http.StatusUnauthorized {
			t.Fatalf("forged token %d: got %d, want 401", n, status)
		}
		if n%100 == 0 {
			if status := ask(f.issuer.Token(resourcetest.Token{})); status != http.StatusOK {
				t.Fatalf("valid token after forged token %d: got %d, want 200", n, status)
			}
		}
	}
	if all := f.decisions(t); all["denied signature_invalid"] != 1000 || all["accepted"] != 10 || len(all) != 2 {
		t.Errorf("got %v, want 1000 denied signature_invalid and 10 accepted", all)
	}
}

// MCP authorization, "Token Handling": an invalid token MUST get 401. A flood of tokens with a
// known kid and a wrong signature is a flood of 401; none counts as unavailable.
func TestFloodOfForgedTokens(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	for _, fault := range []resourcetest.Fault{resourcetest.WrongSignature, resourcetest.UnpublishedKey} {
		synctest.Test(t, func(t *testing.T) {
			f := newForgedFixture(t, issuer, jwks.Config{Transport: issuer.Transport()})
			f.flood(t, fault, func(token string) int {
				req := httptest.NewRequest(http.MethodPost, "https://mcp.example.test/mcp", nil)
				req.Header.Set("Authorization", "Bearer "+token)
				recorder := httptest.NewRecorder()
				f.handler.ServeHTTP(recorder, req)
				time.Sleep(10 * time.Millisecond)
				return recorder.Code
			})
			time.Sleep(5 * time.Second) // a fetch can take that long
		})
	}
}

func TestFloodOfForgedTokensOverSockets(t *testing.T) {
	issuer := resourcetest.Start(t)
	f := newForgedFixture(t, issuer, jwks.Config{AllowHTTP: true})
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	f.flood(t, resourcetest.WrongSignature, func(token string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		response, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	})
}

// Every fault gives 401 with no other setting of the token, also in the first request.
func TestEveryFaultIsRejected(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	for _, fault := range resourcetest.Faults() {
		synctest.Test(t, func(t *testing.T) {
			f := newForgedFixture(t, issuer, jwks.Config{Transport: issuer.Transport()})
			for n := range 10 {
				req := httptest.NewRequest(http.MethodPost, "https://mcp.example.test/mcp", nil)
				req.Header.Set("Authorization", "Bearer "+issuer.Token(resourcetest.Token{Fault: fault}))
				recorder := httptest.NewRecorder()
				if f.handler.ServeHTTP(recorder, req); recorder.Code != http.StatusUnauthorized {
					t.Errorf("%s: request %d: got %d, want 401", fault, n+1, recorder.Code)
				}
			}
			time.Sleep(5 * time.Second)
		})
	}
}

// The reason of a token without kid depends on the number of keys that match its algorithm.
func TestReasonWithoutKeyID(t *testing.T) {
	for _, row := range []struct {
		name string
		keys int
		want string
	}{
		{"one key, another signature", 1, "denied key_unknown"},
		{"four keys, another signature", 4, "denied key_unknown"},
		{"five keys", 5, "denied key_ambiguous"},
	} {
		issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
		if err != nil {
			t.Fatal(err)
		}
		for range row.keys - 1 {
			issuer.Publish("ES256")
		}
		synctest.Test(t, func(t *testing.T) {
			f := newForgedFixture(t, issuer, jwks.Config{Transport: issuer.Transport()})
			req := httptest.NewRequest(http.MethodPost, "https://mcp.example.test/mcp", nil)
			req.Header.Set("Authorization", "Bearer "+issuer.Token(resourcetest.Token{Fault: resourcetest.UnpublishedKey, Header: map[string]any{"kid": resourcetest.Remove}}))
			f.handler.ServeHTTP(httptest.NewRecorder(), req)
			if all := f.decisions(t); all[row.want] != 1 || len(all) != 1 {
				t.Errorf("%s: got %v, want %s", row.name, all, row.want)
			}
			time.Sleep(5 * time.Second)
		})
		issuer.Close()
	}
}
