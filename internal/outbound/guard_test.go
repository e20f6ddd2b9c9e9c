package outbound_test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/outbound"
)

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
