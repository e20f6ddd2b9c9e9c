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

// A server is a real Prometheus.
type server struct {
	t   *testing.T
	url string
}

// start runs Prometheus with the alert rules on a port that the kernel picks, until the
// test ends. It scrapes target five times a second.
func start(t *testing.T, target string) *server {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("There is no prometheus here (Debian has a package of that name): nothing is scraped.")
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
	ctx, end := context.WithCancel(context.Background())
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
		end()
		_ = command.Wait()
	})
	// It says where it listens, and later that it is ready.
	listening, address := regexp.MustCompile(`Listening on"? address=(\S+)`), ""
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if match := listening.FindStringSubmatch(lines.Text()); match != nil {
			address = match[1]
		}
		if address != "" && strings.Contains(lines.Text(), "Server is ready to receive web requests") {
			go func() {
				for lines.Scan() { // so that it is not held up by a full pipe
				}
			}()
			return &server{t, "http://" + address}
		}
	}
	t.Fatalf("Prometheus does not come up: %v", lines.Err())
	return nil
}

// get asks an address of the API and decodes its data.
func (s *server) get(path string, query url.Values, data any) {
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
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Status != "success" {
		s.t.Fatalf("%s %v: %s %s %v", path, query, answer.Status, answer.Error, err)
	}
}

// value asks for an expression with one result; "" if there is none.
func (s *server) value(expression string) string {
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

// A real Prometheus scrapes a real program, and answers with what happened there; it
// understands every expression of the dashboard and evaluates every rule.
func TestPrometheusScrapes(t *testing.T) {
	issuer := resourcetest.Start(t)
	byKeys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), AllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	byAsking, err := introspect.New(introspect.Config{Issuer: issuer.Identifier(), AllowHTTP: true,
		Auth: introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret}})
	if err != nil {
		t.Fatal(err)
	}
	records, err := audit.New(audit.Config{Handler: slog.DiscardHandler, QueueEvents: 3})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	const one, two = "https://one.example.test/mcp", "https://two.example.test/mcp"
	resources := map[string]*resource.Resource{}
	for _, identifier := range []string{one, two} { // side by side, with one verifier
		c := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: byKeys}}, Opaque: &resource.Issuer{Verifier: byAsking},
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
	s := start(t, strings.TrimPrefix(program.URL, "http://"))
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for s.value(`sum(warder_decisions_total)`) != "8" { // until it has scraped
		select {
		case <-t.Context().Done():
			t.Fatal("nothing was scraped")
		case <-again.C:
		}
	}
	for _, row := range [][2]string{
		{`warder_decisions_total{resource="` + one + `", result="accepted"}`, "5"},
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
		{`warder_audit_events_total{outcome="dropped"}`, "4"},
		{`warder_audit_waiting`, "3"},
		{`time() - warder_keyset_fetched_timestamp_seconds{resource="` + one + `"} < bool 300`, "1"},
	} {
		if got := s.value(row[0]); got != row[1] {
			t.Errorf("%s: got %q, want %s", row[0], got, row[1])
		}
	}
	for _, expression := range queries(t) {
		s.get("/api/v1/query", url.Values{"query": {expression}}, new(any))
	}
	s.evaluated(again.C)
}

// evaluated waits until every rule was evaluated, and reports those that failed.
func (s *server) evaluated(again <-chan time.Time) {
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
			s.t.Fatal("rules are not evaluated")
		case <-again:
		}
	}
}
