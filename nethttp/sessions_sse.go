package nethttp

import (
	"net/http"
	"sync"

	"github.com/warder-go/warder/internal/mcpmsg"
)

// Limits of a stream of the SSE transport.
const (
	maxQueuedErrors = 16       // errors that wait until the server has written a whole event
	maxLateResult   = 16 << 20 // bytes of one event after the token of the stream has expired
)

// sseStream writes the stream of a session of the SSE transport. It adds errors to what the
// server writes, always between two events. After drain it passes on results only.
type sseStream struct {
	http.ResponseWriter
	fail func() // ends the request of the stream

	mu       sync.Mutex // guards the fields below and the writer
	open     bool       // the client has received the endpoint event, and the handler has not returned
	events   eventScanner
	queued   [][]byte // errors
	draining bool
	passing  bool   // while draining: the rest of an event that the server began before
	held     []byte // while draining: the beginning of an event
}

// Write passes on what the server writes.
func (s *sseStream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return s.writeResults(p)
	}
	n, err := s.ResponseWriter.Write(p)
	s.events.skip(p[:n])
	if err == nil {
		err = s.writeQueued()
	}
	return n, err
}

// writeResults passes on only those events of p that are results.
func (s *sseStream) writeResults(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n, complete := s.events.next(rest)
		if err := s.writePiece(rest[:n], complete); err != nil {
			s.fail()
			return 0, err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// writePiece takes the next piece of an event, while draining. complete says that it is the last.
func (s *sseStream) writePiece(piece []byte, complete bool) (err error) {
	if s.passing {
		s.passing = !complete
		_, err = s.ResponseWriter.Write(piece)
		return err
	}
	if s.held = append(s.held, piece...); len(s.held) > maxLateResult {
		return errStreamDrained
	}
	if !complete {
		return nil
	}
	event := s.held
	s.held = nil
	if !mcpmsg.IsResponse(eventData(event)) {
		return nil
	}
	return s.writeNow(event)
}

// writeNow writes a whole event and flushes it.
func (s *sseStream) writeNow(event []byte) error {
	if _, err := s.ResponseWriter.Write(event); err != nil {
		return err
	}
	return http.NewResponseController(s.ResponseWriter).Flush()
}

// writeQueued writes the errors that wait, if the server has written whole events only.
func (s *sseStream) writeQueued() error {
	for len(s.queued) > 0 && s.events.between() {
		event := s.queued[0]
		s.queued = s.queued[1:]
		if err := s.writeNow(event); err != nil {
			return err
		}
	}
	return nil
}

// add writes an event of this package as soon as the server has written whole events only. It
// drops the event if the stream is not open or too many events wait.
func (s *sseStream) add(event []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open || len(s.queued) >= maxQueuedErrors {
		return
	}
	s.queued = append(s.queued, event)
	if err := s.writeQueued(); err != nil {
		s.fail()
	}
}

// drain makes the stream pass on results only. It reports false if the stream is not open.
func (s *sseStream) drain() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open {
		s.draining, s.passing = true, !s.events.between()
	}
	return s.open
}

// setOpen says whether the client has received the endpoint event and the handler has not
// returned.
func (s *sseStream) setOpen(open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = open
}

// FlushError sends what was written.
func (s *sseStream) FlushError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return http.NewResponseController(s.ResponseWriter).Flush()
}

// Unwrap lets an [http.ResponseController] use the original writer.
func (s *sseStream) Unwrap() http.ResponseWriter { return s.ResponseWriter }
