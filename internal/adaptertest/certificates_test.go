package adaptertest_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// RFC 8705 §3, RFC 9440 §4: only a listed proxy can name a certificate in the field, whatever other
// fields say about the sender, and the handler gets the field only if credentials are kept.
func TestCertificates(t *testing.T) {
	const mismatch = "401 " + pointer + `, error="invalid_token", error_description="The access token is bound to another key or certificate"`
	own, other := keytest.Certificate().Leaf, keytest.Certificate().Leaf
	field := func(c *x509.Certificate) string { return ":" + base64.StdEncoding.EncodeToString(c.Raw) + ":" }
	connection := &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{own}}
	for _, row := range []struct {
		name, from string
		header     http.Header
		tls        *tls.ConnectionState
		want       string
	}{
		{"of the connection", "198.51.100.1:1", nil, connection, "200 "},
		{"of a proxy", "192.0.2.1:1", http.Header{"Client-Cert": {field(own)}, "Client-Cert-Chain": {field(other)}}, nil, "200 "},
		{"another one of a proxy", "192.0.2.1:1", http.Header{"Client-Cert": {field(other)}}, connection, mismatch},
		{"of the proxy itself", "192.0.2.1:1", nil, connection, mismatch},
		{"from a client", "198.51.100.1:1", http.Header{"Client-Cert": {field(own)}}, nil, "400 "},
		{"from a client that names a proxy", "198.51.100.1:1", http.Header{"Client-Cert": {field(own)}, "X-Forwarded-For": {"192.0.2.1"}, "X-Real-Ip": {"192.0.2.1"}}, nil, "400 "},
		{"in another spelling", "198.51.100.1:1", http.Header{"client_cert": {field(own)}}, connection, "400 "},
	} {
		for _, keep := range []bool{false, true} {
			onEachAdapter(t, func(t *testing.T, a adapter) {
				issuer := newIssuer(t)
				res := newResource(t, issuer, func(c *resource.Config) {
					c.Credentials.Certificates = resource.ClientCertificates{Tokens: resource.BindingAccepted, Field: "Client-Cert",
						Format: resource.CertificateRFC9440, Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}}
					c.HTTP.KeepAuthorization = keep
				})
				seen := ""
				h := a.handler(res, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
					for name := range req.Header {
						if strings.Contains(strings.ToLower(name), "cert") {
							seen += name
						}
					}
				}))
				req := httptest.NewRequest(http.MethodPost, identifier, nil)
				for name, values := range row.header {
					req.Header[name] = values
				}
				req.RemoteAddr, req.TLS = row.from, row.tls
				req.Header.Set("Authorization", "Bearer "+issuer.Token(resourcetest.Token{Audience: identifier, Certificate: own}))
				if got, _ := response(h, req); got != row.want {
					t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
				}
				if kept := keep && row.want == "200 " && row.header != nil; (seen != "") != kept {
					t.Errorf("%s, keep %v: the handler got %q", row.name, keep, seen)
				}
			})
		}
	}
}
