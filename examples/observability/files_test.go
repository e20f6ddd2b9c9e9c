// Package observability_test checks what lies here: a dashboard for Grafana and alert
// rules for Prometheus know no series, label value or alert that is not there.
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

// code is all that is compiled of the house, tests and examples left out.
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

// queries are the expressions of the dashboard, with its variables filled in.
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
			t.Errorf("panel %q shows nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			all = append(all, strings.NewReplacer("$__rate_interval", "1m", "$resource", ".*").Replace(target.Expr))
		}
	}
	if len(all) < 18 {
		t.Errorf("%d expressions in the dashboard", len(all))
	}
	return all
}

var (
	seriesName = regexp.MustCompile(`\bwarder_[a-z_]+`)
	inCode     = regexp.MustCompile(`"(warder_[a-z_]+)"`)
	histogram  = regexp.MustCompile(`_(bucket|sum|count)$`)
	matcher    = regexp.MustCompile(`\b(reason|result|outcome|credential)(?:=~|!=|!~|=) ?"([^"]*)"`)
)

// Each series that a rule or a panel asks for is in the code, and each that is in the
// code is in the dashboard.
func TestSeriesExist(t *testing.T) {
	known := map[string]bool{}
	for _, match := range inCode.FindAllStringSubmatch(code(t), -1) {
		known[match[1]] = true
	}
	asked := map[string]bool{}
	for _, text := range append(queries(t), read(t, "alerts.yaml"), read(t, "alerts.test.yaml")) {
		for _, name := range seriesName.FindAllString(text, -1) {
			if base := histogram.ReplaceAllString(name, ""); known[base] {
				name = base
			}
			if asked[name] = true; !known[name] {
				t.Errorf("no series %s in the code", name)
			}
		}
	}
	for name := range known {
		if !asked[name] && !slices.Contains(notShown, name) {
			t.Errorf("%s is in no panel and no rule", name)
		}
	}
}

// notShown are series for a closer look.
var notShown = []string{"warder_api_key_file_reads_total"}

// Each value that a rule or a panel compares a label with is a word of the code: with
// another one the rule would be silent for ever.
func TestLabelValuesExist(t *testing.T) {
	source, compared := code(t), 0
	for _, text := range append(queries(t), read(t, "alerts.yaml"), read(t, "alerts.test.yaml")) {
		for _, match := range matcher.FindAllStringSubmatch(text, -1) {
			for value := range strings.SplitSeq(match[2], "|") {
				if compared++; value != "" && !strings.Contains(source, `"`+value+`"`) {
					t.Errorf("no %s %q in the code", match[1], value)
				}
			}
		}
	}
	if compared < 30 {
		t.Errorf("got %d label values: is the expression wrong?", compared)
	}
}

// Each alert has a test of its own, and an operator can read what to do about it.
func TestAlertsAreTestedAndExplained(t *testing.T) {
	tests, page := read(t, "alerts.test.yaml"), read(t, filepath.Join("..", "..", "docs", "operations.md"))
	alerts := regexp.MustCompile(`(?m)^ +- alert: (\w+)$`).FindAllStringSubmatch(read(t, "alerts.yaml"), -1)
	if len(alerts) < 10 {
		t.Errorf("found %d alerts", len(alerts))
	}
	for _, alert := range alerts {
		fires := regexp.MustCompile(`alertname: ` + alert[1] + `\n +exp_alerts:`)
		if !fires.MatchString(tests) {
			t.Errorf("no test in which %s fires", alert[1])
		}
		if !strings.Contains(page, "`"+alert[1]+"`") {
			t.Errorf("docs/operations.md has no word on %s", alert[1])
		}
	}
}

// Prometheus' own tool reads the rules and runs their tests.
func TestRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("There is no promtool here (Debian has it in the package prometheus): rules are not checked by it.")
	}
	for _, arguments := range [][]string{{"check", "config", "prometheus.yaml"}, {"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts.test.yaml"}} {
		if out, err := exec.CommandContext(t.Context(), promtool, arguments...).CombinedOutput(); err != nil {
			t.Errorf("promtool %q: %v\n%s", arguments, err, out)
		}
	}
}
