package main

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"
)

// keyServer is an issuer's JWKS endpoint on a loopback socket. fetches counts the requests.
type keyServer struct {
	*httptest.Server
	fetches atomic.Int64

	mu    sync.Mutex
	keys  []byte
	delay time.Duration
	fail  bool
}

func newKeyServer(signers ...signer) *keyServer {
	s := &keyServer{keys: keySet(signers...)}
	s.Server = httptest.NewServer(s)
	return s
}

// publish replaces the key set.
func (s *keyServer) publish(signers ...signer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keySet(signers...)
}

// setBehavior delays each response, or makes it an error of status 500.
func (s *keyServer) setBehavior(delay time.Duration, fail bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay, s.fail = delay, fail
}

// ServeHTTP writes the key set.
func (s *keyServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.fetches.Add(1)
	s.mu.Lock()
	keys, delay, fail := s.keys, s.delay, s.fail
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-req.Context().Done():
		return
	}
	if fail {
		http.Error(w, "down", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_, _ = w.Write(keys)
}
