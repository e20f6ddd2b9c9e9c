package valkey_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/valkey"
	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// authority is a CA for tests.
type authority struct {
	t           *testing.T
	dir         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      int64
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.certificate, a.key = a.issue("ca", nil)
	return a
}

// issue makes a certificate and its key, and writes both.
func (a *authority) issue(name string, addresses []net.IP) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: name}, IPAddresses: addresses,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: a.key == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	parent, signer := a.certificate, a.key
	if signer == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	write(a.t, a.path(name+".crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(a.t, a.path(name+".key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return certificate, key
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// options are those of a server with a certificate for the loopback address.
func (a *authority) options() valkeytest.Options {
	a.issue("server", []net.IP{net.IPv4(127, 0, 0, 1)})
	return valkeytest.Options{CertFile: a.path("server.crt"), KeyFile: a.path("server.key"), CAFile: a.path("ca.crt")}
}

// client is the configuration of a client with a certificate.
func (a *authority) client() *tls.Config {
	a.t.Helper()
	a.issue("client", nil)
	pair, err := tls.LoadX509KeyPair(a.path("client.crt"), a.path("client.key"))
	if err != nil {
		a.t.Fatal(err)
	}
	return &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{pair}}
}

func TestTLS(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	server := valkeytest.Start(t, a.options())
	plain := valkeytest.Start(t, valkeytest.Options{})
	valid := a.client()
	with := func(change func(*tls.Config)) *tls.Config {
		c := valid.Clone()
		change(c)
		return c
	}
	for _, row := range []struct {
		name   string
		server *valkeytest.Server
		config *tls.Config
		want   string
	}{
		{"valid", server, valid, ""},
		{"another name", server, with(func(c *tls.Config) { c.ServerName = "other.example" }), "certificate is not valid for any names"},
		{"another CA", server, with(func(c *tls.Config) { c.RootCAs = other.pool() }), "certificate signed by unknown authority"},
		{"no client certificate", server, &tls.Config{RootCAs: a.pool()}, ""}, // the text depends on the version
		{"no TLS at the client", server, nil, ""},
		{"no TLS at the server", plain, valid, ""},
		{"a panic", server, with(func(c *tls.Config) { c.VerifyConnection = func(tls.ConnectionState) error { panic("x") } }), "a function in the configuration panicked"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := valkey.Config{Addresses: []string{row.server.Address()}, TLS: row.config}
			if row.name != "valid" && row.want == "" {
				c.Timeout = 5 * time.Second
				if err := open(t, c).Ready(t.Context()); err == nil {
					t.Error("ready")
				}
				return
			}
			expectReady(t, c, row.want)
		})
	}
}
