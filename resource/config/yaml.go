package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Limits of the input.
const (
	maxFileBytes = 1 << 20 // size of a configuration file, a secrets file, a file with one secret or a file of certificates
	maxDepth     = 16      // nesting of lists and mappings in the block
	maxNodes     = 20_000  // values in the block; an alias counts as everything that it refers to
)

// blockName is the key of the block. The file of mcp-agent has many other top-level keys,
// which are ignored.
const blockName = "authorization"

// block returns the place of the block in the main file.
func (c *Config) block() string { return cmp.Or(c.Block, blockName) }

// A parser parses YAML of a file, of Config.Text or of an environment variable.
type parser struct {
	at       position
	body     []byte
	name     string // of the block: see Config.Block
	nodes    int
	exceeded bool // maxNodes or maxDepth
	mistakes *mistakes
}

// block returns the content of the block, or nil without a valid block.
func (p *parser) block() *node {
	document := p.parse()
	if document == nil {
		return nil
	}
	if document.Kind != yaml.MappingNode {
		p.mistakes.add(p.position(document), "is not a mapping; write %s: and indent its keys below it", blockName)
		return nil
	}
	key, value := p.findBlock(document)
	if value == nil {
		return nil
	}
	n := p.node(value, 0)
	switch {
	case p.exceeded || n == nil:
		return nil
	case n.tag == "!!null":
		p.mistakes.add(n.at, "%s: is empty", p.name)
		return nil
	case n.kind != mapping:
		p.mistakes.add(n.at, "%s: is not a mapping of keys", p.name)
		return nil
	}
	n.at = p.position(key)
	return n
}

// findBlock returns the key and the value of the block.
func (p *parser) findBlock(document *yaml.Node) (key, block *yaml.Node) {
	block = document
	for step := range strings.SplitSeq(p.name, ".") {
		name, index, isItem := strings.Cut(strings.TrimSuffix(step, "]"), "[")
		if block.Kind != yaml.MappingNode {
			return nil, nil
		}
		if key, block = p.findKey(block, name); block == nil {
			return nil, nil
		}
		if !isItem {
			continue
		}
		n, err := strconv.Atoi(index)
		if block.Kind != yaml.SequenceNode || err != nil || n < 0 || n >= len(block.Content) {
			return nil, nil
		}
		block = resolveAlias(block.Content[n])
	}
	return key, block
}

// findKey returns a key of a mapping with its value. Without it, it adds mistakes for keys that
// look like it.
func (p *parser) findKey(of *yaml.Node, name string) (found, value *yaml.Node) {
	var similar []string
	for i := 0; i+1 < len(of.Content); i += 2 {
		key := resolveAlias(of.Content[i])
		switch {
		case key.Value == "<<" && key.Tag == "!!merge":
			p.addMergeKey(key)
		case key.Value != name:
			if isPrintableKey(key.Value) && didYouMean(key.Value, []string{name}) != "" {
				similar = append(similar, key.Value)
			}
		case value != nil:
			p.mistakes.add(p.position(key), "duplicate key %s", name)
		default:
			found, value = key, resolveAlias(of.Content[i+1])
		}
	}
	if value == nil {
		for _, key := range similar {
			p.mistakes.add(p.at, "%s: unknown key; did you mean %s?", key, name)
		}
	}
	return found, value
}

func (p *parser) addMergeKey(key *yaml.Node) {
	p.mistakes.add(p.position(key), "<<: merge keys are not supported; write out the keys")
}

// parse returns the root of the only document.
func (p *parser) parse() *yaml.Node {
	body := bytes.TrimPrefix(p.body, []byte("\ufeff"))
	switch {
	case !utf8.Valid(body):
		p.mistakes.add(p.at, "is not UTF-8")
		return nil
	case bytes.IndexByte(body, 0) >= 0:
		p.mistakes.add(p.at, "has a NUL byte")
		return nil
	}
	var document yaml.Node
	if err := yaml.Load(body, &document); err != nil {
		p.addSyntaxError(err)
		return nil
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		p.mistakes.add(p.at, "is empty")
		return nil
	}
	return document.Content[0]
}

// addSyntaxError does not quote the text, which may contain a secret: for example, a secret
// that begins with an asterisk is an alias without an anchor.
func (p *parser) addSyntaxError(err error) {
	at, message := p.at, "is not valid YAML"
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		if at.source != environment {
			at.line = e.Mark.Line
		}
		if message += ": " + withoutQuotes(e.Message); strings.Contains(e.Message, "anchor") {
			message = "is not valid YAML: an alias has no anchor; put a value that begins with * in quotes"
		}
	}
	switch text := err.Error(); {
	case strings.Contains(text, "found multiple"):
		message = "has more than one YAML document; keep one"
	case strings.Contains(text, "no documents"):
		message = "is empty"
	case p.isIndentedWithTab(at.line):
		message = "has a tab in the indentation; YAML allows only spaces there"
	}
	p.mistakes.add(at, "%s", message)
}

// isIndentedWithTab reports whether the indentation of a line contains a tab.
func (p *parser) isIndentedWithTab(line int) bool {
	lines := strings.Split(string(p.body), "\n")
	if line < 1 || line > len(lines) {
		return false
	}
	text := lines[line-1]
	return strings.Contains(text[:len(text)-len(strings.TrimLeft(text, " \t"))], "\t")
}

// withoutQuotes cuts a message of the YAML parser before the first quotation of more than
// one character.
func withoutQuotes(message string) string {
	parts := strings.Split(message, "'")
	for n := 1; n < len(parts); n += 2 { // the parts between quotes
		if len(parts[n]) > 1 || n+1 == len(parts) {
			return strings.Join(parts[:n], "'") + "..."
		}
	}
	return message
}

// position returns the position of a YAML node. Environment variables have no lines.
func (p *parser) position(n *yaml.Node) position {
	at := p.at
	if at.source != environment {
		at.line = n.Line
	}
	return at
}

// node converts a YAML node and its descendants. It returns nil if it has added a mistake.
func (p *parser) node(y *yaml.Node, depth int) *node {
	if p.nodes++; p.exceeded {
		return nil
	}
	if p.exceeded = p.nodes > maxNodes || depth > maxDepth; p.exceeded {
		p.mistakes.add(p.position(y), "more than %d values, or more than %d levels of nesting", maxNodes, maxDepth)
		return nil
	}
	n := &node{at: p.position(y), literal: p.at.source == environment}
	switch y.Kind {
	case yaml.AliasNode:
		return p.node(y.Alias, depth+1)
	case yaml.SequenceNode:
		n.kind = list
		for _, item := range y.Content {
			if child := p.node(item, depth+1); child != nil {
				n.items = append(n.items, child)
			}
		}
	case yaml.MappingNode:
		n.kind = mapping
		p.addMembers(n, y, depth)
	case yaml.ScalarNode:
		n.text, n.tag = y.Value, y.ShortTag()
	}
	return n
}

func resolveAlias(y *yaml.Node) *yaml.Node {
	for y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	return y
}

func (p *parser) addMembers(n *node, y *yaml.Node, depth int) {
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := resolveAlias(y.Content[i]), y.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null":
			p.mistakes.add(p.position(key), "a key is not a string")
		case key.ShortTag() == "!!merge":
			p.addMergeKey(key)
		case n.member(key.Value) != nil:
			first := ""
			if line := n.member(key.Value).at.line; line > 0 {
				first = fmt.Sprintf("; first set on line %d", line)
			}
			p.mistakes.add(p.position(key), "duplicate key %s%s", printableKey(key.Value), first)
		default:
			if child := p.node(value, depth+1); child != nil {
				n.members = append(n.members, member{key.Value, p.position(key), child})
			}
		}
	}
}

func printableKey(key string) string {
	if isPrintableKey(key) {
		return key
	}
	return fmt.Sprintf("of %d bytes", len(key))
}
