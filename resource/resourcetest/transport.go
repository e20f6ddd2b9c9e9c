package resourcetest

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"
)

// Transport returns a RoundTripper that calls this server and the others without sockets and
// without goroutines. The server runs in the caller's goroutine and generates the body while it
// is read. A body that is not closed uses a few bytes until Close, but no goroutine.
//
// It accepts the origins of the identifiers and of the listeners of these servers. For other
// origins it returns a "no such host" error. Like http.Transport, it requests gzip and
// decompresses without a limit.
func (s *Issuer) Transport(others ...*Issuer) http.RoundTripper {
	return transport(append([]*Issuer{s}, others...))
}

type transport []*Issuer

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close() // RoundTrip must close the body, also on errors
	}
	s := t.find(r.URL)
	if s == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: r.URL.Hostname(), IsNotFound: true}}
	}
	b := &body{issuer: s, caller: r.Context()}
	b.ctx, b.cancel = context.WithCancel(r.Context())
	if !s.track(b) {
		b.cancel()
		return nil, connectionRefused()
	}
	in := r.Clone(b.ctx)
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:1"
	decompress := r.Header.Get("Accept-Encoding") == "" && r.Header.Get("Range") == "" && r.Method != http.MethodHead
	if decompress {
		in.Header.Set("Accept-Encoding", "gzip")
	}
	response, err := s.respond(in)
	if err != nil {
		_ = b.Close()
		return nil, connectionError(r.Context(), err)
	}
	response.Request = r
	response.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	b.from = response.Body
	if decompress && response.Header.Get("Content-Encoding") == "gzip" {
		b.from = &gzipReader{from: response.Body}
		response.Header.Del("Content-Encoding")
		response.ContentLength, response.Uncompressed = -1, true
	}
	response.Body = b
	return response, nil
}

// find returns the server for a URL, or nil. If several servers have the origin, it is the one
// that has the path.
func (t transport) find(u *url.URL) (found *Issuer) {
	for _, s := range t {
		if !s.serves(u.Scheme + "://" + u.Host) {
			continue
		}
		if _, ok := s.routes[u.EscapedPath()]; ok {
			return s
		}
		if found == nil {
			found = s
		}
	}
	return found
}

func (s *Issuer) serves(origin string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	identifier, err := url.Parse(s.issuer)
	return origin == s.origin || err == nil && origin == identifier.Scheme+"://"+identifier.Host
}

// track registers b, so that Close cancels it. It reports false after Close.
func (s *Issuer) track(b *body) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.inflight[b] = struct{}{}
	return true
}

func (s *Issuer) untrack(b *body) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inflight, b)
}

func connectionRefused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// connectionError returns the error that a socket would return: the caller's cancellation, or
// that the server refused or closed the connection.
func connectionError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errRefused):
		return connectionRefused()
	}
	return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
}

// body is a response body. It is tracked until it was read completely or closed.
type body struct {
	issuer *Issuer
	caller context.Context // of the request that the body belongs to, as in http.Request
	ctx    context.Context // derived from caller; also canceled by Close
	cancel context.CancelFunc
	from   io.Reader
	err    error // of the last Read, returned by further ones
	closed atomic.Bool
}

func (b *body) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.from.Read(p)
	if err != nil {
		if b.ctx.Err() != nil {
			err = connectionError(b.caller, err)
		}
		b.err = err
		b.end()
	}
	return n, err
}

func (b *body) Close() error {
	b.closed.Store(true)
	b.end()
	return nil
}

func (b *body) end() {
	b.cancel()
	b.issuer.untrack(b)
}

// gzipReader reads the gzip header on the first Read, as net/http does.
type gzipReader struct {
	from   io.Reader
	stream *gzip.Reader
}

func (g *gzipReader) Read(p []byte) (int, error) {
	if g.stream == nil {
		stream, err := gzip.NewReader(g.from)
		if err != nil {
			return 0, err
		}
		g.stream = stream
	}
	return g.stream.Read(p)
}
