package scoperules

import (
	"maps"
	"slices"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/scopeset"
)

// Argument is a rule for the value of an argument of a tool.
type Argument struct {
	Tool, Name   string
	Values       map[string][]string // listed values, each with its scopes
	RejectOthers bool                // other calls are rejected; else they need the scopes of all values
}

// argument is the compiled form of an Argument.
type argument struct {
	Argument
	all   []string // scopes of all values together
	order []string // the values, sorted
}

// AddArgument adds a rule for an argument. Its map must not be changed.
func (r *Rules) AddArgument(given Argument) {
	a := argument{Argument: given, order: slices.Sorted(maps.Keys(given.Values))}
	for _, value := range a.order {
		a.all = scopeset.Union(a.all, given.Values[value])
	}
	r.arguments[given.Tool] = append(r.arguments[given.Tool], a)
	r.argumentNames[given.Tool] = append(r.argumentNames[given.Tool], mcpmsg.NewArgumentName(given.Name))
	r.allTools = scopeset.Union(r.allTools, a.all)
}

// collectArguments adds the scopes of the rules for the arguments of a tool call. It returns
// whether the tool has such a rule.
func (r *Rules) collectArguments(m *mcpmsg.Message, all *Needs) (named bool) {
	rules := r.arguments[m.Tool]
	if len(rules) == 0 {
		return false
	}
	values, ok := m.StringArguments(r.argumentNames[m.Tool])
	for i := range rules {
		a := &rules[i]
		scopes, listed := a.Values[values[i]]
		listed = listed && ok[i]
		switch {
		case listed:
			all.Scopes.Add(scopes)
		case all.Has != nil && m.Arguments == nil:
			all.Scopes.Add(a.offered(all.Has))
		case a.RejectOthers:
			all.Unlisted = a.Name
		default:
			all.Scopes.Add(a.all)
		}
	}
	return true
}

// offered returns the scopes of the first value for which the caller has them; else those of all
// values.
func (a *argument) offered(has func([]string) bool) []string {
	for _, value := range a.order {
		if has(a.Values[value]) {
			return a.Values[value]
		}
	}
	return a.all
}
