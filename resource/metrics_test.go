package resource_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// series returns the values of the metrics, by name and labels without the label resource.
func (f *fixture) series() map[string]string {
	f.t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(f.res.Metrics())
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		f.t.Errorf("lint: %v %v", problems, err)
	}
	all := map[string]string{}
	for line := range strings.Lines(scrape(f.t, registry)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		name = strings.Replace(name, `resource="`+identifier+`"`, "", 1)
		all[strings.NewReplacer("{,", "{", ",}", "}", ",,", ",", "{}", "").Replace(name+"}")] = value
	}
	return all
}

func (f *fixture) expectSeries(want map[string]string) {
	f.t.Helper()
	got := f.series()
	for name, value := range want {
		if got[name] != value {
			f.t.Errorf("%s: got %q, want %q", name, got[name], value)
		}
	}
	if f.t.Failed() {
		f.t.Log(got)
	}
}

func TestCacheMetrics(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Limits.CacheEntries = 2 })
	for _, subject := range []string{"a", "b", "b", "b", "c"} { // c evicts a
		f.bearer(f.tokenOf(subject))
	}
	f.expectSeries(map[string]string{
		"warder_remembered_entries":                           "2",
		"warder_remembered_hits_total":                        "2",
		"warder_remembered_evictions_total":                   "1",
		`warder_decisions_total{reason="",result="accepted"}`: "5",
	})
	if bytes := f.series()["warder_remembered_bytes"]; bytes == "0" || bytes == "" {
		t.Errorf("got %q bytes", bytes)
	}
	f.res.ForgetSubject(f.issuer.Identifier(), "b")
	f.res.ForgetSubject(f.issuer.Identifier(), "c")
	f.expectSeries(map[string]string{
		"warder_remembered_entries": "0", "warder_remembered_bytes": "0",
		"warder_remembered_evictions_total": "1", // Forget does not count as eviction
	})
	t.Run("without a cache", func(t *testing.T) {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Limits.CacheTTL = -1 })
		f.bearer(f.tokenOf("a"))
		f.expectSeries(map[string]string{"warder_remembered_entries": "0", "warder_remembered_hits_total": "0"})
	})
}

// tokenOf returns the same token each time for a subject.
func (f *fixture) tokenOf(subject string) string {
	if f.tokens == nil {
		f.tokens = map[string]string{}
	}
	if f.tokens[subject] == "" {
		f.tokens[subject] = f.token(resourcetest.Token{Subject: subject})
	}
	return f.tokens[subject]
}

// The use of a cached token that has expired, or whose key was withdrawn, is not a hit.
func TestExpiredEntryIsNotAHit(t *testing.T) {
	inBubble(t, func(c *resource.Config, _ *jwks.Config) { c.Limits.CacheTTL = 24 * time.Hour }, func(t *testing.T, f *fixture) {
		token := f.token(resourcetest.Token{Lifetime: 2 * time.Minute})
		f.bearer(token)
		time.Sleep(time.Hour)
		f.bearer(token)
		f.expectSeries(map[string]string{"warder_remembered_hits_total": "0", "warder_remembered_entries": "0"})
	})
}

func TestVerificationMetrics(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Opaque = &resource.Issuer{Verifier: oneToken{}}
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Key": rejectingHeaderVerifier{}}
	})
	count := func(credential string) uint64 {
		registry := prometheus.NewRegistry()
		registry.MustRegister(f.res.Metrics())
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			for _, m := range family.GetMetric() {
				if family.GetName() == "warder_verification_duration_seconds" && m.GetLabel()[0].GetValue() == credential {
					return m.GetHistogram().GetSampleCount()
				}
			}
		}
		t.Fatalf("no series for %s", credential)
		return 0
	}
	valid := f.token(resourcetest.Token{})
	for range 3 { // verified once, then cached
		f.bearer(valid)
	}
	f.bearer(f.token(resourcetest.Token{Fault: resourcetest.WrongSignature}))
	f.bearer(f.token(resourcetest.Token{Audience: "account"})) // rejected by the claim checks, before verification
	f.bearer("opaque")
	req := rpcRequest("", "")
	req.Header.Set("X-Key", "key")
	f.send(req)
	got := fmt.Sprint(count("jwt"), count("opaque"), count("header"))
	if got != "2 1 1" {
		t.Errorf("got %s, want 2 1 1", got)
	}
}

func TestScopeChallengesByOperation(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		needs := []string{"admin"}
		c.Operations = resource.Operations{
			Methods: map[string][]string{"tools/list": needs, "tools/call": needs}, Tools: map[string][]string{"delete": needs},
			Prompts:   map[string][]string{"greet": needs},
			Resources: []resource.ResourceRule{{URI: "file:///a", Scopes: needs}, {Prefix: "db://", Scopes: needs}, {Template: "x://{id}", Scopes: needs}},
		}
	})
	further, err := f.res.Requirement("more")
	if err != nil {
		t.Fatal(err)
	}
	token := f.token(resourcetest.Token{Scope: "read"})
	read := func(uri string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":%q}}`, uri)
	}
	for _, body := range []string{
		rpcMessage("tools/list", ""), rpcMessage("tools/call", "delete"), rpcMessage("tools/call", "unknown"), rpcMessage("prompts/get", "greet"),
		read("file:///a"), read("db://x"), read("x://7"),
		"[" + rpcMessage("tools/list", "") + "," + rpcMessage("tools/call", "delete") + "]",
	} {
		if _, refusal := f.res.Authenticate(rpcRequest(body, token)); refusal == nil || refusal.Reason != resource.ReasonInsufficientScope {
			t.Errorf("%s: got %+v", body, refusal)
		}
	}
	caller := f.caller(resourcetest.Token{Scope: "read"})
	f.res.Permit(t.Context(), caller, resource.Operation{Method: "tools/call", Name: "delete"})
	decision, _ := f.res.Authenticate(rpcRequest(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, token))
	further.Check(decision.Request)
	want := map[string]string{
		"method tools/list": "1", "method tools/call": "1", "tool delete": "2", "prompt greet": "1",
		"resource file:///a": "1", "resource db://": "1", "resource x://{id}": "1", "other": "2",
	}
	all := map[string]string{}
	for operation, n := range want {
		all[fmt.Sprintf("warder_scope_challenges_total{operation=%q}", operation)] = n
	}
	f.expectSeries(all)
	for name := range f.series() {
		if strings.HasPrefix(name, "warder_scope_challenges_total") && all[name] == "" {
			t.Errorf("unexpected series %s", name)
		}
	}
}

// No request can increase the number of series.
func TestSeriesAreBounded(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Scopes = []string{"read"}
		c.Operations = resource.Operations{Tools: map[string][]string{"delete": {"admin"}}}
		c.Opaque = &resource.Issuer{Verifier: oneToken{}}
	})
	names := func() string {
		var all []string
		for name := range f.series() {
			all = append(all, name)
		}
		slices.Sort(all)
		return strings.Join(all, "\n")
	}
	before := names()
	if n := strings.Count(before, "\n"); n < 80 {
		t.Errorf("%d series before the first request, want at least 80", n)
	}
	valid := f.token(resourcetest.Token{Scope: "read"})
	requests := 10_000
	if testing.Short() {
		requests = 1000
	}
	for i := range requests {
		n := fmt.Sprint(i)
		switch i % 4 {
		case 0:
			f.bearer(f.token(resourcetest.Token{Header: map[string]any{"kid": n}, Subject: n, ClientID: n, Scope: "s" + n}))
		case 1:
			f.bearer(f.token(resourcetest.Token{Scope: "s" + n, Subject: n, Claims: map[string]any{"iss": "https://" + n + ".example"}}))
		case 2:
			req := rpcRequest(rpcMessage("tools/call", n), valid)
			req.Header.Set("Mcp-Method", "tools/call")
			f.send(req)
		case 3:
			f.bearer(f.token(resourcetest.Token{Scope: "s" + n, Subject: n}))
		}
	}
	if after := names(); after != before {
		t.Errorf("series before\n%s\nand after\n%s", before, after)
	}
}

// The metrics of a shared verifier are in the series of both resources.
func TestSharedVerifierMetrics(t *testing.T) {
	var shared resource.Verifier
	first := newFixture(t, func(_ *resource.Config, k *jwks.Config) {
		v, err := jwks.New(*k)
		if err != nil {
			t.Fatal(err)
		}
		shared = v
	})
	of := func(identifier string) *fixture {
		return newFixtureWith(t, first.issuer, func(c *resource.Config, _ *jwks.Config) {
			c.Identifier, c.Issuers = identifier, []resource.Issuer{{Verifier: shared, Audiences: []string{"https://mcp.example.test/mcp"}}}
		})
	}
	one, two := of("https://one.example.test/mcp"), of("https://two.example.test/mcp")
	one.bearer(one.token(resourcetest.Token{}))
	registry := prometheus.NewRegistry()
	registry.MustRegister(one.res.Metrics(), two.res.Metrics())
	got := scrape(t, registry)
	for _, want := range []string{
		`warder_decisions_total{reason="",resource="https://one.example.test/mcp",result="accepted"} 1`,
		`warder_decisions_total{reason="",resource="https://two.example.test/mcp",result="accepted"} 0`,
		`warder_keyset_fetches_total{issuer="https://auth.example.test",outcome="ok",resource="https://one.example.test/mcp"} 1`,
		`warder_keyset_fetches_total{issuer="https://auth.example.test",outcome="ok",resource="https://two.example.test/mcp"} 1`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no metric line %s in\n%s", want, got)
		}
	}
}

// rejectingHeaderVerifier rejects every header value.
type rejectingHeaderVerifier struct{}

func (rejectingHeaderVerifier) Issuer() string { return "https://keys.example.test" }

func (rejectingHeaderVerifier) VerifyHeader(context.Context, string, *http.Request) (*resource.Claims, error) {
	return nil, errors.New("no")
}

// After Replace, counters continue, the observers are those of the new configuration, and its
// rules have separate series.
func TestMetricsAfterReplace(t *testing.T) {
	before, after := new(eventRecorder), new(eventRecorder)
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations = resource.Operations{Tools: map[string][]string{"old": {"admin"}}}
		c.Hooks.Observers = []resource.Observer{before}
	})
	token := f.token(resourcetest.Token{Scope: "read"})
	call := func(tool string) { f.res.Authenticate(rpcRequest(rpcMessage("tools/call", tool), token)) }
	call("old")
	call("old")
	next := newFixtureWith(t, f.issuer, func(c *resource.Config, _ *jwks.Config) { // another verifier: the cache starts empty
		c.Operations = resource.Operations{Tools: map[string][]string{"new": {"admin"}}}
		c.Hooks.Observers = []resource.Observer{after}
	})
	if err := f.res.Replace(next.res); err != nil {
		t.Fatal(err)
	}
	call("old")
	call("new")
	f.expectSeries(map[string]string{
		"warder_remembered_hits_total":                                        "2",
		"warder_remembered_entries":                                           "1",
		`warder_scope_challenges_total{operation="tool old"}`:                 "2",
		`warder_scope_challenges_total{operation="tool new"}`:                 "1",
		`warder_scope_challenges_total{operation="other"}`:                    "0",
		`warder_decisions_total{reason="",result="accepted"}`:                 "1",
		`warder_decisions_total{reason="insufficient_scope",result="denied"}`: "3",
	})
	if b, a := len(before.take()), len(after.take()); b != 2 || a != 2 {
		t.Errorf("the observers were notified of %d and %d decisions, want 2 and 2", b, a)
	}
}
