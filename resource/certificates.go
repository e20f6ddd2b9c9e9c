package resource

import (
	"maps"
	"net/http"
	"net/netip"
	"slices"

	"github.com/warder-go/warder/internal/clientcert"
)

// ClientCertificates configures access tokens that are bound to a certificate of the client (RFC
// 8705 §3). The client sends such a token with the scheme Bearer, over mutual TLS.
//
// The certificate is that of the TLS connection, or of a header field in which a proxy that ends
// the connection passes it on. The tls.Config of the server, or the proxy, must ask the client for
// a certificate; it need not be of a known authority, because the token names it.
type ClientCertificates struct {
	// Tokens says which tokens are accepted. Issuer.Certificates can differ from it.
	// BindingRequired applies to all credentials, as in [DPoP].
	Tokens Binding

	// Field is the header field in which the proxies pass on the certificate, such as Client-Cert
	// (RFC 9440). In a request of a proxy only the field counts, and in every other request only
	// the TLS connection. A request with the field that is not from one of Proxies is rejected
	// with 400, whatever its token. The field is removed from the request like Authorization.
	// Empty: no proxy passes on certificates.
	Field string

	// Format is how the proxies write the certificate. It is required with Field.
	Format CertificateFormat

	// Proxies are the addresses of the proxies, which must overwrite or remove the field in every
	// request of a client. They are compared with http.Request.RemoteAddr. They are required with
	// Field.
	Proxies []netip.Prefix
}

// CertificateFormat is how a proxy writes a client certificate into a header field.
type CertificateFormat string

const (
	// CertificateRFC9440 is the format of the field Client-Cert (RFC 9440 §2.1): the DER in
	// base64 between colons.
	CertificateRFC9440 = CertificateFormat(clientcert.FormatRFC9440)
	// CertificateXFCC is the format of the field X-Forwarded-Client-Cert of Envoy, with exactly one
	// element that has Hash or Cert, as Envoy writes it with SANITIZE_SET.
	CertificateXFCC = CertificateFormat(clientcert.FormatXFCC)
	// CertificatePEM is percent-encoded PEM, as in $ssl_client_escaped_cert of nginx.
	CertificatePEM = CertificateFormat(clientcert.FormatPEM)
)

// setCertificates checks and compiles Credentials.Certificates.
func (b *builder) setCertificates() {
	const where = "Credentials.Certificates"
	c, p := &b.config.Credentials.Certificates, b.policy
	b.checkBinding(where+".Tokens", c.Tokens)
	p.bindings.certificates = c.Tokens
	var mistakes []error
	p.certificates, mistakes = clientcert.New(clientcert.Config{Field: c.Field, Format: clientcert.Format(c.Format), Proxies: c.Proxies})
	for _, mistake := range mistakes {
		b.mistakes.Addf("%s.%w", where, mistake)
	}
	p.readsCertificateField = c.Field != ""
	if mistakes == nil {
		b.checkCertificateField(where)
	}
}

// checkCertificateField rejects a field that has another meaning in Credentials. A request with a
// key or a token in it would be rejected as one with a malformed certificate.
func (b *builder) checkCertificateField(where string) {
	c := &b.config.Credentials
	names := slices.Concat(slices.Collect(maps.Keys(c.Headers)), slices.Collect(maps.Keys(c.TokenHeaders)), slices.Collect(maps.Keys(c.HeaderClaims)))
	slices.Sort(names)
	for _, name := range names {
		if b.policy.certificates.IsField(name) {
			b.mistakes.Addf("%s.Field: %s is also a field of Headers, TokenHeaders or HeaderClaims; name the field in which the proxy passes on the certificate", where, name)
		}
	}
}

// clientCertificate is what a header field says about the client certificate of a request.
type clientCertificate struct {
	thumbprint clientcert.Thumbprint
	ok         bool
}

// readCertificateField reads the field with the client certificate, if one is configured. The
// field is checked in every request, because the handler must not get a false one.
func (p *policy) readCertificateField(req *http.Request) (c clientCertificate, f *fault) {
	if !p.readsCertificateField {
		return c, nil
	}
	return p.readCertificate(req)
}

func (p *policy) readCertificate(req *http.Request) (c clientCertificate, f *fault) {
	var err error
	if c.thumbprint, c.ok, err = p.certificates.Read(req); err != nil {
		return c, &fault{reason: ReasonCertificateField, err: err}
	}
	return c, nil
}

// checkCertificate compares the client certificate of a request with the one that its token is
// bound to (RFC 8705 §3). ofField is what readCertificateField returned.
func (p *policy) checkCertificate(req *http.Request, c *Caller, ofField clientCertificate) *fault {
	if !p.readsCertificateField {
		var f *fault
		if ofField, f = p.readCertificate(req); f != nil {
			return f
		}
	}
	switch {
	case !ofField.ok:
		return newFault(ReasonCertificateMissing, "the request has no client certificate")
	case !ofField.thumbprint.Equal(c.binding.Thumbprint):
		return newFault(ReasonCertificateMismatch, "the token is bound to another client certificate")
	}
	return nil
}
