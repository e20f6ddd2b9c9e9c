// Package clientcert finds the client certificate of a request, so that it can be compared with
// the certificate to which an access token is bound (RFC 8705 §3). It is the certificate of the
// TLS connection, or one that a TLS-terminating proxy passes on in a header field (RFC 8705 §6.5,
// RFC 9440).
//
// The package does not decide whether a certificate is trusted. A resource server need not
// validate the trust chain, because the certificate only proves the possession of its key (RFC
// 8705 §6.2). The client of the connection proves that in the TLS handshake, also with a
// self-signed certificate (RFC 8705 §2.2). tls.Config.ClientAuth decides whether the server
// requests a certificate and whether it verifies the chain, and so does the configuration of a
// proxy.
package clientcert

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"net/http"
	"net/netip"
)

// maxFieldBytes is the maximum size of the header field with the certificate.
const maxFieldBytes = 16 << 10

var (
	// ErrUntrusted means that the request has the header field, but its sender is not one of
	// Config.Proxies.
	ErrUntrusted = errors.New("the header field for the client certificate is not from a listed proxy")

	// ErrMalformed means that a proxy sent a header field that is not exactly one certificate.
	ErrMalformed = errors.New("the header field for the client certificate is malformed")
)

// Thumbprint is the SHA-256 digest of a certificate in DER, as in the member x5t#S256 of the
// claim cnf (RFC 8705 §3.1). The zero value stands for no certificate.
type Thumbprint [sha256.Size]byte

// Equal reports whether both are the digest of the same certificate. A zero Thumbprint equals
// nothing. The time of the comparison does not depend on the digests.
func (t Thumbprint) Equal(other Thumbprint) bool {
	var none Thumbprint
	return subtle.ConstantTimeCompare(t[:], other[:]) == 1 && subtle.ConstantTimeCompare(t[:], none[:]) == 0
}

// Config says where the client certificate of a request is. The zero value means the TLS
// connection of the request.
type Config struct {
	// Field is the header field in which a proxy passes on the certificate, for example
	// Client-Cert. The proxy must remove this field from the requests of clients, in all spellings
	// that it passes on (RFC 9440 §4). Empty: no field.
	Field string

	// Format is the format of Field. It is required with Field.
	Format Format

	// Proxies are the addresses of the proxies, which are required with Field. They are compared
	// with http.Request.RemoteAddr as package net/http sets it. A middleware that overwrites
	// RemoteAddr with an address from a header field must not run before. IPv6 addresses with a
	// zone and Unix sockets are not supported: such a sender is not a proxy.
	Proxies []netip.Prefix
}

// Reader finds the client certificate of requests. It is safe for concurrent use. The zero value
// reads the certificate of the connection.
type Reader struct {
	field   string // canonical
	chain   string // a field that belongs to it
	parse   func(value string) (Thumbprint, error)
	proxies []netip.Prefix
}

// Read returns the thumbprint of the client certificate. If ok is false, the request has none.
//
// Without Config.Field, it is the certificate of the connection. With Config.Field, only the field
// counts in a request from a listed proxy, never the certificate with which the proxy itself
// connects: a request without the field has no certificate. Other senders can use a certificate
// on their connection, but not the field.
//
// The error wraps [ErrUntrusted] or [ErrMalformed], and the response should be 400. It does not
// contain text of the request.
func (r *Reader) Read(req *http.Request) (t Thumbprint, ok bool, err error) {
	if r.field == "" {
		return ofConnection(req.TLS)
	}
	if !r.isProxy(req.RemoteAddr) {
		if r.hasField(req.Header) {
			return Thumbprint{}, false, ErrUntrusted
		}
		return ofConnection(req.TLS)
	}
	value, ok, err := r.value(req.Header)
	if err != nil || !ok {
		return Thumbprint{}, false, err
	}
	t, err = r.parse(value)
	if err != nil {
		return Thumbprint{}, false, err
	}
	return t, true, nil
}

// ofConnection returns the certificate of a complete handshake, in which the client has proved
// that it has the key (RFC 8446 §4.4.3). In a resumed session, it is that of the first handshake.
func ofConnection(state *tls.ConnectionState) (t Thumbprint, ok bool, err error) {
	if state == nil || !state.HandshakeComplete || len(state.PeerCertificates) == 0 || state.PeerCertificates[0] == nil || len(state.PeerCertificates[0].Raw) == 0 {
		return Thumbprint{}, false, nil
	}
	return sha256.Sum256(state.PeerCertificates[0].Raw), true, nil
}

// isProxy reports whether an address of package net/http is listed. It reads only addresses with
// a port.
func (r *Reader) isProxy(remote string) bool {
	sender, err := netip.ParseAddrPort(remote)
	if err != nil || sender.Addr().Zone() != "" { // the same link-local address exists on every link
		return false
	}
	address := sender.Addr().Unmap()
	for _, p := range r.proxies {
		if p.Contains(address) {
			return true
		}
	}
	return false
}
