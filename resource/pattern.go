package resource

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/yosida95/uritemplate/v3"
	"golang.org/x/text/unicode/norm"

	"github.com/warder-go/warder/internal/strictjson"
)

// resourcePattern is a ResourceRule made ready.
type resourcePattern struct {
	text      string   // as written
	forms     []string // levelled; of a URI or a prefix
	prefix    bool
	written   *template   // nil if it is none
	templates []*template // levelled, for each of reservedKept
	scopes    []string
}

// template is an RFC 6570 template as the MCP SDKs match it. Regular expressions of Go
// take time in proportion to the text, but some 100 ns for each byte: so a look at the
// literal parts comes first, and what is left is counted, see MaxTemplateBytes.
type template struct {
	text     string
	literals []string // between its expressions, one more than there are of these
	regexp   *regexp.Regexp
}

// A variable matches reserved characters in encoded form only, the form-style ones
// have some in plain: so all spellings are tried, in which these are left.
var reservedKept = [...]string{"/", "/?#", ":/?#[]@!$&'()*+,;="}

func newResourcePattern(rule ResourceRule) (p resourcePattern, err error) {
	given := 0
	for _, text := range []string{rule.URI, rule.Prefix, rule.Template} {
		if text != "" {
			given++
			p.text = text
		}
	}
	if given != 1 {
		return p, errors.New("give exactly one of URI, Prefix and Template")
	}
	p.prefix, p.scopes = rule.Prefix != "", rule.Scopes
	if rule.Template == "" {
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
		return nil, errors.New("Template is no RFC 6570 template")
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

// matches adds to work what it has cost. Beyond MaxTemplateBytes it only says no.
func (t *template) matches(text string, work *int) bool {
	if *work++; *work > MaxTemplateBytes {
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
func (p *resourcePattern) names(uri string) bool { return !p.prefix && p.text == uri }

// match reports whether the rule binds a plain URI, and whether it does so in the very
// spelling that was sent. The first asks for scopes, so it errs on the strict side; the
// second counts as having been declared. For work see [template.matches].
func (p *resourcePattern) match(u *resourceURI, work *int) (binds, asWritten bool) {
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

func (p *resourcePattern) matchesTemplate(u *resourceURI, work *int) bool {
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
