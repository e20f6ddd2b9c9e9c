// Package observability_test checks the Grafana dashboard and the Prometheus alert rules
// in this directory: every metric, label value and alert in them exists.
package observability_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// code returns all Go source of the repository except tests and examples.
func code(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (name[0] == '.' || name == "examples" || name == "testdata"):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			all.WriteString(read(t, path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// queries returns the expressions of the dashboard with its variables replaced.
func queries(t *testing.T) (all []string) {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		if panel.Title == "" || len(panel.Targets) == 0 {
			t.Errorf("panel %q has no title or no query", panel.Title)
		}
		for _, target := range panel.Targets {
			all = append(all, strings.NewReplacer("$__rate_interval", "1m", "$resource", ".*").Replace(target.Expr))
		}
	}
	if len(all) < 18 {
		t.Errorf("got %d expressions in the dashboard, want at least 18", len(all))
	}
	return all
}

var (
	metricName = regexp.MustCompile(`\bwarder_[a-z_]+`)
	inCode     = regexp.MustCompile(`"(warder_[a-z_]+)"`)
	histogram  = regexp.MustCompile(`_(bucket|sum|count)$`)
	matcher    = regexp.MustCompile(`\b(reason|result|outcome|credential)(?:=~|!=|!~|=) ?"([^"]*)"`)
)

// Every metric in a rule or a panel exists in the code, and every metric in the code is in
// a rule or a panel.
func TestMetricsExist(t *testing.T) {
	known := map[string]bool{}
	for _, match := range inCode.FindAllStringSubmatch(code(t), -1) {
		known[match[1]] = true
	}
	used := map[string]bool{}
	for _, text := range append(queries(t), read(t, "alerts.yaml"), read(t, "alerts.test.yaml")) {
		for _, name := range metricName.FindAllString(text, -1) {
			if base := histogram.ReplaceAllString(name, ""); known[base] {
				name = base
			}
			if used[name] = true; !known[name] {
				t.Errorf("metric %s is not in the code", name)
			}
		}
	}
	for name := range known {
		if !used[name] && !slices.Contains(omitted, name) {
			t.Errorf("metric %s is not in any panel or rule", name)
		}
	}
}

// omitted lists metrics for diagnosis, which need no panel.
var omitted = []string{"warder_api_key_file_reads_total"}

// Every label value in a rule or a panel exists in the code. Otherwise the rule would never
// fire.
func TestLabelValuesExist(t *testing.T) {
	source, compared := code(t), 0
	for _, text := range append(queries(t), read(t, "alerts.yaml"), read(t, "alerts.test.yaml")) {
		for _, match := range matcher.FindAllStringSubmatch(text, -1) {
			for value := range strings.SplitSeq(match[2], "|") {
				if compared++; value != "" && !strings.Contains(source, `"`+value+`"`) {
					t.Errorf("%s %q is not in the code", match[1], value)
				}
			}
		}
	}
	if compared < 30 {
		t.Errorf("got %d label values, want at least 30: is the regular expression wrong?", compared)
	}
}

// Every alert has a test and is described in docs/operations.md.
func TestAlertsAreTestedAndDocumented(t *testing.T) {
	tests, page := read(t, "alerts.test.yaml"), read(t, filepath.Join("..", "..", "docs", "operations.md"))
	alerts := regexp.MustCompile(`(?m)^ +- alert: (\w+)$`).FindAllStringSubmatch(read(t, "alerts.yaml"), -1)
	if len(alerts) < 10 {
		t.Errorf("got %d alerts, want at least 10", len(alerts))
	}
	for _, alert := range alerts {
		fires := regexp.MustCompile(`alertname: ` + alert[1] + `\n +exp_alerts:`)
		if !fires.MatchString(tests) {
			t.Errorf("alert %s has no test in which it fires", alert[1])
		}
		if !strings.Contains(page, "`"+alert[1]+"`") {
			t.Errorf("docs/operations.md does not describe %s", alert[1])
		}
	}
}

// promtool accepts the configuration and the rules, and runs the tests of the rules.
func TestRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (Debian package prometheus)")
	}
	for _, arguments := range [][]string{{"check", "config", "prometheus.yaml"}, {"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts.test.yaml"}} {
		if out, err := exec.CommandContext(t.Context(), promtool, arguments...).CombinedOutput(); err != nil {
			t.Errorf("promtool %q: %v\n%s", arguments, err, out)
		}
	}
}
