package nethttp

import (
	"net/http"
	"sync"
	"time"

	"github.com/warder-go/warder/internal/mcpmsg"
)

// Limits of a stream of the SSE transport.
const (
	maxQueuedErrors = 16          // errors that wait until the server has written a whole event
	lastErrorTime   = time.Second // for the client to read an error that is being written when the stream ends
	maxLateResult   = 16 << 20    // bytes of one event after the token of the stream has expired
)

// sseStream writes the stream of a session of the SSE transport. It adds errors to what the
// server writes, always between two events. After drain it passes on results only.
type sseStream struct {
	http.ResponseWriter
	fail func() // ends the request of the stream

	state    sync.Mutex // guards the fields below; never held while writing
	open     bool       // the client gets the endpoint event, and the handler has not returned
	draining bool
	queued   [][]byte // errors

	writing sync.Mutex // guards the writer and the fields below
	events  eventScanner
	begun   bool        // something was written
	results *lateResult // not nil after the first write while draining
}

// lateResult finds results in what the server writes after drain.
type lateResult struct {
	passing bool   // the current event began before and is passed on to its end
	held    []byte // the beginning of an event
}

// Write passes on what the server writes.
func (s *sseStream) Write(p []byte) (int, error) {
	n, err := s.write(p)
	if err == nil {
		s.writeQueued()
	}
	return n, err
}

func (s *sseStream) write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.results == nil && s.isDraining() {
		s.results = &lateResult{passing: !s.events.between()}
	}
	if s.results != nil {
		return s.writeResults(p)
	}
	n, err := s.ResponseWriter.Write(p)
	s.events.skip(p[:n])
	s.begun = true
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

// writePiece handles the next piece of an event while draining. complete: it is the last piece.
func (s *sseStream) writePiece(piece []byte, complete bool) (err error) {
	r := s.results
	if r.passing {
		r.passing = !complete
		_, err = s.ResponseWriter.Write(piece)
		return err
	}
	if len(r.held)+len(piece) > maxLateResult {
		return errStreamDrained
	}
	r.held = append(r.held, piece...)
	if !complete {
		return nil
	}
	event := r.held
	r.held = nil
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

// add writes an event of this package as soon as no event of the server is incomplete. It drops
// the event if the stream is not open or too many events wait. It does not wait for the client;
// at most one goroutine per stream does.
func (s *sseStream) add(event []byte) {
	s.state.Lock()
	if s.open && len(s.queued) < maxQueuedErrors {
		s.queued = append(s.queued, event)
	}
	s.state.Unlock()
	go s.writeQueued() // the client may read slowly
}

// writeQueued writes the events that wait, unless another write is in progress. That write
// calls writeQueued when it ends.
func (s *sseStream) writeQueued() {
	for s.hasQueued() && s.writing.TryLock() {
		waits := s.tryQueued()
		s.writing.Unlock()
		if waits {
			return
		}
	}
}

// tryQueued writes the events that wait. It reports whether they must wait for the end of an
// event of the server.
func (s *sseStream) tryQueued() (waits bool) {
	for {
		if !s.begun || !s.events.between() || s.results != nil && s.results.passing {
			return true
		}
		event := s.next()
		if event == nil {
			return false
		}
		if err := s.writeNow(event); err != nil {
			s.fail()
			return true
		}
	}
}

// next removes and returns the first event that waits, or returns nil.
func (s *sseStream) next() (event []byte) {
	s.state.Lock()
	defer s.state.Unlock()
	if len(s.queued) > 0 {
		event, s.queued = s.queued[0], s.queued[1:]
	}
	return event
}

func (s *sseStream) hasQueued() bool {
	s.state.Lock()
	defer s.state.Unlock()
	return len(s.queued) > 0
}

func (s *sseStream) isDraining() bool {
	s.state.Lock()
	defer s.state.Unlock()
	return s.draining
}

// setOpen must be called before the endpoint event is written.
func (s *sseStream) setOpen() {
	s.state.Lock()
	defer s.state.Unlock()
	s.open = true
}

// drain makes the stream pass on results only. It reports false if the stream is not open.
func (s *sseStream) drain() bool {
	s.state.Lock()
	defer s.state.Unlock()
	s.draining = s.open
	return s.open
}

// close must be called when the handler has returned. Nothing is written after it.
func (s *sseStream) close() {
	if !s.writing.TryLock() { // an error is being written; the client may not read
		_ = http.NewResponseController(s.ResponseWriter).SetWriteDeadline(time.Now().Add(lastErrorTime))
		s.writing.Lock()
	}
	defer s.writing.Unlock()
	s.state.Lock()
	defer s.state.Unlock()
	s.open, s.queued = false, nil
}

// FlushError sends what was written.
func (s *sseStream) FlushError() error {
	s.writing.Lock()
	err := http.NewResponseController(s.ResponseWriter).Flush()
	s.writing.Unlock()
	s.writeQueued()
	return err
}

// Unwrap lets an [http.ResponseController] use the original writer.
func (s *sseStream) Unwrap() http.ResponseWriter { return s.ResponseWriter }
