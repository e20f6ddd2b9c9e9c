package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Limits of a file.
const (
	MaxFileBytes = 1 << 20 // a configuration, a file of secrets, of one secret or of certificates
	MaxDepth     = 16      // nested lists and mappings of the block
	MaxNodes     = 20_000  // values of the block, each alias counted as all that it stands for
)

// blockName is the key of the block. mcp-agent's file has many others beside it, which
// are nobody's business here.
const blockName = "authorization"

// A text is YAML from somewhere.
type text struct {
	at    place
	body  []byte
	nodes int
	over  bool // a limit
	m     *mistakes
}

// block returns what stands under authorization:, nil if there is nothing.
func (t *text) block() *node {
	document := t.parse()
	if document == nil {
		return nil
	}
	if document.Kind != yaml.MappingNode {
		t.m.add(t.line(document), "is not a mapping; write %s: and below it, indented, its keys", blockName)
		return nil
	}
	var foundKey, found *yaml.Node
	var names []string
	for i := 0; i+1 < len(document.Content); i += 2 {
		key, value := meant(document.Content[i]), document.Content[i+1]
		switch {
		case key.Value == "<<" && key.Tag == "!!merge":
			t.m.add(t.line(key), "<<: merging is not supported here; write the keys out")
		case key.Value != blockName:
			if isName(key.Value) && didYouMean(key.Value, []string{blockName}) != "" {
				names = append(names, key.Value)
			}
		case found != nil:
			t.m.add(t.line(key), "%s stands twice", blockName)
		default:
			foundKey, found = key, value
		}
	}
	if found == nil {
		for _, name := range names {
			t.m.add(t.at, "%s: unknown key; did you mean %s?", name, blockName)
		}
		return nil
	}
	n := t.node(found, 0)
	if t.over {
		return nil
	}
	if n != nil && n.tag == "!!null" {
		t.m.add(n.at, "%s: is empty", blockName)
		return nil
	}
	if n != nil && n.kind != mapping {
		t.m.add(n.at, "%s: is not a mapping of keys", blockName)
		return nil
	}
	if n != nil {
		n.at = t.line(foundKey)
	}
	return n
}

// parse returns the one document.
func (t *text) parse() *yaml.Node {
	body := bytes.TrimPrefix(t.body, []byte("\ufeff"))
	switch {
	case !utf8.Valid(body):
		t.m.add(t.at, "is not UTF-8")
		return nil
	case bytes.IndexByte(body, 0) >= 0:
		t.m.add(t.at, "has a NUL byte")
		return nil
	}
	var document yaml.Node
	if err := yaml.Load(body, &document); err != nil {
		t.unreadable(err)
		return nil
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		t.m.add(t.at, "is empty")
		return nil
	}
	return document.Content[0]
}

// unreadable says what is wrong without quoting the text: an alias that is none, say, is
// often a secret that begins with an asterisk.
func (t *text) unreadable(err error) {
	at, message := t.at, "is no YAML"
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		if at.order != fromEnvironment {
			at.line = e.Mark.Line
		}
		if message += ": " + unquoted(e.Message); strings.Contains(e.Message, "anchor") {
			message = "is no YAML: an alias without its anchor; put a value that begins with * in quotes"
		}
	}
	switch all := err.Error(); {
	case strings.Contains(all, "found multiple"):
		message = "has several documents; keep one"
	case strings.Contains(all, "no documents"):
		message = "is empty"
	}
	t.m.add(at, "%s", message)
}

// unquoted cuts a message of the parser off where it quotes more than one character.
func unquoted(message string) string {
	parts := strings.Split(message, "'")
	for n := 1; n < len(parts); n += 2 { // between quotes
		if len(parts[n]) > 1 || n+1 == len(parts) {
			return strings.Join(parts[:n], "'") + "..."
		}
	}
	return message
}

// line is where a node stands. A text of the environment has no lines worth telling.
func (t *text) line(n *yaml.Node) place {
	at := t.at
	if at.order != fromEnvironment {
		at.line = n.Line
	}
	return at
}

// node copies a node and what is below it, strictly. It returns nil for what is wrong.
func (t *text) node(y *yaml.Node, depth int) *node {
	if t.nodes++; t.over {
		return nil
	}
	if t.over = t.nodes > MaxNodes || depth > MaxDepth; t.over {
		t.m.add(t.line(y), "more than %d values, or nested more than %d deep", MaxNodes, MaxDepth)
		return nil
	}
	n := &node{at: t.line(y), literal: t.at.order == fromEnvironment}
	switch y.Kind {
	case yaml.AliasNode:
		return t.node(y.Alias, depth+1)
	case yaml.SequenceNode:
		n.kind = list
		for _, item := range y.Content {
			if child := t.node(item, depth+1); child != nil {
				n.items = append(n.items, child)
			}
		}
	case yaml.MappingNode:
		n.kind = mapping
		t.members(n, y, depth)
	case yaml.ScalarNode:
		n.text, n.tag = y.Value, y.ShortTag()
	}
	return n
}

// meant is what an alias stands for, or the node itself.
func meant(y *yaml.Node) *yaml.Node {
	for y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	return y
}

func (t *text) members(n *node, y *yaml.Node, depth int) {
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := meant(y.Content[i]), y.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null":
			t.m.add(t.line(key), "a key is not a text")
		case key.ShortTag() == "!!merge":
			t.m.add(t.line(key), "<<: merging is not supported here; write the keys out")
		case n.member(key.Value) != nil:
			first := "" // a variable has no lines
			if line := n.member(key.Value).at.line; line > 0 {
				first = fmt.Sprintf(", first in line %d", line)
			}
			t.m.add(t.line(key), "%s stands twice%s", keyShown(key.Value), first)
		default:
			if child := t.node(value, depth+1); child != nil {
				n.members = append(n.members, member{key.Value, t.line(key), child})
			}
		}
	}
}

func keyShown(key string) string {
	if isName(key) {
		return key
	}
	return fmt.Sprintf("a key of %d bytes", len(key))
}
