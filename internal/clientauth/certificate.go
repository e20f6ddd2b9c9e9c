package clientauth

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/secretfile"
)

// CertificateFiles are the files of a client certificate, with its chain, and of its private key,
// in PEM, for mutual TLS (RFC 8705 §2). They are safe for concurrent use.
type CertificateFiles struct {
	chain, key *secretfile.File

	mu      sync.Mutex       // guards the fields below
	content digest.Digest    // of both files when current was read
	current *tls.Certificate // nil: not read yet
}

// NewCertificateFiles returns nil if no files are configured.
func NewCertificateFiles(certificate, key string) *CertificateFiles {
	if certificate == "" || key == "" {
		return nil
	}
	return &CertificateFiles{chain: secretfile.New(certificate), key: secretfile.New(key)}
}

// Load returns the certificate. It reads the files in each call, and parses them if they have
// changed. The result is the same pointer until then.
func (f *CertificateFiles) Load() (*tls.Certificate, error) {
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

// Present returns a copy of a TLS configuration that presents the certificate in every
// handshake. It ignores which authorities the server accepts, because the server's error
// explains a mismatch better than a missing certificate.
func (f *CertificateFiles) Present(given *tls.Config) *tls.Config {
	c := new(tls.Config)
	if given != nil {
		c = given.Clone()
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return f.Load() }
	c.ClientSessionCache = nil // a resumed session would keep an earlier certificate
	return c
}

// Connections says how the connections to the endpoint are made, as far as it concerns the client
// certificate. Its fields are fields of the configuration of a user of this package.
type Connections struct {
	CertificateFile, CertificateKeyFile string
	TLS                                 *tls.Config
	Transport                           http.RoundTripper
}

// Check adds the mistakes in the client certificate for a method of authentication. It reads the
// files.
func (c Connections) Check(method string, mistakes *configerr.List) {
	inTLS := c.TLS != nil && (len(c.TLS.Certificates) > 0 || c.TLS.GetClientCertificate != nil)
	switch {
	case c.CertificateFile == "" && c.CertificateKeyFile == "":
		if method == TLSClientAuth && !inTLS && c.Transport == nil { // a Transport is not checked
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
		if _, err := NewCertificateFiles(c.CertificateFile, c.CertificateKeyFile).Load(); err != nil {
			mistakes.Addf("CertificateFile: %w", err)
		}
	}
}
