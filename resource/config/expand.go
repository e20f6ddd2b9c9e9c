package config

import (
	"errors"
	"fmt"
	"strings"
)

// expand puts the values of variables into a text: ${VAR}, which must be set, and
// ${VAR:-default}, for one that may be unset or empty. $${ stands for ${. Every other
// dollar sign is one. What comes out is a text, whatever is in it: nothing in the
// environment becomes a key, a list or another variable.
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
			return "", false, errors.New("${ without its }; write $${ for the characters ${")
		}
		value, err := variable(inside, lookup)
		if err != nil {
			return "", false, err
		}
		b.WriteString(value)
		text, expanded = after, true
	}
}

func variable(inside string, lookup func(string) (string, bool)) (string, error) {
	name, fallback, hasFallback := strings.Cut(inside, ":-")
	if !isVariable(name) {
		return "", errors.New("${ with something that is not the name of a variable; write ${NAME} or ${NAME:-default}, or $${ for the characters ${")
	}
	value, set := lookup(name)
	switch {
	case hasFallback && value == "":
		return fallback, nil
	case !set:
		return "", fmt.Errorf("the environment variable %s is not set; set it, or write ${%s:-default}", name, name)
	}
	return value, nil
}

func isVariable(name string) bool {
	return name != "" && (name[0] < '0' || name[0] > '9') &&
		strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}
