package metadata

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// What the handler answers with. The allowed headers are those that MCP clients
// send with their discovery requests, also from a browser.
const (
	cacheControl = "public, max-age=300"
	allowMethods = "GET, HEAD, OPTIONS"
	allowHeaders = "Accept, Authorization, Content-Type, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID"
	preflightAge = "3600" // seconds
)

// Handler publishes documents at their well-known locations (RFC 9728 §3). It is
// made by NewHandler or NewLiveHandler and is safe for concurrent use. The zero Handler
// owns no location and answers 404.
//
// It needs no token and must stand outside of the protection. It looks at method
// and path alone: no Host, no forwarding header, no query changes its answer, and
// it never redirects.
type Handler struct {
	bodies map[string]func() ([]byte, error) // by escaped path
}

// NewHandler encodes each document once and publishes it at its path-inserted
// location. Where no other document is, there are copies for clients that look
// elsewhere: a path with a terminal slash is served without it too, and a single
// document at the root location. Invalid documents and two at one location are errors;
// all mistakes are returned at once.
func NewHandler(docs ...Document) (*Handler, error) {
	h := &Handler{bodies: make(map[string]func() ([]byte, error))}
	var errs []error
	for _, d := range docs {
		body, err := d.MarshalJSON()
		if err == nil {
			err = h.add(d.Resource, func() ([]byte, error) { return body, nil })
		}
		errs = append(errs, err)
	}
	return h.finish(errs)
}

// NewLiveHandler is NewHandler for documents that may change: it asks for them, and
// encodes them, for each request. Their Resource must stay the same. The functions are
// called concurrently.
func NewLiveHandler(docs ...func() Document) (*Handler, error) {
	h := &Handler{bodies: make(map[string]func() ([]byte, error))}
	var errs []error
	for _, current := range docs {
		body := func() ([]byte, error) { return current().MarshalJSON() }
		_, err := body()
		if err == nil {
			err = h.add(current().Resource, body)
		}
		errs = append(errs, err)
	}
	return h.finish(errs)
}

func (h *Handler) finish(errs []error) (*Handler, error) {
	if len(errs) == 0 {
		return nil, errors.New("metadata: a handler needs at least one document")
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	single := len(h.bodies) == 1
	for path, body := range maps.Clone(h.bodies) {
		h.copyTo(strings.TrimSuffix(path, "/"), body)
		if single {
			h.copyTo(wellKnown, body)
		}
	}
	return h, nil
}

func (h *Handler) copyTo(path string, body func() ([]byte, error)) {
	if _, taken := h.bodies[path]; !taken {
		h.bodies[path] = body
	}
}

func (h *Handler) add(resource string, body func() ([]byte, error)) error {
	path, err := WellKnownPath(resource)
	if err != nil {
		return err
	}
	// The host does not tell documents apart: it is the client's word.
	if _, taken := h.bodies[path]; taken {
		return fmt.Errorf("metadata: resource %q: another document is already at %q: give the resources different paths, or each its own handler", resource, path)
	}
	h.bodies[path] = body
	return nil
}

// Locations returns the paths at which there are documents, copies included, in their
// escaped form and in order.
func (h *Handler) Locations() []string { return slices.Sorted(maps.Keys(h.bodies)) }

// Owns reports whether the request's path is, byte for byte in its escaped form,
// one of the handler's locations, whatever the method.
func (h *Handler) Owns(r *http.Request) bool {
	_, ok := h.bodies[r.URL.EscapedPath()]
	return ok
}

// ServeHTTP answers GET and HEAD with the document, OPTIONS with what a browser's
// preflight asks for, another method with 405 and any other path with 404.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Open to every page: the document is public and no credential is involved.
	w.Header().Set("Access-Control-Allow-Origin", "*")
	body, ok := h.bodies[r.URL.EscapedPath()]
	if !ok {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		document, err := body()
		if err != nil { // a document that became invalid
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		serveDocument(w, r, document)
	case http.MethodOptions:
		servePreflight(w)
	default:
		w.Header().Set("Allow", allowMethods)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	}
}

func serveDocument(w http.ResponseWriter, r *http.Request, body []byte) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", cacheControl)
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
