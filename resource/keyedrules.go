package resource

import (
	"fmt"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/scoperules"
)

// keyedRules are rules by operation that need values of another type than scopes. rules are like
// those for scopes, but they return keys of all instead of scopes. A nil value has no rules.
type keyedRules[T any] struct {
	rules *scoperules.Rules
	all   map[string]T
}

// add stores values and returns their keys.
func (r *keyedRules[T]) add(values ...T) (keys []string) {
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
