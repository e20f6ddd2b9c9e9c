package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A run of only one part replaces its section and nothing else.
func TestReplaceSection(t *testing.T) {
	s := section{"\n## DPoP\n", "\n## DPoP\n\nnew\n\n### New\n"}
	for _, row := range []struct{ name, before, want string }{
		{"no section", "# Results\n", "# Results\n" + s.text},
		{"a section at the end", "# Results\n\n## DPoP\n\nold\n\n### Old\n", "# Results\n" + s.text},
		{"a section in the middle", "# Results\n\n## DPoP\n\nold\n\n### Old\n\n## Growth\n\n## More\n", "# Results\n" + s.text + "\n## Growth\n\n## More\n"},
	} {
		file := filepath.Join(t.TempDir(), "README.md")
		if err := os.WriteFile(file, []byte(row.before), 0o600); err != nil {
			t.Fatal(err)
		}
		replaceSection(filepath.Dir(file), s)
		if got, err := os.ReadFile(file); err != nil || string(got) != row.want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, row.want, got)
		}
	}
}

// The section says if other programs used the machine, and if the run was a quick one.
func TestSectionIntro(t *testing.T) {
	for _, row := range []struct {
		load        string
		quick       bool
		busy, brief bool
	}{{"1.49", false, false, false}, {"1.51", false, true, false}, {"unknown", true, false, true}} {
		text := sectionRun{part: "dpop", quick: row.quick, loadBefore: row.load}.intro(dpopHeading, "one")
		if strings.Contains(text, "Other programs used") != row.busy || strings.Contains(text, "a quick run") != row.brief || !strings.HasPrefix(text, dpopHeading) {
			t.Errorf("%+v: got %s", row, text)
		}
	}
}
