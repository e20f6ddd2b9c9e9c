package observability_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/audit"
	"github.com/warder-go/warder/resource/resourcetest"
)

// prometheusServer is a running Prometheus.
type prometheusServer struct {
	t   *testing.T
	url string
}

// startPrometheus runs Prometheus with the alert rules on a free port until the test ends.
// Prometheus scrapes target five times a second.
func startPrometheus(t *testing.T, target string) *prometheusServer {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not installed (Debian package prometheus)")
	}
	dir := t.TempDir()
	rules, err := filepath.Abs("alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("global: {evaluation_interval: 1s}\nscrape_configs:\n- job_name: mcp\n  scrape_interval: 200ms\n  scrape_timeout: 200ms\n  static_configs: [{targets: [%q]}]\nrule_files: [%q]\n", target, rules)
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, "--config.file="+filepath.Join(dir, "prometheus.yaml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0")
	log, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait()
	})
	// Prometheus logs its address, and later that it is ready.
	listening, address := regexp.MustCompile(`Listening on"? address=(\S+)`), ""
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if match := listening.FindStringSubmatch(lines.Text()); match != nil {
			address = match[1]
		}
		if address != "" && strings.Contains(lines.Text(), "Server is ready to receive web requests") {
			go func() {
				for lines.Scan() { // a full pipe would block Prometheus
				}
			}()
			return &prometheusServer{t, "http://" + address}
		}
	}
	t.Fatalf("Prometheus did not start: %v", lines.Err())
	return nil
}

// get calls an API endpoint and decodes the data of the response.
func (s *prometheusServer) get(path string, query url.Values, data any) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path+"?"+query.Encode(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil || body.Status != "success" {
		s.t.Fatalf("%s %v: %s %s %v", path, query, body.Status, body.Error, err)
	}
}

// value evaluates an expression and returns its single result, or "" if there is not
// exactly one.
func (s *prometheusServer) value(expression string) string {
	s.t.Helper()
	var data struct {
		Result []struct{ Value [2]any }
	}
	s.get("/api/v1/query", url.Values{"query": {expression}}, &data)
	if len(data.Result) != 1 {
		return ""
	}
	return fmt.Sprint(data.Result[0].Value[1])
}

// TestPrometheus runs a real Prometheus. It scrapes warder's metrics with the expected
// values, accepts every expression of the dashboard and evaluates every rule.
func TestPrometheus(t *testing.T) {
	issuer := resourcetest.Start(t)
	keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), AllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	introspection, err := introspect.New(introspect.Config{Issuer: issuer.Identifier(), AllowHTTP: true,
		Auth: introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret}})
	if err != nil {
		t.Fatal(err)
	}
	records, err := audit.New(audit.Config{Handler: slog.DiscardHandler, AcceptedQueueEvents: 3, OtherQueueEvents: 1})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	const one, two = "https://one.example.test/mcp", "https://two.example.test/mcp"
	resources := map[string]*resource.Resource{}
	for _, identifier := range []string{one, two} { // both with the same verifiers
		c := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: keys}}, Opaque: &resource.Issuer{Verifier: introspection},
			Operations: resource.Operations{Tools: map[string][]string{"delete": {"admin"}}}, Logger: slog.New(slog.DiscardHandler)}
		if identifier == one {
			c.Hooks.Observers = []resource.Observer{records}
		}
		if resources[identifier], err = resource.New(c); err != nil {
			t.Fatal(err)
		}
		registry.MustRegister(resources[identifier].Metrics())
	}
	send := func(identifier, token string) {
		const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete"}}`
		req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(call))
		req.Header.Set("Content-Type", "application/json")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		nethttp.Middleware(resources[identifier])(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), req)
	}
	admin := issuer.Token(resourcetest.Token{Audience: one, Scope: "admin"})
	for range 4 {
		send(one, admin)
	}
	send(one, issuer.Token(resourcetest.Token{Audience: one, Scope: "read"}))
	send(one, issuer.Token(resourcetest.Token{Audience: two}))
	send(one, issuer.OpaqueToken(resourcetest.Token{Audience: one, Scope: "admin"}))
	send(two, "")

	program := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}))
	t.Cleanup(program.Close)
	s := startPrometheus(t, strings.TrimPrefix(program.URL, "http://"))
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for s.value(`sum(warder_decisions_total)`) != "8" { // until Prometheus has scraped
		select {
		case <-t.Context().Done():
			t.Fatal("Prometheus did not scrape the metrics")
		case <-ticker.C:
		}
	}
	for _, row := range [][2]string{
		{`warder_decisions_total{resource="` + one + `", result="accepted", reason=""}`, "5"},
		{`warder_decisions_total{reason="insufficient_scope", resource="` + one + `"}`, "1"},
		{`warder_decisions_total{reason="audience", resource="` + one + `"}`, "1"},
		{`warder_decisions_total{reason="missing_credentials", resource="` + two + `"}`, "1"},
		{`warder_remembered_hits_total{resource="` + one + `"}`, "3"},
		{`warder_remembered_entries{resource="` + one + `"}`, "3"},
		{`warder_scope_challenges_total{operation="tool delete", resource="` + one + `"}`, "1"},
		{`warder_verification_duration_seconds_count{credential="jwt", resource="` + one + `"}`, "2"},
		{`warder_verification_duration_seconds_count{credential="opaque", resource="` + one + `"}`, "1"},
		{`warder_keyset_fetches_total{outcome="ok", resource="` + one + `"}`, "1"},
		{`warder_introspection_calls_total{outcome="active", resource="` + one + `"}`, "1"},
		{`warder_audit_events_total{outcome="dropped"}`, "3"},
		{`warder_audit_waiting`, "4"},
		{`time() - warder_keyset_fetched_timestamp_seconds{resource="` + one + `"} < bool 300`, "1"},
	} {
		if got := s.value(row[0]); got != row[1] {
			t.Errorf("%s: got %q, want %s", row[0], got, row[1])
		}
	}
	for _, expression := range queries(t) {
		s.get("/api/v1/query", url.Values{"query": {expression}}, new(any))
	}
	s.waitForRules(ticker.C)
}

// waitForRules waits until every rule has been evaluated, and reports rules that fail.
func (s *prometheusServer) waitForRules(tick <-chan time.Time) {
	for {
		var data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
		s.get("/api/v1/rules", nil, &data)
		rules, unknown := 0, 0
		for _, group := range data.Groups {
			for _, rule := range group.Rules {
				rules++
				switch rule.Health {
				case "unknown":
					unknown++
				case "err":
					s.t.Errorf("%s: %s", rule.Name, rule.LastError)
				}
			}
		}
		if rules == 0 {
			s.t.Error("no rules were loaded")
		}
		if unknown == 0 {
			return
		}
		select {
		case <-s.t.Context().Done():
			s.t.Fatal("not all rules were evaluated")
		case <-tick:
		}
	}
}
