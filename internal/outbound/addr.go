package outbound

import (
	"errors"
	"fmt"
	"net/netip"
)

// checkAddr returns an error if a connection to addr is not allowed. configured reports
// whether the operator named the host in the configuration.
//
// No host may have a link-local address, a cloud metadata address or an address that is not
// a unicast destination. A host that is not configured may have public addresses only: by
// the IANA special-purpose registries (RFC 6890), and for IPv6 within 2000::/3. If an IPv6
// address embeds an IPv4 address, the first rule applies to both.
func checkAddr(addr netip.Addr, configured bool) error {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return errors.New("no address")
	}
	for _, candidate := range append(embedded(addr), addr) {
		if name := find(forbidden[:], candidate); name != "" {
			return fmt.Errorf("address %s is not allowed for any host: %s", addr, name)
		}
	}
	if configured {
		return nil
	}
	if name := find(private[:], addr); name != "" {
		return fmt.Errorf("address %s is not public (%s) and its host is not in the configuration: if it is yours, add it to allow_private_hosts (in Go: AllowHosts)", addr, name)
	}
	if addr.Is6() && !publicIPv6.Contains(addr) {
		return fmt.Errorf("address %s is not public (outside %s) and its host is not in the configuration: if it is yours, add it to allow_private_hosts (in Go: AllowHosts)", addr, publicIPv6)
	}
	return nil
}

type block struct {
	prefix netip.Prefix
	name   string
}

// find returns the name of the first block that contains addr, or "".
func find(blocks []block, addr netip.Addr) string {
	for _, b := range blocks {
		if b.prefix.Contains(addr) {
			return b.name
		}
	}
	return ""
}

// The following tables are never modified.

// forbidden lists addresses that no key set and no authorization server can have. Most of
// them are metadata services, which return credentials of the machine to every program on
// it.
var forbidden = [...]block{
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified"},
	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local, cloud metadata"}, // .169.254, .170.2 and .170.23 (AWS), .42.42 (Scaleway), .0.23 (Tencent)
	{netip.MustParsePrefix("fe80::/10"), "link-local"},                      // fe80::a9fe:a9fe (OpenStack)
	{netip.MustParsePrefix("100.100.100.200/32"), "Alibaba Cloud metadata"},
	{netip.MustParsePrefix("fd00:100::100:200/128"), "Alibaba Cloud metadata"},
	{netip.MustParsePrefix("168.63.129.16/32"), "Azure WireServer"},
	{netip.MustParsePrefix("192.0.0.192/32"), "Oracle Cloud Classic metadata"},
	{netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), "Oracle Cloud metadata"},
	{netip.MustParsePrefix("fd00:ec2::/32"), "AWS instance services"}, // ::254 metadata, ::23 EKS Pod Identity
	{netip.MustParsePrefix("fd20:ce::254/128"), "Google Cloud metadata"},
	{netip.MustParsePrefix("fd00:42::42/128"), "Scaleway metadata"},
	{netip.MustParsePrefix("fd00:a9fe:a9fe::1/128"), "Linode metadata"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},
}

// private lists the blocks that the IANA registries do not call globally reachable. A
// block with exceptions, such as 192.0.0.9, is listed as a whole.
var private = [...]block{
	{netip.MustParsePrefix("10.0.0.0/8"), "private, RFC 1918"},
	{netip.MustParsePrefix("100.64.0.0/10"), "carrier-grade NAT, RFC 6598"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private, RFC 1918"},
	{netip.MustParsePrefix("192.0.0.0/24"), "IETF protocol assignments, RFC 6890"},
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation, RFC 5737"},
	{netip.MustParsePrefix("192.88.99.0/24"), "6to4 relays, RFC 7526"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private, RFC 1918"},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking, RFC 2544"},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation, RFC 5737"},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation, RFC 5737"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved, RFC 1112"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("fc00::/7"), "unique local, RFC 4193"},
	{netip.MustParsePrefix("fec0::/10"), "site-local, RFC 3879"},
	{nat64, "NAT64, RFC 6052"},
	{nat64Local, "NAT64, RFC 8215"},
	{netip.MustParsePrefix("2001::/23"), "IETF protocol assignments with Teredo, RFC 2928"},
	{netip.MustParsePrefix("2001:db8::/32"), "documentation, RFC 3849"},
	{sixToFour, "6to4, RFC 3056"},
	{netip.MustParsePrefix("3fff::/20"), "documentation, RFC 9637"},
}

var (
	publicIPv6 = netip.MustParsePrefix("2000::/3") // all that IANA assigns as global unicast
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48")
	sixToFour  = netip.MustParsePrefix("2002::/16")
	teredo     = netip.MustParsePrefix("2001::/32")
	compatible = netip.MustParsePrefix("::/96")           // RFC 4291 §2.5.5.1, deprecated
	translated = netip.MustParsePrefix("::ffff:0:0:0/96") // RFC 2765
)
