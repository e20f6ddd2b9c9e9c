package uripattern

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/yosida95/uritemplate/v3"
	"golang.org/x/text/unicode/norm"

	"github.com/warder-go/warder/internal/strictjson"
)

// Pattern names resources. Exactly one of the three is given.
type Pattern struct {
	URI      string // exact
	Prefix   string // of the URI
	Template string // RFC 6570, matched as the MCP SDKs do
}

// Match reports whether the pattern is for the URI, in this or another spelling. A URI
// that readers could resolve in several ways is matched like any other here, and a
// pattern that [Set.Add] would refuse matches nothing.
func (p Pattern) Match(uri string) bool {
	c, err := compile(p)
	if err != nil {
		return false
	}
	binds, _ := c.match(newURI(uri), new(int))
	return c.names(uri) || binds
}

// compiled is a Pattern, parsed.
type compiled struct {
	text      string   // as written
	forms     []string // levelled; of a URI or a prefix
	prefix    bool
	written   *template   // nil if it is none
	templates []*template // levelled, for each of reservedKept
}

// template is an RFC 6570 template as the MCP SDKs match it. Regular expressions of Go
// take time in proportion to the text, but some 100 ns for each byte: so a look at the
// literal parts comes first, and what is left is counted, see MaxWork.
type template struct {
	text     string
	literals []string // between its expressions, one more than there are of these
	regexp   *regexp.Regexp
}

// A variable matches reserved characters in encoded form only, the form-style ones
// have some in plain: so all spellings are tried, in which these are left.
var reservedKept = [...]string{"/", "/?#", ":/?#[]@!$&'()*+,;="}

func compile(pattern Pattern) (p compiled, err error) {
	given := 0
	for _, text := range []string{pattern.URI, pattern.Prefix, pattern.Template} {
		if text != "" {
			given++
			p.text = text
		}
	}
	if given != 1 {
		return p, errors.New("give exactly one of URI, Prefix and Template")
	}
	p.prefix = pattern.Prefix != ""
	if pattern.Template == "" {
		p.forms = levelURI(p.text).forms
		if p.prefix && strings.HasSuffix(p.text, "/") {
			for i := range p.forms {
				p.forms[i] = strings.TrimSuffix(p.forms[i], "/") + "/"
			}
		}
		return p, nil
	}
	if p.written, err = newTemplate(p.text); err != nil {
		return p, err
	}
	for _, keep := range reservedKept {
		levelled, err := newTemplate(levelTemplate(p.text, keep))
		if err != nil {
			return p, err
		}
		p.templates = append(p.templates, levelled)
	}
	return p, nil
}

// levelTemplate levels the text between the expressions of a template.
func levelTemplate(text, keep string) string {
	var out strings.Builder
	for first := true; text != ""; first = false {
		literal, rest, _ := strings.Cut(text, "{")
		expression, after, ok := strings.Cut(rest, "}")
		decoded, _ := decodePercent(literal, "/?#")
		out.WriteString(encodePercent(strictjson.Fold(norm.NFKC.String(decoded)), keep, first))
		if ok {
			out.WriteString("{" + expression + "}")
		}
		text = after
	}
	return out.String()
}

func newTemplate(text string) (*template, error) {
	parsed, err := uritemplate.New(text)
	if err != nil {
		return nil, errors.New("Template is not an RFC 6570 template")
	}
	t := &template{text: text, regexp: parsed.Regexp()}
	for parts, more := text, true; more; {
		var literal string
		literal, parts, more = strings.Cut(parts, "{")
		t.literals = append(t.literals, literal)
		_, parts, _ = strings.Cut(parts, "}")
	}
	return t, nil
}

// matches adds to work what it has cost. Beyond MaxWork it only says no.
func (t *template) matches(text string, work *int) bool {
	if *work++; *work > MaxWork {
		return false
	}
	rest, ok := strings.CutPrefix(text, t.literals[0])
	last := len(t.literals) - 1
	for i := 1; ok && i < last; i++ {
		_, rest, ok = strings.Cut(rest, t.literals[i])
	}
	if !ok || last > 0 && !strings.HasSuffix(rest, t.literals[last]) {
		return false
	}
	*work += len(text)
	return t.regexp.MatchString(text)
}

// names reports whether the rule's very text is the URI: that is beyond doubt in any
// spelling. A template is named as text by completion/complete.
func (p *compiled) names(text string) bool { return !p.prefix && p.text == text }

// match reports whether the rule binds a plain URI, and whether it does so in the very
// spelling that was sent. The first asks for scopes, so it errs on the strict side; the
// second counts as having been declared. For work see [template.matches].
func (p *compiled) match(u *uri, work *int) (binds, asWritten bool) {
	switch {
	case p.written != nil:
		asWritten = p.written.matches(u.written, work)
		binds = asWritten || p.matchesTemplate(u, work)
	case p.prefix:
		asWritten = strings.HasPrefix(u.written, p.text)
		binds = slices.ContainsFunc(u.forms, func(form string) bool {
			return slices.ContainsFunc(p.forms, func(prefix string) bool {
				return strings.HasPrefix(form, prefix) || form+"/" == prefix
			})
		})
	default:
		asWritten = u.written == p.text
		binds = slices.ContainsFunc(u.forms, func(form string) bool { return slices.Contains(p.forms, form) })
	}
	return binds || asWritten, asWritten
}

func (p *compiled) matchesTemplate(u *uri, work *int) bool {
	slash := strings.HasSuffix(p.text, "/")
	for i, t := range p.templates {
		same := i > 0 && t.text == p.templates[i-1].text
		for _, spelled := range u.spellings(i) {
			if same && slices.Contains(u.spellings(i-1), spelled) {
				continue // tried already
			}
			if t.matches(spelled, work) || slash && t.matches(spelled+"/", work) {
				return true
			}
		}
	}
	return false
}
