package config

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
)

// Sources, in the order in which a later one overrides an earlier.
const (
	fromFile = iota
	fromSecrets
	fromEnvironment
)

const environPrefix = "AUTHORIZATION__"

// environ is the process's environment as a map.
func environ(list []string, m *mistakes) map[string]string {
	vars := make(map[string]string, len(list))
	for _, entry := range list {
		name, value, _ := strings.Cut(entry, "=")
		if _, twice := vars[name]; twice && strings.HasPrefix(name, environPrefix) {
			m.add(place{fromEnvironment, name, 0}, "is set twice")
		}
		vars[name] = value
	}
	return vars
}

// overrides returns a mapping of what variables such as AUTHORIZATION__ISSUER_URL say,
// nil if there are none. A name that is no key's is a mistake: a restriction that
// somebody relies on must not get lost in a misspelling.
func overrides(vars map[string]string, m *mistakes) *node {
	settings := reflect.TypeFor[Settings]()
	all := &node{kind: mapping, at: place{order: fromEnvironment, from: "environment"}}
	for _, name := range sorted(vars) {
		if len(name) < len(environPrefix) || !strings.EqualFold(name[:len(environPrefix)], environPrefix) {
			continue
		}
		at, rest := place{order: fromEnvironment, from: name}, name[len(environPrefix):]
		known := keys(settings)
		n := slices.IndexFunc(known, func(k key) bool { return strings.EqualFold(k.name, rest) })
		switch {
		case n < 0:
			hint := didYouMean(strings.ToLower(rest), names(settings))
			if first, _, nested := strings.Cut(rest, "__"); nested && slices.Contains(names(settings), strings.ToLower(first)) {
				hint = "; give " + environPrefix + strings.ToUpper(first) + " the whole value, as JSON"
			}
			m.add(at, "unknown key%s", hint)
		case name != strings.ToUpper(name):
			m.add(at, "write it in upper case")
		default:
			if value := variableNode(at, vars[name], known[n].field.Type, m); value != nil {
				all.members = append(all.members, member{known[n].name, at, value})
			}
		}
	}
	if len(all.members) == 0 {
		return nil
	}
	return all
}

// variableNode reads the value of a variable: what has parts is JSON, a plain list also
// texts with commas between. A single value is what it is, dollar signs included.
func variableNode(at place, value string, of reflect.Type, m *mistakes) *node {
	if of.Kind() != reflect.Slice && of.Kind() != reflect.Map {
		return &node{at: at, kind: scalar, text: value, tag: "!!str", literal: true}
	}
	trimmed := strings.TrimSpace(value)
	if strings.HasPrefix(trimmed, "[") || strings.HasPrefix(trimmed, "{") {
		t := text{at: at, body: []byte(value), m: m}
		if document := t.parse(); document != nil {
			return t.node(document, 0)
		}
		return nil
	}
	if of != reflect.TypeFor[[]string]() {
		m.add(at, "is not JSON: it begins with [ for a list and with { for a mapping")
		return nil
	}
	n := &node{at: at, kind: list}
	for item := range bytes.SplitSeq([]byte(value), []byte(",")) {
		n.items = append(n.items, &node{at: at, kind: scalar, text: string(bytes.TrimSpace(item)), tag: "!!str", literal: true})
	}
	return n
}
