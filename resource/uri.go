package resource

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/warder-go/warder/internal/strictjson"
)

// resourceURI is a resource's URI as a request spells it, with what rules compare.
type resourceURI struct {
	written string
	level   string // levelled, with its query
	head    string // levelled, without query and fragment
	plain   bool
}

// newResourceURI levels a URI: spellings that name one thing for every reader become
// one. It is plain if no reader could take it for anything else: what is left are
// letters in either case, in any Unicode form, encoded or not, and a slash at the end.
//
// Everything that readers resolve in different ways makes it not plain: dot segments,
// empty segments, backslashes, control characters, delimiters that are encoded or
// encoded twice, a host in a file URI, a path without an authority, and such things in
// a query (some readers take that for a part of the path).
func newResourceURI(uri string) resourceURI {
	u := resourceURI{written: uri}
	decoded, ok := decodeLetters(uri)
	u.level = strictjson.Fold(norm.NFKC.String(decoded))
	head, tail := u.level, ""
	if end := strings.IndexAny(u.level, "?#"); end >= 0 {
		head, tail = u.level[:end], u.level[end+1:]
	}
	u.head = trimSlash(head)
	u.level = trimSlash(u.level)
	u.plain = ok && isPlainHead(head) && !strings.ContainsAny(tail, `/\`) && !strings.Contains(tail, "..")
	return u
}

// trimSlash takes off the slash at the end of a path, which some readers do.
func trimSlash(uri string) string {
	if strings.HasSuffix(uri, "://") || strings.HasSuffix(uri, ":///") {
		return uri
	}
	return strings.TrimSuffix(uri, "/")
}

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
	// file:///x and file://x are different things to some readers, to some one.
	if (scheme == "file") != (authority == "") || strings.ContainsAny(authority, `@%\`) || authority == "." || authority == ".." {
		return false
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		empty := segment == "" && i < len(segments)-1
		// A dot or a space at the end of a name is dropped by some file systems.
		if empty || strings.HasSuffix(segment, ".") || strings.HasSuffix(segment, " ") || strings.Contains(segment, `\`) {
			return false
		}
	}
	return true
}

// decodeLetters undoes the percent-encoding of letters, digits, a few marks and what is
// no ASCII. ok is false if anything else is encoded that could be a delimiter to
// somebody, if the encoding is broken, or if there are characters that don't print.
func decodeLetters(uri string) (decoded string, ok bool) {
	var out strings.Builder
	ok = true
	for i := 0; i < len(uri); i++ {
		c := uri[i]
		if c != '%' {
			ok = ok && c > ' ' && c != 0x7f && c != '{' && c != '}'
			out.WriteByte(c)
			continue
		}
		c, valid := hexByte(uri[i+1:])
		switch {
		case valid && (isLetter(c) || c >= utf8.RuneSelf || strings.IndexByte(`-_~ !$'()*,;=@"<>[]^|`+"`", c) >= 0):
			out.WriteByte(c)
			i += 2
		default:
			ok = false
			out.WriteByte('%')
		}
	}
	return out.String(), ok && utf8.ValidString(out.String())
}

func isLetter(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}

func hexByte(s string) (c byte, ok bool) {
	if len(s) < 2 {
		return 0, false
	}
	high, low := strings.IndexByte(hexDigits, s[0]|0x20), strings.IndexByte(hexDigits, s[1]|0x20)
	return byte(high<<4 | low), high >= 0 && low >= 0
}

const hexDigits = "0123456789abcdef"
