package resource

import (
	"errors"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/yosida95/uritemplate/v3"

	"github.com/warder-go/warder/internal/strictjson"
)

// resourcePattern is a ResourceRule made ready.
type resourcePattern struct {
	text    string // as written
	level   string // levelled
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
		p.level = levelURI(p.text)
		return p, nil
	}
	p.level = strictjson.Fold(p.text) // a template is compared as text where it is named as such
	if p.written, err = templateRegexp(p.text); err != nil {
		return p, err
	}
	p.levels, err = templateRegexp(p.level)
	return p, err
}

func templateRegexp(text string) (*regexp.Regexp, error) {
	template, err := uritemplate.New(text)
	if err != nil {
		return nil, errors.New("Template is no RFC 6570 template")
	}
	return template.Regexp(), nil
}

// match reports whether the rule binds the URI in some spelling, and whether in the
// very spelling that was sent. The first asks for scopes, so it errs on the strict
// side; the second counts as having been declared.
func (p *resourcePattern) match(uri string) (binds, asWritten bool) {
	switch {
	case p.written != nil:
		asWritten = uri == p.text || p.written.MatchString(uri)
	case p.prefix:
		asWritten = strings.HasPrefix(uri, p.text)
	default:
		asWritten = uri == p.text
	}
	if asWritten {
		return true, true
	}
	level := levelURI(uri)
	switch {
	case p.written != nil:
		return strictjson.Fold(uri) == p.level || p.levels.MatchString(level) || p.levels.MatchString(escapePath(level)), false
	case p.prefix:
		return strings.HasPrefix(level, p.level) || level+"/" == p.level, false
	}
	return level == p.level, false
}

// levelURI brings all spellings under which some file system or handler could take
// two URIs for the same to one: percent-encoding undone, also where it was doubled,
// query and fragment dropped, backslashes turned, dot segments and doubled slashes
// resolved, case folded. The result is for comparing, not for use.
func levelURI(uri string) string {
	for range 3 {
		decoded, err := url.PathUnescape(uri)
		if err != nil || decoded == uri {
			break
		}
		uri = decoded
	}
	if end := strings.IndexAny(uri, "?#\x00"); end >= 0 {
		uri = uri[:end]
	}
	uri = strictjson.Fold(strings.ReplaceAll(uri, `\`, "/"))
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok || !strings.HasPrefix(rest, "/") {
		return uri
	}
	authority := ""
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		authority, rest, ok = strings.Cut(after, "/")
		authority = "//" + authority
		if !ok {
			return scheme + ":" + authority
		}
		rest = "/" + rest
	}
	clean := path.Clean(rest)
	if strings.HasSuffix(rest, "/") && clean != "/" {
		clean += "/"
	}
	return scheme + ":" + authority + clean
}

// escapePath encodes again what a template's variables match in encoded form only.
func escapePath(uri string) string {
	return (&url.URL{Path: uri}).EscapedPath()
}
