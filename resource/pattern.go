package resource

import (
	"errors"
	"regexp"
	"strings"

	"github.com/yosida95/uritemplate/v3"

	"github.com/warder-go/warder/internal/strictjson"
)

// resourcePattern is a ResourceRule made ready.
type resourcePattern struct {
	text    string // as written
	level   string // levelled; unless a template
	prefix  bool
	written *regexp.Regexp // of a template; nil otherwise
	levels  *regexp.Regexp // of the template in lower case
	scopes  []string
}

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
		p.level = levelPattern(p.text, p.prefix)
		return p, nil
	}
	if p.written, err = templateRegexp(p.text); err != nil {
		return p, err
	}
	p.levels, err = templateRegexp(strictjson.Fold(p.text))
	return p, err
}

// levelPattern levels a rule's own text: a prefix keeps the slash at its end.
func levelPattern(text string, prefix bool) string {
	u := newResourceURI(text)
	if prefix && strings.HasSuffix(text, "/") {
		return u.level + "/"
	}
	if prefix {
		return u.level
	}
	return u.head
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
func (p *resourcePattern) match(u resourceURI) (binds, asWritten bool) {
	switch {
	case p.written != nil:
		asWritten = p.written.MatchString(u.written)
		binds = p.levels.MatchString(strictjson.Fold(u.written)) || p.levels.MatchString(u.level) || p.levels.MatchString(u.head)
	case p.prefix:
		asWritten = strings.HasPrefix(u.written, p.text)
		binds = strings.HasPrefix(u.level, p.level) || strings.HasPrefix(u.head+"/", p.level)
	default:
		asWritten = u.written == p.text
		binds = u.head == p.level
	}
	return binds || asWritten, asWritten
}

// ofResource returns the scopes of the rules that bind a resource, and whether one of
// them names it. A URI that is not plain could be any resource: it needs what any of
// the rules asks for, and is named by nobody but a rule with that very text.
func (r *rules) ofResource(uri string) (scopes []string, named bool) {
	for i := range r.resources {
		if p := &r.resources[i]; p.names(uri) {
			scopes, named = union(scopes, p.scopes), true
		}
	}
	u := newResourceURI(uri)
	if !u.plain && named {
		return scopes, true
	}
	for i := range r.resources {
		p := &r.resources[i]
		binds, asWritten := p.match(u)
		if binds || !u.plain {
			scopes = union(scopes, p.scopes)
		}
		named = named || asWritten && u.plain
	}
	return scopes, named
}
