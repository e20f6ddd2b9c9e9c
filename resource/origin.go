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

// checkOrigin implements the rule of MCP 2026-07-28 (Streamable HTTP, "Security & Endpoint"):
// a request with an Origin that is not allowed is rejected with 403. Programs send none.
// Browsers send one with each request that could change something, and with each request to
// another origin. If a name was rebound to this server's address, it is the origin of that
// name, which is on no list. net/http.CrossOriginProtection compares Origin with Host, which
// are equal in that case.
//
// The comparison is exact, because browsers write an origin in one way only (RFC 6454
// §6.2). Two header lines, an empty one and a list match no origin.
func (p *policy) checkOrigin(header http.Header) *fault {
	sent, ok := header["Origin"]
	if !ok || len(sent) == 1 && slices.Contains(p.origins, sent[0]) {
		return nil
	}
	return &fault{reason: ReasonOrigin, got: strings.Join(sent, ", "), want: strings.Join(p.origins, " ")}
}

// setOrigins checks HTTPOptions.Origins and adds the origin of the Identifier.
func (b *builder) setOrigins() {
	given := b.config.HTTP.Origins
	for n, origin := range given {
		where := fmt.Sprintf("HTTP.Origins[%d]", n)
		if slices.Contains(given[:n], origin) {
			b.mistakes.Addf("%s: duplicate origin %q", where, origin)
			continue
		}
		b.mistakes.Add(prefixError(where, checkConfiguredOrigin(origin, b.config.HTTP.AllowHTTP)))
	}
	origins := slices.Clone(given)
	if u, err := url.Parse(b.config.Identifier); err == nil { // otherwise reported elsewhere
		origins = append(origins, originOf(u))
	}
	slices.Sort(origins)
	b.policy.origins = slices.Compact(origins)
}

// checkConfiguredOrigin returns why a browser would never send this origin, or why it must
// not be trusted.
func checkConfiguredOrigin(origin string, allowHTTP bool) error {
	switch {
	case origin == "null":
		return errors.New(`"null" is sent by sandboxed frames and local files, which anyone can make: serve the page from an origin`)
	case strings.Contains(origin, "*"):
		return fmt.Errorf("%q: origins are compared exactly: name each one", origin)
	}
	scheme, rest, ok := strings.Cut(origin, "://")
	if !ok || rest == "" {
		return fmt.Errorf("%q is not an origin: write scheme://host or scheme://host:port, as browsers send it", origin)
	}
	if scheme != "http" && scheme != "https" { // chrome-extension://..., tauri://localhost
		if strings.Trim(scheme, lowerAndDigits+"-") != "" || strings.Trim(rest, lowerAndDigits+"-.") != "" {
			return fmt.Errorf("%q is not an origin: write scheme://host in lower case and without a path", origin)
		}
		return nil
	}
	if err := metadata.CheckEndpoint(origin, allowHTTP); err != nil {
		return err
	}
	u, err := url.Parse(origin)
	if err != nil {
		return err
	}
	if want := originOf(u); want != origin {
		return fmt.Errorf("%q is not how browsers write the origin: write %q", origin, want)
	}
	return nil
}

const lowerAndDigits = "abcdefghijklmnopqrstuvwxyz0123456789"

// originOf returns the origin of a URL as browsers write it (RFC 6454 §6.2): in lower case,
// without the default port of the scheme and without leading zeros in another port, with an
// IPv6 address in its short form.
func originOf(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), strings.TrimLeft(u.Port(), "0")
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		host = "[" + addr.String() + "]"
	}
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host += ":" + port
	}
	return u.Scheme + "://" + host
}
