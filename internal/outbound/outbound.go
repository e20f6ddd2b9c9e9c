// Package outbound provides the HTTP client for all requests of this module: key sets,
// discovery documents and introspection.
//
// The client is stricter than [http.Client]. It does not follow redirects, store cookies or
// read the proxy from the environment. It uses https, and http only for loopback hosts
// unless configured otherwise. It speaks HTTP/1.1. It sends GET and POST only, unless
// Config.Methods has others. It limits the size of a body and the time of the whole exchange.
//
// An address guard checks each connection when it is made, with the address that it
// connects to. A host that the operator has configured may have a private address, any other
// host must have a public one, and no host may have a link-local or cloud metadata address.
// DNS rebinding between a check and its use is therefore not possible.
//
// The client does not retry, except that net/http sends a request again that failed because
// an idle connection was closed. It does not interpret status codes other than redirects.
package outbound

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Defaults and fixed limits.
const (
	DefaultTimeout  = 5 * time.Second // of one exchange, see Config.Timeout
	DefaultMaxBytes = 512 << 10       // of one body, see Config.MaxBytes

	maxHeaderBytes  = 64 << 10 // of one response's status line and header
	maxIdle         = 32       // idle connections, or Config.Concurrent if that is more
	maxIdlePerHost  = 8        // the same, to one host
	idleConnTimeout = 30 * time.Second
)

// Config configures a Client. With the zero value, a Client reaches public https servers.
type Config struct {
	// Transport, if not nil, sends the requests instead of the guarded transport. TLS,
	// Proxy, Hosts, AllowHosts and Resolver then have no effect, and there is no address
	// guard. The rules about URLs, redirects, size and time still apply, as far as Transport
	// observes the request's context.
	Transport http.RoundTripper

	// TLS is cloned; nil means the system's roots. The minimum version is TLS 1.2, even if
	// MinVersion is lower (RFC 8414 §6.1, BCP 195). NextProtos has no effect.
	TLS *tls.Config

	// Proxy returns the proxy for a request, as in [http.Transport]; nil means no proxy. The
	// environment is not read. A proxy's host is treated as if it were in Hosts. For proxied
	// requests the guard checks the address of the proxy only: restrict the addresses that
	// the proxy connects to in the proxy itself.
	Proxy func(*http.Request) (*url.URL, error)

	// Hosts are the host names, without port, that the operator has configured. They may
	// have any unicast address that is not link-local and not a cloud metadata address.
	Hosts []string

	// AllowHosts are host names that may appear in a document. They are treated like Hosts.
	// All other hosts must have a public address.
	AllowHosts []string

	// AllowHTTP allows http for every host. Otherwise http is for loopback addresses and
	// "localhost" only, because keys and tokens must not be sent unencrypted.
	AllowHTTP bool

	// Methods are permitted besides GET and POST, such as OPTIONS. They must be idempotent.
	Methods []string

	Concurrent int // simultaneous requests to one host, whose connections are kept idle afterwards; 0 means 8

	// Observe is for programs that describe how a server answers, and trust nothing in the
	// answer. A redirect is then a Response and is not followed, and a body that is too long or
	// takes more than 2 seconds is cut.
	Observe bool

	Resolver *net.Resolver // nil means net.DefaultResolver
	Timeout  time.Duration // of a whole exchange, from DNS to the last byte of the body; 0 means DefaultTimeout
	MaxBytes int64         // of a body, as received and after decompression; 0 means DefaultMaxBytes
}

// Client sends requests by the rules of its Config. It is safe for concurrent use. It does
// no work in the background; idle connections are closed after 30 seconds.
type Client struct {
	transport http.RoundTripper
	proxy     func(*http.Request) (*url.URL, error)
	allowHTTP bool
	methods   []string
	observe   bool
	timeout   time.Duration
	maxBytes  int64
}

// New returns a Client. It does no I/O. Entries of Hosts and AllowHosts that cannot be host
// names never match: see [CheckHosts].
func New(cfg Config) *Client {
	c := &Client{
		transport: cfg.Transport,
		allowHTTP: cfg.AllowHTTP,
		methods:   slices.Clone(cfg.Methods),
		observe:   cfg.Observe,
		timeout:   cfg.Timeout,
		maxBytes:  cfg.MaxBytes,
	}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if c.maxBytes <= 0 {
		c.maxBytes = DefaultMaxBytes
	}
	if c.transport == nil {
		c.proxy = cfg.Proxy
		c.transport = newTransport(cfg, c.timeout)
	}
	return c
}

func newTransport(cfg Config, timeout time.Duration) *http.Transport {
	guard := newGuard(cfg, timeout)
	t := &http.Transport{
		Proxy:                  proxyOf, // Do chooses it once per request
		DialContext:            guard.dial,
		TLSClientConfig:        clientTLS(cfg.TLS),
		TLSHandshakeTimeout:    timeout,
		DisableCompression:     true, // readBody decompresses, and limits the size
		MaxIdleConns:           max(maxIdle, cfg.Concurrent),
		MaxIdleConnsPerHost:    max(maxIdlePerHost, cfg.Concurrent),
		IdleConnTimeout:        idleConnTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		Protocols:              new(http.Protocols),
	}
	// HTTP/1.1 only: a dead HTTP/2 connection would keep receiving requests, while an
	// HTTP/1.1 connection is closed when the first request on it times out.
	t.Protocols.SetHTTP1(true)
	return t
}

func clientTLS(given *tls.Config) *tls.Config {
	cfg := new(tls.Config)
	if given != nil {
		cfg = given.Clone()
	}
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	cfg.NextProtos = []string{"http/1.1"} // the server must not select h2
	return cfg
}

// CloseIdle closes idle connections. The Client remains usable.
func (c *Client) CloseIdle() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// proxyKey is the context key for the proxy that Config.Proxy returned for a request. With
// it the guard recognizes connections to the proxy: net/http dials with the values of the
// request's context.
type proxyKey struct{}

func proxyOf(req *http.Request) (*url.URL, error) {
	proxy, _ := req.Context().Value(proxyKey{}).(*url.URL)
	return proxy, nil
}

func withProxy(ctx context.Context, proxy *url.URL) context.Context {
	if proxy == nil {
		return ctx
	}
	return context.WithValue(ctx, proxyKey{}, proxy)
}
