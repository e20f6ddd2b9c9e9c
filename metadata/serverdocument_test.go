package metadata_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/metadata"
)

// changingServer is a transport. It answers requests for the URL of RFC 8414 §3 after a delay.
type changingServer struct {
	t       *testing.T
	handler *metadata.ServerHandler
	log     strings.Builder

	mu      sync.Mutex
	version int // in the document; 0: it fails
	status  int // of a failure
	panics  bool
	delay   time.Duration
	fetches int
	wait    string // Retry-After of a failure
}

func (s *changingServer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	version, status, panics, delay := s.version, s.status, s.panics, s.delay
	if strings.HasSuffix(r.URL.Path, "oauth-authorization-server") {
		s.fetches++
	}
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	rec := httptest.NewRecorder()
	switch {
	case panics:
		panic("S3CR3T")
	case version == 0 && status == 0:
		return nil, errors.New("connection refused")
	case version == 0:
		rec.Header().Set("Retry-After", s.wait)
		rec.WriteHeader(status)
	default:
		fmt.Fprintf(rec, `{"issuer":"https://as.example","version":%d}`, version)
	}
	return rec.Result(), nil
}

// set changes the server.
func (s *changingServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// get returns the status and the version that a client gets, and the time that it takes.
func (s *changingServer) get() string {
	began, rec := time.Now(), httptest.NewRecorder()
	s.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, serverPath, nil))
	version := strings.TrimSuffix(strings.TrimPrefix(rec.Body.String(), `{"issuer":"https://as.example","version":`), "}")
	if rec.Code != http.StatusOK {
		version = "Retry-After " + rec.Header().Get("Retry-After")
	}
	return fmt.Sprintf("%d %s after %s", rec.Code, version, time.Since(began))
}

// expect compares the response and the number of fetches since the last call.
func (s *changingServer) expect(when, want string, fetches int) {
	s.t.Helper()
	wantEqual(s.t, when, s.get(), want)
	s.set(func() {
		wantEqual(s.t, when+": fetches", s.fetches, fetches)
		s.fetches = 0
	})
}

// withServer runs a test with a server that has version 1, in a bubble.
func withServer(t *testing.T, test func(t *testing.T, s *changingServer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &changingServer{t: t, version: 1}
		s.handler = newServerHandler(t, metadata.ServerHandlerConfig{Issuer: "https://as.example", Transport: s, Logger: slog.New(slog.NewTextHandler(&s.log, nil))})
		test(t, s)
		time.Sleep(5 * time.Second) // a fetch takes at most that long, and the bubble must end without it
	})
}

const none = "503 Retry-After 5 after 0s"

func TestServerDocumentIsFetchedAgain(t *testing.T) {
	withServer(t, func(t *testing.T, s *changingServer) {
		s.expect("first", "200 1 after 0s", 1)
		s.set(func() { s.version = 2 })
		time.Sleep(5*time.Minute - time.Nanosecond)
		s.expect("before 5 minutes", "200 1 after 0s", 0)
		time.Sleep(time.Nanosecond)
		s.expect("after 5 minutes", "200 2 after 0s", 1)
		time.Sleep(time.Hour)
		s.set(func() { wantEqual(t, "fetches without requests", s.fetches, 0) })
	})
}

// A failed fetch is not repeated for 5 seconds, and longer if the server says so.
func TestServerDocumentFailure(t *testing.T) {
	withServer(t, func(t *testing.T, s *changingServer) {
		s.set(func() { s.version = 0 })
		s.expect("first", none, 1)
		s.set(func() { s.version = 1 })
		time.Sleep(5*time.Second - time.Nanosecond)
		s.expect("before 5 seconds", none, 0)
		time.Sleep(time.Nanosecond)
		s.expect("after 5 seconds", "200 1 after 0s", 1)
	})
	for header, wait := range map[string]time.Duration{"": 5 * time.Second, "1": 5 * time.Second, "30": 30 * time.Second, "3600": time.Minute, "junk": 5 * time.Second} {
		withServer(t, func(t *testing.T, s *changingServer) {
			s.set(func() { s.version, s.status, s.wait = 0, 429, header })
			s.expect("429", none, 1)
			s.set(func() { s.version = 1 })
			time.Sleep(wait - time.Nanosecond)
			s.expect("before Retry-After "+header, none, 0)
			time.Sleep(time.Nanosecond)
			s.expect("after Retry-After "+header, "200 1 after 0s", 1)
		})
	}
}

// During an outage, the previous document is served for 24 hours.
func TestServerDocumentOutage(t *testing.T) {
	withServer(t, func(t *testing.T, s *changingServer) {
		s.expect("first", "200 1 after 0s", 1)
		s.set(func() { s.version = 0 })
		time.Sleep(5 * time.Minute)
		s.expect("the first failure", "200 1 after 0s", 1)
		s.expect("at once", "200 1 after 0s", 0)
		time.Sleep(24*time.Hour - 5*time.Minute)
		s.expect("after 24 hours", "200 1 after 0s", 1)
		time.Sleep(time.Nanosecond)
		s.expect("after more than 24 hours", none, 0)
		s.set(func() { s.version = 2 })
		time.Sleep(5 * time.Second)
		s.expect("after the outage", "200 2 after 0s", 1)
	})
}

// A request waits for at most a second for a refresh, and for at most 5 seconds without a document.
func TestServerDocumentWaits(t *testing.T) {
	withServer(t, func(t *testing.T, s *changingServer) {
		s.set(func() { s.delay = time.Minute })
		s.expect("the server hangs", "503 Retry-After 5 after 5s", 1)
		s.set(func() { s.delay = 2 * time.Second })
		time.Sleep(5 * time.Second)
		s.expect("a slow server", "200 1 after 2s", 1)
		s.set(func() { s.version, s.delay = 2, 1500*time.Millisecond })
		time.Sleep(5 * time.Minute)
		s.expect("a slow refresh", "200 1 after 1s", 1)
		s.expect("the same refresh", "200 2 after 500ms", 0)
	})
}

// Concurrent requests share a fetch. A client that disconnects does not end it.
func TestServerDocumentIsShared(t *testing.T) {
	withServer(t, func(t *testing.T, s *changingServer) {
		s.set(func() { s.delay = time.Second })
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		rec := httptest.NewRecorder()
		s.handler.ServeHTTP(rec, httptest.NewRequestWithContext(ctx, http.MethodGet, serverPath, nil))
		wantEqual(t, "the client disconnects", rec.Code, http.StatusServiceUnavailable)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { wantEqual(t, "concurrent", s.get(), "200 1 after 999ms") })
		}
		all.Wait()
		s.expect("afterwards", "200 1 after 0s", 1)
	})
}

// A transport that panics does not end the process, and its value is not logged.
func TestServerDocumentPanic(t *testing.T) {
	withServer(t, func(t *testing.T, s *changingServer) {
		s.set(func() { s.panics = true })
		s.expect("the transport panics", none, 1)
		_, record, _ := strings.Cut(s.log.String(), "level=")
		wantEqual(t, "log", record, "WARN msg=\"fetching the metadata of the authorization server failed\" issuer=https://as.example error=\"metadata: the transport panicked\"\n")
		s.set(func() { s.panics = false })
		time.Sleep(5 * time.Second)
		s.expect("afterwards", "200 1 after 0s", 1)
	})
}
