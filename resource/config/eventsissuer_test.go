package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// count returns the number of events with a result.
func (s *testServer) count(result string) (all string) {
	s.t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s.live)
	return countIn(s.t, registry, result)
}

// countIn returns the values of the series of a result, with their labels if they are those of
// another issuer or resource.
func countIn(t testing.TB, from prometheus.Gatherer, result string) string {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range m.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if family.GetName() != "warder_security_events_total" || labels["result"] != result {
				continue
			}
			text := fmt.Sprint(m.GetCounter().GetValue())
			if labels["issuer"] != "https://auth.example.test" || labels["resource"] != identifier {
				text += fmt.Sprint(" of ", labels)
			}
			all = append(all, text)
		}
	}
	return strings.Join(all, ", ")
}

// both are the lines of a second issuer.
const both = "  additional_issuers: [{issuer_url: 'https://b.example.test'}]\n"

// withTwoIssuers runs a test with a server that receives events of the first issuer, and can call both.
func withTwoIssuers(t *testing.T, test func(t *testing.T, r *replicas, b *resourcetest.Issuer, s *testServer)) {
	t.Helper()
	b, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://b.example.test", Audience: identifier})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	withReplicas(t, func(t *testing.T, r *replicas) {
		test(t, r, b, completedServer(t, r.issuer, nil, func(c *config.Config) { c.Transport = r.issuer.Transport(b) }, events()))
	})
}

// A reload can change the issuer. A registry in which Live was registered before has the series
// of the issuer in use.
func TestReloadChangesTheIssuerOfEvents(t *testing.T) {
	withTwoIssuers(t, func(t *testing.T, r *replicas, b *resourcetest.Issuer, s *testServer) {
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(s.live, s.live.Resource().Metrics())
		if got := s.push(b, resourcetest.SecurityEvent{}, ""); got != 400 || countIn(t, registry, "issuer") != "1" {
			t.Errorf("before: got %d and count %s", got, countIn(t, registry, "issuer"))
		}
		if got := s.reload(both + events("issuer_url: https://b.example.test")); got != "" {
			t.Fatal(got)
		}
		old, fresh := s.push(r.issuer, resourcetest.SecurityEvent{}, ""), s.push(b, resourcetest.SecurityEvent{}, "")
		want := "1 of map[issuer:https://b.example.test resource:" + identifier + " result:accepted]"
		if got := countIn(t, registry, "accepted"); old != 400 || fresh != 202 || got != want {
			t.Errorf("after: got %d, %d and count %s, want 400, 202 and %s", old, fresh, got, want)
		}
		if got := statuses(bearer(b.Token(resourcetest.Token{})), s) + " " + statuses(bearer(r.issuer.Token(resourcetest.Token{})), s); got != "401 200" {
			t.Errorf("tokens: got %s, want 401 200", got)
		}
	})
}

// A reload can set a transmitter, whose keys are fetched before it is used, and another issuer of the tokens.
func TestReloadChangesTheTransmitter(t *testing.T) {
	withTwoIssuers(t, func(t *testing.T, r *replicas, b *resourcetest.Issuer, s *testServer) {
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(s.live, s.live.Resource().Metrics())
		if got := s.reload(events("transmitter_issuer: https://b.example.test", "jwks_uri: https://b.example.test/jwks")); got != "" {
			t.Fatal(got)
		}
		fetched := b.Count(resourcetest.JWKS)
		if got := s.push(b, resourcetest.SecurityEvent{Subject: r.issuer.SubjectID("bob")}, ""); got != 202 || b.Count(resourcetest.JWKS) != fetched || fetched != 1 {
			t.Errorf("a transmitter: got %d; %d fetches of keys during the reload, %d later", got, fetched, b.Count(resourcetest.JWKS)-fetched)
		}
		if got := s.reload(both + events("issuer_url: https://b.example.test", "transmitter_issuer: https://b.example.test", "jwks_uri: https://b.example.test/jwks")); got != "" {
			t.Fatal(got)
		}
		carol := bearer(b.Token(resourcetest.Token{Subject: "carol"}))
		if before, got, after := statuses(carol, s), s.push(b, resourcetest.SecurityEvent{Subject: b.SubjectID("carol")}, ""), statuses(carol, s); before != "200" || got != 202 || after != "401" {
			t.Errorf("another issuer of the tokens: got %s, %d, %s, want 200, 202, 401", before, got, after)
		}
		if _, err := registry.Gather(); err != nil {
			t.Error(err)
		}
	})
}
