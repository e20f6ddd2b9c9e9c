package main

import (
	"fmt"
	"strings"

	"github.com/warder-go/warder/resource/check"
)

// width is the number of columns to which the text of a report is wrapped.
const width = 96

// severityColors are the colors of the severities on a terminal.
var severityColors = map[check.Severity]string{
	check.SeverityError: red, check.SeverityWarning: yellow, check.SeverityNotChecked: grey, check.SeverityOK: green,
}

// checkText returns a block for each problem, a line for each other finding, and a summary.
func checkText(report check.Report, p palette) string {
	var b strings.Builder
	for _, f := range report.Findings {
		if f.Severity == check.SeverityError || f.Severity == check.SeverityWarning {
			writeBlock(&b, f, p)
		}
	}
	for _, f := range report.Findings {
		if f.Severity == check.SeverityNotChecked || f.Severity == check.SeverityOK {
			name := string(f.ID)
			if f.Severity == check.SeverityNotChecked {
				name = "not checked"
			}
			text := f.Subject + ": " + f.Seen
			if f.Subject == name {
				text = f.Seen
			}
			writeWrapped(&b, p.in(severityColors[f.Severity], fmt.Sprintf("%-18s", name)), 18, text)
		}
	}
	if report.Count(check.SeverityNotChecked)+report.Count(check.SeverityOK) > 0 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s, %s, %d not checked, %d right\n", plural(report.Count(check.SeverityError), "error"), plural(report.Count(check.SeverityWarning), "warning"),
		report.Count(check.SeverityNotChecked), report.Count(check.SeverityOK))
	return b.String()
}

// writeBlock writes a finding with what was seen, what it means and the fix.
func writeBlock(b *strings.Builder, f check.Finding, p palette) {
	fmt.Fprintf(b, "%s %s: %s\n", p.in(severityColors[f.Severity], string(f.Severity)), f.ID, f.Subject)
	for _, part := range []struct{ name, text string }{{"seen", f.Seen}, {"meaning", f.Meaning}, {"fix", f.Fix}} {
		writeWrapped(b, fmt.Sprintf("    %-9s", part.name), 13, part.text)
	}
	b.WriteByte('\n')
}

// writeWrapped writes a label of some columns, and a text in the columns behind it.
func writeWrapped(b *strings.Builder, label string, columns int, text string) {
	b.WriteString(label)
	at := columns
	for n, word := range strings.Fields(text) {
		switch {
		case n > 0 && at+1+len(word) > width:
			b.WriteString("\n" + strings.Repeat(" ", columns))
			at = columns
		case n > 0:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += len(word)
	}
	b.WriteByte('\n')
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
