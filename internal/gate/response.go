package gate

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/resource"
)

// responseError is a response that the client does not get.
type responseError struct{ refusal *refusal }

func (e *responseError) Error() string { return "gate: upstream: " + e.refusal.reason }

// notPassed are fields of responses that are the gate's, or that are for the whole origin or host,
// which several upstreams share. Alt-Svc would send clients around the gate, and no upstream gets a
// cookie back. The fields access-control-* belong to them too.
var notPassed = []string{"Alt-Svc", "Authentication-Info", "Clear-Site-Data", "Dpop-Nonce", "Expect-Ct", "Nel", "Proxy-Authentication-Info", "Public-Key-Pins", "Refresh",
	"Report-To", "Reporting-Endpoints", "Service-Worker-Allowed", "Set-Cookie", "Set-Cookie2", "Strict-Transport-Security", "Timing-Allow-Origin"}

// notTrailers are fields that must not be in trailers (RFC 9110 §6.5.1), or that are for one connection.
// The fields content-* and mcp-* belong to them too.
var notTrailers = []string{"Transfer-Encoding", "Trailer", "Host", "Connection", "Keep-Alive", "Te", "Upgrade", "Proxy-Authenticate", "Proxy-Connection", "Cache-Control", "Location"}

// modifyResponse checks the response of an upstream and removes what clients do not get.
func (g *Gate) modifyResponse(at *place, res *http.Response) error {
	u := at.upstream
	if res.StatusCode < http.StatusOK || res.StatusCode > 599 { // net/http panics at a status under 100
		return &responseError{refusedResponse}
	}
	if isChallenge(res) && !u.settings.PassChallenges || res.StatusCode == http.StatusProxyAuthRequired {
		return &responseError{refusedChallenge}
	}
	g.removeResponseFields(res.Header, u)
	if location := res.Header["Location"]; len(location) > 0 {
		moved, ok := at.relocate(res.Request.URL, location)
		if !ok {
			return &responseError{refusedResponse}
		}
		res.Header["Location"] = []string{moved}
	}
	if res.ContentLength < 0 {
		clean := func() { g.removeTrailers(res.Trailer, u) }
		clean() // the announced names
		res.Body = &streamBody{ReadCloser: res.Body, ctx: res.Request.Context(), clean: clean}
	}
	g.metrics.countUpstream(u, "passed")
	return nil
}

// isChallenge reports whether the upstream asks for a login of its own. Proxy-Authenticate has been
// removed already, as a field for one connection.
func isChallenge(res *http.Response) bool {
	_, challenged := res.Header["Www-Authenticate"]
	return challenged || res.StatusCode == http.StatusUnauthorized
}

func (g *Gate) removeResponseFields(h http.Header, u *upstream) {
	for name := range h {
		if !isPlainName(name) || g.owned[fold(name)] || slices.Contains(notPassed, name) || strings.HasPrefix(name, "Access-Control-") || name == "Www-Authenticate" && !u.settings.PassChallenges {
			delete(h, name)
		}
	}
}

func (g *Gate) removeTrailers(h http.Header, u *upstream) {
	g.removeResponseFields(h, u)
	for name := range h {
		if slices.Contains(notTrailers, name) || strings.HasPrefix(name, "Content-") || strings.HasPrefix(name, "Mcp-") {
			delete(h, name)
		}
	}
}

// relocate returns the Location of a response for clients. It must be at this upstream.
func (p *place) relocate(from *url.URL, location []string) (string, bool) {
	if len(location) != 1 {
		return "", false
	}
	to, err := from.Parse(location[0])
	if err != nil || to.User != nil || to.Scheme != from.Scheme || to.Host != from.Host || to.RawPath != "" {
		return "", false
	}
	path, ok := p.public(to.Path)
	if !ok || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return "", false
	}
	return (&url.URL{Path: path, RawQuery: to.RawQuery}).String(), true
}

// streamBody is a body of unknown length.
type streamBody struct {
	io.ReadCloser
	ctx   context.Context //nolint:containedctx // of the request that the body belongs to
	clean func()          // removes trailers that clients do not get
}

// Read ends the body regularly if the Resource has ended the stream because of its token. The client
// then opens another stream, and gets a 401.
func (b *streamBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF && errors.Is(context.Cause(b.ctx), resource.ErrStreamEnded) {
		return n, io.EOF
	}
	return n, err
}

// Close closes the body. The trailers are known then.
func (b *streamBody) Close() error {
	err := b.ReadCloser.Close()
	b.clean()
	return err
}

// serveError responds to a request that has no response of the upstream.
func (g *Gate) serveError(w http.ResponseWriter, req *http.Request, u *upstream, err error) {
	r := refusedUnreachable
	wrong, isResponse := errors.AsType[*responseError](err)
	_, isTooLarge := errors.AsType[*http.MaxBytesError](err)
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case isResponse:
		r = wrong.refusal
	case isTooLarge:
		g.refuse(w, req, refusedTooLarge)
		return
	case req.Context().Err() != nil || exchangeOf(req).stopped.Load():
		g.metrics.countUpstream(u, "canceled")
		panic(http.ErrAbortHandler) // the client is gone, or its stream has ended: no response, and not an empty 200
	case isNet && timeout.Timeout():
		r = refusedTimeout
	}
	g.metrics.countUpstream(u, r.reason)
	g.logger().Warn("no response of an upstream was passed on", "upstream", u.settings.Name, "reason", r.reason, "error", logging.Printable(err.Error()))
	writeRefusal(w, req, r)
}
