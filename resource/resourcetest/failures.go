package resourcetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Failure is what an endpoint does wrong. Its fields work together: first it
// waits (Delay, Refuse, Hang), then comes either the endpoint's own answer or
// the one given (Status, Body, Redirect), and that is changed on its way
// (Header and the rest). The zero value changes nothing.
type Failure struct {
	Next   int           // only that many requests are affected; 0: all until Reset
	Delay  time.Duration // wait before the answer, or until the request is cancelled
	Refuse bool          // no answer: Transport fails with "connection refused", a socket is cut; see Close too
	Hang   bool          // no answer until the request is cancelled

	// Status, Body or Redirect replace the answer; the endpoint itself then
	// does nothing (no refresh token is used up). Status alone has no body; a
	// Body that is not nil, though empty, is status 200 and application/json
	// where Status and Header say nothing else.
	Status   int
	Body     []byte
	Redirect string // a Location, with status 302 unless Status is given

	Header   http.Header   // set in the answer, such as Retry-After, Cache-Control, ETag, Content-Type
	Truncate bool          // half the body, under the Content-Length of the whole
	Pace     time.Duration // the headers at once, then one byte per Pace
	// Huge and GzipBomb put that many bytes of white space before the body, so
	// that a JSON reader without a limit would take it for good. They come
	// without Content-Length, the bomb compressed about a thousand times
	// whether or not the client asked for gzip.
	Huge, GzipBomb int64
}

// Garbage is a Failure that answers 200 with bytes that are no JSON.
func Garbage() Failure { return Failure{Body: []byte("\x00\xff\xfe{]not json")} }

// LoginPage is a Failure that answers 200 with an HTML page.
func LoginPage() Failure {
	return Failure{
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body:   []byte("<!DOCTYPE html><title>Log in</title><form method=post><input name=user></form>\n"),
	}
}

// Fail makes an endpoint fail from the next request on, in place of what was
// set for it before. A Failure of Any is for the endpoints without their own,
// and for unknown paths. Preflight requests (CORS) never fail. A Status outside
// of 200 to 599 panics.
func (s *Issuer) Fail(endpoint Endpoint, failure Failure) {
	if failure.Status != 0 && (failure.Status < 200 || failure.Status > 599) {
		panic(fmt.Sprintf("resourcetest: no status %d can be sent", failure.Status))
	}
	failure.Header = failure.Header.Clone()
	if failure.Body != nil {
		failure.Body = append([]byte{}, failure.Body...)
	}
	s.failures.mu.Lock()
	defer s.failures.mu.Unlock()
	if s.failures.set == nil {
		s.failures.set = make(map[Endpoint]*Failure)
	}
	s.failures.set[endpoint] = &failure
}

// Reset ends the failures of these endpoints, all failures when none is named.
// It does not touch requests that hang already, nor the counters.
func (s *Issuer) Reset(endpoints ...Endpoint) {
	s.failures.mu.Lock()
	defer s.failures.mu.Unlock()
	if len(endpoints) == 0 {
		clear(s.failures.set)
	}
	for _, endpoint := range endpoints {
		delete(s.failures.set, endpoint)
	}
}

type failures struct {
	mu  sync.Mutex
	set map[Endpoint]*Failure
}

func (f *failures) next(endpoint Endpoint) Failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.set[endpoint] == nil {
		endpoint = Any
	}
	failure := f.set[endpoint]
	if failure == nil {
		return Failure{}
	}
	if failure.Next > 0 {
		if failure.Next--; failure.Next == 0 {
			delete(f.set, endpoint)
		}
	}
	return *failure
}

var errRefused = errors.New("resourcetest: connection refused, as asked for by a Failure")

// wait selects on the request's context only: a channel of the Issuer could
// come from outside of a synctest bubble and stop the bubble's clock.
func (f Failure) wait(ctx context.Context) error {
	if err := sleep(ctx, f.Delay); err != nil {
		return err
	}
	if f.Refuse {
		return errRefused
	}
	if f.Hang {
		<-ctx.Done()
	}
	return ctx.Err()
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f Failure) replaces() bool { return f.Status != 0 || f.Body != nil || f.Redirect != "" }

func (f Failure) answer() answer {
	a := answer{f.Status, make(http.Header), f.Body}
	if f.Redirect != "" {
		a.header.Set("Location", f.Redirect)
	}
	switch {
	case a.status != 0:
	case f.Redirect != "":
		a.status = http.StatusFound
	default:
		a.status = http.StatusOK
	}
	if f.Body != nil {
		a.header.Set("Content-Type", "application/json")
	}
	return a
}
