package gate

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// httpHandler shortens signatures of middleware.
type httpHandler = http.Handler

// checkAddress checks the address of a listener.
func (b *builder) checkAddress(key, address string) {
	_, port, err := net.SplitHostPort(address)
	if n, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || strconv.FormatUint(n, 10) != port {
		b.decoder.at(key, "is not host:port with a port number")
	}
}

// prefixes are networks.
type prefixes []netip.Prefix

// contains reports whether the address of a connection is in one of the networks. Addresses that
// are not IP addresses are in none.
func (p prefixes) contains(remote string) bool {
	if len(p) == 0 {
		return false
	}
	address, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	ip := address.Addr().Unmap().WithZone("")
	for _, prefix := range p {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}

// prefixes reads a list of addresses and networks.
func (b *builder) prefixes(key string, list []string) (all prefixes) {
	for n, text := range list {
		prefix, err := netip.ParsePrefix(text)
		if !strings.Contains(text, "/") {
			var ip netip.Addr
			if ip, err = netip.ParseAddr(text); err == nil {
				prefix = netip.PrefixFrom(ip, ip.BitLen())
			}
		}
		where := fmt.Sprintf("%s[%d]", key, n)
		switch {
		case err != nil || prefix.Addr().Zone() != "" || prefix.Addr().Is4In6():
			b.decoder.at(where, "is not an IP address, such as 192.0.2.7, or a network, such as 10.0.0.0/8")
		case prefix != prefix.Masked():
			b.decoder.at(where, "has bits after its length; write %s", prefix.Masked())
		case prefix.Bits() == 0:
			b.decoder.at(where, "is every address")
		default:
			all = append(all, prefix)
		}
	}
	return all
}
