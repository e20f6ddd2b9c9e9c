package resource

import (
	"net/http"
	"strings"

	"github.com/warder-go/warder/internal/dpop"
	"github.com/warder-go/warder/internal/metadataurl"
)

// publicURL returns the URL of a request as its client sent it, without the query: see [DPoP]. It
// is normalized. It is "" if the path is malformed; then no proof is for the request.
func (p *policy) publicURL(at *endpoint, req *http.Request) string {
	path, base := req.URL.EscapedPath(), ""
	if at.based {
		base = p.endpoints.base
		cut := false
		if path, cut = metadataurl.CutBase(path, base); !cut && path == "/" && at.path == "" {
			return at.public // a proxy has removed the whole path
		}
	}
	if !isBelow(path, at.path) && !p.readsAsBelow(req.URL.Path, at) {
		return at.public
	}
	path = base + path
	if len(at.origin)+len(path) == len(at.public) && strings.HasSuffix(at.public, path) { // already normalized
		return at.public
	}
	normal, _ := dpop.Normalize(at.origin + path)
	return normal
}

// readsAsBelow reports whether a decoded path is below the endpoint. Routers that decode %2F find
// the path there, so a proof for the identifier itself must not be enough.
func (p *policy) readsAsBelow(decoded string, at *endpoint) bool {
	if at.based {
		decoded, _ = metadataurl.CutBase(decoded, p.endpoints.base)
	}
	return isBelow(decoded, at.path)
}

// isBelow reports whether a path is another path or begins with its segments.
func isBelow(path, other string) bool {
	rest, ok := strings.CutPrefix(path, other)
	return ok && (rest == "" || rest[0] == '/')
}
