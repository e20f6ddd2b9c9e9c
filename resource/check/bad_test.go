package check_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/check"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A mistake is a set-up with one.
type mistake struct {
	name    string
	issuer  resourcetest.Config
	prepare func(d *deployment)
	want    []string // all errors and warnings, each with its subject
	fix     string   // what the fix of the first of them names
}

// Each mistake is found, without any other finding, and the fix names what to change.
func TestMisconfigurations(t *testing.T) {
	for _, row := range slices.Concat(fileMistakes, issuerMistakes, introspectionMistakes, exchangeMistakes, tokenMistakes, publicMistakes, browserMistakes) {
		t.Run(row.name, func(t *testing.T) {
			d := deploy(t, row.issuer)
			row.prepare(d)
			report, err := check.Run(t.Context(), d.start())
			if err != nil {
				t.Fatal(err)
			}
			got := d.problems(report, check.SeverityError, check.SeverityWarning)
			if !slices.Equal(got, row.want) {
				t.Fatalf("(-want +got)\n- %s\n+ %s\n%+v", strings.Join(row.want, "\n- "), strings.Join(got, "\n+ "), report.Findings)
			}
			if fix := d.shorten(report.Findings[0].Fix); !strings.Contains(fix, row.fix) || row.fix == "" {
				t.Errorf("got the fix %q, want %q in it", fix, row.fix)
			}
			for _, f := range report.Findings {
				if d.token != "" && strings.Contains(f.Subject+f.Seen+f.Fix, d.token) {
					t.Errorf("the finding %s has the token", f.ID)
				}
			}
		})
	}
}

// A test has each error and each warning.
func TestEachProblemHasATest(t *testing.T) {
	found := map[check.ID]bool{check.IDTimeOver: true} // TestTimeLimits
	for _, row := range slices.Concat(fileMistakes, issuerMistakes, introspectionMistakes, exchangeMistakes, tokenMistakes, publicMistakes, browserMistakes) {
		for _, want := range row.want {
			id, _, _ := strings.Cut(want, " ")
			found[check.ID(id)] = true
		}
	}
	for _, id := range check.IDs() {
		if s := id.Severity(); (s == check.SeverityError || s == check.SeverityWarning) && !found[id] {
			t.Errorf("no mistake has the finding %s", id)
		}
		delete(found, id)
	}
	if len(found) > 0 {
		t.Errorf("unknown IDs %v", slices.Sorted(maps.Keys(found)))
	}
}
