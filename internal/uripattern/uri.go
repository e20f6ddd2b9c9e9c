package uripattern

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/warder-go/warder/internal/strictjson"
)

// uri is a resource's URI as a request spells it, with what rules compare.
type uri struct {
	written string
	forms   []string // what readers may take it for, levelled
	plain   bool     // whether these are all

	spelled [len(reservedKept)][]string // the forms for templates, see spellings
}

// spellings returns the forms as templates match them, with some of the reserved
// characters left as they are. It is not safe for concurrent use.
func (u *uri) spellings(kept int) []string {
	if u.spelled[kept] == nil {
		for _, form := range u.forms {
			u.spelled[kept] = append(u.spelled[kept], encodePercent(form, reservedKept[kept], true))
		}
	}
	return u.spelled[kept]
}

// newURI levels a URI, and adds what some readers take it for.
func newURI(text string) *uri {
	u := levelURI(text)
	for _, form := range u.forms { // not over those that are added
		u.add(alias(form))
	}
	return u
}

// levelURI levels a URI: percent-encoding is undone, case and Unicode form are
// folded, a slash at the end is dropped. Where readers differ (a query counts or not,
// an encoded slash separates or not, a port matters or not) there is a form for each.
//
// A URI with what readers resolve in too many ways is not plain: dot segments, empty
// segments, backslashes, control characters, double encoding, a host or a short name of
// Windows in a file URI, a path without an authority.
func levelURI(text string) *uri {
	u := &uri{written: text}
	full, ok := decodePercent(text, "")
	names, _ := decodePercent(text, "/?#")
	for _, decoded := range []string{full, names} {
		level := strictjson.Fold(norm.NFKC.String(decoded))
		u.add(level)
		if end := strings.IndexAny(level, "?#"); end >= 0 {
			u.add(level[:end])
		}
	}
	head, tail := strictjson.Fold(norm.NFKC.String(full)), ""
	for i := range len(head) { // encoded twice, the one or the other way
		if _, again := hexByte(head[i+1:]); head[i] == '%' && again {
			ok = false
		}
	}
	if end := strings.IndexAny(head, "?#"); end >= 0 {
		head, tail = head[:end], head[end:]
	}
	u.plain = ok && isPlainHead(head) && !strings.Contains(tail, `\`) && !strings.Contains(tail, "..")
	return u
}

// add takes a form and those that drop its port or take its authority for a path.
func (u *uri) add(form string) {
	if trimmed := strings.TrimRight(form, "/"); strings.IndexByte(trimmed, ':') == len(trimmed)-1 {
		form = trimmed + "//"
	} else {
		form = trimmed
	}
	if !slices.Contains(u.forms, form) {
		u.forms = append(u.forms, form)
	}
	scheme, rest, ok := strings.Cut(form, "://")
	if !ok || scheme == "file" {
		return
	}
	if path, ok := strings.CutPrefix(rest, "/"); ok && path != "" {
		u.add(scheme + "://" + path)
	}
	authority, path, _ := strings.Cut(rest, "/")
	if host, _, ok := strings.Cut(authority, ":"); ok {
		u.add(strings.TrimSuffix(scheme+"://"+host+"/"+path, "/"))
	}
}

// webSchemes are those that the URL Standard calls special: two slashes may be left out.
var webSchemes = []string{"file", "ftp", "http", "https", "ws", "wss"}

// alias returns what file systems and parsers after the URL Standard take a levelled form
// for, if that is something else: HFS+ overlooks characters without width, NTFS has
// streams behind a colon, and file:x and file:///c|/x are file:///x and file:///c:/x.
func alias(form string) string {
	form = strings.Map(func(c rune) rune {
		if c >= utf8.RuneSelf && unicode.Is(unicode.Cf, c) {
			return -1
		}
		return c
	}, form)
	scheme, rest, _ := strings.Cut(form, ":")
	after, ok := strings.CutPrefix(rest, "//")
	switch {
	case !slices.Contains(webSchemes, scheme):
		return form
	case !ok && scheme == "file":
		return "file:///" + rest
	case !ok:
		return scheme + "://" + rest
	case scheme != "file" || !strings.ContainsAny(after, ":|"):
		return form
	}
	segments := strings.Split(after, "/")
	for i, segment := range segments {
		if drive := i == 1 && len(segment) == 2 && strings.Contains(":|", segment[1:]); drive {
			segments[i] = segment[:1] + ":"
			continue
		}
		segments[i], _, _ = strings.Cut(segment, ":")
	}
	return "file://" + strings.Join(segments, "/")
}

// shortName is the form of the second names that Windows gives to files: 8.3.
var shortName = regexp.MustCompile(`^[^.]{0,6}~[0-9]{1,6}(\.[^.]{0,3})?$`)

// isPlainHead looks at a levelled URI without its query.
func isPlainHead(uri string) bool {
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok || scheme == "" || strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+.-") != "" {
		return false
	}
	after, ok := strings.CutPrefix(rest, "//")
	if !ok { // urn:isbn:1, without any structure
		return rest != "" && !strings.ContainsAny(rest, `/\`) && rest != "." && rest != ".."
	}
	authority, path, _ := strings.Cut(after, "/")
	if scheme == "file" && authority != "" || strings.ContainsAny(authority, `@%\[]`) || authority == "." || authority == ".." {
		return false
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		empty := segment == "" && i < len(segments)-1
		// A dot or a space at the end of a name is dropped by some file systems.
		if empty || scheme == "file" && shortName.MatchString(segment) || strings.HasSuffix(segment, ".") || strings.HasSuffix(segment, " ") || strings.Contains(segment, `\`) {
			return false
		}
	}
	return true
}

// decodePercent undoes percent-encoding once, except of the bytes in keep. ok is false
// if what it finds is broken, encoded twice, or does not print.
func decodePercent(uri, keep string) (decoded string, ok bool) {
	var out strings.Builder
	ok = true
	for i := 0; i < len(uri); i++ {
		c := uri[i]
		if c == '%' {
			var valid bool
			c, valid = hexByte(uri[i+1:])
			switch {
			case !valid:
				ok = false
				c = '%'
			case strings.IndexByte(keep, c) >= 0:
				out.WriteString("%" + strings.ToUpper(uri[i+1:i+3]))
				i += 2
				continue
			default:
				i += 2
				if _, again := hexByte(uri[i+1:]); c == '%' && again {
					ok = false
				}
			}
		}
		ok = ok && c >= ' ' && c != 0x7f
		out.WriteByte(c)
	}
	return out.String(), ok && utf8.ValidString(out.String())
}

func hexByte(s string) (c byte, ok bool) {
	if len(s) < 2 {
		return 0, false
	}
	const digits = "0123456789abcdef"
	high, low := strings.IndexByte(digits, s[0]|0x20), strings.IndexByte(digits, s[1]|0x20)
	return byte(high<<4 | low), high >= 0 && low >= 0
}

// encodePercent encodes what a variable of a template matches in encoded form only:
// everything but unreserved characters and those in keep. What is encoded stays so, and
// so does the scheme, if the form begins with one.
func encodePercent(form, keep string, scheme bool) string {
	const upper = "0123456789ABCDEF"
	var out strings.Builder
	begin := 0
	if scheme {
		begin = strings.IndexByte(form, ':') + 1
		out.WriteString(form[:begin])
	}
	for i := begin; i < len(form); i++ {
		c := form[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
		_, encoded := hexByte(form[i+1:])
		if letter || c == '%' && encoded || strings.IndexByte("-._~"+keep, c) >= 0 {
			out.WriteByte(c)
			continue
		}
		out.Write([]byte{'%', upper[c>>4], upper[c&15]})
	}
	return out.String()
}
