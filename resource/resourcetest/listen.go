package resourcetest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// listener serves an Issuer on a socket.
type listener struct {
	server      *http.Server
	accepting   sync.WaitGroup
	connections sync.WaitGroup // does not increase after accepting is done
}

// Listen serves on a free port of 127.0.0.1. It changes the URLs of the endpoints to that port
// and, without Config.Issuer, the identifier too: make tokens after Listen, not before. It
// returns an error if it was called before, or after Close.
func (s *Issuer) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.listener != nil {
		return errors.New("resourcetest: Listen called twice or after Close")
	}
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("resourcetest: listen on 127.0.0.1: %w", err)
	}
	s.listener = &listener{}
	s.listener.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ConnState: s.listener.count}
	s.origin = "http://" + socket.Addr().String()
	if s.config.Issuer == "" {
		s.issuer = s.origin + s.config.Path
	}
	s.listener.accepting.Go(func() { _ = s.listener.server.Serve(socket) }) // returns ErrServerClosed
	return nil
}

// count is called when the state of a connection changes.
func (l *listener) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		l.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		l.connections.Done()
	}
}

// close returns when all connections are closed.
func (l *listener) close() {
	_ = l.server.Close() // closes the connections, which cancels the requests
	l.accepting.Wait()
	l.connections.Wait()
}

// Close stops the listener, cancels all requests and waits for them. Afterwards, Transport
// fails with "connection refused", but tokens can still be made. RSA keys can be reused by another
// Issuer in this process. Further calls do nothing.
func (s *Issuer) Close() {
	s.mu.Lock()
	first, listener := !s.closed, s.listener
	s.closed = true
	bodies := s.inflight
	s.inflight = nil
	s.mu.Unlock()
	if !first {
		return
	}
	for b := range bodies {
		b.cancel()
	}
	if listener != nil {
		listener.close()
	}
	s.keys.release()
}
