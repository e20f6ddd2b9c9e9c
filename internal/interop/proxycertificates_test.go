package interop_test

import (
	"crypto"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

// nginxCertificates has placeholders for the port and for proxy_pass. nginx does not pass on a
// header field whose value is empty, so the field is absent if the client has no certificate.
const nginxCertificates = `
		listen 127.0.0.1:%s ssl;
		ssl_certificate server.crt;
		ssl_certificate_key server.key;
		ssl_verify_client optional_no_ca;
		location / {
			proxy_pass %s;
			proxy_set_header ` + certificateField + ` $ssl_client_escaped_cert;
		}
`

const certificateField = "X-Client-Certificate"

// startNginxWithTLS starts nginx and returns its address.
func startNginxWithTLS(t *testing.T, server tls.Certificate, backend string) (address string) {
	t.Helper()
	dir, host := t.TempDir(), strings.TrimPrefix(freeAddress(t), "http://")
	for name, content := range map[string]string{"server.crt": certificatePEM(server), "server.key": keytest.PEM(server.PrivateKey.(crypto.Signer))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		t.Fatal(err)
	}
	runNginx(t, dir, host, fmt.Sprintf(nginxCertificates, port, backend))
	return "https://" + host
}

// nginx ends the TLS connection and passes on the client certificate. oidc-provider has bound the
// token to it (RFC 8705 §3).
func TestCertificatesBehindNginx(t *testing.T) {
	p := startProvider(t)
	p.registerApp("tls_client_certificate_bound_access_tokens")
	p.registerResource(providerResource{ID: identifier, Format: "jwt", Alg: "ES256"})
	server, own, other := newCertificate(t), newCertificate(t), newCertificate(t)
	token := p.overTLS(p.serveTLS(server), clientWith(t, server, own)).clientToken(identifier)
	c := p.jwtConfig(t, jwks.Config{})
	c.Credentials.Certificates = resource.ClientCertificates{
		Tokens: resource.BindingAccepted, Field: certificateField, Format: resource.CertificatePEM,
		Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	}
	direct := startProtectedServer(t, c, (*httptest.Server).Start)
	behind := *direct
	behind.url = startNginxWithTLS(t, server, strings.TrimSuffix(direct.url, "/mcp")) + "/mcp"

	bearer := http.Header{"Authorization": {"Bearer " + token}}
	withField := func(c tls.Certificate) http.Header {
		return http.Header{"Authorization": {"Bearer " + token}, certificateField: {url.PathEscape(certificatePEM(c))}}
	}
	fromElsewhere := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext}}
	resuming, sessions := clientWith(t, server, own), []bool{}
	transport := resuming.Transport.(*http.Transport)
	transport.DisableKeepAlives, transport.TLSClientConfig.ClientSessionCache = true, tls.NewLRUClientSessionCache(0)
	transport.TLSClientConfig.VerifyConnection = func(state tls.ConnectionState) error {
		sessions = append(sessions, state.DidResume)
		return nil
	}
	const badField = "400 (" + string(resource.ReasonCertificateField) + ")"
	for _, row := range []struct {
		name   string
		server *protectedServer
		client *http.Client
		header http.Header
		want   string
	}{
		{"certificate of the token", &behind, clientWith(t, server, own), bearer, acceptedClientJWT},
		{"a new TLS session", &behind, resuming, bearer, acceptedClientJWT},
		{"a resumed TLS session", &behind, resuming, bearer, acceptedClientJWT},
		{"another certificate", &behind, clientWith(t, server, other), bearer, invalid(resource.ReasonCertificateMismatch)},
		{"no certificate", &behind, clientWith(t, server), bearer, invalid(resource.ReasonCertificateMissing)},
		{"another certificate, and the field of the client", &behind, clientWith(t, server, other), withField(own), invalid(resource.ReasonCertificateMismatch)},
		{"no certificate, and the field of the client", &behind, clientWith(t, server), withField(own), invalid(resource.ReasonCertificateMissing)},
		{"not through nginx, with the field", direct, fromElsewhere, withField(own), badField},
		{"not through nginx, with the field and no token", direct, fromElsewhere, http.Header{certificateField: withField(own)[certificateField]}, badField},
		{"not through nginx, without the field", direct, fromElsewhere, bearer, invalid(resource.ReasonCertificateMissing)},
	} {
		row.server.client = row.client
		check(t, "certificate, nginx: "+row.name, row.want, row.server.sendWith(row.header))
	}
	if want := []bool{false, true}; !slices.Equal(sessions, want) {
		t.Errorf("resumed TLS sessions: got %v, want %v", sessions, want)
	}
}
