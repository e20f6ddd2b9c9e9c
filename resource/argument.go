package resource

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/warder-go/warder/internal/scoperules"
)

// ArgumentRule maps values of an argument of a tool to scopes: a call of the tool deploy with env
// "prod" needs deploy:prod, in addition to the scopes of other rules. The scopes of several rules
// for one tool add up.
//
// A call has a listed value only if params.arguments is an object that has the argument
// exactly once, and its value is a string of Values, byte for byte after the JSON escapes are
// decoded. Every other call is subject to Others: another value, another type, no argument, or
// a duplicate argument. So is a call with an argument, alone or besides the right one, whose
// name differs only in case or in characters that are not letters or digits ("Env", "e_n_v"),
// because the tool can read it as the same. If the name of a rule is ASCII, this includes each
// name with a character outside ASCII, such as a full-width letter. Only members of
// params.arguments itself count, not those of nested objects.
//
// If the tool can read a value as more than its text, do not list the value: a tool can read
// the env "staging,prod" as two environments.
type ArgumentRule struct {
	Tool     string              // its name
	Argument string              // name of a member of params.arguments
	Values   map[string][]string // listed values, each with its scopes, which can be none
	Others   OtherValues         // what happens to other calls
}

// OtherValues selects what happens to a call for which an [ArgumentRule] lists no value.
type OtherValues int

const (
	// OtherValuesNeedAll makes them need the scopes of all listed values together.
	OtherValuesNeedAll OtherValues = iota
	// RejectOtherValues rejects them with 403, whatever the caller's scopes.
	RejectOtherValues
)

// setArguments checks and compiles Operations.Arguments.
func (b *builder) setArguments(r *rules) {
	type target struct{ tool, argument string }
	seen := map[target]bool{}
	for n, rule := range r.Arguments {
		where := fmt.Sprintf("Operations.Arguments[%d]", n)
		if rule.Tool == "" {
			b.mistakes.Addf("%s: no tool", where)
		}
		if !strings.ContainsFunc(rule.Argument, func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }) {
			b.mistakes.Addf("%s: argument %q has neither letters nor digits", where, rule.Argument)
		}
		if seen[target{rule.Tool, rule.Argument}] {
			b.mistakes.Addf("%s: duplicate rule for the argument %q of the tool %q; list all values in one", where, rule.Argument, rule.Tool)
		}
		seen[target{rule.Tool, rule.Argument}] = true
		if slices.Contains(r.PublicTools, rule.Tool) {
			b.mistakes.Addf("%s: the tool %q is public; a public tool cannot have rules for arguments", where, rule.Tool)
		}
		b.checkArgumentValues(where, rule)
		r.scopes.AddArgument(scoperules.Argument{Tool: rule.Tool, Name: rule.Argument, Values: rule.Values, RejectOthers: rule.Others == RejectOtherValues})
	}
}

func (b *builder) checkArgumentValues(where string, rule ArgumentRule) {
	scopes := 0
	for _, value := range slices.Sorted(maps.Keys(rule.Values)) {
		b.checkNeeds(fmt.Sprintf("%s.Values[%q]", where, value), rule.Values[value])
		scopes += len(rule.Values[value])
	}
	switch {
	case rule.Others != OtherValuesNeedAll && rule.Others != RejectOtherValues:
		b.mistakes.Addf("%s: others: %d is neither OtherValuesNeedAll nor RejectOtherValues", where, rule.Others)
	case len(rule.Values) == 0:
		b.mistakes.Addf("%s: no values; list at least one", where)
	case scopes == 0 && rule.Others == OtherValuesNeedAll:
		b.mistakes.Addf("%s: no value has scopes, so the rule has no effect; add scopes, or reject other values", where)
	}
}
