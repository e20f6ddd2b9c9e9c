package metadata

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/warder-go/warder/internal/urltable"
)

// Values of response header fields. allowHeaders lists the fields that MCP clients, including
// those in browsers, send with discovery requests.
const (
	cacheControl = "public, max-age=300"
	cacheByHost  = "private, max-age=300" // a shared cache could ignore the host
	allowMethods = "GET, HEAD, OPTIONS"
	allowHeaders = "Accept, Authorization, Content-Type, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID"
	preflightAge = "3600" // seconds
)

// Handler publishes documents at their well-known locations (RFC 9728 §3). Create it with
// NewHandler or NewLiveHandler. It is safe for concurrent use. The zero Handler has no
// locations and answers 404.
//
// Do not wrap a Handler in authorization: clients request the document without a token. The
// response depends on the method and the path and, if resources on several hosts have the same
// path, on Host. It does not depend on forwarding header fields and the query. A Handler never
// redirects.
type Handler struct {
	table    urltable.Table // of the documents, by escaped path
	encoders []encoder      // in the order of the table
	inserted []string       // path-inserted locations (RFC 9728 §3.1)
}

// encoder returns the JSON text of a document.
type encoder func() ([]byte, error)

// NewHandler encodes each document once and publishes it at its path-inserted location and at
// its Paths. For clients that use other locations, it adds copies at these locations, unless
// another document is there:
//   - the location without its terminal slash, for a well-known location that has one
//   - the root location, if all documents have the same well-known path
//
// Documents for several hosts can have the same path. Host then selects the one whose host and
// port it equals, and the first one if it names none of the hosts. The status is 404 if Host is
// malformed, or names one of the hosts with another port or a dot at the end. Responses at such a
// path are not for shared caches.
//
// Invalid documents, and two documents at one location and host, are errors. The error lists all
// of them.
func NewHandler(docs ...Document) (*Handler, error) {
	h := new(Handler)
	var errs []error
	for _, d := range docs {
		body, err := d.MarshalJSON()
		if err == nil {
			err = h.add(d, func() ([]byte, error) { return body, nil })
		}
		errs = append(errs, err)
	}
	return h.finish(errs)
}

// NewLiveHandler is like NewHandler for documents that may change. The Handler calls the
// functions and encodes the results for each request, concurrently. The Resource and the Paths
// of a document must not change.
func NewLiveHandler(docs ...func() Document) (*Handler, error) {
	h := new(Handler)
	var errs []error
	for _, current := range docs {
		encode := func() ([]byte, error) { return current().MarshalJSON() }
		_, err := encode()
		if err == nil {
			err = h.add(current(), encode)
		}
		errs = append(errs, err)
	}
	return h.finish(errs)
}

// finish returns the Handler with its additional locations, or the errors.
func (h *Handler) finish(errs []error) (*Handler, error) {
	if len(errs) == 0 {
		return nil, errors.New("metadata: a handler needs at least one document")
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, path := range h.table.List() {
		if strings.Contains(path, wellKnown) {
			h.table.Alias(strings.TrimSuffix(path, "/"), path)
		}
	}
	if len(h.inserted) == 1 {
		h.table.Alias(wellKnown, h.inserted[0])
	}
	return h, nil
}

func (h *Handler) add(d Document, encode encoder) error {
	u, err := parseIdentifier(d.Resource, true)
	if err != nil {
		return err
	}
	inserted := wellKnownPath(u)
	if !slices.Contains(h.inserted, inserted) {
		h.inserted = append(h.inserted, inserted)
	}
	for _, path := range append([]string{inserted}, d.Paths...) {
		if _, ok := h.table.Add(u, path); !ok {
			return fmt.Errorf("metadata: resource %q: %q is already the location of another document for this host: use different paths, or a separate handler for each resource", d.Resource, path)
		}
		h.encoders = append(h.encoders, encode)
	}
	return nil
}

// Locations returns the escaped paths of all documents, sorted, including the additional
// locations of NewHandler.
func (h *Handler) Locations() []string { return h.table.List() }

// Owns reports whether the escaped path of the request equals one of the handler's locations
// byte for byte. The method does not matter.
func (h *Handler) Owns(r *http.Request) bool { return h.table.Has(r.URL.EscapedPath()) }

// ServeHTTP answers GET and HEAD with the document, OPTIONS with the header fields for a CORS
// preflight, other methods with 405 and other paths with 404.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	n, ok := h.table.Find(path, r.Host)
	if !ok {
		serveNotFound(w)
		return
	}
	serveMethods(w, r, func() {
		document, err := h.encoders[n]()
		if err != nil { // the document of a live handler became invalid
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		cache := cacheControl
		if h.table.Shares(path) {
			cache = cacheByHost
		}
		serveDocument(w, r, document, cache)
	})
}

// serveMethods calls get for GET and HEAD, and answers all other methods.
func serveMethods(w http.ResponseWriter, r *http.Request, get func()) {
	allowAllOrigins(w)
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		get()
	case http.MethodOptions:
		servePreflight(w)
	default:
		w.Header().Set("Allow", allowMethods)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	}
}

func serveNotFound(w http.ResponseWriter) {
	allowAllOrigins(w)
	http.Error(w, "not found", http.StatusNotFound)
}

// allowAllOrigins allows every origin to read the response: documents are public, and requests
// for them need no credentials.
func allowAllOrigins(w http.ResponseWriter) { w.Header().Set("Access-Control-Allow-Origin", "*") }

func serveDocument(w http.ResponseWriter, r *http.Request, body []byte, cache string) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", cache)
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		w.Write(body)
	}
}

func servePreflight(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Access-Control-Allow-Methods", allowMethods)
	header.Set("Access-Control-Allow-Headers", allowHeaders)
	header.Set("Access-Control-Max-Age", preflightAge)
	w.WriteHeader(http.StatusNoContent)
}
