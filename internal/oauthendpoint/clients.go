package oauthendpoint

import (
	"crypto/tls"
	"sync"

	"github.com/warder-go/warder/internal/clientauth"
	"github.com/warder-go/warder/internal/outbound"
)

// clients provides the HTTP client for the endpoint. A connection keeps the certificate
// of its handshake. A rotated certificate therefore needs a new client with new connections.
type clients struct {
	config       outbound.Config
	certificates *clientauth.CertificateFiles // nil: the client never changes

	mu        sync.Mutex // guards the fields below
	client    *outbound.Client
	presented *tls.Certificate // by connections of client
}

func (c *clients) get() (*outbound.Client, error) {
	var certificate *tls.Certificate
	if c.certificates != nil {
		var err error
		if certificate, err = c.certificates.Load(); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client == nil || c.presented != certificate {
		if c.client != nil {
			c.client.CloseIdle()
		}
		c.client, c.presented = outbound.New(c.config), certificate
	}
	return c.client, nil
}
