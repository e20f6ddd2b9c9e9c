package sdktest_test

import (
	"net/url"
	"path"
	"strings"
)

// reader is a way for a resource handler to get a file name from a URI. For a template like
// file:{+path}, the SDKs pass the URI of the request to the handler unchanged.
type reader struct {
	name  string
	drops bool // ignores the authority, so it cannot read schemes without one
	read  func(uri string) (file string, ok bool)
}

var readers = []reader{
	{"url.Parse, path.Clean", true, func(uri string) (string, bool) {
		u, err := url.Parse(uri)
		return path.Clean("/" + parsedPath(u)), err == nil
	}},
	{"url.Parse, lower case, path.Clean", true, func(uri string) (string, bool) {
		u, err := url.Parse(uri)
		return strings.ToLower(path.Clean("/" + parsedPath(u))), err == nil
	}},
	{"url.Parse with the authority, path.Join", false, func(uri string) (string, bool) {
		u, err := url.Parse(uri)
		if err != nil {
			return "", false
		}
		return path.Join("/", u.Host, parsedPath(u)), true
	}},
	{"url.Parse, path.Join with Hostname", false, func(uri string) (string, bool) {
		u, err := url.Parse(uri)
		if err != nil {
			return "", false
		}
		return path.Join("/", u.Hostname(), parsedPath(u)), true
	}},
	{"URL.ResolveReference (RFC 3986 §5.2.4)", true, func(uri string) (string, bool) {
		u, err := url.Parse(uri)
		if err != nil {
			return "", false
		}
		return strings.TrimSuffix((&url.URL{Scheme: "file", Path: "/"}).ResolveReference(&url.URL{Path: parsedPath(u)}).Path, "/"), true
	}},
	{"the scheme removed, path.Join", false, func(uri string) (string, bool) {
		return path.Join("/", cutScheme(uri)), true
	}},
	{"the scheme removed, unescaped, path.Join", false, func(uri string) (string, bool) {
		rest, err := url.PathUnescape(cutScheme(uri))
		return path.Join("/", rest), err == nil
	}},
	{"the scheme and the query removed, unescaped, path.Join", false, func(uri string) (string, bool) {
		rest, _, _ := strings.Cut(cutScheme(uri), "?")
		rest, err := url.PathUnescape(rest)
		return path.Join("/", rest), err == nil
	}},
	{"the scheme removed, unescaped twice, path.Join", false, func(uri string) (string, bool) {
		once, err := url.PathUnescape(cutScheme(uri))
		if err != nil {
			return "", false
		}
		twice, err := url.PathUnescape(once)
		return path.Join("/", twice), err == nil
	}},
	{"the scheme removed, unescaped, backslashes replaced, path.Join", false, func(uri string) (string, bool) {
		rest, err := url.PathUnescape(cutScheme(uri))
		return path.Join("/", strings.ReplaceAll(rest, `\`, "/")), err == nil
	}},
}

func parsedPath(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.Path
}

// cutScheme removes a scheme with "//", such as "notes://", and for file URIs also "file:" (RFC 8089
// section 2).
func cutScheme(uri string) string {
	scheme, rest, _ := strings.Cut(uri, ":")
	if after, ok := strings.CutPrefix(rest, "//"); ok || strings.EqualFold(scheme, "file") && strings.HasPrefix(rest, "/") {
		return after
	}
	return uri
}

// readersOf returns the readers that read a matching file name from the URI.
func readersOf(uri string, matches func(file string) bool) (names []string) {
	for _, r := range readers {
		if file, ok := r.read(uri); ok && matches(file) && (!r.drops || strings.HasPrefix(strings.ToLower(uri), "file:")) {
			names = append(names, r.name)
		}
	}
	return names
}

// isSecretFile reports whether the rules of the tests protect a file.
func isSecretFile(file string) bool {
	return file == "/secret" || file == "/private" || strings.HasPrefix(file, "/private/") || isIn("/vault/", file) || isIn("/café/", file)
}

func isIn(dir, file string) bool {
	name, ok := strings.CutPrefix(file, dir)
	return ok && !strings.Contains(name, "/")
}
