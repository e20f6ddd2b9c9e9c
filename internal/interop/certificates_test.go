package interop_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/resource"
)

// newCertificate returns a self-signed certificate for 127.0.0.1, for clients and servers.
func newCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: rand.Text()}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// certificatePEM returns a certificate in PEM.
func certificatePEM(c tls.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
}

// clientWith returns a client that trusts the certificate of a server and presents certificates.
func clientWith(t *testing.T, server tls.Certificate, presented ...tls.Certificate) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(server.Leaf)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: presented}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// serveTLS makes the provider listen with TLS too.
func (p *provider) serveTLS(server tls.Certificate) (address string) {
	p.t.Helper()
	return p.command(map[string]any{"tls": map[string]string{"cert": certificatePEM(server), "key": keytest.PEM(server.PrivateKey.(crypto.Signer))}}).TLS
}

// overTLS returns the provider with a client that calls the token endpoint over TLS.
func (p *provider) overTLS(address string, client *http.Client) *provider {
	bound := *p
	bound.endpoints, bound.client = address, client
	return &bound
}

// Access tokens that oidc-provider binds to the client certificate of a TLS connection (RFC 8705
// §3). The resource server has TLS too.
func TestCertificates(t *testing.T) {
	p := startProvider(t)
	p.registerApp("tls_client_certificate_bound_access_tokens")
	server, own, other := newCertificate(t), newCertificate(t), newCertificate(t)
	address := p.serveTLS(server)
	withTLS := func(s *httptest.Server) {
		s.TLS = &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequestClientCert}
		s.StartTLS()
	}
	for _, format := range p.tokenFormats(t) {
		name := "certificate, " + format.name
		p.registerResource(format.resource)
		c := format.config
		off := startProtectedServer(t, c, withTLS)
		c.Credentials.Certificates.Tokens = resource.BindingRequired
		s := startProtectedServer(t, c, withTLS)
		send := func(s *protectedServer, token string, presented ...tls.Certificate) string {
			s.client = clientWith(t, server, presented...)
			return s.send(token)
		}
		bound := p.overTLS(address, clientWith(t, server, own))
		token := bound.clientToken(identifier)
		check(t, name+": certificate of the token", format.accepted, send(s, token, own))
		check(t, name+": certificate of the token, new connection", format.accepted, send(s, token, own))
		check(t, name+": another certificate", invalid(resource.ReasonCertificateMismatch), send(s, token, other))
		check(t, name+": no certificate", invalid(resource.ReasonCertificateMissing), send(s, token))
		check(t, name+": certificates are off", invalid(resource.ReasonSenderConstrained), send(off, token, own))
		user := bound.userTokens(identifier)
		check(t, name+": token of a user, code flow", acceptedUser, send(s, user.Access, own))
		refreshed := bound.refreshed(user.Refresh, identifier)
		check(t, name+": refreshed token", acceptedUser, send(s, refreshed.Access, own))
		check(t, name+": refreshed token, another certificate", invalid(resource.ReasonCertificateMismatch), send(s, refreshed.Access, other))
		status, body := p.overTLS(address, clientWith(t, server)).tryPost("/token", url.Values{"grant_type": {"client_credentials"}, "resource": {identifier}})
		check(t, name+": token request without a certificate", "400 invalid_grant", fmt.Sprintf("%d %s", status, errorCode(body)))

		p.registerApp()
		check(t, name+": token that is not bound", invalid(resource.ReasonBindingRequired), send(s, p.clientToken(identifier), own))
		p.registerApp("tls_client_certificate_bound_access_tokens")
	}
}
