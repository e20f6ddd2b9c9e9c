package check_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/resource/check"
)

func readDocs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The table in docs/check.md has all IDs, in the order of their severities.
func TestDocumentedFindings(t *testing.T) {
	var want []string
	for _, s := range []check.Severity{check.SeverityError, check.SeverityWarning, check.SeverityNotChecked, check.SeverityOK} {
		for _, id := range check.IDs() {
			if id.Severity() == s {
				want = append(want, "| `"+string(id)+"` | "+string(s)+" | "+id.Meaning()+" |")
			}
		}
	}
	_, table, _ := strings.Cut(readDocs(t), "| finding | severity | meaning |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	if got := strings.Split(table, "\n"); !slices.Equal(got, want) {
		t.Errorf("(-want +got)\n- %s\n+ %s", strings.Join(want, "\n- "), strings.Join(got, "\n+ "))
	}
}

// documentedReport is the report in docs/check.md. The test of cmd/warder has the same one.
func documentedReport() check.Report {
	report := check.Report{File: "authorization.yaml"}
	for _, f := range []check.Finding{
		{ID: check.IDIssuerMismatch, Subject: "https://auth.example.com/", Seen: `the document has issuer "https://auth.example.com"`, Fix: "set issuer_url to the issuer in the document, byte for byte"},
		{ID: check.IDToolUnknown, Subject: "tool_scopes.ehco", Seen: "the server lists 2 tools, and not ehco, which this token may use", Fix: "correct the name in tool_scopes, or remove the rule; the server has echo"},
		{ID: check.IDNotChecked, Subject: "web pages (CORS)", Seen: "allowed_origins is empty"},
		{ID: check.IDClock, Subject: "https://auth.example.com", Seen: "the difference is 0s; leeway_seconds allows 30s"},
	} {
		f.Severity, f.Meaning = f.ID.Severity(), f.ID.Meaning()
		report.Findings = append(report.Findings, f)
	}
	return report
}

// The JSON in docs/check.md is that of a report, byte for byte but for white space.
func TestDocumentedJSON(t *testing.T) {
	body, err := documentedReport().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	value := jsontext.Value(body)
	if err := value.Indent(jsontext.WithIndent("  ")); err != nil {
		t.Fatal(err)
	}
	if want := "```json\n" + string(value) + "\n```"; !strings.Contains(readDocs(t), want) {
		t.Errorf("docs/check.md does not have\n%s", want)
	}
}
