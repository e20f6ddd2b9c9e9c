// Package outbound is the only way out of the process: one HTTP client for keys,
// discovery documents and introspection.
//
// It does less than [http.Client]: it follows no redirect, keeps no cookie, reads
// no proxy from the environment, speaks https (http only to this machine, or when
// told so) and HTTP/1.1, sends GET and POST, and reads a body to a limit within
// one deadline. Every connection is checked when it is made, on the address that
// it really goes to, see [CheckAddr]; a DNS answer that changes between a check
// and its use therefore gains nothing.
//
// It does not retry, except where net/http replays a request that died with an
// idle connection, and it does not judge a status code other than a redirect's.
package outbound

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Defaults and fixed limits.
const (
	DefaultTimeout  = 5 * time.Second // of one exchange, see Config.Timeout
	DefaultMaxBytes = 512 << 10       // of one body, see Config.MaxBytes

	maxHeaderBytes  = 64 << 10 // of one response's status line and header
	maxIdle         = 32       // connections, or as many as Config.Concurrent
	maxIdlePerHost  = 8        // likewise
	idleConnTimeout = 30 * time.Second
)

// Config says how requests leave. The zero value reaches public https servers.
type Config struct {
	// Transport, if given, carries the requests instead of the guarded transport:
	// the address guard, TLS, Proxy, Hosts, AllowHosts and Resolver then have no
	// effect. The rules on URLs, redirects, size and time hold all the same, as
	// far as the Transport honours the request's context.
	Transport http.RoundTripper

	// TLS is cloned; nil means the system's roots. TLS 1.1 and older are never
	// spoken, whatever MinVersion says (RFC 8414 §6.1, BCP 195), and NextProtos
	// has no effect.
	TLS *tls.Config

	// Proxy names the proxy of a request, as in [http.Transport]; nil means none,
	// whatever the environment says. A proxy's host counts as written in Hosts.
	// Behind a proxy the guard sees the proxy's address only: which addresses the
	// proxy itself connects to is for its own rules to say.
	Proxy func(*http.Request) (*url.URL, error)

	// Hosts are the host names, without port, that an operator wrote. They may
	// resolve to anything but link-local and cloud metadata addresses and those
	// that are no unicast destination.
	Hosts []string

	// AllowHosts are host names that may be learned from a document and are then
	// treated like Hosts. Any other host must resolve to a public address.
	AllowHosts []string

	// AllowHTTP permits http to every host. Without it http is for loopback
	// literals and "localhost" alone: keys and tokens must not travel in clear.
	AllowHTTP bool

	Concurrent int // requests to one host at one time, whose connections are kept for the next; 0: 8

	Resolver *net.Resolver // nil: net.DefaultResolver
	Timeout  time.Duration // whole exchange, from DNS to the body's last byte; 0: DefaultTimeout
	MaxBytes int64         // body after decompression; 0: DefaultMaxBytes
}

// Client sends requests by the rules of its Config. It is safe for concurrent use
// and starts nothing by itself; idle connections live for at most 30 seconds.
type Client struct {
	transport http.RoundTripper
	proxy     func(*http.Request) (*url.URL, error)
	allowHTTP bool
	timeout   time.Duration
	maxBytes  int64
}

// New returns a Client. It does no I/O. Entries of Hosts and AllowHosts that can
// be no host name never match.
func New(cfg Config) *Client {
	c := &Client{
		transport: cfg.Transport,
		allowHTTP: cfg.AllowHTTP,
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
		Proxy:                  proxyOf, // decided once per request, by Do
		DialContext:            guard.dial,
		TLSClientConfig:        clientTLS(cfg.TLS),
		TLSHandshakeTimeout:    timeout,
		DisableCompression:     true, // readBody decompresses, and counts
		MaxIdleConns:           max(maxIdle, cfg.Concurrent),
		MaxIdleConnsPerHost:    max(maxIdlePerHost, cfg.Concurrent),
		IdleConnTimeout:        idleConnTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		Protocols:              new(http.Protocols),
	}
	// HTTP/1.1 only: a dead HTTP/2 connection would go on swallowing requests,
	// one of HTTP/1.1 is closed with the first request that times out on it.
	t.Protocols.SetHTTP1(true)
	return t
}

func clientTLS(given *tls.Config) *tls.Config {
	cfg := new(tls.Config)
	if given != nil {
		cfg = given.Clone()
	}
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	cfg.NextProtos = []string{"http/1.1"} // a server must not choose h2
	return cfg
}

// CloseIdle closes the connections that no request uses. The Client stays usable.
func (c *Client) CloseIdle() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// proxyKey carries what Config.Proxy said of a request, so that the guard knows
// whether a connection goes to the proxy: net/http dials with the values of the
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
