package outbound_test

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/outbound"
)

// The guard rejects connections to the addresses that CheckAddr rejects, both for a host name
// with such an address and for the address itself. Nothing is sent.
func TestConnectionsToRejectedAddresses(t *testing.T) {
	for _, row := range addresses {
		addr := netip.MustParseAddr(row.addr)
		if row.allowed == anyHost || addr.Is6() && !hasIPv6() {
			continue
		}
		var hosts []string
		literal := "https://" + netip.AddrPortFrom(addr, 1).String() + "/"
		if row.allowed == noHost {
			hosts = []string{"keys.test", row.addr}
		}
		c := newClient(t, outbound.Config{Hosts: hosts, AllowHosts: hosts, Resolver: fixedDNS(row.addr)})
		for _, u := range []string{"https://keys.test:1/", literal} {
			_, err := c.Get(t.Context(), u, nil)
			if got := outcomeOf(err); got != outbound.RefusedAddress {
				t.Errorf("%s, %s (-want +got)\n- %s\n+ %s: %v", row.name, u, outbound.RefusedAddress, got, err)
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

func TestHostNames(t *testing.T) {
	server, hits := serve(t, func(http.ResponseWriter, *http.Request) {})
	hosts := []string{"Keys.Test", "dotted.test.", "::1"}
	c := newClient(t, outbound.Config{Hosts: hosts, AllowHosts: []string{"allowed.test"}, AllowHTTP: true, Resolver: fixedDNS("127.0.0.1")})
	for _, row := range []struct {
		name, host string
		want       outbound.Outcome
	}{
		{"a configured host", "keys.test", "ok"},
		{"a configured host in another case", "KEYS.test", "ok"},
		{"a configured host with a terminal dot", "keys.test.", "ok"},
		{"a host configured with a terminal dot", "dotted.test", "ok"},
		{"a host in AllowHosts", "allowed.test", "ok"},
		{"a host that is not configured", "other.test", outbound.RefusedAddress},
		{"a subdomain of a configured host", "a.keys.test", outbound.RefusedAddress},
		{"a host with a configured one as suffix", "evilkeys.test", outbound.RefusedAddress},
		{"a host with a configured one as prefix", "keys.test.evil.test", outbound.RefusedAddress},
		{"an address that is not configured", "127.0.0.1", outbound.RefusedAddress},
		{"an IPv4-mapped address that is not configured", "::ffff:127.0.0.1", outbound.RefusedAddress},
	} {
		before := hits.Load()
		_, err := c.Get(t.Context(), atHost(t, server.URL, row.host), nil)
		if got := outcomeOf(err); got != row.want || (hits.Load() > before) != (row.want == "ok") {
			t.Errorf("%s (-want +got)\n- %s\n+ %s, %d requests: %v", row.name, row.want, got, hits.Load()-before, err)
		}
	}
}

// The first lookup of the name returns a public address, later lookups a private one. With
// separate lookups of guard and dialer, the dialer would connect to the private address.
func TestRebinding(t *testing.T) {
	server, hits := serve(t, func(http.ResponseWriter, *http.Request) {})
	var lookups atomic.Int64
	resolver := fakeDNS(func(string) []string {
		// The first lookup consists of an A query and an AAAA query.
		if lookups.Add(1) <= 2 {
			return []string{"2000::1"} // public by its prefix, and not in use
		}
		return []string{"127.0.0.1"}
	})
	c := newClient(t, outbound.Config{AllowHTTP: true, Resolver: resolver, Timeout: 100 * time.Millisecond})
	u := atHost(t, server.URL, "rebind.test")
	if _, err := c.Get(t.Context(), u, nil); err == nil {
		t.Error("the first request succeeded, although no server has its address")
	}
	wantEqual(t, "queries for one request", lookups.Load(), 2)
	_, err := c.Get(t.Context(), u, nil)
	wantOutcome(t, err, outbound.RefusedAddress)
	wantEqual(t, "requests to the private server", hits.Load(), 0)
}

// If a name has an allowed and a forbidden address, the client connects to the allowed one.
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
	wantEqual(t, "requests to the proxy", proxied.Load(), 0)
	wantEqual(t, "requests to the server", hits.Load(), 1)
}

func TestProxy(t *testing.T) {
	var uri string
	proxy, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { uri = r.RequestURI })
	server, hits := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := newClient(t, outbound.Config{AllowHTTP: true, Resolver: fixedDNS("127.0.0.1"), Proxy: func(r *http.Request) (*url.URL, error) {
		switch r.URL.Hostname() {
		case "direct.test":
			return nil, nil
		case "failing.test":
			return nil, errors.New("no proxy found")
		}
		return url.Parse(atHost(t, proxy.URL, "proxy.test"))
	}})

	_, err := c.Get(t.Context(), "http://public.test/keys", nil)
	wantOutcome(t, err, "ok") // the proxy's host is treated as configured
	wantEqual(t, "URL that the proxy received", uri, "http://public.test/keys")

	_, err = c.Get(t.Context(), atHost(t, server.URL, "direct.test"), nil)
	wantOutcome(t, err, outbound.RefusedAddress) // the guard checks requests without a proxy
	_, err = c.Get(t.Context(), atHost(t, server.URL, "failing.test"), nil)
	wantOutcome(t, err, outbound.Connect) // there is no fallback to a direct connection
	wantEqual(t, "requests to the server", hits.Load(), 0)
}
