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
	server *http.Server

	mu      sync.Mutex
	closed  bool
	serving sync.WaitGroup
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
	s.live.server = &http.Server{Handler: s.live.counted(s), ReadHeaderTimeout: 10 * time.Second}
	s.origin = "http://" + socket.Addr().String()
	if s.config.Issuer == "" {
		s.issuer = s.origin + s.config.Path
	}
	s.live.serving.Go(func() { _ = s.live.server.Serve(socket) }) // returns ErrServerClosed
	return nil
}

// counted lets close wait for the requests being served.
func (l *listener) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		if l.closed {
			l.mu.Unlock()
			panic(http.ErrAbortHandler)
		}
		l.serving.Add(1)
		l.mu.Unlock()
		defer l.serving.Done()
		next.ServeHTTP(w, r)
	})
}

func (l *listener) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	_ = l.server.Close() // cuts the connections, which cancels the requests
	l.serving.Wait()
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
