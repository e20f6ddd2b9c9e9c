package resource

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/dpop"
	"github.com/warder-go/warder/internal/metadataurl"
	"github.com/warder-go/warder/internal/urltable"
	"github.com/warder-go/warder/internal/weburl"
	"github.com/warder-go/warder/metadata"
)

// maxIdentifiers is the greatest number of Config.Identifiers.
const maxIdentifiers = 1000

// endpoint is one identifier of a resource, and what depends on it.
type endpoint struct {
	identifier string
	origin     string // of the identifier
	public     string // the identifier as dpop.Normalize returns it
	path       string // of the identifier without HTTPOptions.BasePath and a slash at the end
	based      bool   // the identifier begins with HTTPOptions.BasePath
	location   metadataurl.Location
	audiences  []string // the identifier, with and without a slash if it has no path
	cacheMask  uint64   // see cacheKey; 0 for Config.Identifier
	answers    answers
}

// endpoints are all identifiers of a resource.
type endpoints struct {
	all    []endpoint // Config.Identifier is the first
	byName map[string]*endpoint
	table  urltable.Table // of all, by path

	severalPaths bool   // the path of a request selects the endpoint
	base         string // HTTPOptions.BasePath, which a proxy may remove
}

// first returns the endpoint of Config.Identifier.
func (e *endpoints) first() *endpoint { return &e.all[0] }

// ownerPath returns the path that is part of Caller.Owner; "" if all endpoints have one path. It
// begins with a slash, and an ID begins with a digit, so no owner with a path equals one without.
func (e *endpoints) ownerPath(at *endpoint) string {
	if !e.severalPaths {
		return ""
	}
	return at.path + "/"
}

// named returns the endpoint with an identifier, or nil.
func (e *endpoints) named(identifier string) *endpoint { return e.byName[identifier] }

// of returns the endpoint that a request is for, or nil if its path or Host selects none. That
// includes what servers can read in different ways: otherwise a token for one endpoint could
// be used at another one.
func (e *endpoints) of(req *http.Request) *endpoint {
	n, ok := 0, true
	switch {
	case len(e.all) == 1: // every path is that of the only endpoint
	case !e.severalPaths:
		n, ok = e.table.Find(e.all[0].path, req.Host)
	case req.URL.RawPath != "": // the path can be written in several ways
		return nil
	default:
		path, cut := metadataurl.CutBase(req.URL.Path, e.base)
		n, ok = e.table.FindBelow(path, req.Host)
		ok = ok && (!cut || e.all[n].based)
	}
	if !ok {
		return nil
	}
	return &e.all[n]
}

// endpointFor returns the endpoint that an accepted caller uses. Without such a caller it
// returns that of the accepted request of a context, otherwise the first one.
func (p *policy) endpointFor(a *acceptance, c *Caller) *endpoint {
	var e *endpoint
	if p.accepted(c) {
		e = p.endpoints.named(c.resource)
	} else if a.by != nil && a.by == p.owner {
		e = p.endpoints.named(a.endpoint.identifier)
	}
	if e == nil {
		e = p.endpoints.first()
	}
	return e
}

// cacheKey returns the key for the cache of a token that is used at the endpoint. A token that was
// accepted for one endpoint was not accepted for another, so each has entries of its own.
func (e *endpoint) cacheKey(token digest.Digest) digest.Digest {
	if e.cacheMask != 0 {
		last := token[sameTokenBytes:]
		binary.BigEndian.PutUint64(last, binary.BigEndian.Uint64(last)^e.cacheMask)
	}
	return token
}

// sameTokenBytes is how many bytes of a cache key depend on the token only.
const sameTokenBytes = len(digest.Digest{}) - 8

// sameToken reports whether two cache keys are of the same token, at any endpoint.
func sameToken(a, b digest.Digest) bool {
	return [sameTokenBytes]byte(a[:]) == [sameTokenBytes]byte(b[:])
}

// Faults of requests that are for no endpoint. They do not show the path, because it can contain
// a secret.
var (
	faultNoEndpoint = &fault{reason: ReasonPathUnknown, err: errors.New("the path is not that of an identifier, and not below one that has no other below it")}
	faultHost       = &fault{reason: ReasonPathUnknown, err: errors.New("Host is malformed, or has the name of an identifier with another port or a dot at its end")}
	faultNotPlain   = &fault{reason: ReasonPathUnknown, err: errors.New("the path has characters or segments that servers read in different ways")}
)

// fault is for a request that is for no endpoint.
func (e *endpoints) fault(u *url.URL) *fault {
	path, _ := metadataurl.CutBase(u.Path, e.base)
	switch {
	case !e.severalPaths || u.RawPath == "" && e.table.Has(strings.TrimSuffix(path, "/")):
		return faultHost
	case u.RawPath != "" || !urltable.IsPlain(strings.TrimSuffix(u.Path, "/")):
		return faultNotPlain
	}
	return faultNoEndpoint
}

// setEndpoints checks and compiles Identifier and Identifiers.
func (b *builder) setEndpoints() {
	c := &b.config
	b.addEndpoint("Identifier", c.Identifier)
	if len(c.Identifiers) > maxIdentifiers {
		b.mistakes.Addf("Identifiers: %d of them; the limit is %d: use several Resources", len(c.Identifiers), maxIdentifiers)
		return
	}
	for n, identifier := range c.Identifiers {
		b.addEndpoint(fmt.Sprintf("Identifiers[%d]", n), identifier)
	}
	e := &b.policy.endpoints
	e.byName = make(map[string]*endpoint, len(e.all))
	for n := range e.all {
		e.byName[e.all[n].identifier] = &e.all[n]
	}
	if e.severalPaths = len(e.table.List()) > 1; e.severalPaths {
		b.checkPlainPaths()
	}
	b.setLocations()
	if len(e.all) > 1 && c.Metadata.SignedMetadata != "" {
		b.mistakes.Addf("Metadata.SignedMetadata: it names one resource (RFC 9728 §2.2), and Identifiers has others; leave it empty")
	}
}

func (b *builder) addEndpoint(where, identifier string) {
	if err := metadata.CheckIdentifier(identifier, b.config.HTTP.AllowHTTP); err != nil {
		b.mistakes.AddAt(where, err)
	}
	e := &b.policy.endpoints
	added := endpoint{identifier: identifier, audiences: weburl.WithAndWithoutSlash(identifier)}
	if u, err := url.Parse(identifier); err == nil { // otherwise reported above
		added.origin = u.Scheme + "://" + u.Host
		added.public, _ = dpop.Normalize(identifier)
		var rest string
		rest, added.based = metadataurl.CutBase(u.EscapedPath(), b.config.HTTP.BasePath)
		added.path = strings.TrimSuffix(rest, "/")
		if other, ok := e.table.Add(u, added.path); !ok {
			b.mistakes.Addf("%s: %q cannot be distinguished from %q: a request has the same path, without a slash at the end, and the same Host", where, identifier, e.all[other].identifier)
		}
	}
	if len(e.all) > 0 {
		name := digest.Of(identifier)
		added.cacheMask = binary.BigEndian.Uint64(name[:])
	}
	e.all = append(e.all, added)
}

// setLocations determines the addresses of the metadata of all endpoints.
func (b *builder) setLocations() {
	h, e := &b.config.HTTP, &b.policy.endpoints
	settings := metadataurl.Settings{URL: h.MetadataURL, BasePath: h.BasePath, Paths: h.MetadataPaths, AllowHTTP: h.AllowHTTP}
	before := b.mistakes.Len()
	e.base = h.BasePath
	first := &e.all[max(0, slices.IndexFunc(e.all, func(at endpoint) bool { return at.based }))]
	first.location = settings.Of(first.identifier, &b.mistakes)
	if len(e.all) == 1 || b.mistakes.Len() > before {
		return
	}
	if h.MetadataURL != "" || h.MetadataPaths != nil {
		b.mistakes.Addf("HTTP.MetadataURL, MetadataPaths: each identifier has its own document, and Identifiers has others; leave them empty")
		return
	}
	for n := range e.all {
		at := &e.all[n]
		settings := settings
		if !at.based {
			settings.BasePath = ""
		}
		at.location = settings.Of(at.identifier, &b.mistakes)
		if _, again := metadataurl.CutBase(at.path, h.BasePath); again && h.BasePath != "" && e.severalPaths {
			b.mistakes.Addf("HTTP.BasePath: the path of %q begins with %q twice; with several paths it is not certain whether a proxy has removed it from a request", at.identifier, h.BasePath)
		}
	}
}

// checkPlainPaths rejects identifiers whose paths servers read in different ways.
func (b *builder) checkPlainPaths() {
	folded := map[string]string{} // path in lower case -> path
	for n, e := range b.policy.endpoints.all {
		where := "Identifier"
		if n > 0 {
			where = fmt.Sprintf("Identifiers[%d]", n-1)
		}
		lower := strings.ToLower(e.path)
		if other, ok := folded[lower]; ok && other != e.path {
			b.mistakes.Addf("%s: the path of %q differs from that of another identifier only in case; some servers ignore case", where, e.identifier)
		}
		folded[lower] = e.path
		if !urltable.IsPlain(e.path) {
			b.mistakes.Addf("%s: the path of %q has a segment of other characters than letters, digits, \"-\", \".\", \"_\" and \"~\", or of dots only; servers read it in different ways, so identifiers with several paths cannot have it", where, e.identifier)
		}
	}
}

// checkAudienceOfAll rejects an audience of an issuer that is one of several identifiers. It
// would be accepted at the others too.
func (b *builder) checkAudienceOfAll(where, audience string) {
	if e := &b.policy.endpoints; len(e.all) > 1 && e.isAudience(audience) {
		b.mistakes.Addf("%s: %q is one of several identifiers, and would be accepted at the others too; remove it: each identifier is accepted anyway", where, audience)
	}
}

// isAudience reports whether an audience is that of an endpoint, apart from a slash at the end.
func (e *endpoints) isAudience(audience string) bool {
	for n := range e.all {
		if strings.TrimSuffix(e.all[n].identifier, "/") == strings.TrimSuffix(audience, "/") {
			return true
		}
	}
	return false
}

// Identifiers returns Config.Identifier and Config.Identifiers, in this order.
//
// The path of a request selects the identifier, and Host if several have that path. Host is
// compared without case, with its port unless that is the default, and another Host selects
// the first one. A Host that has the name of one of several hosts, but another port or a dot
// at its end, is rejected with 404.
//
// If all identifiers have one path, the path of the request does not matter. If they have
// several, a request must be at the path of an identifier, or below it if no other identifier
// is below it; a slash at the end does not matter. Every other path is rejected with 404. So
// is a path with empty or dot segments, or with other characters than letters, digits, "-",
// ".", "_" and "~", because servers read these in different ways. Identifiers with several
// paths must consist of these characters too. In front of the Resource nothing may remove a
// part of the path, as http.StripPrefix does, except HTTPOptions.BasePath.
func (r *Resource) Identifiers() []string {
	return r.policy().endpoints.names()
}

func (e *endpoints) names() (all []string) {
	for n := range e.all {
		all = append(all, e.all[n].identifier)
	}
	return all
}

// Documents returns a function for each of [Resource.Identifiers]. It returns the document to
// publish for the identifier (RFC 9728), which [Resource.Replace] can change. Package nethttp
// serves them.
func (r *Resource) Documents() (all []func() metadata.Document) {
	for _, identifier := range r.Identifiers() {
		all = append(all, func() metadata.Document {
			p := r.policy()
			d := p.document.Clone()
			d.Resource = identifier
			if e := p.endpoints.named(identifier); e != nil {
				d.Paths = e.location.Paths
			}
			return d
		})
	}
	return all
}

// sameEndpoints reports whether two policies have the same identifiers.
func (p *policy) sameEndpoints(other *policy) bool {
	return slices.EqualFunc(p.endpoints.all, other.endpoints.all, func(a, b endpoint) bool { return a.identifier == b.identifier })
}
