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

// Transport returns a RoundTripper that reaches this server, and the others
// given, without sockets and without goroutines: a request is answered in the
// caller's own goroutine, a body is made as it is read. A body that is never
// closed leaves a few bytes until Close, and no goroutine.
//
// It reaches the origins of the identifiers and listeners of these servers;
// every other one is "no such host". Like http.Transport it asks for gzip by
// itself, and unpacks without any limit.
func (s *Issuer) Transport(others ...*Issuer) http.RoundTripper {
	return transport(append([]*Issuer{s}, others...))
}

type transport []*Issuer

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close() // as the RoundTripper contract wants, on every path
	}
	s := t.pick(r.URL)
	if s == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: r.URL.Hostname(), IsNotFound: true}}
	}
	b := &body{issuer: s, caller: r.Context()}
	b.ctx, b.cancel = context.WithCancel(r.Context())
	if !s.track(b) {
		b.cancel()
		return nil, refused()
	}
	in := r.Clone(b.ctx)
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:1"
	unpack := r.Header.Get("Accept-Encoding") == "" && r.Header.Get("Range") == "" && r.Method != http.MethodHead
	if unpack {
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
	if unpack && response.Header.Get("Content-Encoding") == "gzip" {
		b.from = &unpacker{from: response.Body}
		response.Header.Del("Content-Encoding")
		response.ContentLength, response.Uncompressed = -1, true
	}
	response.Body = b
	return response, nil
}

// pick finds the server of an origin; several on one origin are told apart by
// their paths.
func (t transport) pick(u *url.URL) (found *Issuer) {
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

func refused() error { return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED} }

// connectionError says what a socket would have said: the caller's own
// cancellation, or a connection that the server refused or dropped.
func connectionError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errRefused):
		return refused()
	}
	return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
}

// body is one answer being read. Reading it to the end or closing it ends it.
type body struct {
	issuer *Issuer
	caller context.Context // both of the request whose body this is, as in http.Request
	ctx    context.Context // also ended by Close
	cancel context.CancelFunc
	from   io.Reader
	err    error // of the last Read, for those that follow
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

// unpacker opens the gzip stream on the first read, as net/http does.
type unpacker struct {
	from   io.Reader
	stream *gzip.Reader
}

func (u *unpacker) Read(p []byte) (int, error) {
	if u.stream == nil {
		stream, err := gzip.NewReader(u.from)
		if err != nil {
			return 0, err
		}
		u.stream = stream
	}
	return u.stream.Read(p)
}
