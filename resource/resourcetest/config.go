package resourcetest

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	defaultOrigin   = "https://auth.example.test"
	defaultAudience = "https://mcp.example.test/mcp"
	defaultSubject  = "alice"
	defaultLifetime = 5 * time.Minute

	// DefaultClientID and DefaultClientSecret are the credentials of the
	// client that an Issuer knows when Config.Clients is nil.
	DefaultClientID     = "test-client"
	DefaultClientSecret = "test-secret"
)

// Config describes an Issuer. Its zero value is good for most tests.
type Config struct {
	// Issuer is the issuer identifier, kept byte for byte. Empty: the origin
	// of the listener once Listen was called, "https://auth.example.test"
	// before, in both cases followed by Path.
	Issuer string
	// Path is the path of the identifier, such as "/tenant1", for when Issuer
	// is empty. The metadata then stands at the path-inserted well-known URLs
	// (RFC 8414 section 3.1).
	Path string
	// Subject is who consents, at once, to every authorization; "" is "alice".
	Subject string
	// Audience is what a token is for when neither the request's "resource"
	// (RFC 8707) nor Token.Audience says it; "" is "https://mcp.example.test/mcp".
	Audience string
	// ScopesSupported is published, and what a client asks for is cut down to
	// it. Nil: nothing is published and every scope is granted.
	ScopesSupported []string
	// DefaultScopes are granted to a client that asks for none.
	DefaultScopes []string
	// Algorithms are those of the first keys, one key each; the first signs
	// what the endpoints issue. Nil: ES256, the fastest to make.
	Algorithms []string
	// Lifetime of access tokens; 0 is five minutes.
	Lifetime time.Duration
	// OpaqueTokens: the endpoints issue opaque tokens in place of JWTs.
	OpaqueTokens bool
	// Clients are known without registration. Nil: one confidential client,
	// DefaultClientID, with the redirect URI "http://127.0.0.1/callback".
	Clients []Client
	// The three forms of discovery can be left out one by one: RFC 8414, OpenID
	// Connect with the well-known part inserted before the path, and appended
	// to it. Without a path the last two are one URL, there while either is.
	NoOAuthMetadata, NoOpenIDInserted, NoOpenIDAppended bool
}

// Issuer is an authorization server. Make one with NewIssuer or Start.
type Issuer struct {
	config   Config
	path     string // of the identifier, without a terminal slash
	routes   map[string]route
	keys     keyring
	store    store
	failures failures
	log      requestLog

	mu       sync.Mutex
	issuer   string // identifier
	origin   string // of the endpoints
	metadata map[string]any
	live     *listener
	closed   bool
	inflight map[*body]struct{} // answers of Transport still being read
}

// NewIssuer makes an Issuer that neither listens nor holds any resource but
// memory. The error names every mistake of the Config.
func NewIssuer(config Config) (*Issuer, error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, err
	}
	s := &Issuer{config: config, issuer: config.Issuer, inflight: make(map[*body]struct{})}
	if s.issuer == "" {
		s.issuer = defaultOrigin + config.Path
	}
	identifier, _ := url.Parse(s.issuer) // checked above
	s.origin = identifier.Scheme + "://" + identifier.Host
	s.path = strings.TrimSuffix(identifier.EscapedPath(), "/")
	s.routes = s.makeRoutes()
	s.store.clients = make(map[string]Client)
	for _, client := range config.Clients {
		s.store.clients[client.ID] = client
	}
	for _, alg := range config.Algorithms {
		s.keys.use(s.keys.publish(alg))
	}
	s.keys.first = config.Algorithms[0]
	return s, nil
}

func (c Config) withDefaults() Config {
	c.ScopesSupported = slices.Clone(c.ScopesSupported)
	c.DefaultScopes = slices.Clone(c.DefaultScopes)
	if c.Subject == "" {
		c.Subject = defaultSubject
	}
	if c.Audience == "" {
		c.Audience = defaultAudience
	}
	if c.Lifetime == 0 {
		c.Lifetime = defaultLifetime
	}
	if len(c.Algorithms) == 0 {
		c.Algorithms = []string{"ES256"}
	}
	if c.Clients == nil {
		c.Clients = []Client{{ID: DefaultClientID, Secret: DefaultClientSecret, RedirectURIs: []string{"http://127.0.0.1/callback"}}}
	}
	return c
}

func (c Config) check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("resourcetest: "+format, args...))
	}
	if c.Issuer != "" && c.Path != "" {
		bad("both Issuer %q and Path %q are given: put the path into Issuer", c.Issuer, c.Path)
	}
	identifier := c.Issuer
	if identifier == "" {
		identifier = defaultOrigin + c.Path
	}
	if u, err := url.Parse(identifier); err != nil || (u.Scheme != "https" && u.Scheme != "http") ||
		u.Host == "" || u.User != nil || strings.ContainsAny(identifier, "?#") {
		bad("issuer %q is not an http(s) URL without query and fragment (RFC 8414 section 2)", identifier)
	}
	if c.Path != "" && c.Path[0] != '/' {
		bad("path %q does not begin with a slash", c.Path)
	}
	if c.Lifetime < 0 {
		bad("lifetime %v is negative: use Token.Lifetime for expired tokens", c.Lifetime)
	}
	for i, alg := range c.Algorithms {
		if _, ok := algorithms[alg]; !ok || slices.Contains(c.Algorithms[:i], alg) {
			bad("algorithm %q is unknown or repeated", alg)
		}
	}
	ids := make(map[string]bool)
	for _, client := range c.Clients {
		if client.ID == "" || ids[client.ID] {
			bad("client id %q is empty or repeated", client.ID)
		}
		ids[client.ID] = true
		for _, uri := range client.RedirectURIs {
			if !redirectAllowed(uri) {
				bad("redirect URI %q of client %q is neither https nor loopback http nor of a private scheme", uri, client.ID)
			}
		}
	}
	return errors.Join(errs...)
}

// TB is the part of [testing.TB] that Start needs.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Start makes an Issuer of at most one Config, makes it listen, and closes it
// at the end of the test. Not for use in a testing/synctest bubble: there, use
// NewIssuer and Transport.
func Start(tb TB, config ...Config) *Issuer {
	tb.Helper()
	if len(config) > 1 {
		tb.Fatalf("resourcetest: %d configs given to Start", len(config))
	}
	s, err := NewIssuer(append(config, Config{})[0])
	if err != nil {
		tb.Fatalf("%v", err)
	}
	if err := s.Listen(); err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Identifier returns the issuer identifier: the "iss" of tokens made from now on.
func (s *Issuer) Identifier() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issuer
}

// URL returns where an endpoint is: at the listener after Listen, else at the
// origin of the identifier. For Metadata it is the RFC 8414 document, for Any
// the origin.
func (s *Issuer) URL(endpoint Endpoint) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.origin + s.endpointPath(endpoint)
}
