// Package uripattern matches the URIs of MCP resources against patterns. It does not know
// tokens and scopes.
//
// Readers differ in which URIs they take for the same resource. Instead of following them,
// the package compares only plain URIs (see [IsPlain]), which leave no room for that, and
// reports every other URI as one that could be any resource.
package uripattern

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/yosida95/uritemplate/v3"
)

// Pattern matches URIs. Exactly one of the fields is set.
type Pattern struct {
	URI      string // exact
	Prefix   string // of the URI
	Template string // RFC 6570, matched as the MCP SDKs do
}

// compiled is the compiled form of a Pattern. The texts are in lower case.
type compiled struct {
	text    string // as written, not in lower case
	exact   string // of a URI
	prefix  string
	head    string         // of a template: the text before the first expression
	regexp  *regexp.Regexp // of a template, in lower case
	written *regexp.Regexp // of a template, as written
}

// compile checks and compiles a pattern. A pattern must be plain, as the URIs that it matches
// are. The exception is a URI with a port, a query or an empty host, or without "//": it is
// matched byte for byte, and no other spelling matches it.
func compile(p Pattern) (*compiled, error) {
	switch {
	case p.URI != "" && p.Prefix == "" && p.Template == "":
		if !IsPlain(p.URI) && !isOtherURI(p.URI) {
			return nil, notPlain(p.URI)
		}
		return &compiled{text: p.URI, exact: fold(p.URI)}, nil
	case p.Prefix != "" && p.URI == "" && p.Template == "":
		if !IsPlain(p.Prefix + "a") {
			return nil, notPlain(p.Prefix)
		}
		return &compiled{text: p.Prefix, prefix: fold(p.Prefix)}, nil
	case p.Template != "" && p.URI == "" && p.Prefix == "":
		return compileTemplate(p.Template)
	}
	return nil, errors.New("set exactly one of URI, Prefix and Template")
}

// isOtherURI reports whether a URI is absolute, and not plain only because it has a port, a
// query or an empty host, as in memo:///insights, or because it has no "//".
func isOtherURI(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Fragment != "" || u.User != nil || !strings.HasPrefix(text, u.Scheme) {
		return false
	}
	if u.Opaque != "" {
		return consistsOf(u.Scheme, schemeChars)
	}
	text, _, _ = strings.Cut(text, "?")
	if u.Host == "" && u.Scheme != "file" {
		return IsPlain(strings.Replace(text, ":///", "://host/", 1))
	}
	return IsPlain(strings.Replace(text, "://"+u.Host, "://"+u.Hostname(), 1))
}

// template is a parsed RFC 6570 template.
type template struct {
	head   string // the text before the first expression
	folded string // the template, with the text between the expressions in lower case
	sample string // an expansion
}

// parseTemplate does not check the expressions beyond their characters.
func parseTemplate(text string) (t template, ok bool) {
	var folded, sample strings.Builder
	t.head, _, _ = strings.Cut(text, "{")
	for rest := text; rest != ""; {
		literal, more, found := strings.Cut(rest, "{")
		expression, after, closed := strings.Cut(more, "}")
		folded.WriteString(fold(literal))
		sample.WriteString(literal)
		if found {
			if !closed || !isExpression(expression) {
				return template{}, false
			}
			folded.WriteString("{" + expression + "}")
			sample.WriteString(sampleOf(expression))
		}
		rest = after
	}
	t.folded, t.sample = folded.String(), sample.String()
	return t, true
}

// An expression is an operator, if any, and variables (RFC 6570 §2.2). Percent-encoded names of
// variables are not supported.
const (
	operators     = "+#./;?&"
	variableChars = lower + upper + digits + "_.,:*"
)

func isExpression(text string) bool {
	if text != "" && strings.Contains(operators, text[:1]) {
		text = text[1:]
	}
	return consistsOf(text, variableChars)
}

// compileTemplate requires that expansions of the template can be plain.
func compileTemplate(text string) (*compiled, error) {
	errTemplate := errors.New("Template is not an RFC 6570 template")
	t, ok := parseTemplate(text)
	if !ok {
		return nil, errTemplate
	}
	written, err := uritemplate.New(text)
	if err != nil {
		return nil, errTemplate
	}
	if !IsPlain(t.sample) {
		return nil, fmt.Errorf("Template: its expansion %w", notPlain(t.sample))
	}
	folded, err := uritemplate.New(t.folded)
	if err != nil {
		return nil, errTemplate
	}
	return &compiled{text: text, head: fold(t.head), regexp: folded.Regexp(), written: written.Regexp()}, nil
}

// sampleOf returns an expansion of an expression (RFC 6570 §3.2).
func sampleOf(expression string) string {
	if strings.Contains("/.;?&#", expression[:1]) {
		return expression[:1] + "a"
	}
	return "a"
}

// match reports whether the pattern matches a plain URI, and whether it matches the very
// spelling that was sent. folded is the URI in lower case.
func (c *compiled) match(uri, folded string, work *int) (ok, asWritten bool) {
	switch {
	case c.regexp != nil:
		*work += len(uri)
		if *work > MaxWork || !c.regexp.MatchString(folded) {
			return false, false
		}
		return true, c.written.MatchString(uri)
	case c.prefix != "":
		return strings.HasPrefix(folded, c.prefix) || folded+"/" == c.prefix, strings.HasPrefix(uri, c.text)
	}
	return folded == c.exact, uri == c.text
}

// fold converts ASCII letters to lower case. It does not change other characters.
func fold(text string) string {
	for i := range len(text) {
		if c := text[i]; 'A' <= c && c <= 'Z' {
			return strings.Map(func(r rune) rune {
				if 'A' <= r && r <= 'Z' {
					return r + 'a' - 'A'
				}
				return r
			}, text)
		}
	}
	return text
}

// overlaps reports whether the pattern could match an expansion of a template with this head,
// in lower case. It looks at the heads only, so it can report too much but not too little.
func (c *compiled) overlaps(head string) bool {
	if c.exact != "" {
		return strings.HasPrefix(c.exact, head)
	}
	own := c.prefix + c.head
	return strings.HasPrefix(own, head) || strings.HasPrefix(head, own)
}
