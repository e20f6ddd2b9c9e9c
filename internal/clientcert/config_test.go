package clientcert_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/warder-go/warder/internal/clientcert"
)

func TestNew(t *testing.T) {
	valid := prefixes("192.0.2.1/32")
	for _, row := range []struct {
		name   string
		config clientcert.Config
		want   string
	}{
		{"the connection", clientcert.Config{}, ""},
		{"the largest networks", clientcert.Config{Field: "client_cert", Format: "pem", Proxies: prefixes("10.0.0.0/8", "fc00::/7", "::1/128", "127.0.0.1/32")}, ""},
		{"a field without proxies", clientcert.Config{Field: "Client-Cert", Format: "rfc9440"}, "Proxies: is empty, but Field is set: list the addresses of the proxies, for example 192.0.2.1/32. Otherwise every client could send the certificate of another one"},
		{"a field without a format", clientcert.Config{Field: "Client-Cert", Proxies: valid}, `Format: "" is not a format; want "rfc9440", "xfcc" or "pem"`},
		{"a format in another case", clientcert.Config{Field: "Client-Cert", Format: "PEM", Proxies: valid}, `Format: "PEM" is not a format; want "rfc9440", "xfcc" or "pem"`},
		{"no field", clientcert.Config{Format: "pem", Proxies: valid}, "Format: is set without Field: name the header field of the proxy, or remove Format\nProxies: is set without Field: name the header field of the proxy, or remove Proxies"},
		{"not a field name", clientcert.Config{Field: "Client Cert", Format: "pem", Proxies: valid}, `Field: "Client Cert" is not a header field name`},
		{"a standard field", clientcert.Config{Field: "authorization", Format: "pem", Proxies: valid}, "Field: authorization has a standard meaning: name the field in which the proxy passes on the certificate, for example Client-Cert"},
		{"another spelling of a standard field", clientcert.Config{Field: "X_Forwarded_For", Format: "pem", Proxies: valid}, "Field: X_Forwarded_For has a standard meaning: name the field in which the proxy passes on the certificate, for example Client-Cert"},
		{"a field of MCP", clientcert.Config{Field: "MCP_Session-Id", Format: "pem", Proxies: valid}, "Field: MCP_Session-Id has a standard meaning: name the field in which the proxy passes on the certificate, for example Client-Cert"},
		{"the chain", clientcert.Config{Field: "Client-Cert-Chain", Format: "rfc9440", Proxies: valid}, "Field: Client-Cert-Chain has a standard meaning: name the field in which the proxy passes on the certificate, for example Client-Cert"},
		{"no prefix", clientcert.Config{Field: "Client-Cert", Format: "pem", Proxies: []netip.Prefix{valid[0], {}}}, "Proxies[1]: is not a valid prefix; want for example 192.0.2.1/32"},
		{"everybody in IPv4", clientcert.Config{Field: "Client-Cert", Format: "pem", Proxies: prefixes("0.0.0.0/0")}, "Proxies[0]: 0.0.0.0/0 contains addresses of clients; list the addresses of the proxies only"},
		{"everybody in IPv6", clientcert.Config{Field: "Client-Cert", Format: "pem", Proxies: prefixes("::/0")}, "Proxies[0]: ::/0 contains addresses of clients; list the addresses of the proxies only"},
		{"everybody in two halves", clientcert.Config{Field: "Client-Cert", Format: "pem", Proxies: prefixes("10.0.0.0/7", "fc00::/6")}, "Proxies[0]: 10.0.0.0/7 contains addresses of clients; list the addresses of the proxies only\nProxies[1]: fc00::/6 contains addresses of clients; list the addresses of the proxies only"},
		{"bits after the prefix", clientcert.Config{Field: "Client-Cert", Format: "pem", Proxies: prefixes("192.0.2.1/24", "2001:db8::1/64")}, "Proxies[0]: 192.0.2.1/24 has bits after the prefix: write 192.0.2.0/24, or 192.0.2.1/32 for one address\nProxies[1]: 2001:db8::1/64 has bits after the prefix: write 2001:db8::/64, or 2001:db8::1/128 for one address"},
		{"IPv4 in IPv6", clientcert.Config{Field: "Client-Cert", Format: "pem", Proxies: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr("::ffff:192.0.2.1"), 128), netip.PrefixFrom(netip.MustParseAddr("::ffff:192.0.2.1"), 32)}}, "Proxies[0]: ::ffff:192.0.2.1/128 is an IPv4 address in IPv6; write the IPv4 prefix 192.0.2.1/32\nProxies[1]: ::ffff:192.0.2.1/32 is an IPv4 address in IPv6; write the IPv4 prefix"},
		{"link-local", clientcert.Config{Field: "Client-Cert", Format: "pem", Proxies: prefixes("fe80::/64")}, "Proxies[0]: fe80::/64 is link-local; link-local addresses have zones, which are not supported: use another address"},
	} {
		r, mistakes := clientcert.New(row.config)
		got := ""
		if err := errors.Join(mistakes...); err != nil {
			got = err.Error()
		}
		if got != row.want || (r == nil) != (mistakes != nil) {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}

func TestProxiesAreNotKept(t *testing.T) {
	c := rfc9440
	c.Proxies = prefixes("192.0.2.1/32")
	r := reader(t, c)
	c.Proxies[0] = netip.MustParsePrefix("198.51.100.0/24")
	if got, ok, err := r.Read(fromProxy("Client-Cert", victim.byteSequence())); got != victim.thumbprint() || !ok || err != nil {
		t.Errorf("got %x, %v, %v", got, ok, err)
	}
}
