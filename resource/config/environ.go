package config

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
)

const environPrefix = "AUTHORIZATION__"

// environ converts a list in the format of os.Environ to a map.
func environ(list []string, m *mistakes) map[string]string {
	vars := make(map[string]string, len(list))
	for _, entry := range list {
		name, value, _ := strings.Cut(entry, "=")
		if _, duplicate := vars[name]; duplicate && strings.HasPrefix(name, environPrefix) {
			m.add(position{source: environment, name: name}, "is set more than once")
		}
		vars[name] = value
	}
	return vars
}

// overrides returns a mapping with the values of variables such as
// AUTHORIZATION__ISSUER_URL, or nil if there are none. An unknown key is a mistake: a
// misspelled restriction must not be ignored.
func overrides(vars map[string]string, m *mistakes) *node {
	settings := reflect.TypeFor[Settings]()
	block := &node{kind: mapping, at: position{source: environment, name: "environment"}}
	for _, name := range sortedKeys(vars) {
		if len(name) < len(environPrefix) || !strings.EqualFold(name[:len(environPrefix)], environPrefix) {
			continue
		}
		at, rest := position{source: environment, name: name}, name[len(environPrefix):]
		known := keys(settings)
		n := slices.IndexFunc(known, func(k key) bool { return strings.EqualFold(k.name, rest) })
		switch {
		case n < 0:
			m.add(at, "unknown key%s", variableHint(rest, names(settings)))
		case name != strings.ToUpper(name):
			m.add(at, "must be in upper case")
		default:
			if value := variableNode(at, vars[name], known[n].field.Type, m); value != nil {
				block.members = append(block.members, member{known[n].name, at, value})
			}
		}
	}
	if len(block.members) == 0 {
		return nil
	}
	return block
}

// variableHint returns the end of a message about an unknown variable, which has the
// prefix and rest as its name.
func variableHint(rest string, known []string) string {
	if first, _, nested := strings.Cut(rest, "__"); nested && slices.Contains(known, strings.ToLower(first)) {
		return "; set " + environPrefix + strings.ToUpper(first) + " to the whole value, as JSON"
	}
	return didYouMean(strings.ToLower(rest), known)
}

// variableNode parses the value of a variable. Lists and mappings are JSON; a list of
// strings may also be comma-separated. Other values are used unchanged, including ${.
func variableNode(at position, value string, t reflect.Type, m *mistakes) *node {
	isMapping := t.Kind() == reflect.Map || t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct
	if t.Kind() != reflect.Slice && !isMapping {
		return &node{at: at, kind: scalar, text: value, tag: "!!str", literal: true}
	}
	trimmed := strings.TrimSpace(value)
	if strings.HasPrefix(trimmed, "[") || strings.HasPrefix(trimmed, "{") {
		p := parser{at: at, body: []byte(value), mistakes: m} // JSON is YAML
		if document := p.parse(); document != nil {
			return p.node(document, 0)
		}
		return nil
	}
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.String {
		m.add(at, "must be JSON: a list begins with [ and a mapping with {")
		return nil
	}
	n := &node{at: at, kind: list}
	for item := range bytes.SplitSeq([]byte(value), []byte(",")) {
		n.items = append(n.items, &node{at: at, kind: scalar, text: string(bytes.TrimSpace(item)), tag: "!!str", literal: true})
	}
	return n
}
