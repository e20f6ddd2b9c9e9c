package resource

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/warder-go/warder/metadata"
)

// Origins returns the web origins whose pages may call, sorted: the Identifier's own
// and those of Config.Origins. It is never empty, and never says "any". It is for the
// CORS library in front, so that both have one list: let that ask on each request, since
// [Resource.Replace] may bring another.
func (r *Resource) Origins() []string { return slices.Clone(r.now().origins) }

// checkOrigin is the rule of MCP 2026-07-28 (Streamable HTTP, "Security & Endpoint"):
// an Origin that is there and not valid is 403. Programs send none. A browser sends
// one with each request that could change something and with each to another origin;
// where a name was rebound to this server's address it is that name's, which no list
// has. Comparing it with Host, as net/http.CrossOriginProtection does, would find the
// two equal then.
//
// The comparison is exact: browsers write an origin in one way only (RFC 6454 §6.2).
// Two lines, an empty one and a list are nobody's origin.
func (r *Resource) checkOrigin(header http.Header) *fault {
	sent, ok := header["Origin"]
	if !ok || len(sent) == 1 && slices.Contains(r.origins, sent[0]) {
		return nil
	}
	return &fault{reason: ReasonOrigin, got: strings.Join(sent, ", "), want: strings.Join(r.origins, " ")}
}

// allowOrigins checks Config.Origins and adds the Identifier's own.
func (b *builder) allowOrigins(r *Resource) {
	for n, origin := range b.config.Origins {
		switch err := b.originMistake(origin); {
		case err != nil:
			b.mistake("Origins[%d]: %w", n, err)
		case slices.Contains(b.config.Origins[:n], origin):
			b.mistake("Origins[%d]: %q stands twice", n, origin)
		}
	}
	r.origins = slices.Clone(b.config.Origins)
	if u, err := url.Parse(b.config.Identifier); err == nil { // else it is a mistake elsewhere
		r.origins = append(r.origins, serialized(u))
	}
	slices.Sort(r.origins)
	r.origins = slices.Compact(r.origins)
}

// originMistake says why a browser would never send this, or why nobody should trust
// it.
func (b *builder) originMistake(origin string) error {
	switch {
	case origin == "null":
		return errors.New(`"null" is what sandboxed frames and local files send, which anybody can make: serve the page from an origin of its own`)
	case strings.Contains(origin, "*"):
		return fmt.Errorf("%q: origins are compared exactly: name each", origin)
	}
	scheme, rest, ok := strings.Cut(origin, "://")
	if !ok || rest == "" {
		return fmt.Errorf("%q is no origin: write scheme://host or scheme://host:port, as browsers send it", origin)
	}
	if scheme != "http" && scheme != "https" { // chrome-extension://..., tauri://localhost
		if strings.Trim(scheme, lowerAndDigits+"-") != "" || strings.Trim(rest, lowerAndDigits+"-.") != "" {
			return fmt.Errorf("%q is no origin: write scheme://host in lower case and without a path", origin)
		}
		return nil
	}
	if err := metadata.CheckEndpoint(origin, b.config.AllowHTTP); err != nil {
		return err
	}
	u, err := url.Parse(origin)
	if err != nil {
		return err
	}
	if want := serialized(u); want != origin {
		return fmt.Errorf("%q is not how browsers write an origin: write %q", origin, want)
	}
	return nil
}

const lowerAndDigits = "abcdefghijklmnopqrstuvwxyz0123456789"

// serialized is the origin of a URL as browsers write it (RFC 6454 §6.2): in lower
// case, without the port that the scheme has anyway and without zeros in front of
// another, an IPv6 address in its short form.
func serialized(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), strings.TrimLeft(u.Port(), "0")
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		host = "[" + addr.String() + "]"
	}
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host += ":" + port
	}
	return u.Scheme + "://" + host
}
