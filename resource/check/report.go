package check

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/warder-go/warder/internal/configerr"
)

// A Finding is one thing that was looked at.
type Finding struct {
	ID       ID
	Severity Severity // that of the ID
	Subject  string   // what it is about: a position in the file, a key of the file, an issuer, a URL
	Seen     string   // what was seen
	Meaning  string   // what that means to users
	Fix      string   // what to change; "" if nothing is to be changed
}

// A Report is the result of a run. Its findings have the worst ones first, and otherwise the order
// in which they were found. Each pair of ID and subject occurs once.
type Report struct {
	File     string // the path of the file; "" for a text
	Findings []Finding
}

// Count returns the number of findings with a severity.
func (r Report) Count(s Severity) (n int) {
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// Has reports whether the report has a finding with the ID.
func (r Report) Has(id ID) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.ID == id })
}

// Err returns nil if the report has no error. Otherwise it returns an error with a line for each of
// them. Warnings have no influence.
func (r Report) Err() error {
	var list configerr.List
	for _, f := range r.Findings {
		if f.Severity == SeverityError {
			list.Addf("%s: %s: %s: %s", f.ID, f.Subject, f.Seen, f.Fix)
		}
	}
	return list.Err("check")
}

// sort puts the worst findings first.
func (r *Report) sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity))
	})
}

// collector collects findings, within maxFindings and without secrets.
type collector struct {
	report  Report
	secrets []string
	known   map[[2]string]bool
}

const redacted = "[redacted]"

// minRedacted is the minimum length of a secret that is removed from texts. Shorter ones occur in
// ordinary words, and no text quotes a secret intentionally.
const minRedacted = 4 // bytes

// add adds a finding, unless one with the same ID and subject is there. Findings of one severity do
// not displace those of another.
func (c *collector) add(id ID, subject, seen, fix string) {
	key := [2]string{string(id), subject}
	if c.known[key] || c.report.Count(id.Severity()) >= maxFindings {
		return
	}
	if c.known == nil {
		c.known = map[[2]string]bool{}
	}
	c.known[key] = true
	c.report.Findings = append(c.report.Findings, Finding{
		ID: id, Severity: id.Severity(), Meaning: id.Meaning(),
		Subject: c.clean(subject), Seen: c.clean(seen), Fix: c.clean(fix),
	})
}

// has reports whether a finding with this ID and subject was added.
func (c *collector) has(id ID, subject string) bool { return c.known[[2]string{string(id), subject}] }

// clean makes a text that can have text of a server safe to print: on one line, without control
// characters and secrets, and of limited length.
func (c *collector) clean(text string) string {
	for _, secret := range c.secrets {
		if len(secret) >= minRedacted {
			text = strings.ReplaceAll(text, secret, redacted)
		}
	}
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
}
