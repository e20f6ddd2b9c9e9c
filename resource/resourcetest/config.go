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

	// DefaultClientID and DefaultClientSecret are the credentials of the client that an
	// Issuer has if Config.Clients is nil.
	DefaultClientID     = "test-client"
	DefaultClientSecret = "test-secret"
)

// Config configures an Issuer. The zero value is sufficient for most tests.
type Config struct {
	// Issuer is the issuer identifier. It is used byte for byte. If empty, the identifier is
	// "https://auth.example.test", or the origin of the listener after Listen was called,
	// followed by Path.
	Issuer string
	// Path is the path of the identifier if Issuer is empty, such as "/tenant1". The URL of
	// the metadata then has the well-known part before this path (RFC 8414 section 3.1).
	Path string
	// Subject is the user that grants every authorization at once. "" is "alice".
	Subject string
	// Audience is the audience of a token if neither the parameter "resource" (RFC 8707) of
	// the request nor Token.Audience sets it. "" is "https://mcp.example.test/mcp".
	Audience string
	// ScopesSupported is published in the metadata, and other scopes are not granted. If it
	// is nil, the metadata does not list scopes and every requested scope is granted.
	ScopesSupported []string
	// DefaultScopes are granted to a client that requests no scopes.
	DefaultScopes []string
	// Algorithms are the algorithms of the initial keys, one key each. The endpoints sign
	// with the first one. If empty, it is ES256, whose keys are generated fastest.
	Algorithms []string
	// Lifetime is the lifetime of access tokens. 0 is five minutes.
	Lifetime time.Duration
	// OpaqueTokens makes the endpoints issue opaque access tokens instead of JWTs.
	OpaqueTokens bool
	// DPoPNonce makes the token endpoint require a nonce in DPoP proofs (RFC 9449 section 8). A
	// nonce is valid for at least one minute and less than two minutes after the endpoint sent it.
	DPoPNonce bool
	// Clients are the initially registered clients. If nil, it is one confidential client,
	// DefaultClientID, with the redirect URI "http://127.0.0.1/callback".
	Clients []Client
	// NoOAuthMetadata, NoOpenIDInserted and NoOpenIDAppended disable one form of discovery
	// each: RFC 8414, OpenID Connect with the well-known part before the path of the
	// identifier, and OpenID Connect with the well-known part after it. Without a path, the
	// last two have the same URL, which is served unless both are disabled.
	NoOAuthMetadata, NoOpenIDInserted, NoOpenIDAppended bool
}

// Issuer is an authorization server. Use NewIssuer or Start to make one.
type Issuer struct {
	config   Config
	path     string // of the identifier, without a trailing slash
	routes   map[string]route
	keys     keyring
	store    store
	proofs   proofState
	failures failures
	log      requestLog

	mu       sync.Mutex
	issuer   string // identifier
	origin   string // of the endpoints
	metadata map[string]any
	exchange Exchange
	listener *listener
	closed   bool
	inflight map[*body]struct{} // response bodies of Transport that have not ended
}

// NewIssuer returns an Issuer that does not listen and uses no resources except memory. The
// error lists every mistake in the Config.
func NewIssuer(config Config) (*Issuer, error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, err
	}
	s := &Issuer{config: config, issuer: config.Issuer, inflight: make(map[*body]struct{})}
	if s.issuer == "" {
		s.issuer = defaultOrigin + config.Path
	}
	identifier, _ := url.Parse(s.issuer) // validated by check
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
	s.keys.defaultAlg = config.Algorithms[0]
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

// check returns an error that lists every mistake.
func (c Config) check() error {
	var mistakes mistakeList
	c.checkIdentifier(&mistakes)
	if c.Lifetime < 0 {
		mistakes.addf("lifetime %v is negative: use Token.Lifetime for expired tokens", c.Lifetime)
	}
	for i, alg := range c.Algorithms {
		if _, ok := algorithms[alg]; !ok || slices.Contains(c.Algorithms[:i], alg) {
			mistakes.addf("algorithm %q is unknown or duplicate", alg)
		}
	}
	c.checkClients(&mistakes)
	return errors.Join(mistakes...)
}

// mistakeList collects the mistakes of a Config. This package does not use internal/configerr,
// because it shares no code with the packages that it tests.
type mistakeList []error

func (l *mistakeList) addf(format string, args ...any) {
	*l = append(*l, fmt.Errorf("resourcetest: "+format, args...))
}

func (c Config) checkIdentifier(mistakes *mistakeList) {
	if c.Issuer != "" && c.Path != "" {
		mistakes.addf("both Issuer %q and Path %q are set: add the path to Issuer", c.Issuer, c.Path)
	}
	identifier := c.Issuer
	if identifier == "" {
		identifier = defaultOrigin + c.Path
	}
	if u, err := url.Parse(identifier); err != nil || (u.Scheme != "https" && u.Scheme != "http") ||
		u.Host == "" || u.User != nil || strings.ContainsAny(identifier, "?#") {
		mistakes.addf("issuer %q is not an http(s) URL without query and fragment (RFC 8414 section 2)", identifier)
	}
	if c.Path != "" && c.Path[0] != '/' {
		mistakes.addf("path %q does not begin with a slash", c.Path)
	}
}

func (c Config) checkClients(mistakes *mistakeList) {
	ids := make(map[string]bool)
	for _, client := range c.Clients {
		if client.ID == "" || ids[client.ID] {
			mistakes.addf("client id %q is empty or duplicate", client.ID)
		}
		ids[client.ID] = true
		for _, uri := range client.RedirectURIs {
			if !redirectAllowed(uri) {
				mistakes.addf("redirect URI %q of client %q is not https, http on loopback or a private scheme", uri, client.ID)
			}
		}
	}
}

// TB is the part of [testing.TB] that Start uses.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Start returns an Issuer that listens, and closes it at the end of the test. It takes at most
// one Config and calls tb.Fatalf if that is invalid. In a testing/synctest bubble, use NewIssuer
// and Transport instead, which do not use sockets.
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

// Identifier returns the issuer identifier, which is the "iss" of new tokens. Listen can change
// it.
func (s *Issuer) Identifier() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issuer
}

// URL returns the URL of an endpoint. Its origin is that of the listener after Listen was
// called, and that of the identifier before. For Metadata it is the URL of the RFC 8414
// document, for Any the origin alone.
func (s *Issuer) URL(endpoint Endpoint) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.origin + s.endpointPath(endpoint)
}
