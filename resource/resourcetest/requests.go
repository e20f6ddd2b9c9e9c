package resourcetest

import (
	"net/http"
	"net/url"
	"sync"
	"time"
)

// maxRecorded is the number of requests that are recorded per endpoint. It does not limit Count.
const maxRecorded = 1024

// Request is the record of a request that the server received. It contains the credentials that
// were sent: do not write it to a log that others can read.
type Request struct {
	Time   time.Time // of time.Now, also inside a synctest bubble
	Method string
	URI    string // path and query
	Header http.Header
	Form   url.Values // of a form body, or of the query for GET and HEAD
}

type requestLog struct {
	mu     sync.Mutex
	counts map[Endpoint]int
	recent map[Endpoint][]Request // the oldest first
}

func (l *requestLog) add(endpoint Endpoint, r *request) {
	record := Request{time.Now(), r.Method, r.URL.RequestURI(), r.Header.Clone(), r.form}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts, l.recent = make(map[Endpoint]int), make(map[Endpoint][]Request)
	}
	for _, name := range []Endpoint{endpoint, Any} {
		l.counts[name]++
		recent := l.recent[name]
		if len(recent) == maxRecorded {
			recent[0], recent = Request{}, recent[1:] // append copies the rest when the capacity is used up
		}
		l.recent[name] = append(recent, record)
	}
}

// Count returns the number of requests to an endpoint, including those that failed. CORS
// preflight requests are not counted. Any includes requests to unknown paths.
func (s *Issuer) Count(endpoint Endpoint) int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.counts[endpoint]
}

// Requests returns the last 1,024 requests to an endpoint, the oldest first. Their headers and
// forms must not be modified.
func (s *Issuer) Requests(endpoint Endpoint) []Request {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return append([]Request(nil), s.log.recent[endpoint]...)
}

// Times returns the times of these requests, the oldest first.
func (s *Issuer) Times(endpoint Endpoint) []time.Time {
	var times []time.Time
	for _, r := range s.Requests(endpoint) {
		times = append(times, r.Time)
	}
	return times
}

// Last returns the last request to an endpoint, or the zero Request if there was none.
func (s *Issuer) Last(endpoint Endpoint) Request {
	if recent := s.Requests(endpoint); len(recent) > 0 {
		return recent[len(recent)-1]
	}
	return Request{}
}
