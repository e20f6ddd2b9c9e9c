package config_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/warder-go/warder/resource/config"
)

// The TLS configuration for the store trusts ca_file only, expects server_name, and presents the client
// certificate, which is read for each connection.
func TestStoreTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()
	dir := t.TempDir()
	write(t, dir, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	write(t, dir, "other.pem", certificate)
	chain, key := clientCertificate(t, "first")
	write(t, dir, "chain", chain)
	write(t, dir, "key", key)
	// connect returns the names in the certificates of the client, or the kind of error.
	connect := func(c *tls.Config) string {
		var presented string
		c = c.Clone()
		if read := c.GetClientCertificate; read != nil {
			c.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
				pair, err := read(info)
				if err == nil {
					presented = pair.Leaf.Subject.CommonName
				}
				return pair, err
			}
		}
		dialer := tls.Dialer{Config: c}
		conn, err := dialer.DialContext(context.Background(), "tcp", server.Listener.Addr().String())
		if err == nil {
			conn.Close()
			return "connected " + presented
		}
		return fmt.Sprintf("%T", unwrapAll(err))
	}
	settings := func(lines ...string) *tls.Config {
		t.Helper()
		store := new(memory)
		if _, err := config.New(config.Config{File: write(t, dir, "a.yaml", block(shared(lines...))), Environ: []string{}, OpenStore: store.open}); err != nil {
			t.Fatal(err)
		}
		return store.opened[0].TLS
	}
	client := []string{"tls: true", "ca_file: ca.pem", "tls_client_certificate_file: chain", "tls_client_key_file: key"}
	for _, row := range []struct {
		lines []string
		want  string
	}{
		{[]string{"tls: true"}, "x509.UnknownAuthorityError"},
		{[]string{"tls: true", "ca_file: other.pem"}, "x509.UnknownAuthorityError"},
		{[]string{"tls: true", "ca_file: ca.pem"}, "connected "},
		{[]string{"tls: true", "ca_file: ca.pem", "server_name: example.com"}, "connected "},
		{[]string{"tls: true", "ca_file: ca.pem", "server_name: other.example"}, "x509.HostnameError"},
		{client, "connected first"},
	} {
		if got := connect(settings(row.lines...)); got != row.want {
			t.Errorf("%q: got %s, want %s", row.lines, got, row.want)
		}
	}
	if settings("tls: false") != nil || settings() != nil {
		t.Error("there is a TLS configuration without tls: true")
	}
	c := settings(client...)
	chain, key = clientCertificate(t, "second")
	write(t, dir, "chain", chain)
	write(t, dir, "key", key)
	if got := connect(c); got != "connected second" {
		t.Errorf("after a rotation: got %s", got)
	}
}

// unwrapAll returns the innermost error of package x509.
func unwrapAll(err error) error {
	for {
		switch e := err.(type) {
		case x509.UnknownAuthorityError, x509.HostnameError:
			return e
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		default:
			return err
		}
	}
}
