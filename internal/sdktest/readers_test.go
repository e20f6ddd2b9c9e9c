package sdktest_test

import (
	"net/url"
	"path"
	"strings"
)

// A reader is how a resource handler finds out which file is meant. Behind a template
// with a free variable the SDKs hand it the URI as it came.
type reader struct {
	name  string
	drops bool // the authority, so that it is no reader for a scheme without one
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
	{"the scheme cut off, path.Join", false, func(uri string) (string, bool) {
		return path.Join("/", cutScheme(uri)), true
	}},
	{"the scheme cut off, unescaped, path.Join", false, func(uri string) (string, bool) {
		rest, err := url.PathUnescape(cutScheme(uri))
		return path.Join("/", rest), err == nil
	}},
	{"the scheme cut off, up to the query, unescaped, path.Join", false, func(uri string) (string, bool) {
		rest, _, _ := strings.Cut(cutScheme(uri), "?")
		rest, err := url.PathUnescape(rest)
		return path.Join("/", rest), err == nil
	}},
	{"the scheme cut off, unescaped twice, path.Join", false, func(uri string) (string, bool) {
		once, err := url.PathUnescape(cutScheme(uri))
		if err != nil {
			return "", false
		}
		twice, err := url.PathUnescape(once)
		return path.Join("/", twice), err == nil
	}},
	{"the scheme cut off, unescaped, backslashes turned, path.Join", false, func(uri string) (string, bool) {
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

// cutScheme takes off "notes://", and of a file URI also "file:" (RFC 8089 section 2).
func cutScheme(uri string) string {
	scheme, rest, _ := strings.Cut(uri, ":")
	if after, ok := strings.CutPrefix(rest, "//"); ok || strings.EqualFold(scheme, "file") && strings.HasPrefix(rest, "/") {
		return after
	}
	return uri
}

// taken returns the readers that take the URI for such a file.
func taken(uri string, such func(file string) bool) (names []string) {
	for _, r := range readers {
		if file, ok := r.read(uri); ok && such(file) && (!r.drops || strings.HasPrefix(strings.ToLower(uri), "file:")) {
			names = append(names, r.name)
		}
	}
	return names
}

// isSecretFile is what the rules of the tests protect, as files.
func isSecretFile(file string) bool {
	return file == "/secret" || file == "/private" || strings.HasPrefix(file, "/private/") || isIn("/vault/", file) || isIn("/café/", file)
}

func isIn(dir, file string) bool {
	name, ok := strings.CutPrefix(file, dir)
	return ok && !strings.Contains(name, "/")
}
