package resource

import (
	"fmt"
	"maps"
	"slices"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/scoperules"
	"github.com/warder-go/warder/internal/uripattern"
)

// keyedRules are rules by operation that need values of another type than scopes. rules are like
// those for scopes, but they return keys of all instead of scopes. A nil value has no rules.
type keyedRules[T any] struct {
	rules *scoperules.Rules
	all   map[string]T
}

// givenRules are the fields that [OperationConditions], [OperationAuthentication] and
// [BoundOperations] have in common.
type givenRules[G any] struct {
	methods, tools, prompts map[string]G
	resources               []givenResource[G]
}

type givenResource[G any] struct {
	pattern uripattern.Pattern
	field   string // of the entry that has given, such as ".Conditions"; "" for the entry itself
	given   G
}

// compileRules compiles rules. where is their field in Config, for mistakes. compile checks one
// entry and returns its values.
func compileRules[G, T any](b *builder, where string, given givenRules[G], compile func(where string, given G) []T) *keyedRules[T] {
	r := &keyedRules[T]{all: map[string]T{}}
	byName := func(field string, given map[string]G) map[string][]string {
		keys := map[string][]string{}
		for _, name := range slices.Sorted(maps.Keys(given)) {
			if name == "" {
				b.mistakes.Addf("%s.%s: empty name", where, field)
			}
			keys[name] = r.add(compile(fmt.Sprintf("%s.%s[%q]", where, field, name), given[name]))
		}
		return keys
	}
	r.rules = scoperules.New(byName("Methods", given.methods), byName("Tools", given.tools), byName("Prompts", given.prompts))
	for n, rule := range given.resources {
		at := fmt.Sprintf("%s.Resources[%d]", where, n)
		b.mistakes.AddAt(at, r.rules.AddResource(rule.pattern, r.add(compile(at+rule.field, rule.given))))
	}
	return r
}

// add stores values and returns their keys.
func (r *keyedRules[T]) add(values []T) (keys []string) {
	for _, value := range values {
		key := fmt.Sprint(len(r.all))
		r.all[key] = value
		keys = append(keys, key)
	}
	return keys
}

// collect adds the keys of what a message needs to all. It returns whether a rule of r names the
// message.
func (r *keyedRules[T]) collect(m *mcpmsg.Message, all *scoperules.Needs) (named bool) {
	return r != nil && r.rules.Collect(m, all)
}

// of returns the values whose keys were collected, in that order.
func (r *keyedRules[T]) of(all *scoperules.Needs) (values []T) {
	for _, key := range all.Scopes.List() {
		values = append(values, r.all[key])
	}
	return values
}
