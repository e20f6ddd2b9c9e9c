// Package uripattern matches the URIs of MCP resources against patterns. It does not know
// tokens and scopes.
//
// Readers differ in which URIs they take for the same resource. Instead of following them,
// the package compares only plain URIs (see [IsPlain]), which leave no room for that, and
// reports every other URI as one that could be any resource.
//
// The exception is an exact pattern with a port, a query, an empty host or none, or one of the
// characters !$&'()*+,;=:@~. It matches its own text byte for byte. A reader could take that
// text for the plain URI that remains without these parts. So the pattern matches that plain
// URI too, and the text is also matched by the patterns that match that plain URI.
package uripattern

import (
	"errors"
	"fmt"
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

// compiled is the compiled form of a Pattern. head is in lower case.
type compiled struct {
	Pattern
	head  string // of a URI its base, a prefix, or the text before the first expression of a template
	plain bool

	written, anyCase *regexp.Regexp // of a template
}

// compile checks and compiles a pattern. Prefixes and templates must be able to match plain
// URIs.
func compile(p Pattern) (*compiled, error) {
	switch p.URI + p.Prefix + p.Template {
	case "":
	case p.URI:
		isExact := func(uri string) bool { return baseOf(uri) != "" }
		return &compiled{Pattern: p, head: strings.ToLower(baseOf(p.URI)), plain: IsPlain(p.URI)}, check(p.URI, "", isExact)
	case p.Prefix:
		return &compiled{Pattern: p, head: strings.ToLower(p.Prefix)}, check(p.Prefix, "a", IsPlain)
	case p.Template:
		parsed, err := uritemplate.New(p.Template)
		sample, head := expand(p.Template)
		if err != nil || strings.Contains(sample, "{") {
			return nil, errors.New("Template is not an RFC 6570 template")
		}
		if err := Check(sample); err != nil {
			return nil, fmt.Errorf("Template: its expansion %w", err)
		}
		anyCase := regexp.MustCompile("(?i)" + parsed.Regexp().String())
		return &compiled{Pattern: p, head: head, written: parsed.Regexp(), anyCase: anyCase}, nil
	}
	return nil, errors.New("set exactly one of URI, Prefix and Template")
}

// expression is one of a template: an operator, if any, and variables (RFC 6570 §2.2).
// Percent-encoded names of variables are not supported.
var expression = regexp.MustCompile(`\{(?:([./;?&#])|\+)?[A-Za-z0-9_.,:*]+\}`)

// expand returns an expansion of a template (RFC 6570 §3.2), and the text before its first
// expression in lower case. The expansion is not plain if an expression is malformed.
func expand(template string) (sample, head string) {
	head, _, _ = strings.Cut(template, "{")
	return expression.ReplaceAllString(template, "${1}a"), strings.ToLower(head)
}

// match reports whether the pattern matches a URI whose base begins with its head, and whether it
// matches the very spelling that was sent. base is in lower case.
func (c *compiled) match(uri, base string, isPlain bool, work *int) (ok, asWritten bool) {
	switch {
	case c.Template != "":
		*work += len(base)
		ok = *work <= MaxWork && c.anyCase.MatchString(base)
		return ok, ok && c.written.MatchString(uri)
	case c.Prefix != "":
		return true, strings.HasPrefix(uri, c.Prefix)
	}
	return base == c.head && (c.plain || isPlain || uri == c.URI), uri == c.URI
}
