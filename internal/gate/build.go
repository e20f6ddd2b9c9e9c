package gate

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/metadataurl"
	"github.com/warder-go/warder/internal/regularfile"
	"github.com/warder-go/warder/internal/urltable"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// A builder builds a Gate from the file.
type builder struct {
	config   *Config
	gate     *Gate
	decoder  decoder
	body     []byte // content of the file
	environ  []string
	mistakes configerr.List
}

func (b *builder) build() {
	g := b.gate
	g.settings = b.read()
	if b.mistakes.Len() > 0 {
		return // the rest would be consequences
	}
	b.readEnviron()
	b.checkListeners()
	g.trusted = b.prefixes("trusted_proxies", g.settings.TrustedProxies)
	b.buildIdentity()
	b.buildTLS()
	b.addOwned()
	for n := range g.settings.Upstreams {
		b.addUpstream(n)
	}
	if b.mistakes.Len() > 0 {
		return
	}
	b.addPlaces()
	b.checkServerMetadata()
	b.buildForwardAuth()
	g.metrics = newMetrics(g)
	if b.mistakes.Len() == 0 {
		b.buildHandlers()
	}
}

// read decodes the file.
func (b *builder) read() *settings {
	b.decoder = decoder{file: b.config.File, lines: map[string]int{}, add: b.mistakes.Add}
	s := new(settings)
	body, err := regularfile.Read(b.config.File, maxFileBytes)
	if err != nil {
		b.decoder.mistake(0, "%s", err)
		return s
	}
	b.body = body
	b.decoder.decode(body, s)
	if n := len(s.Upstreams); b.mistakes.Len() == 0 && (n == 0 || n > maxUpstreams) {
		b.decoder.at("upstreams", "has %d items; 1 to %d are possible", n, maxUpstreams)
	}
	return s
}

// readEnviron rejects variables that would change all authorization blocks in the same way.
func (b *builder) readEnviron() {
	all := b.config.Environ
	if all == nil {
		all = os.Environ() //nolint:forbidigo // as package config: the documented default
	}
	b.environ = []string{}
	for _, entry := range all {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(strings.ToUpper(name), "AUTHORIZATION__") {
			b.mistakes.Addf("environment variable %s: does not say for which upstream it is; write ${NAME} in the block of the upstream instead", printable(name))
			continue
		}
		b.environ = append(b.environ, entry)
	}
}

func (b *builder) checkListeners() {
	s := b.gate.settings
	b.checkAddress("listen", s.Listen)
	if s.Admin != "" {
		b.checkAddress("admin", s.Admin)
	}
	if s.CleartextHTTP2 && s.TLS != nil {
		b.decoder.at("http2_cleartext", "the listener uses TLS, which has HTTP/2 anyway; remove the key")
	}
}

// path returns the path of a file that the gate's file names.
func (b *builder) path(name string) string { return base(b.config.File, name) }

// addPlaces fills the table from the identifiers of all Resources, so that a request is passed to
// the upstream whose Resource decides about it.
func (b *builder) addPlaces() {
	for _, u := range b.gate.upstreams {
		paths := map[string]bool{} // of the identifiers, without the base path
		for _, identifier := range u.live.Resource().Identifiers() {
			paths[b.addIdentifier(u, identifier)] = true
		}
		if len(paths) > 1 && len(u.settings.ExtraPaths) > 0 {
			b.decoder.at(u.key+".extra_paths", "the identifiers of the block have different paths, so requests for other paths are for none of them; make them different upstreams")
		}
	}
	for _, u := range b.gate.upstreams {
		b.checkOwnPath(u.key+".security_events_path", u.settings.EventsPath, false)
	}
}

// checkOwnPath rejects a path of the gate itself at which, or below which, requests are for an
// upstream. These would never get there.
func (b *builder) checkOwnPath(key, path string, below bool) {
	for _, at := range b.gate.places {
		if at != nil && path != "" && (at.path == strings.TrimSuffix(path, "/") || below && strings.HasPrefix(at.path, path+"/")) {
			b.decoder.at(key, "%q is also a path of upstream %q", at.path, at.upstream.settings.Name)
		}
	}
}

// addIdentifier adds the places of an identifier. It returns its path without the base path.
func (b *builder) addIdentifier(u *upstream, identifier string) (rest string) {
	parsed, err := url.Parse(identifier)
	if err != nil {
		b.decoder.at(u.key, "identifier %q: %v", identifier, err)
		return ""
	}
	path := strings.TrimSuffix(parsed.EscapedPath(), "/")
	b.addPlace(u, parsed, identifier, path, true)
	rest, cut := metadataurl.CutBase(path, u.basePath)
	if cut && u.basePath != "" {
		b.addPlace(u, parsed, identifier, rest, true) // for a proxy that removes the base path
	}
	for _, extra := range u.settings.ExtraPaths {
		b.addPlace(u, parsed, identifier, strings.TrimSuffix(extra, "/"), false)
	}
	return rest
}

// addPlace adds a place. It does nothing if the same upstream already has it.
func (b *builder) addPlace(u *upstream, at *url.URL, identifier, path string, own bool) {
	g := b.gate
	if !urltable.IsPlain(path) {
		b.decoder.at(u.key, "the path %q has a segment of other characters than letters, digits, \"-\", \".\", \"_\" and \"~\", or of dots only; servers read it in different ways", path)
		return
	}
	n, ok := g.table.Add(at, path)
	if ok {
		g.places = append(g.places, &place{upstream: u, identifier: identifier, host: at.Host, scheme: at.Scheme, path: path, own: own})
		return
	}
	g.places = append(g.places, nil) // the table has counted it
	if other := g.places[n]; other.upstream != u || other.own != own {
		b.decoder.at(u.key, "requests for %q at the host of %q cannot be distinguished from those for upstream %q", cmp.Or(path, "/"), identifier, other.upstream.settings.Name)
	}
}

// checkServerMetadata rejects two issuers whose metadata would be at the same path.
func (b *builder) checkServerMetadata() {
	var first string
	for _, u := range b.gate.upstreams {
		if u.live.Resource().ServerMetadata() == nil {
			continue
		}
		if first != "" {
			b.decoder.at(u.key, "serve_issuer_metadata: upstream %q has it too, and both would be at the same path", first)
		}
		first = u.settings.Name
	}
}

func (g *Gate) resources() (all []*resource.Resource) {
	for _, u := range g.upstreams {
		all = append(all, u.live.Resource())
	}
	return all
}

// buildHandlers makes the handlers of all places.
func (b *builder) buildHandlers() {
	g := b.gate
	document, err := g.newDocument()
	if err != nil {
		b.mistakes.Addf("%s: upstreams: %w", b.config.File, err)
		return
	}
	g.document = document
	binds := map[*upstream]func(next httpHandler) httpHandler{}
	for _, at := range g.places {
		if at == nil || at.upstream.url == nil {
			continue
		}
		u := at.upstream
		if binds[u] == nil {
			binds[u] = func(next httpHandler) httpHandler { return next }
			if u.settings.BindSessions {
				binds[u] = nethttp.BindSessions(u.live.Resource(), nethttp.SessionConfig{MaxBodyBytes: int(u.applied.Load().maxBody), Logger: g.logger()})
			}
		}
		at.protected = nethttp.Middleware(u.live.Resource())(binds[u](g.newProxy(at)))
	}
	for _, path := range g.document.Locations() {
		if b.isEventsPath(path) {
			b.mistakes.Addf("%s: security_events_path: %q is a path of metadata", b.config.File, path)
		}
	}
}

func (b *builder) isEventsPath(path string) bool { return b.gate.events[path] != nil }

// checkURL checks the URL of an upstream.
func (b *builder) checkURL(key, text string) *url.URL {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		b.decoder.at(key, "is not an absolute URL with http or https")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(text, "#"):
		b.decoder.at(key, "must not have user information, a query or a fragment")
	case u.RawPath != "" || !urltable.IsPlain(strings.TrimSuffix(u.Path, "/")):
		b.decoder.at(key, "the path has a segment of other characters than letters, digits, \"-\", \".\", \"_\" and \"~\", or of dots only")
	default:
		return u
	}
	return new(url.URL)
}

// splitMistakes returns the lines of an error of package config, without its prefix.
func splitMistakes(err error) []string {
	return slices.DeleteFunc(strings.Split(strings.TrimPrefix(err.Error(), "config: "), "\n"), func(line string) bool { return line == "" })
}

func (b *builder) addUpstreamMistake(u *upstream, text string) {
	b.mistakes.Add(fmt.Errorf("upstream %q: %s", u.settings.Name, text))
}
