package scoperules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/uripattern"
)

// Keyed are rules by operation that need values of another type than scopes. They apply to messages
// as [Rules] do. A nil pointer has no rules.
type Keyed[T any] struct {
	rules *Rules       // with keys of all instead of scopes
	all   map[string]T // by key
}

// Given are rules to compile. V is the type of an entry.
type Given[V any] struct {
	Methods, Tools, Prompts map[string]V
	Resources               []GivenResource[V]
}

// GivenResource is a rule for the resources that Pattern matches.
type GivenResource[V any] struct {
	Pattern uripattern.Pattern
	Field   string // what follows the entry in mistakes about Value, such as ".Conditions"
	Value   V
}

// Compile compiles rules and adds their mistakes. where is their setting. compile checks one entry
// and returns its values.
func Compile[V, T any](where string, given Given[V], mistakes *configerr.List, compile func(where string, value V) []T) *Keyed[T] {
	k := &Keyed[T]{all: map[string]T{}}
	byName := func(field string, given map[string]V) map[string][]string {
		keys := map[string][]string{}
		for _, name := range slices.Sorted(maps.Keys(given)) {
			if name == "" {
				mistakes.Addf("%s.%s: empty name", where, field)
			}
			keys[name] = k.add(compile(fmt.Sprintf("%s.%s[%q]", where, field, name), given[name]))
		}
		return keys
	}
	k.rules = New(byName("Methods", given.Methods), byName("Tools", given.Tools), byName("Prompts", given.Prompts))
	for n, rule := range given.Resources {
		at := fmt.Sprintf("%s.Resources[%d]", where, n)
		mistakes.AddAt(at, k.rules.AddResource(rule.Pattern, k.add(compile(at+rule.Field, rule.Value))))
	}
	return k
}

// add stores values and returns their keys.
func (k *Keyed[T]) add(values []T) (keys []string) {
	for _, value := range values {
		key := fmt.Sprint(len(k.all))
		k.all[key] = value
		keys = append(keys, key)
	}
	return keys
}

// Collect adds the keys of what a message needs to all. It returns whether a rule of k names the
// message, or the protocol requires the method from every server; false if k is nil.
func (k *Keyed[T]) Collect(m *mcpmsg.Message, all *Needs) (named bool) {
	return k != nil && k.rules.Collect(m, all)
}

// Of returns the values whose keys Collect has added, in that order.
func (k *Keyed[T]) Of(all *Needs) (values []T) {
	for _, key := range all.Scopes.List() {
		values = append(values, k.all[key])
	}
	return values
}
