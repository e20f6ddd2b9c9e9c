// Package metadataurl determines where the metadata of a protected resource is: the URL in
// challenges, and the paths at which a server receives requests for it (RFC 9728 §3.1, §5.1).
package metadataurl

import (
	"net/url"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/metadata"
)

// Settings are the settings of package resource about the location. The zero value stands for
// the location of RFC 9728 §3.1.
type Settings struct {
	URL       string   // HTTPOptions.MetadataURL
	BasePath  string   // HTTPOptions.BasePath
	Paths     []string // HTTPOptions.MetadataPaths
	AllowHTTP bool     // HTTPOptions.AllowHTTP
}

// Location is where the document of one resource is.
type Location struct {
	URL   string   // the parameter resource_metadata of challenges (RFC 9728 §5.1)
	Paths []string // escaped paths of the document besides metadata.WellKnownPath
}

// Of returns the location of the document of a resource. It adds a mistake for each setting
// that is invalid, and the location is then not usable. It expects a valid identifier, and
// otherwise adds only the mistakes that do not depend on the identifier.
//
// With a base path, the URL is below it. The server receives requests for the document without
// the base path if the proxy removes it, and with the base path otherwise. Paths has both.
func (s Settings) Of(identifier string, mistakes *configerr.List) Location {
	before := mistakes.Len()
	s.check(mistakes)
	origin, path, ok := split(identifier)
	if mistakes.Len() > before || !ok {
		return Location{}
	}
	rest, below := cutBase(path, s.BasePath)
	if !below {
		mistakes.Addf("HTTP.BasePath: the path of Identifier %q does not begin with %q: BasePath is the beginning of this path that belongs to the server", identifier, s.BasePath)
		return Location{}
	}
	inserted, err := metadata.WellKnownPath(origin + rest) // as seen behind a proxy that removes the base path
	if err != nil {
		mistakes.AddAt("HTTP.BasePath", err)
		return Location{}
	}
	l := Location{URL: origin + s.BasePath + inserted}
	if s.BasePath != "" {
		l.Paths = []string{inserted, s.BasePath + inserted}
	}
	s.checkPaths(identifier, []string{path, rest}, l.Paths, mistakes)
	l.Paths = append(l.Paths, s.Paths...)
	if s.URL != "" {
		l.URL = s.URL
	}
	if samePath(l.URL, identifier) {
		mistakes.Addf("HTTP.MetadataURL: %q is Identifier: name the URL of the metadata, which needs no token", s.URL)
	}
	return l
}

// checkPaths adds the mistakes of Paths that depend on the identifier. own are the paths at which
// the server receives requests for the resource, and implied are those of the document.
func (s Settings) checkPaths(identifier string, own, implied []string, mistakes *configerr.List) {
	wellKnown, err := metadata.WellKnownPath(identifier)
	mistakes.AddAt("Identifier", err)
	for n, path := range s.Paths {
		if samePath(path, own[0]) || samePath(path, own[1]) {
			mistakes.Addf("HTTP.MetadataPaths[%d]: %q is the path of Identifier %q, and requests for it need a token: use another path", n, path, identifier)
		}
		if path == wellKnown || slices.Contains(implied, path) {
			mistakes.Addf("HTTP.MetadataPaths[%d]: the document is served at %q in any case: remove it", n, path)
		}
	}
}

// check adds the mistakes that do not depend on the identifier.
func (s Settings) check(mistakes *configerr.List) {
	if s.URL != "" {
		mistakes.AddAt("HTTP.MetadataURL", metadata.CheckEndpoint(s.URL, s.AllowHTTP))
	}
	if s.BasePath != "" {
		mistakes.AddAt("HTTP.BasePath", metadata.CheckPath(s.BasePath))
		if bare := strings.TrimRight(s.BasePath, "/"); bare != s.BasePath && strings.HasPrefix(s.BasePath, "/") {
			mistakes.Addf("HTTP.BasePath: %q must not end with '/': write %q", s.BasePath, bare)
		}
	}
	for n, path := range s.Paths {
		if slices.Contains(s.Paths[:n], path) {
			mistakes.Addf("HTTP.MetadataPaths[%d]: duplicate path %q", n, path)
		} else if err := metadata.CheckPath(path); err != nil {
			mistakes.Addf("HTTP.MetadataPaths[%d]: %w", n, err)
		}
	}
}

// split returns the origin and the escaped path of an identifier.
func split(identifier string) (origin, path string, ok bool) {
	u, err := url.Parse(identifier)
	if err != nil || metadata.CheckIdentifier(identifier, true) != nil {
		return "", "", false
	}
	return u.Scheme + "://" + u.Host, u.EscapedPath(), true
}

// cutBase removes the base path from a path. It compares whole segments.
func cutBase(path, base string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, base)
	return rest, ok && (base == "" || rest == "" || rest[0] == '/')
}

// samePath ignores a slash at the end, because routers often do.
func samePath(a, b string) bool { return strings.TrimSuffix(a, "/") == strings.TrimSuffix(b, "/") }
