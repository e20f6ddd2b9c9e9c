package uripattern

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Plain URIs are those that every reader takes for the same resource, up to the case of ASCII
// letters:
//
//	plain = scheme "://" host *("/" segment)
//	      / "file:///" [drive ":/"] segment *("/" segment)
//
// So a plain URI has no user information, port, query, fragment, empty segment, dot segment,
// trailing slash, backslash, control character, character outside ASCII or ambiguous
// encoding. It has no sub-delimiter and no "@": a simple variable of a template ({name})
// matches them only percent-encoded (RFC 6570 §3.2.2), but readers that route by prefix take
// them for a part of the name. It also lacks what some file systems ignore or expand: a dot or
// a space at the end of a name, ":" and "~".
//
// Other URIs are those that a rule can have as well, but only byte for byte:
//
//	other = scheme "://" host [":" port] *("/" segment) ["?" query]
//	      / scheme ":" ["/" / "///"] [drive ":/"] segment *("/" segment) ["?" query]
//
// Their segments can also have sub-delimiters, "@" and "~", and ":" before their end.
const (
	scheme = `[a-z][a-z0-9+.-]*`
	host   = `[a-z0-9_-]+(?:\.[a-z0-9_-]+)*`

	segment      = `(?:[A-Za-z0-9_.-]|%(?:20|` + octet + `))+`
	otherSegment = `(?:(?:[.:;]|%20)*(?:[A-Za-z0-9_!$&'()*+,=@~-]|%(?:` + octet + `)))+`
	octet        = `22|3[CcEe]|5[Ee]|60|7[BbDd]` // is printable and always encoded (RFC 3986 §2.1)
)

var (
	plain = regexp.MustCompile(`^` + scheme + `://` + host + `(?:/` + segment + `)*$`)
	path  = regexp.MustCompile(`^(?:/` + segment + `)+$`)
	drive = regexp.MustCompile(`^/[A-Za-z]:`)
	other = regexp.MustCompile(`^(` + scheme + `):(?://(` + host + `)(?::[0-9]+)?((?:/` + otherSegment + `)*)` +
		`|(?:/|///)?((?:[A-Za-z]:/)?` + otherSegment + `(?:/` + otherSegment + `)*))(?:\?[^#]*)?$`)

	parameter    = regexp.MustCompile(`[;:][^/]+`) // not the colon of a drive
	subDelimiter = regexp.MustCompile(`[!$&'()*,=@]`)
	unreserved   = regexp.MustCompile(`%(?:2[DdEe]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff])`)
)

// IsPlain reports whether a URI is plain. It takes time in proportion to its length, and
// allocates nothing.
func IsPlain(uri string) bool {
	if strings.Contains(uri, "./") || strings.Contains(uri, "%20/") || strings.HasSuffix(uri, ".") || strings.HasSuffix(uri, "%20") {
		return false // a segment ends with a dot or a space
	}
	if file, ok := strings.CutPrefix(uri, "file://"); ok {
		return path.MatchString(file[len(drive.FindString(file)):])
	}
	return plain.MatchString(uri)
}

// baseOf returns what remains of an other URI if it is read without its port, query and
// parameters of segments (";..." and ":..."), with a "+" for a space, and with "//" before its
// first segment: what a reader could take for the same resource. The "~" in it stands for
// characters that no plain URI has, and matches a variable of a template. A plain URI is its own
// base, and all others have none.
func baseOf(uri string) string {
	if IsPlain(uri) {
		return uri
	}
	parts := other.FindStringSubmatch(uri)
	if parts == nil || parts[1] == "file" && !strings.HasPrefix(uri, "file:///") {
		return ""
	}
	start := parts[1] + "://" + parts[2]
	if parts[1] == "file" {
		start += "/"
	}
	rest := strings.ReplaceAll(parts[3]+parts[4], "+", "%20")
	return start + subDelimiter.ReplaceAllString(parameter.ReplaceAllString(rest, ""), "~")
}

// defaultPorts are those that readers drop.
var defaultPorts = map[string]string{"http": ":80", "ws": ":80", "https": ":443", "wss": ":443", "ftp": ":21"}

// respell returns the usual spelling of a URI for the same resource (RFC 3986 §6.2): scheme and
// host in lower case, without a default port, dot segments, a slash at the end and encoded
// letters and digits. It can return what is not plain, and "" for what is not a URI.
func respell(text string) string {
	u, err := url.Parse(unreserved.ReplaceAllStringFunc(text, func(octet string) string {
		decoded, _ := url.PathUnescape(octet)
		return decoded
	}))
	if err != nil {
		return ""
	}
	u.Host = strings.TrimSuffix(strings.ToLower(u.Host), defaultPorts[u.Scheme])
	return strings.TrimRight(u.JoinPath().String(), "/")
}

// Check returns an error for a URI that is not plain. It has the spelling to use, or the reason
// why there is none: without the part that is not plain, the URI would name another resource.
func Check(uri string) error { return check(uri, "", IsPlain) }

// check is Check for a text that is continued by suffix, and for what may also be usable.
func check(text, suffix string, usable func(string) bool) error {
	uri := text + suffix
	why := "it cannot be a rule: use a lower-case scheme and host, and segments of ASCII letters, digits and - _ ., without user information and fragment, about which readers differ"
	switch spelling := respell(uri); {
	case IsPlain(uri):
		return nil
	case spelling != uri && usable(spelling):
		why = fmt.Sprintf("write %q", strings.TrimSuffix(spelling, suffix))
	case usable(uri):
		return nil
	case baseOf(uri) != "":
		why = "only the URI of a rule can have a port, a query, an empty host, or one of !$&'()*+,;=:@~"
	}
	return fmt.Errorf("%q is not a plain URI: %s", text, why)
}
