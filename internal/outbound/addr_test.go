package outbound_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/outbound"
)

// Who may be at an address: everybody, hosts written in the configuration, nobody.
const (
	everybody = "everybody"
	written   = "written"
	nobody    = "nobody"
)

// Sources: the IANA special-purpose registries (RFC 6890 and later), the clouds'
// own documentation, RFC 6052 §2.2, RFC 3056, RFC 4380 for embedded addresses.
var addresses = []struct{ what, addr, who string }{
	{"a public address", "8.8.8.8", everybody},
	{"the address before 10/8", "9.255.255.255", everybody},
	{"the address behind 10/8", "11.0.0.0", everybody},
	{"the address before 100.64/10", "100.63.255.255", everybody},
	{"the address behind 100.64/10", "100.128.0.0", everybody},
	{"the address behind 172.16/12", "172.32.0.0", everybody},
	{"the address before 169.254/16", "169.253.255.255", everybody},
	{"the last unicast address", "223.255.255.255", everybody},
	{"a neighbour of Azure's", "168.63.129.17", everybody},
	{"a public IPv6 address", "2001:4860:4860::8888", everybody},
	{"the address behind 2001::/23", "2001:200::", everybody},
	{"a public IPv4-mapped address", "::ffff:8.8.8.8", everybody},

	{"loopback", "127.0.0.1", written},
	{"loopback's last address", "127.255.255.255", written},
	{"IPv6 loopback", "::1", written},
	{"IPv4-mapped loopback", "::ffff:127.0.0.1", written},
	{"RFC 1918, 10/8", "10.0.0.1", written},
	{"RFC 1918, 172.16/12", "172.31.255.255", written},
	{"RFC 1918, 192.168/16", "192.168.1.1", written},
	{"IPv4-mapped RFC 1918", "::ffff:10.0.0.1", written},
	{"carrier-grade NAT", "100.64.0.1", written},
	{"IETF assignments", "192.0.0.8", written},
	{"documentation 1", "192.0.2.1", written},
	{"documentation 2", "198.51.100.1", written},
	{"documentation 3", "203.0.113.1", written},
	{"benchmarking", "198.19.255.255", written},
	{"a 6to4 relay", "192.88.99.1", written},
	{"reserved", "240.0.0.1", written},
	{"unique local", "fd12:3456::1", written},
	{"site-local", "fec0::1", written},
	{"IPv6 documentation", "2001:db8::1", written},
	{"IPv6 documentation, new", "3fff::1", written},
	{"IPv6 benchmarking", "2001:2::1", written},
	{"Teredo", "2001:0:4136:e378:8000:63bf:3fff:fdd2", written},
	{"6to4", "2002:808:808::1", written},
	{"NAT64", "64:ff9b::808:808", written},
	{"NAT64 of a private address", "64:ff9b::10.0.0.1", written},
	{"local NAT64", "64:ff9b:1::10.0.0.1", written},
	{"discard only", "100::1", written},
	{"segment routing", "5f00::1", written},
	{"not given out yet", "4000::1", written},

	{"unspecified", "0.0.0.0", nobody},
	{"this network", "0.1.2.3", nobody},
	{"IPv6 unspecified", "::", nobody},
	{"AWS, Google, Azure metadata", "169.254.169.254", nobody},
	{"AWS ECS credentials", "169.254.170.2", nobody},
	{"link-local's first address", "169.254.0.0", nobody},
	{"link-local's last address", "169.254.255.255", nobody},
	{"IPv4-mapped metadata", "::ffff:169.254.169.254", nobody},
	{"IPv4-compatible metadata", "::169.254.169.254", nobody},
	{"IPv4-translated metadata", "::ffff:0:169.254.169.254", nobody},
	{"NAT64 of metadata", "64:ff9b::169.254.169.254", nobody},
	{"local NAT64 of metadata, /96", "64:ff9b:1::169.254.169.254", nobody},
	{"local NAT64 of metadata, /48", "64:ff9b:1:a9fe:a9:fe00::", nobody},
	{"local NAT64 of metadata, /56", "64:ff9b:1:a9:fe:a9fe::", nobody},
	{"local NAT64 of metadata, /64", "64:ff9b:1:0:a9:fea9:fe00:0", nobody},
	{"6to4 of metadata", "2002:a9fe:a9fe::1", nobody},
	{"Teredo of metadata", "2001:0:4136:e378:8000:63bf:5601:5601", nobody},
	{"NAT64 of Alibaba's", "64:ff9b::100.100.100.200", nobody},
	{"IPv6 link-local", "fe80::1", nobody},
	{"IPv6 link-local's last address", "febf:ffff::1", nobody},
	{"Alibaba metadata", "100.100.100.200", nobody},
	{"Alibaba metadata, IPv6", "fd00:100::100:200", nobody},
	{"Azure WireServer", "168.63.129.16", nobody},
	{"Oracle Classic metadata", "192.0.0.192", nobody},
	{"Oracle metadata, IPv6", "fd00:c1::a9fe:a9fe", nobody},
	{"AWS metadata, IPv6", "fd00:ec2::254", nobody},
	{"AWS EKS Pod Identity, IPv6", "fd00:ec2::23", nobody},
	{"Google metadata, IPv6", "fd20:ce::254", nobody},
	{"Scaleway metadata, IPv6", "fd00:42::42", nobody},
	{"Linode metadata, IPv6", "fd00:a9fe:a9fe::1", nobody},
	{"multicast", "224.0.0.1", nobody},
	{"IPv6 multicast", "ff02::1", nobody},
	{"broadcast", "255.255.255.255", nobody},
}

func TestCheckAddr(t *testing.T) {
	for _, row := range addresses {
		addr := netip.MustParseAddr(row.addr)
		who := nobody
		if outbound.CheckAddr(addr, true) == nil {
			who = written
		}
		if outbound.CheckAddr(addr, false) == nil {
			who += " and learned"
		}
		want := strings.Replace(row.who, everybody, "written and learned", 1)
		wantEqual(t, row.what+" "+row.addr, who, want)
	}
	if outbound.CheckAddr(netip.Addr{}, true) == nil {
		t.Error("the zero address is accepted")
	}
	if outbound.CheckAddr(netip.MustParseAddr("fe80::1%eth0"), true) == nil {
		t.Error("a link-local address with a zone is accepted")
	}
}
