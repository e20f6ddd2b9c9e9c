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
	written   *regexp.Regexp   // of a template; nil otherwise
	templates []*regexp.Regexp // of a template, levelled; for each of reservedKept
	tails     []string         // what these end with: a look at it saves most of the matching
	scopes    []string
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
		p.forms = newResourceURI(p.text).forms
		if p.prefix && strings.HasSuffix(p.text, "/") {
			for i := range p.forms {
				p.forms[i] = strings.TrimSuffix(p.forms[i], "/") + "/"
			}
		}
		return p, nil
	}
	if p.written, err = templateRegexp(p.text); err != nil {
		return p, err
	}
	for _, keep := range reservedKept {
		levelled := levelTemplate(p.text, keep)
		match, err := templateRegexp(levelled)
		if err != nil {
			return p, err
		}
		p.templates = append(p.templates, match)
		p.tails = append(p.tails, levelled[strings.LastIndexByte(levelled, '}')+1:])
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

func templateRegexp(text string) (*regexp.Regexp, error) {
	template, err := uritemplate.New(text)
	if err != nil {
		return nil, errors.New("Template is no RFC 6570 template")
	}
	return template.Regexp(), nil
}

// names reports whether the rule's very text is the URI: that is beyond doubt in any
// spelling. A template is named as text by completion/complete.
func (p *resourcePattern) names(uri string) bool { return !p.prefix && p.text == uri }

// match reports whether the rule binds a plain URI, and whether it does so in the very
// spelling that was sent. The first asks for scopes, so it errs on the strict side; the
// second counts as having been declared.
func (p *resourcePattern) match(u *resourceURI) (binds, asWritten bool) {
	switch {
	case p.written != nil:
		asWritten = p.written.MatchString(u.written)
		binds = p.matchesTemplate(u)
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

func (p *resourcePattern) matchesTemplate(u *resourceURI) bool {
	slash := strings.HasSuffix(p.text, "/")
	for i, template := range p.templates {
		matches := func(text string) bool { return strings.HasSuffix(text, p.tails[i]) && template.MatchString(text) }
		for _, spelled := range u.spellings(i) {
			if matches(spelled) || slash && matches(spelled+"/") {
				return true
			}
		}
	}
	return false
}
