package probe

import (
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Outcome is the result of one check.
type Outcome string

// The outcomes. A rule with the level SHOULD cannot fail: it gives a warning.
const (
	Pass          Outcome = "pass"
	Fail          Outcome = "fail"           // a rule with the level MUST is violated
	Warn          Outcome = "warn"           // a rule with the level SHOULD is violated
	NotApplicable Outcome = "not applicable" // the rule is about something that the server does not have
	NotChecked    Outcome = "not checked"    // the rule could not be checked, for example without a valid token
)

// Level is how much a specification requires.
type Level string

// The levels.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
)

// Result is the outcome of one check. All texts are printable.
type Result struct {
	ID      string  `json:"id"`
	Section string  `json:"section"` // of the specification
	Level   Level   `json:"level"`
	Outcome Outcome `json:"outcome"`
	Wanted  string  `json:"wanted"` // what the specification asks for
	Seen    string  `json:"seen"`   // what the server did, or why the rule was not checked
}

// Report has one result for each check, in the order of Checks. It contains no tokens.
type Report struct {
	Target   string   `json:"target"`
	Requests int      `json:"requests"` // that were sent
	Results  []Result `json:"results"`
}

// IDs returns the identifiers of the checks with one of the outcomes, in the order of the report.
func (r *Report) IDs(outcomes ...Outcome) (ids []string) {
	for _, result := range r.Results {
		if slices.Contains(outcomes, result.Outcome) {
			ids = append(ids, result.ID)
		}
	}
	return ids
}

// JSON returns the report as a JSON object with indentation.
func (r *Report) JSON() ([]byte, error) {
	return json.Marshal(r, jsontext.WithIndent("  "))
}
