package metadata

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/outbound"
)

// ServerHandlerConfig configures a ServerHandler. Issuer is required.
type ServerHandlerConfig struct {
	// Issuer is the identifier of the authorization server, exactly as in its metadata.
	Issuer string

	// MetadataURL is the address of the metadata, if it is not at a well-known URL of Issuer.
	// The issuer in the document must still be equal to Issuer.
	MetadataURL string

	// Identifiers are those of the protected resources. The metadata is also served at the
	// well-known path followed by the path of each identifier, where some clients request it.
	Identifiers []string

	// Settings of outbound HTTP. The host in Issuer may have a private address. Link-local
	// and cloud metadata addresses are always rejected. Redirects are never followed.
	AllowHTTP bool                                  // permits http to an issuer that is not loopback
	TLS       *tls.Config                           // for a private CA; nil: the roots of the system
	Proxy     func(*http.Request) (*url.URL, error) // nil: none; the environment is not read
	Transport http.RoundTripper                     // replaces all of the above, including the address check

	Logger *slog.Logger // one record per failed fetch; nil: slog.Default()
}

// ServerHandler serves the metadata of one authorization server (RFC 8414) at
// "/.well-known/oauth-authorization-server" of the protected resource, byte for byte as the
// authorization server serves it. It is for clients that do not read the metadata of the
// protected resource and treat the resource as its own authorization server, as in MCP
// 2025-03-26. A client that follows RFC 8414 §3.3 rejects the document, because its issuer is not the
// URL of the resource: see docs/clients.md.
//
// The document comes from the first URL of [Discover] with a valid document of the issuer. It
// is fetched when the first request arrives, and again for the first request after 5 minutes.
// Concurrent requests share a fetch. After a failed fetch, the previous document is served for
// up to 24 hours after it was fetched; without one, the status is 503, and the next fetch starts
// after 5 seconds at the earliest. No part of a request is sent to the authorization server, and
// only the body of its response is passed on.
//
// Create a ServerHandler with NewServerHandler. It is safe for concurrent use. The zero
// ServerHandler has no locations and answers 404. Do not wrap it in authorization.
type ServerHandler struct {
	issuer    string
	locations []string // escaped paths, sorted
	document  *serverDocument
}

// NewServerHandler checks the configuration and returns a handler. It does no I/O. The error
// lists all mistakes.
func NewServerHandler(c ServerHandlerConfig) (*ServerHandler, error) {
	errs := []error{checkIssuer(c.Issuer, c.AllowHTTP)}
	if c.MetadataURL != "" {
		errs = append(errs, CheckEndpoint(c.MetadataURL, c.AllowHTTP))
	}
	locations := []string{oauthPath}
	for _, identifier := range c.Identifiers {
		u, err := parseIdentifier(identifier, true)
		if err != nil {
			errs = append(errs, fmt.Errorf("Identifiers: %w", err))
			continue
		}
		locations = append(locations, oauthPath+strings.TrimSuffix(u.EscapedPath(), "/")) // RFC 8414 §3.1
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("metadata: server handler: %w", err)
	}
	slices.Sort(locations)
	client := outbound.New(outbound.Config{
		Transport: c.Transport, TLS: c.TLS, Proxy: c.Proxy, AllowHTTP: c.AllowHTTP, Hosts: outbound.Hosts(cmp.Or(c.MetadataURL, c.Issuer)),
	})
	return &ServerHandler{issuer: c.Issuer, locations: slices.Compact(locations), document: newServerDocument(client, c.MetadataURL, c.Issuer, c.Logger)}, nil
}

// Issuer returns the issuer whose metadata is served, or "" for the zero ServerHandler.
func (h *ServerHandler) Issuer() string { return h.issuer }

// Locations returns the escaped paths at which the metadata is served, sorted.
func (h *ServerHandler) Locations() []string { return slices.Clone(h.locations) }

// Owns reports whether the escaped path of the request equals one of the handler's locations
// byte for byte. The method does not matter. A nil ServerHandler owns nothing.
func (h *ServerHandler) Owns(r *http.Request) bool {
	if h == nil {
		return false
	}
	_, found := slices.BinarySearch(h.locations, r.URL.EscapedPath())
	return found
}

// ServeHTTP answers GET and HEAD with the document, OPTIONS with the header fields for a CORS
// preflight, other methods with 405 and other paths with 404. Without a document it answers 503
// with Retry-After.
func (h *ServerHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.Owns(r) {
		serveNotFound(w)
		return
	}
	serveMethods(w, r, func() {
		body := h.document.get(r.Context())
		if body == nil {
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Retry-After", strconv.Itoa(int(serverRetryInterval/time.Second)))
			http.Error(w, "the metadata of the authorization server is not available", http.StatusServiceUnavailable)
			return
		}
		serveDocument(w, r, body, cacheControl)
	})
}

// bodyRecorder is a Getter that stores the body of the last response.
type bodyRecorder struct {
	Getter
	body []byte
}

// Get calls the Getter.
func (g *bodyRecorder) Get(ctx context.Context, url string, header http.Header) (*outbound.Response, error) {
	response, err := g.Getter.Get(ctx, url, header)
	if err == nil {
		g.body = response.Body
	}
	return response, err
}

// discoverBody returns the document that DiscoverAt finds, as text.
func discoverBody(ctx context.Context, get Getter, address, issuer string) (body []byte, err error) {
	// A transport of the program may panic. This code runs in a goroutine, where a panic would
	// end the process.
	defer func() {
		if recover() != nil {
			body, err = nil, errors.New("metadata: the transport panicked")
		}
	}()
	recorder := &bodyRecorder{Getter: get}
	if _, err := DiscoverAt(ctx, recorder, address, issuer); err != nil {
		return nil, err
	}
	return recorder.body, nil // DiscoverAt ends with the response that it accepts
}
