package resource_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func TestOneLogRecordPerRejection(t *testing.T) {
	var log bytes.Buffer
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Scopes = []string{"mcp:read"}
		c.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	line := func() map[string]any {
		t.Helper()
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 1 {
			t.Fatalf("%d records: %s", len(lines), log.String())
		}
		got := map[string]any{}
		if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
			t.Fatalf("%q: %v", lines[0], err)
		}
		delete(got, "time")
		log.Reset()
		return got
	}
	for _, row := range []struct {
		name          string
		authorization string
		want          map[string]any
	}{
		{"no credentials", "", map[string]any{"level": "DEBUG", "reason": "missing_credentials", "status": 401., "error": "no Authorization header"}},
		{"expired", f.token(resourcetest.Token{Lifetime: 10 * time.Second, IssuedAt: time.Unix(1000, 0)}), map[string]any{"level": "INFO", "reason": "expired", "status": 401., "check": "exp", "source": "RFC 7519 §4.1.4", "got": "exp 1970-01-01T00:16:50Z", "unverified": true, "issuer": f.issuer.Identifier(), "client": "test-client", "kid": f.issuer.SigningKeyID(""), "alg": "ES256"}},
		{"audience", f.token(resourcetest.Token{Audience: "account"}), map[string]any{"level": "INFO", "reason": "audience", "status": 401., "check": "aud", "source": "RFC 9068 §4, RFC 8707 §2", "got": "account", "want": identifier, "unverified": true, "issuer": f.issuer.Identifier(), "client": "test-client", "kid": f.issuer.SigningKeyID(""), "alg": "ES256"}},
		{"issuer", f.token(resourcetest.Token{Claims: map[string]any{"iss": "https://other\n.example.test"}}), map[string]any{"level": "INFO", "reason": "issuer_unknown", "status": 401., "got": "https://other?.example.test", "error": "iss names no configured issuer", "unverified": true, "client": "test-client", "kid": f.issuer.SigningKeyID(""), "alg": "ES256"}},
		{"scope", f.token(resourcetest.Token{Scope: "a b"}), map[string]any{"level": "INFO", "reason": "insufficient_scope", "status": 403., "got": "a b", "want": "mcp:read", "issuer": f.issuer.Identifier(), "subject": "alice", "client": "test-client"}},
		{"key", f.token(resourcetest.Token{Header: map[string]any{"kid": "other"}}), map[string]any{"level": "INFO", "reason": "key_unknown", "status": 401., "issuer": f.issuer.Identifier(), "client": "test-client", "kid": "other", "alg": "ES256", "error": "resource: key_unknown: keyset: the issuer has no key that matches the token"}},
		{"signature", f.token(resourcetest.Token{Fault: resourcetest.WrongSignature}), map[string]any{"level": "INFO", "reason": "signature_invalid", "status": 401., "issuer": f.issuer.Identifier(), "client": "test-client", "kid": f.issuer.SigningKeyID(""), "alg": "ES256", "error": "resource: signature_invalid: keyset: the signature is invalid"}},
	} {
		if row.authorization == "" {
			f.authorize()
		} else {
			f.bearer(row.authorization)
		}
		got := line()
		row.want["msg"], row.want["resource"] = "request rejected", identifier
		if row.authorization != "" && row.name != "scope" { // random
			for _, name := range []string{"token_digest", "token_id"} {
				if row.want[name] = got[name]; got[name] == nil {
					t.Errorf("%s: no %s", row.name, name)
				}
			}
			row.want["subject"], row.want["unverified"] = "alice", true
		}
		switch row.name {
		case "expired":
			row.want["want"] = got["want"] // holds the present time
		case "issuer":
			row.want["want"] = f.issuer.Identifier()
		}
		if fmt.Sprint(got) != fmt.Sprint(row.want) {
			t.Errorf("%s:\n got %v\nwant %v", row.name, got, row.want)
		}
	}
	f.bearer(f.token(resourcetest.Token{Scope: "mcp:read"}))
	if log.Len() != 0 {
		t.Errorf("an accepted request logged %s", log.String())
	}
}

// A public request without credentials is counted apart from requests with a caller: it says
// nothing about whether tokens can be verified.
func TestPublicDecisionCounter(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations.Public = []string{"ping"} })
	for range 3 {
		f.expect("public", f.send(rpcRequest(rpcMessage("ping", ""), "")), accepted)
	}
	f.expect("with a token", f.post(f.token(resourcetest.Token{}), rpcMessage("ping", "")), accepted)
	f.expectSeries(map[string]string{
		`warder_decisions_total{reason="",result="accepted"}`:       "1",
		`warder_decisions_total{reason="public",result="accepted"}`: "3",
	})
}

func TestDecisionCounter(t *testing.T) {
	f := newFixture(t, nil)
	registry := prometheus.NewRegistry()
	registry.MustRegister(f.res.Metrics())
	f.authorize()
	f.authorize()
	f.authorize("Bearer")
	f.authorize("Bearer a b")
	f.bearer("opaque")
	for range 3 {
		f.bearer(f.token(resourcetest.Token{}))
	}
	const labels = `reason=%q,resource="https://mcp.example.test/mcp",result=%q`
	for _, row := range []struct {
		reason, result string
		want           float64
	}{
		{"", "accepted", 3},
		{"missing_credentials", "denied", 3},
		{"malformed_request", "denied", 1},
		{"opaque_unsupported", "denied", 1},
		{"keys_unavailable", "unavailable", 0},
		{"internal_error", "error", 0},
	} {
		want := fmt.Sprintf("warder_decisions_total{"+labels+"} %g", row.reason, row.result, row.want)
		if got := scrape(t, registry); !strings.Contains(got, want+"\n") {
			t.Errorf("no metric line %q in\n%s", want, got)
		}
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	before := strings.Count(scrape(t, registry), "\n")
	for i := range 1000 {
		f.bearer(f.token(resourcetest.Token{Header: map[string]any{"kid": fmt.Sprint(i)}, Subject: fmt.Sprint(i)}))
	}
	if after := strings.Count(scrape(t, registry), "\n"); after != before {
		t.Errorf("%d metric lines became %d: a label has values from clients", before, after)
	}
}

// scrape returns the metrics of the registry, one line per series.
func scrape(t testing.TB, registry *prometheus.Registry) string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			fmt.Fprintf(&out, "%s{%s} %g\n", family.GetName(), strings.Join(labels, ","), m.GetCounter().GetValue()+m.GetGauge().GetValue())
		}
	}
	return out.String()
}

// The label resource distinguishes two resources in one process.
func TestTwoResourcesInOneRegistry(t *testing.T) {
	first := newFixture(t, nil)
	second := newFixtureWith(t, first.issuer, func(c *resource.Config, _ *jwks.Config) { c.Identifier = "https://mcp.example.test/other" })
	registry := prometheus.NewRegistry()
	registry.MustRegister(first.res.Metrics(), second.res.Metrics())
	if _, err := registry.Gather(); err != nil {
		t.Error(err)
	}
}

func TestReady(t *testing.T) {
	f := newFixture(t, nil)
	f.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Status: http.StatusInternalServerError})
	if err := f.res.Ready(context.Background()); err == nil || !strings.Contains(err.Error(), f.issuer.Identifier()) {
		t.Errorf("keys unavailable: got %v, want an error that names the issuer", err)
	}
	f.issuer.Reset()
	f = newFixtureWith(t, f.issuer, nil)
	for range 3 {
		if err := f.res.Ready(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if n := f.issuer.Count(resourcetest.JWKS); n != 2 {
		t.Errorf("%d fetches, want 2: one that failed and one that succeeded", n)
	}
}
