package config

import (
	"errors"
	"fmt"
	"strings"
)

// expand replaces ${VAR} by the value of an environment variable, which must be set, and
// ${VAR:-default} by the default if the variable is unset or empty. It replaces $${ by a
// literal ${ and leaves other dollar signs unchanged. Values are not expanded or parsed
// again, so the environment cannot add keys, lists or variables. The result expanded
// reports whether there was a variable.
func expand(text string, lookup func(string) (string, bool)) (out string, expanded bool, err error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		if !found {
			b.WriteString(text)
			return b.String(), expanded, nil
		}
		if strings.HasSuffix(before, "$") {
			b.WriteString(before + "{")
			text = rest
			continue
		}
		b.WriteString(before)
		inside, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", false, errors.New("${ without }; write $${ for a literal ${")
		}
		value, err := expandVariable(inside, lookup)
		if err != nil {
			return "", false, err
		}
		b.WriteString(value)
		text, expanded = after, true
	}
}

// expandVariable returns the value for the text between ${ and }.
func expandVariable(inside string, lookup func(string) (string, bool)) (string, error) {
	name, fallback, hasFallback := strings.Cut(inside, ":-")
	if !isVariableName(name) {
		return "", errors.New("${ is not followed by a variable name; write ${NAME} or ${NAME:-default}, or $${ for a literal ${")
	}
	value, set := lookup(name)
	switch {
	case hasFallback && value == "":
		return fallback, nil
	case !set:
		return "", fmt.Errorf("environment variable %s is not set; set it or write ${%s:-default}", name, name)
	}
	return value, nil
}

func isVariableName(name string) bool {
	return name != "" && (name[0] < '0' || name[0] > '9') &&
		strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}
