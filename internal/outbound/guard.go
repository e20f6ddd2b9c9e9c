package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// guard dials connections and calls checkAddr with the address of every connection attempt.
// The check runs between socket and connect. There is no second lookup, so a DNS answer
// cannot change between the check and its use.
type guard struct {
	configured map[string]bool // canonical host names
	dialer     net.Dialer      // copied for each dial
}

func newGuard(cfg Config, timeout time.Duration) *guard {
	g := &guard{
		configured: make(map[string]bool),
		// The dialer needs a separate timeout: net/http continues a dial after the request
		// that started it has ended.
		dialer: net.Dialer{Timeout: timeout, Resolver: cfg.Resolver},
	}
	for _, hosts := range [][]string{cfg.Hosts, cfg.AllowHosts} {
		for _, host := range hosts {
			g.configured[canonicalHost(host)] = true
		}
	}
	return g
}

func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	host = canonicalHost(host)
	viaProxy := ctx.Value(proxyKey{}) != nil
	configured := viaProxy || g.configured[host]
	d := g.dialer
	d.ControlContext = func(_ context.Context, _, actual string, _ syscall.RawConn) error {
		return checkDial(host, actual, configured)
	}
	return d.DialContext(ctx, network, address)
}

// checkDial decides about one connection attempt. It rejects addresses that it cannot
// parse.
func checkDial(host, actual string, configured bool) error {
	to, err := netip.ParseAddrPort(actual)
	if err != nil {
		return &Error{Outcome: RefusedAddress, Err: fmt.Errorf("address of %q cannot be parsed", host)}
	}
	if err := checkAddr(to.Addr(), configured); err != nil {
		return &Error{Outcome: RefusedAddress, Err: fmt.Errorf("host %q: %w", host, err)}
	}
	return nil
}

// canonicalHost returns the form in which host names are compared: lower-case ASCII,
// without one terminal dot and without brackets, IP addresses in their shortest form. It
// does not resolve names.
func canonicalHost(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.String()
	}
	return host
}

// CheckHosts returns an error for each entry of the list in field that cannot be a host
// name and so would never match. It joins them as [errors.Join] does.
func CheckHosts(field string, hosts []string) error {
	var mistakes []error
	for n, host := range hosts {
		if !validHost(canonicalHost(host)) {
			mistakes = append(mistakes, fmt.Errorf("%s[%d]: %q is not a host name: use one such as auth.internal, without scheme, port and wildcard", field, n, host))
		}
	}
	return errors.Join(mistakes...)
}

// validHost accepts the host of a URL: an IP address without a zone, or a name of letters,
// digits, '-', '_' and '.'. Names in other scripts must be in their xn-- form: net/http
// would convert them, and then dial a name that was not checked.
func validHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Zone() == ""
	}
	for _, c := range []byte(host) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return host != ""
}

// IsLoopbackHost reports whether host, as returned by [net/url.URL.Hostname], is written as
// a loopback host: "localhost" in any case, an address in 127.0.0.0/8, or ::1. It does not
// resolve names.
func IsLoopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Zone() == "" && !addr.Is4In6() && addr.IsLoopback()
}
