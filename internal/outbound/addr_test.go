package outbound_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/outbound"
)

// The hosts that may have an address: all, those in the configuration, none.
const (
	anyHost        = "any host"
	configuredHost = "configured hosts"
	noHost         = "no host"
)

// addresses is based on the IANA special-purpose registries (RFC 6890 and later), the
// documentation of the cloud providers, and RFC 6052 §2.2, RFC 3056 and RFC 4380 for embedded
// addresses.
var addresses = []struct{ name, addr, allowed string }{
	{"a public address", "8.8.8.8", anyHost},
	{"the address before 10/8", "9.255.255.255", anyHost},
	{"the address after 10/8", "11.0.0.0", anyHost},
	{"the address before 100.64/10", "100.63.255.255", anyHost},
	{"the address after 100.64/10", "100.128.0.0", anyHost},
	{"the address after 172.16/12", "172.32.0.0", anyHost},
	{"the address before 169.254/16", "169.253.255.255", anyHost},
	{"the last unicast address", "223.255.255.255", anyHost},
	{"the address after Azure's", "168.63.129.17", anyHost},
	{"a public IPv6 address", "2001:4860:4860::8888", anyHost},
	{"the address after 2001::/23", "2001:200::", anyHost},
	{"a public IPv4-mapped address", "::ffff:8.8.8.8", anyHost},

	{"loopback", "127.0.0.1", configuredHost},
	{"loopback's last address", "127.255.255.255", configuredHost},
	{"IPv6 loopback", "::1", configuredHost},
	{"IPv4-mapped loopback", "::ffff:127.0.0.1", configuredHost},
	{"RFC 1918, 10/8", "10.0.0.1", configuredHost},
	{"RFC 1918, 172.16/12", "172.31.255.255", configuredHost},
	{"RFC 1918, 192.168/16", "192.168.1.1", configuredHost},
	{"IPv4-mapped RFC 1918", "::ffff:10.0.0.1", configuredHost},
	{"carrier-grade NAT", "100.64.0.1", configuredHost},
	{"IETF assignments", "192.0.0.8", configuredHost},
	{"documentation 1", "192.0.2.1", configuredHost},
	{"documentation 2", "198.51.100.1", configuredHost},
	{"documentation 3", "203.0.113.1", configuredHost},
	{"benchmarking", "198.19.255.255", configuredHost},
	{"a 6to4 relay", "192.88.99.1", configuredHost},
	{"reserved", "240.0.0.1", configuredHost},
	{"unique local", "fd12:3456::1", configuredHost},
	{"site-local", "fec0::1", configuredHost},
	{"IPv6 documentation", "2001:db8::1", configuredHost},
	{"IPv6 documentation, RFC 9637", "3fff::1", configuredHost},
	{"IPv6 benchmarking", "2001:2::1", configuredHost},
	{"Teredo", "2001:0:4136:e378:8000:63bf:3fff:fdd2", configuredHost},
	{"6to4", "2002:808:808::1", configuredHost},
	{"NAT64", "64:ff9b::808:808", configuredHost},
	{"NAT64 of a private address", "64:ff9b::10.0.0.1", configuredHost},
	{"local NAT64", "64:ff9b:1::10.0.0.1", configuredHost},
	{"discard only", "100::1", configuredHost},
	{"segment routing", "5f00::1", configuredHost},
	{"not assigned yet", "4000::1", configuredHost},

	{"unspecified", "0.0.0.0", noHost},
	{"this network", "0.1.2.3", noHost},
	{"IPv6 unspecified", "::", noHost},
	{"AWS, Google, Azure metadata", "169.254.169.254", noHost},
	{"AWS ECS credentials", "169.254.170.2", noHost},
	{"link-local's first address", "169.254.0.0", noHost},
	{"link-local's last address", "169.254.255.255", noHost},
	{"IPv4-mapped metadata", "::ffff:169.254.169.254", noHost},
	{"IPv4-compatible metadata", "::169.254.169.254", noHost},
	{"IPv4-translated metadata", "::ffff:0:169.254.169.254", noHost},
	{"NAT64 of metadata", "64:ff9b::169.254.169.254", noHost},
	{"local NAT64 of metadata, /96", "64:ff9b:1::169.254.169.254", noHost},
	{"local NAT64 of metadata, /48", "64:ff9b:1:a9fe:a9:fe00::", noHost},
	{"local NAT64 of metadata, /56", "64:ff9b:1:a9:fe:a9fe::", noHost},
	{"local NAT64 of metadata, /64", "64:ff9b:1:0:a9:fea9:fe00:0", noHost},
	{"6to4 of metadata", "2002:a9fe:a9fe::1", noHost},
	{"Teredo of metadata", "2001:0:4136:e378:8000:63bf:5601:5601", noHost},
	{"NAT64 of Alibaba metadata", "64:ff9b::100.100.100.200", noHost},
	{"IPv6 link-local", "fe80::1", noHost},
	{"IPv6 link-local's last address", "febf:ffff::1", noHost},
	{"Alibaba metadata", "100.100.100.200", noHost},
	{"Alibaba metadata, IPv6", "fd00:100::100:200", noHost},
	{"Azure WireServer", "168.63.129.16", noHost},
	{"Oracle Classic metadata", "192.0.0.192", noHost},
	{"Oracle metadata, IPv6", "fd00:c1::a9fe:a9fe", noHost},
	{"AWS metadata, IPv6", "fd00:ec2::254", noHost},
	{"AWS EKS Pod Identity, IPv6", "fd00:ec2::23", noHost},
	{"Google metadata, IPv6", "fd20:ce::254", noHost},
	{"Scaleway metadata, IPv6", "fd00:42::42", noHost},
	{"Linode metadata, IPv6", "fd00:a9fe:a9fe::1", noHost},
	{"multicast", "224.0.0.1", noHost},
	{"IPv6 multicast", "ff02::1", noHost},
	{"broadcast", "255.255.255.255", noHost},
}

func TestCheckAddr(t *testing.T) {
	for _, row := range addresses {
		addr := netip.MustParseAddr(row.addr)
		allowed := noHost
		if outbound.CheckAddr(addr, true) == nil {
			allowed = configuredHost
		}
		if outbound.CheckAddr(addr, false) == nil {
			allowed += " and others"
		}
		want := strings.Replace(row.allowed, anyHost, configuredHost+" and others", 1)
		wantEqual(t, row.name+" "+row.addr, allowed, want)
	}
	if outbound.CheckAddr(netip.Addr{}, true) == nil {
		t.Error("the zero address is accepted")
	}
	if outbound.CheckAddr(netip.MustParseAddr("fe80::1%eth0"), true) == nil {
		t.Error("a link-local address with a zone is accepted")
	}
}
