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

// guard dials, and asks [CheckAddr] about every address that a connection is
// attempted to. The question is put between socket and connect, so there is no
// second look-up whose answer could differ.
type guard struct {
	written map[string]bool // canonical host names
	dialer  net.Dialer      // copied for each use
}

func newGuard(cfg Config, timeout time.Duration) *guard {
	g := &guard{
		written: make(map[string]bool),
		// The dialer's own timeout counts too: net/http lets a dial go on after
		// the request that began it has given up.
		dialer: net.Dialer{Timeout: timeout, Resolver: cfg.Resolver},
	}
	for _, hosts := range [][]string{cfg.Hosts, cfg.AllowHosts} {
		for _, host := range hosts {
			g.written[canonicalHost(host)] = true
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
	written := viaProxy || g.written[host]
	d := g.dialer
	d.ControlContext = func(_ context.Context, _, actual string, _ syscall.RawConn) error {
		return checkDial(host, actual, written)
	}
	return d.DialContext(ctx, network, address)
}

// checkDial decides on one connection attempt. What it cannot read it refuses.
func checkDial(host, actual string, written bool) error {
	to, err := netip.ParseAddrPort(actual)
	if err != nil {
		return &Error{Outcome: RefusedAddress, Err: fmt.Errorf("address of %q cannot be read", host)}
	}
	if err := CheckAddr(to.Addr(), written); err != nil {
		return &Error{Outcome: RefusedAddress, Err: fmt.Errorf("host %q: %w", host, err)}
	}
	return nil
}

// canonicalHost is the form in which host names are compared: lower-case ASCII,
// without one terminal dot and without brackets, IP addresses in their shortest
// form. It does not resolve anything.
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

// CheckHosts returns a mistake for each entry of a list that can be no host name, and so
// would never match.
func CheckHosts(field string, hosts []string) error {
	var mistakes []error
	for n, host := range hosts {
		if !validHost(canonicalHost(host)) {
			mistakes = append(mistakes, fmt.Errorf("%s[%d]: %q is no host: name one, such as auth.internal, without scheme, port and wildcard", field, n, host))
		}
	}
	return errors.Join(mistakes...)
}

// validHost accepts the host of a URL: an IP address without a zone, or a name of
// letters, digits, '-', '_' and '.'. Names in other scripts are written in their
// xn-- form: net/http would translate them, and then dial a name nobody checked.
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

// IsLoopbackHost reports whether host, as [net/url.URL.Hostname] gives it, is this
// machine by its spelling: "localhost" in any case, 127.0.0.0/8 or ::1. It does
// not resolve names.
func IsLoopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Zone() == "" && !addr.Is4In6() && addr.IsLoopback()
}
