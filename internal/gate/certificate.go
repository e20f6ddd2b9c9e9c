package gate

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/warder-go/warder/internal/regularfile"
	"github.com/warder-go/warder/internal/secretfile"
)

// certificate is the TLS certificate of the public listener. Its files are read again by reload,
// which compares their content. Certificate and key are applied only together.
type certificate struct {
	certFile string
	keyFile  *secretfile.File
	ask      bool // clients for a certificate
	current  atomic.Pointer[pair]
}

type pair struct {
	certificate *tls.Certificate
	text        []byte // of the certificate
}

func (b *builder) buildTLS() {
	s := b.gate.settings.TLS
	if s == nil {
		return
	}
	c := &certificate{certFile: b.path(s.CertFile), keyFile: secretfile.New(b.path(s.KeyFile)), ask: s.ClientCertificates}
	if _, err := c.reload(); err != nil {
		b.decoder.at("tls", "%s", err)
		return
	}
	b.gate.files = c
}

// reload reads the files. Errors contain none of the key.
func (c *certificate) reload() (changed bool, err error) {
	text, err := regularfile.Read(c.certFile, maxFileBytes)
	if err != nil {
		return false, fmt.Errorf("file %q: %w", c.certFile, err)
	}
	key, err := c.keyFile.ReadAll()
	if err != nil {
		return false, err
	}
	loaded, err := tls.X509KeyPair(text, key)
	if err != nil {
		return false, errors.New("cert_file and key_file are not a certificate and its key, in PEM")
	}
	if before := c.current.Load(); before != nil && bytes.Equal(before.text, text) {
		return false, nil // the key of a certificate does not change
	}
	c.current.Store(&pair{&loaded, text})
	return true, nil
}

// config returns the TLS configuration of the public listener.
func (c *certificate) config() *tls.Config {
	t := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load().certificate, nil },
	}
	if c.ask {
		t.ClientAuth = tls.RequestClientCert // the Resource compares it with the token
	}
	return t
}
