package introspect

import (
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/secretfile"
)

// certificateFiles are Config.CertificateFile and Config.CertificateKeyFile. They are safe for
// concurrent use.
type certificateFiles struct {
	chain, key *secretfile.File

	mu      sync.Mutex       // guards the fields below
	content digest.Digest    // of both files when current was read
	current *tls.Certificate // nil: not read yet
}

// newCertificateFiles returns nil if no files are configured.
func newCertificateFiles(c Config) *certificateFiles {
	if c.CertificateFile == "" || c.CertificateKeyFile == "" {
		return nil
	}
	return &certificateFiles{chain: secretfile.New(c.CertificateFile), key: secretfile.New(c.CertificateKeyFile)}
}

// load returns the certificate. It reads the files in each call, and parses them if they have
// changed. The result is the same pointer until then.
func (f *certificateFiles) load() (*tls.Certificate, error) {
	chain, err := f.chain.ReadAll()
	if err != nil {
		return nil, err
	}
	key, err := f.key.ReadAll()
	if err != nil {
		return nil, err
	}
	id := digest.Of(fmt.Sprintf("%q %q", chain, key))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current == nil || f.content != id {
		pair, err := tls.X509KeyPair(chain, key) // its errors do not contain the key
		if err != nil {
			return nil, fmt.Errorf("files %q and %q: %w", f.chain.Path(), f.key.Path(), err)
		}
		f.content, f.current = id, &pair
	}
	if expiry := f.current.Leaf.NotAfter; time.Now().After(expiry) {
		return nil, fmt.Errorf("file %q: the certificate expired at %s", f.chain.Path(), expiry.UTC().Format(time.RFC3339))
	}
	return f.current, nil
}

// present returns a copy of a TLS configuration that presents the certificate in every
// handshake. It ignores which authorities the server accepts, because the server's error
// explains a mismatch better than a missing certificate.
func (f *certificateFiles) present(given *tls.Config) *tls.Config {
	c := new(tls.Config)
	if given != nil {
		c = given.Clone()
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return f.load() }
	c.ClientSessionCache = nil // a resumed session would keep an earlier certificate
	return c
}

// endpointClients provides the HTTP client for the endpoint. A connection keeps the certificate
// of its handshake. A rotated certificate therefore needs a new client with new connections.
type endpointClients struct {
	config       outbound.Config
	certificates *certificateFiles // nil: the client never changes

	mu        sync.Mutex // guards the fields below
	client    *outbound.Client
	presented *tls.Certificate // by connections of client
}

func (e *endpointClients) get() (*outbound.Client, error) {
	var certificate *tls.Certificate
	if e.certificates != nil {
		var err error
		if certificate, err = e.certificates.load(); err != nil {
			return nil, err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.client == nil || e.presented != certificate {
		if e.client != nil {
			e.client.CloseIdle()
		}
		e.client, e.presented = outbound.New(e.config), certificate
	}
	return e.client, nil
}

// checkCertificate adds the mistakes in the client certificate. It reads the files.
func (c Config) checkCertificate(mistakes *configerr.List) {
	inTLS := c.TLS != nil && (len(c.TLS.Certificates) > 0 || c.TLS.GetClientCertificate != nil)
	switch {
	case c.CertificateFile == "" && c.CertificateKeyFile == "":
		if c.Auth.method() == TLSClientAuth && !inTLS && c.Transport == nil { // a Transport is not checked
			mistakes.Addf("CertificateFile: is missing; method %q requires a client certificate, in CertificateFile or in TLS", TLSClientAuth)
		}
	case c.CertificateFile == "":
		mistakes.Addf("CertificateFile: is missing; CertificateKeyFile is the key of its certificate")
	case c.CertificateKeyFile == "":
		mistakes.Addf("CertificateKeyFile: is missing; CertificateFile needs the private key of its certificate")
	case c.Transport != nil:
		mistakes.Addf("CertificateFile: has no effect, because Transport makes the connections; remove one of them")
	case inTLS:
		mistakes.Addf("CertificateFile: TLS has a client certificate too; remove one of them")
	default:
		if _, err := newCertificateFiles(c).load(); err != nil {
			mistakes.Addf("CertificateFile: %w", err)
		}
	}
}
