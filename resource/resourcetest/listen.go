package resourcetest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// listener is the part of an Issuer that has a socket.
type listener struct {
	server      *http.Server
	accepting   sync.WaitGroup
	connections sync.WaitGroup // grows only while accepting
}

// Listen serves on a port of 127.0.0.1 that the kernel picks. The endpoints,
// and without Config.Issuer the identifier too, are then those of that port:
// make tokens after Listen, not before.
func (s *Issuer) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.live != nil {
		return errors.New("resourcetest: Listen called twice or after Close")
	}
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("resourcetest: listen on 127.0.0.1: %w", err)
	}
	s.live = &listener{}
	s.live.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ConnState: s.live.count}
	s.origin = "http://" + socket.Addr().String()
	if s.config.Issuer == "" {
		s.issuer = s.origin + s.config.Path
	}
	s.live.accepting.Go(func() { _ = s.live.server.Serve(socket) }) // returns ErrServerClosed
	return nil
}

func (l *listener) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		l.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		l.connections.Done()
	}
}

func (l *listener) close() {
	_ = l.server.Close() // cuts the connections, which cancels the requests
	l.accepting.Wait()
	l.connections.Wait()
}

// Close ends the listener and every request in flight, and waits for them.
// Afterwards Transport refuses connections; tokens can still be made. Further
// calls do nothing. RSA keys may later serve another Issuer of this process.
func (s *Issuer) Close() {
	s.mu.Lock()
	first, live := !s.closed, s.live
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
	if live != nil {
		live.close()
	}
	s.keys.release()
}
