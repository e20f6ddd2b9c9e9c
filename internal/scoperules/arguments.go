package scoperules

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/scopeset"
	"github.com/warder-go/warder/internal/strictjson"
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
	folded string   // see foldName
	all    []string // scopes of all values together
	order  []string // the values, sorted
}

// AddArgument adds a rule for an argument. Its map must not be changed.
func (r *Rules) AddArgument(given Argument) {
	a := argument{Argument: given, folded: foldName(given.Name), order: slices.Sorted(maps.Keys(given.Values))}
	for _, value := range a.order {
		a.all = scopeset.Union(a.all, given.Values[value])
	}
	r.arguments[given.Tool] = append(r.arguments[given.Tool], a)
	r.allTools = scopeset.Union(r.allTools, a.all)
}

// collectArguments adds the scopes of the rules for the arguments of a tool call. It returns
// whether there is such a rule.
func (r *Rules) collectArguments(m *mcpmsg.Message, all *Needs) (named bool) {
	rules := r.arguments[m.Tool]
	for i := range rules {
		a := &rules[i]
		value, listed := a.read(m.Arguments)
		switch {
		case listed:
			all.Scopes.Add(a.Values[value])
		case all.Has != nil && m.Arguments == nil:
			all.Scopes.Add(a.offered(all.Has))
		case a.RejectOthers:
			all.Unlisted = a.Name
		default:
			all.Scopes.Add(a.all)
		}
	}
	return len(rules) > 0
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

// read returns the value of the argument, and whether it is a listed one. It is not if the
// arguments could be read in another way: if they are not an object, if a name is duplicate or
// cannot be decoded, and if another name is similar, because the reader behind may be lenient.
// Names inside nested objects do not count.
func (a *argument) read(arguments []byte) (value string, listed bool) {
	similar := 0
	err := strictjson.Members(arguments, func(name string, given jsontext.Value) (err error) {
		if name == a.Name {
			if value, err = strictjson.String(given); err != nil {
				return err
			}
			_, listed = a.Values[value]
		}
		if foldName(name) == a.folded {
			similar++
		}
		return nil
	})
	return value, listed && similar == 1 && err == nil
}

// foldName returns the same text for names that differ only in case, or in characters other than
// letters and digits: readers take env for Env, " env", "env\u0000" or e-n-v, and envName for
// env_name.
func foldName(name string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return c
		}
		return -1
	}, strictjson.FoldCase(name))
}
