package resourcetest

import (
	"net/http"
	"net/url"
	"sync"
	"time"
)

// maxRecorded is how many requests per endpoint are kept; Count goes on.
const maxRecorded = 1024

// Request is the record of one request that arrived. It holds credentials as
// they were sent: do not print it where logs are kept.
type Request struct {
	Time   time.Time // by time.Now, so that a synctest bubble can compare it
	Method string
	URI    string // path and query
	Header http.Header
	Form   url.Values // of a form body, or the query of a GET
}

type requestLog struct {
	mu     sync.Mutex
	counts map[Endpoint]int
	kept   map[Endpoint][]Request
}

func (l *requestLog) add(endpoint Endpoint, r *request) {
	record := Request{time.Now(), r.Method, r.URL.RequestURI(), r.Header.Clone(), r.form}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts, l.kept = make(map[Endpoint]int), make(map[Endpoint][]Request)
	}
	for _, name := range []Endpoint{endpoint, Any} {
		l.counts[name]++
		kept := l.kept[name]
		if len(kept) == maxRecorded {
			kept[0], kept = Request{}, kept[1:] // append moves the rest when it must
		}
		l.kept[name] = append(kept, record)
	}
}

// Count returns how many requests reached an endpoint, failed ones included.
// Preflight requests (CORS) are not counted; Any counts unknown paths too.
func (s *Issuer) Count(endpoint Endpoint) int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.counts[endpoint]
}

// Requests returns the latest 1,024 requests to an endpoint, the oldest first.
// Treat what they hold as read-only.
func (s *Issuer) Requests(endpoint Endpoint) []Request {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return append([]Request(nil), s.log.kept[endpoint]...)
}

// Times returns when those requests arrived.
func (s *Issuer) Times(endpoint Endpoint) []time.Time {
	var times []time.Time
	for _, r := range s.Requests(endpoint) {
		times = append(times, r.Time)
	}
	return times
}

// Last returns the latest request to an endpoint, the zero Request when none came.
func (s *Issuer) Last(endpoint Endpoint) Request {
	if kept := s.Requests(endpoint); len(kept) > 0 {
		return kept[len(kept)-1]
	}
	return Request{}
}
