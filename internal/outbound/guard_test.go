package outbound_test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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

// Every refused address is refused at the connection too, as a name's address and
// as a literal; nothing is sent there.
func TestConnectionsToRefusedAddresses(t *testing.T) {
	for _, row := range addresses {
		addr := netip.MustParseAddr(row.addr)
		if row.who == everybody || addr.Is6() && !hasIPv6() {
			continue
		}
		var hosts []string
		literal := "https://" + netip.AddrPortFrom(addr, 1).String() + "/"
		if row.who == nobody {
			hosts = []string{"keys.test", row.addr}
		}
		c := newClient(t, outbound.Config{Hosts: hosts, AllowHosts: hosts, Resolver: fixedDNS(row.addr)})
		for _, u := range []string{"https://keys.test:1/", literal} {
			_, err := c.Get(t.Context(), u, nil)
			if got := outcomeOf(err); got != outbound.RefusedAddress {
				t.Errorf("%s, %s (-want +got)\n- %s\n+ %s: %v", row.what, u, outbound.RefusedAddress, got, err)
			}
		}
	}
}

func hasIPv6() bool {
	c, err := net.ListenPacket("udp6", "[::]:0")
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func TestHostsByName(t *testing.T) {
	server, hits := serve(t, func(http.ResponseWriter, *http.Request) {})
	hosts := []string{"Keys.Test", "dotted.test.", "::1"}
	c := newClient(t, outbound.Config{Hosts: hosts, AllowHosts: []string{"allowed.test"}, AllowHTTP: true, Resolver: fixedDNS("127.0.0.1")})
	for _, row := range []struct {
		what, host string
		want       outbound.Outcome
	}{
		{"a written host", "keys.test", "ok"},
		{"a written host in other case", "KEYS.test", "ok"},
		{"a written host with a terminal dot", "keys.test.", "ok"},
		{"a host written with a terminal dot", "dotted.test", "ok"},
		{"an allowed host", "allowed.test", "ok"},
		{"a learned host", "other.test", outbound.RefusedAddress},
		{"a host below a written one", "a.keys.test", outbound.RefusedAddress},
		{"a host that ends in a written one", "evilkeys.test", outbound.RefusedAddress},
		{"a host that begins with a written one", "keys.test.evil.test", outbound.RefusedAddress},
		{"a learned literal", "127.0.0.1", outbound.RefusedAddress},
		{"a learned IPv4-mapped literal", "::ffff:127.0.0.1", outbound.RefusedAddress},
	} {
		before := hits.Load()
		_, err := c.Get(t.Context(), atHost(t, server.URL, row.host), nil)
		if got := outcomeOf(err); got != row.want || (hits.Load() > before) != (row.want == "ok") {
			t.Errorf("%s (-want +got)\n- %s\n+ %s, %d requests: %v", row.what, row.want, got, hits.Load()-before, err)
		}
	}
}

// A name that is public when it is looked up first and private afterwards. If the
// guard looked up once and the dialer again, the second answer would be dialled.
func TestRebinding(t *testing.T) {
	server, hits := serve(t, func(http.ResponseWriter, *http.Request) {})
	var lookups atomic.Int64
	resolver := fakeDNS(func(string) []string {
		// The A and the AAAA question of one look-up come first.
		if lookups.Add(1) <= 2 {
			return []string{"2000::1"} // public by its prefix, and nobody's
		}
		return []string{"127.0.0.1"}
	})
	c := newClient(t, outbound.Config{AllowHTTP: true, Resolver: resolver, Timeout: 100 * time.Millisecond})
	u := atHost(t, server.URL, "rebind.test")
	if _, err := c.Get(t.Context(), u, nil); err == nil {
		t.Error("the first request was answered, by a server that its address does not have")
	}
	wantEqual(t, "questions for one request", lookups.Load(), 2)
	_, err := c.Get(t.Context(), u, nil)
	wantOutcome(t, err, outbound.RefusedAddress)
	wantEqual(t, "requests at the private server", hits.Load(), 0)
}

// An answer that mixes a good address with a refused one leads to the good one.
func TestMixedAddresses(t *testing.T) {
	server, _ := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := newClient(t, outbound.Config{Hosts: []string{"mixed.test"}, AllowHTTP: true, Resolver: fixedDNS("169.254.169.254", "127.0.0.1")})
	_, err := c.Get(t.Context(), atHost(t, server.URL, "mixed.test"), nil)
	wantOutcome(t, err, "ok")
}

func TestEnvironmentProxyIsIgnored(t *testing.T) {
	proxy, proxied := serve(t, func(http.ResponseWriter, *http.Request) {})
	server, hits := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	c := newClient(t, outbound.Config{Hosts: []string{"as.test"}, AllowHTTP: true, Resolver: fixedDNS("127.0.0.1")})
	_, err := c.Get(t.Context(), atHost(t, server.URL, "as.test"), nil)
	wantOutcome(t, err, "ok")
	wantEqual(t, "requests at the proxy", proxied.Load(), 0)
	wantEqual(t, "requests at the server", hits.Load(), 1)
}

func TestProxy(t *testing.T) {
	var asked string
	proxy, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { asked = r.RequestURI })
	server, hits := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := newClient(t, outbound.Config{AllowHTTP: true, Resolver: fixedDNS("127.0.0.1"), Proxy: func(r *http.Request) (*url.URL, error) {
		switch r.URL.Hostname() {
		case "direct.test":
			return nil, nil
		case "undecided.test":
			return nil, fmt.Errorf("no idea")
		}
		return url.Parse(atHost(t, proxy.URL, "proxy.test"))
	}})

	_, err := c.Get(t.Context(), "http://public.test/keys", nil)
	wantOutcome(t, err, "ok") // the proxy's host counts as written
	wantEqual(t, "URL that the proxy got", asked, "http://public.test/keys")

	_, err = c.Get(t.Context(), atHost(t, server.URL, "direct.test"), nil)
	wantOutcome(t, err, outbound.RefusedAddress) // past the proxy, the guard holds
	_, err = c.Get(t.Context(), atHost(t, server.URL, "undecided.test"), nil)
	wantOutcome(t, err, outbound.Connect) // and not directly instead
	wantEqual(t, "requests at the server", hits.Load(), 0)
}
