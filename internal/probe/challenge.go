package probe

import (
	"errors"
	"fmt"
	"strings"
)

// challenge is one challenge of a WWW-Authenticate field (RFC 9110 §11.6.1).
type challenge struct {
	scheme  string
	token68 string
	params  []param
}

// param is one auth-param.
type param struct {
	name, value string
	quoted      bool // the value is a quoted-string
	spaced      bool // white space around the equals sign
}

// get returns the first parameter with a name, which is compared without regard to case.
func (c challenge) get(name string) (param, bool) {
	for _, p := range c.params {
		if strings.EqualFold(p.name, name) {
			return p, true
		}
	}
	return param{}, false
}

// parseChallenges parses one value of the field WWW-Authenticate by the grammar of RFC 9110
// §11.6.1. It returns what it has read before a mistake.
func parseChallenges(value string) (found []challenge, err error) {
	r := &fieldReader{rest: value}
	for {
		r.skip(" \t,")
		if r.rest == "" {
			return found, nil
		}
		name := r.token()
		if name == "" {
			return found, fmt.Errorf("character %q where a scheme or a parameter begins", r.rest[0])
		}
		spaces := r.skip(" \t")
		if strings.HasPrefix(r.rest, "=") {
			if len(found) == 0 || found[len(found)-1].token68 != "" {
				return found, errors.New("a parameter that belongs to no scheme")
			}
			p, err := r.param(name, spaces > 0)
			if err != nil {
				return found, err
			}
			last := &found[len(found)-1]
			last.params = append(last.params, p)
		} else {
			found = append(found, challenge{scheme: name, token68: r.token68()})
		}
		if r.skip(" \t"); r.rest != "" && r.rest[0] != ',' && !r.schemeOnly(found) {
			return found, errors.New("no comma between two parameters")
		}
	}
}

// fieldReader reads a field value from its start.
type fieldReader struct{ rest string }

// schemeOnly reports whether the last thing that was read is a scheme, which parameters follow.
func (r *fieldReader) schemeOnly(found []challenge) bool {
	last := found[len(found)-1]
	return len(last.params) == 0 && last.token68 == ""
}

func (r *fieldReader) skip(set string) int {
	trimmed := strings.TrimLeft(r.rest, set)
	n := len(r.rest) - len(trimmed)
	r.rest = trimmed
	return n
}

// token reads a token (RFC 9110 §5.6.2).
func (r *fieldReader) token() string {
	end := strings.IndexFunc(r.rest, func(c rune) bool { return !isTokenChar(c) })
	if end < 0 {
		end = len(r.rest)
	}
	text := r.rest[:end]
	r.rest = r.rest[end:]
	return text
}

func isTokenChar(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}

// token68 reads a token68 that is followed by a comma or by the end.
func (r *fieldReader) token68() string {
	end := strings.IndexAny(r.rest, ", \t")
	if end < 0 {
		end = len(r.rest)
	}
	text := r.rest[:end]
	body := strings.TrimRight(text, "=")
	if body == "" || strings.ContainsFunc(body, func(c rune) bool { return !isTokenChar(c) && c != '/' }) {
		return ""
	}
	if after := strings.TrimLeft(r.rest[end:], " \t"); after != "" && after[0] != ',' {
		return ""
	}
	r.rest = r.rest[end:]
	return text
}

// param reads "=" and a value.
func (r *fieldReader) param(name string, spaced bool) (param, error) {
	r.rest = r.rest[1:]
	if r.skip(" \t") > 0 {
		spaced = true
	}
	p := param{name: name, spaced: spaced}
	if !strings.HasPrefix(r.rest, `"`) {
		if p.value = r.token(); p.value == "" {
			return p, fmt.Errorf("the value of %q is neither a token nor a quoted string", name)
		}
		return p, nil
	}
	p.quoted = true
	var value strings.Builder
	for i := 1; i < len(r.rest); i++ {
		switch c := r.rest[i]; {
		case c == '"':
			p.value, r.rest = value.String(), r.rest[i+1:]
			return p, nil
		case c == '\\' && i+1 < len(r.rest):
			i++
			value.WriteByte(r.rest[i])
		case c < ' ' && c != '\t' || c == 0x7f:
			return p, fmt.Errorf("the value of %q has a control character", name)
		default:
			value.WriteByte(c)
		}
	}
	return p, fmt.Errorf("the quoted string of %q has no end", name)
}
