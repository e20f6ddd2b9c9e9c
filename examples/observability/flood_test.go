package observability_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// scrapes are the values of each counter, one per scrape; "_" if there was none.
type scrapes struct {
	count  int
	series map[string][]string
}

func (s *scrapes) add(t *testing.T, registry *prometheus.Registry) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if m.GetCounter() == nil {
				continue
			}
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			name := family.GetName() + "{" + strings.Join(labels, ", ") + "}"
			values := s.series[name]
			for len(values) < s.count {
				values = append(values, "_")
			}
			s.series[name] = append(values, fmt.Sprint(m.GetCounter().GetValue()))
		}
	}
	s.count++
}

// firing runs the alert rules over the scrapes, one per minute, and compares the alerts that
// fire at the last one.
func (s *scrapes) firing(t *testing.T, promtool string, want ...string) {
	t.Helper()
	rules, err := filepath.Abs("alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "rule_files: [%q]\nevaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series:\n", rules)
	for name, values := range s.series {
		fmt.Fprintf(&text, "  - {series: '%s', values: '%s'}\n", name, strings.Join(values, " "))
	}
	fmt.Fprintf(&text, "  promql_expr_test:\n  - expr: count by (alertname) (ALERTS{alertstate='firing'})\n    eval_time: %dm\n    exp_samples:\n", s.count-1)
	for _, labels := range want {
		fmt.Fprintf(&text, "    - {labels: '{%s}', value: 1}\n", labels)
	}
	file := filepath.Join(t.TempDir(), "flood.test.yaml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Ten simulated minutes of forged tokens beside valid ones: of all alerts only that for forged
// tokens fires, for a flood and for a drip. While keys cannot be fetched, tokens with unknown
// keys count as an outage.
func TestAlertsUnderFloods(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (Debian package prometheus)")
	}
	known := resourcetest.Token{Audience: "https://mcp.example.test/mcp", Fault: resourcetest.WrongSignature}
	for _, row := range []struct {
		name      string
		perSecond int
		limited   bool // the key server answers 429 after a minute
		forged    func(n int) resourcetest.Token
		want      []string // alerts
	}{
		{"a flood with a known kid", 5, false, func(int) resourcetest.Token { return known },
			[]string{`alertname="WarderForgedTokens"`}},
		{"a drip with a known kid", 1, false, func(int) resourcetest.Token { return known },
			[]string{`alertname="WarderForgedTokens"`}},
		{"a flood with many unknown kids", 5, false, func(n int) resourcetest.Token {
			return resourcetest.Token{Audience: known.Audience, Header: map[string]any{"kid": fmt.Sprint("k", n)}}
		}, []string{`alertname="WarderForgedTokens"`}},
		{"a flood with many unknown kids, whose fetches the key server limits", 5, true, func(n int) resourcetest.Token {
			return resourcetest.Token{Audience: known.Audience, Header: map[string]any{"kid": fmt.Sprint("k", n)}}
		}, []string{`alertname="WarderCannotTell"`}}, // warder cannot tell that they are forged
		{"no forged tokens", 0, false, nil, nil},
	} {
		issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Run(row.name, func(t *testing.T) {
			defer issuer.Close()
			all := &scrapes{series: map[string][]string{}}
			synctest.Test(t, func(t *testing.T) {
				quiet := slog.New(slog.DiscardHandler)
				keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport(), Logger: quiet})
				if err != nil {
					t.Fatal(err)
				}
				res, err := resource.New(resource.Config{Identifier: known.Audience, Issuers: []resource.Issuer{{Verifier: keys}}, Logger: quiet})
				if err != nil {
					t.Fatal(err)
				}
				registry := prometheus.NewRegistry()
				registry.MustRegister(res.Metrics())
				handler := nethttp.Middleware(res)(http.NotFoundHandler())
				send := func(token resourcetest.Token) {
					req := httptest.NewRequest(http.MethodPost, known.Audience, nil)
					req.Header.Set("Authorization", "Bearer "+issuer.Token(token))
					handler.ServeHTTP(httptest.NewRecorder(), req)
				}
				for second := range 600 {
					if second%60 == 0 {
						all.add(t, registry)
					}
					if row.limited && second == 60 {
						issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Status: http.StatusTooManyRequests})
					}
					send(resourcetest.Token{Audience: known.Audience})
					for n := range row.perSecond {
						go send(row.forged(second*row.perSecond + n)) // it can wait for a fetch
					}
					time.Sleep(time.Second)
				}
				all.add(t, registry)
				time.Sleep(5 * time.Second) // a fetch can take that long
			})
			slices.Sort(row.want)
			all.firing(t, promtool, row.want...)
		})
	}
}
