package gate

import (
	"cmp"
	"net/http"
	"strings"
)

// place is a path, below a host, whose requests go to an upstream.
type place struct {
	upstream   *upstream
	identifier string // of the Resource
	scheme     string // of the identifier
	host       string // of the identifier
	path       string // without a slash at the end
	own        bool   // the path of the identifier; false: one of extra_paths

	protected http.Handler
}

// find returns the place that a request is for, or nil. It uses the same table as the Resources, of
// the identifiers of all of them: see [urltable.Table.FindBelow]. So a path that servers read in
// several ways is for no upstream.
func (g *Gate) find(req *http.Request) *place {
	n, ok := g.table.FindBelow(req.URL.Path, req.Host)
	if !ok {
		return nil
	}
	return g.places[n]
}

// target returns the path of a request at the upstream.
func (p *place) target(path string) string {
	if !p.own {
		return path
	}
	rest := strings.TrimPrefix(path, p.path)
	if rest == "" || p.path == "" && rest == "/" { // the path of the identifier, which is that of url
		return cmp.Or(p.upstream.url.Path, "/")
	}
	return strings.TrimSuffix(p.upstream.url.Path, "/") + rest
}

// public returns the path at the gate of a path of the upstream.
func (p *place) public(path string) (string, bool) {
	for _, extra := range p.upstream.settings.ExtraPaths {
		if path == extra || strings.HasPrefix(path, extra+"/") {
			return path, true
		}
	}
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(p.upstream.url.Path, "/"))
	if !p.own || !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return p.path + rest, true
}
