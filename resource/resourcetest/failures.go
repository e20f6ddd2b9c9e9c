package resourcetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Failure describes how an endpoint fails. Its fields can be combined. Delay, Refuse and Hang
// apply before the response. Status, Body and Redirect replace the response of the endpoint.
// Header and the other fields change the response. The zero value changes nothing.
type Failure struct {
	Next   int           // the number of requests that fail; 0: all until Reset
	Delay  time.Duration // the wait before the response; it ends early if the request is canceled
	Refuse bool          // no response: Transport fails with "connection refused", a socket is closed; see also Close
	Hang   bool          // no response until the request is canceled

	// Status, Body and Redirect replace the response. The endpoint itself then does not run, so
	// that, for example, no refresh token is used up. Status alone has no body. Body, if it is not nil, even
	// if it is empty, is sent with status 200 and as application/json, unless Status or Header
	// is set.
	Status   int
	Body     []byte
	Redirect string // the Location, sent with status 302 unless Status is set

	Header   http.Header   // set in the response, such as Retry-After, Cache-Control, ETag, Content-Type
	Truncate bool          // send half the body with the Content-Length of the whole
	Pace     time.Duration // send the headers at once, then one byte per Pace
	// Huge and GzipBomb are numbers of bytes of white space to send before the body, so that
	// a JSON reader without a limit accepts it. The response has no Content-Length. GzipBomb
	// is compressed about a thousand times, even if the client does not accept gzip.
	Huge, GzipBomb int64
}

// Garbage returns a Failure that responds with 200 and bytes that are not JSON.
func Garbage() Failure { return Failure{Body: []byte("\x00\xff\xfe{]not json")} }

// LoginPage returns a Failure that responds with 200 and an HTML page.
func LoginPage() Failure {
	return Failure{
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body:   []byte("<!DOCTYPE html><title>Log in</title><form method=post><input name=user></form>\n"),
	}
}

// Fail makes an endpoint fail from the next request on. It replaces an earlier Failure of the
// endpoint. A Failure of Any applies to endpoints without a Failure and to unknown paths. CORS
// preflight requests do not fail. Fail panics if Status is set and not from 200 to 599.
func (s *Issuer) Fail(endpoint Endpoint, failure Failure) {
	if failure.Status != 0 && (failure.Status < 200 || failure.Status > 599) {
		panic(fmt.Sprintf("resourcetest: status %d is not between 200 and 599", failure.Status))
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

// Reset ends the failures of these endpoints, or of all if called without arguments. It does
// not affect requests that already hang, or the counters.
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

// next returns the failure of a new request.
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

var errRefused = errors.New("resourcetest: connection refused because of Failure.Refuse")

// wait applies Delay, Refuse and Hang. It waits for the request's context only: a channel of
// the Issuer could be from outside a synctest bubble and stop the bubble's clock.
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

// sleep returns ctx.Err if ctx is canceled before d has passed.
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
