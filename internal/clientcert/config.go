package clientcert

import (
	"net/netip"
	"net/textproto"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/configerr"
)

// Format is the format of a header field with a certificate.
type Format string

// The formats.
const (
	// FormatRFC9440 is a Byte Sequence with the DER: ":" base64 ":" (RFC 9440 §2.1).
	FormatRFC9440 Format = "rfc9440"

	// FormatXFCC is one element of the field X-Forwarded-Client-Cert of Envoy, with Hash or Cert or
	// both. Envoy must run with forward_client_cert_details: SANITIZE_SET. With APPEND_FORWARD,
	// clients can write the first elements, so several elements are rejected.
	FormatXFCC Format = "xfcc"

	// FormatPEM is a percent-encoded PEM block, for example $ssl_client_escaped_cert of nginx.
	FormatPEM Format = "pem"
)

var parsers = map[Format]func(string) (Thumbprint, error){
	FormatRFC9440: parseByteSequence,
	FormatXFCC:    parseXFCC,
	FormatPEM:     parseEscapedPEM,
}

// The shortest prefixes that can be a network of proxies: 10.0.0.0/8 and fc00::/7. A shorter one
// contains addresses of clients.
const (
	shortestIPv4 = 8
	shortestIPv6 = 7
)

// standardFields have another meaning. Reader.Remove would take them from the handler.
var standardFields = []string{"Authorization", "Connection", "Cookie", "DPoP", "Expect", "Forwarded", "Host", "Last-Event-ID", "Origin", "Proxy-Authorization",
	"Range", "Referer", "TE", "Traceparent", "Tracestate", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "Via",
	"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "X-Request-ID", chainField}

// standardPrefixes are the beginnings of the names of more such fields.
var standardPrefixes = []string{"accept", "access-control-", "content-", "if-", "mcp-", "sec-"}

// New returns all mistakes of the configuration. Each begins with the name of its field. It does
// not keep the slices.
func New(c Config) (*Reader, []error) {
	var mistakes configerr.List
	c.check(&mistakes)
	if mistakes.Len() > 0 {
		return nil, mistakes.All()
	}
	r := &Reader{field: textproto.CanonicalMIMEHeaderKey(c.Field), parse: parsers[c.Format], proxies: slices.Clone(c.Proxies)}
	if c.Format == FormatRFC9440 {
		r.chain = chainField
	}
	return r, nil
}

func (c Config) check(mistakes *configerr.List) {
	if c.Field == "" {
		if c.Format != "" {
			mistakes.Addf("Format: is set without Field: name the header field of the proxy, or remove Format")
		}
		if len(c.Proxies) > 0 {
			mistakes.Addf("Proxies: is set without Field: name the header field of the proxy, or remove Proxies")
		}
		return
	}
	checkField(c.Field, mistakes)
	if parsers[c.Format] == nil {
		mistakes.Addf("Format: %q is not a format; want %q, %q or %q", c.Format, FormatRFC9440, FormatXFCC, FormatPEM)
	}
	if len(c.Proxies) == 0 {
		mistakes.Addf("Proxies: is empty, but Field is set: list the addresses of the proxies, for example 192.0.2.1/32. Otherwise every client could send the certificate of another one")
	}
	for i, p := range c.Proxies {
		checkProxy(i, p, mistakes)
	}
}

func checkField(name string, mistakes *configerr.List) {
	lower := strings.ToLower(name)
	same := func(standard string) bool { return sameName(standard, name) }
	begins := func(prefix string) bool { return strings.HasPrefix(strings.ReplaceAll(lower, "_", "-"), prefix) }
	switch {
	case strings.Trim(lower, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "":
		mistakes.Addf("Field: %q is not a header field name", name)
	case slices.ContainsFunc(standardFields, same) || slices.ContainsFunc(standardPrefixes, begins):
		mistakes.Addf("Field: %s has a standard meaning: name the field in which the proxy passes on the certificate, for example Client-Cert", name)
	}
}

func checkProxy(i int, p netip.Prefix, mistakes *configerr.List) {
	shortest := shortestIPv6
	if p.Addr().Is4() {
		shortest = shortestIPv4
	}
	switch {
	case !p.IsValid():
		mistakes.Addf("Proxies[%d]: is not a valid prefix; want for example 192.0.2.1/32", i)
	case p.Addr().Is4In6():
		mistakes.Addf("Proxies[%d]: %s is an IPv4 address in IPv6; write the IPv4 prefix%s", i, p, ipv4Prefix(p))
	case p.Bits() < shortest:
		mistakes.Addf("Proxies[%d]: %s contains addresses of clients; list the addresses of the proxies only", i, p)
	case p != p.Masked():
		mistakes.Addf("Proxies[%d]: %s has bits after the prefix: write %s, or %s for one address", i, p, p.Masked(), netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))
	case p.Addr().Is6() && p.Addr().IsLinkLocalUnicast():
		mistakes.Addf("Proxies[%d]: %s is link-local; link-local addresses have zones, which are not supported: use another address", i, p)
	}
}

// ipv4Prefix returns the prefix of the IPv4 address after a space; "" if the prefix is too short.
func ipv4Prefix(p netip.Prefix) string {
	const before = 96 // bits before the IPv4 address (RFC 4291 §2.5.5.2)
	if p.Bits() < before {
		return ""
	}
	return " " + netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-before).String()
}
