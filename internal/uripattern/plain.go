package uripattern

import (
	"fmt"
	"net/url"
	"strings"
)

// Plain URIs are those that every reader takes for the same resource, up to the case of ASCII
// letters. This is their grammar (ABNF, RFC 5234; letters in quotes are in lower case):
//
//	plain    = scheme "://" host *("/" segment)
//	         / "file:///" [drive "/"] segment *("/" segment)
//	scheme   = lower *(lower / DIGIT / "-" / "." / "+")
//	host     = label *("." label)
//	label    = 1*(lower / DIGIT / "-" / "_")
//	drive    = ALPHA ":"
//	segment  = *(char / "." / "%20") char
//	char     = ALPHA / DIGIT / "-" / "_" / "%22" / "%3C" / "%3E" / "%5E" / "%60" / "%7B" / "%7D"
//
// So a plain URI has no user information, port, query, fragment, empty segment, dot segment,
// trailing slash, backslash, control character, character outside ASCII or ambiguous
// encoding. It has no sub-delimiter and no "@": a simple variable of a template ({name})
// matches them only percent-encoded (RFC 6570 §3.2.2), but readers that route by prefix take
// them for a part of the name. It also lacks what some file systems ignore or expand: a dot or a space at the
// end of a name, ":" and "~".
const (
	schemeChars = lower + digits + "-.+"
	labelChars  = lower + digits + "-_"
	rawChars    = lower + upper + digits + "-_"
	lower       = "abcdefghijklmnopqrstuvwxyz"
	upper       = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits      = "0123456789"
)

// encodedChars are the octets that a segment can contain percent-encoded. They are printable
// and cannot be written otherwise (RFC 3986 §2.1).
var encodedChars = []string{"%20", "%22", "%3c", "%3e", "%5e", "%60", "%7b", "%7d"}

// IsPlain reports whether a URI matches the grammar above. It takes time in proportion to its
// length and allocates nothing.
func IsPlain(uri string) bool {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok || !consistsOf(scheme, schemeChars) || !strings.Contains(lower, scheme[:1]) {
		return false
	}
	host, path, hasPath := strings.Cut(rest, "/")
	if scheme == "file" {
		if host != "" || !hasPath {
			return false
		}
		if len(path) > 2 && consistsOf(path[:1], lower+upper) && path[1:3] == ":/" {
			path = path[3:]
		}
	} else if !isHost(host) {
		return false
	}
	return !hasPath || areSegments(path)
}

func isHost(host string) bool {
	for label, more := "", true; more; {
		if label, host, more = strings.Cut(host, "."); !consistsOf(label, labelChars) {
			return false
		}
	}
	return true
}

// areSegments reports whether path consists of plain segments.
func areSegments(path string) bool {
	atEnd := true // what was read so far cannot end a segment
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '/':
			if atEnd {
				return false
			}
			atEnd = true
		case c == '.':
			atEnd = true
		case c == '%':
			if len(path) < i+3 || !isEncodedChar(path[i:i+3]) {
				return false
			}
			atEnd = path[i:i+3] == encodedChars[0]
			i += 2
		case strings.IndexByte(rawChars, c) < 0:
			return false
		default:
			atEnd = false
		}
	}
	return !atEnd
}

func isEncodedChar(text string) bool {
	for _, encoded := range encodedChars {
		if strings.EqualFold(text, encoded) {
			return true
		}
	}
	return false
}

// consistsOf reports whether s consists of one or more of the characters.
func consistsOf(s, chars string) bool {
	for i := range len(s) {
		if strings.IndexByte(chars, s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// notPlain describes why a rule's text is not plain, with the spelling to use if there is one.
func notPlain(text string) error {
	if u, err := url.Parse(text); err == nil {
		u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
		u.RawQuery, u.Fragment, u.User = "", "", nil
		if spelling := strings.TrimRight(u.JoinPath().String(), "/"); IsPlain(spelling) {
			return fmt.Errorf("%q is not a plain URI: write %q", text, spelling)
		}
	}
	return fmt.Errorf("%q is not a plain URI: use a lower-case scheme and host, and segments of ASCII letters, digits and - _ .", text)
}
