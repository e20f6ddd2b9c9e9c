package resourcetest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// The time in a synctest bubble advances while a response is delayed, hangs or is slow, for
// issuers made inside and outside the bubble. No goroutine remains, or synctest would fail the
// test.
func TestTransportInBubble(t *testing.T) {
	outside, _ := newIssuer(t, resourcetest.Config{Algorithms: []string{"RS256"}})
	for name, issuer := range map[string]*resourcetest.Issuer{"outside": outside, "inside": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := issuer
				if s == nil {
					s, _ = newIssuer(t, resourcetest.Config{Algorithms: []string{"RS256"}})
				}
				testTransportInBubble(t, s)
			})
		})
	}
}

func testTransportInBubble(t *testing.T, s *resourcetest.Issuer) {
	s.SetJWKS([]byte(`{"keys":[]}`))
	const unchanged = `200 application/json 11 "{\"keys\":[]}"`
	for _, row := range []struct {
		name    string
		failure resourcetest.Failure
		timeout time.Duration
		want    string
		elapsed time.Duration
	}{
		{"delay", resourcetest.Failure{Delay: time.Hour}, 0, unchanged, time.Hour},
		{"delay longer than the timeout of the client", resourcetest.Failure{Delay: time.Hour}, 3 * time.Second, "error context deadline exceeded", 3 * time.Second},
		{"hang", resourcetest.Failure{Hang: true}, 3 * time.Second, "error context deadline exceeded", 3 * time.Second},
		{"hang after a delay", resourcetest.Failure{Hang: true, Delay: time.Second}, 3 * time.Second, "error context deadline exceeded", 3 * time.Second},
		{"one byte per second", resourcetest.Failure{Pace: time.Second}, 0, unchanged, 11 * time.Second},
		{"too slow", resourcetest.Failure{Pace: time.Second}, 4500 * time.Millisecond, `200 application/json 11 "{\"ke" error context deadline exceeded`, 4500 * time.Millisecond},
		{"slow and huge", resourcetest.Failure{Pace: time.Second, Huge: 2}, 0, `200 application/json -1 "  {\"keys\":[]}"`, 13 * time.Second},
	} {
		s.Fail(resourcetest.JWKS, row.failure)
		start := time.Now()
		got := fetch(t, &http.Client{Transport: s.Transport(), Timeout: row.timeout}, s)
		if elapsed := time.Since(start); got != row.want || elapsed != row.elapsed {
			t.Errorf("%s:\n got %s after %v\nwant %s after %v", row.name, got, elapsed, row.want, row.elapsed)
		}
	}
	if want := s.SigningKeyID(""); signedBy(t, s, resourcetest.Token{}) != want {
		t.Errorf("the token is not signed with the key %s", want)
	}
	s.Reset()
}

// A body that is neither read nor closed does not leave a goroutine. Closing it in another
// goroutine, and closing the Issuer, ends a Read that waits.
func TestTransportBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := newIssuer(t, resourcetest.Config{})
		open := func(failure resourcetest.Failure) io.ReadCloser {
			s.Fail(resourcetest.JWKS, failure)
			response, err := client.Do(request(t, "GET", s.URL(resourcetest.JWKS), ""))
			if err != nil {
				t.Fatal(err)
			}
			return response.Body
		}
		read := func(b io.Reader) chan error {
			ended := make(chan error, 1)
			go func() { _, err := b.Read(make([]byte, 1)); ended <- err }()
			synctest.Wait()
			return ended
		}
		open(resourcetest.Failure{Huge: 1 << 40}) // neither read nor closed

		drained := open(resourcetest.Failure{})
		io.Copy(io.Discard, drained)
		if _, err := drained.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("read after the end: %v", err)
		}
		slow := open(resourcetest.Failure{Pace: time.Hour})
		ended := read(slow)
		slow.Close()
		if err := <-ended; kind(err) != "connection reset by peer" {
			t.Errorf("read while closed: %v", err)
		}
		if _, err := slow.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("read after close: %v", err)
		}
		ended = read(open(resourcetest.Failure{Pace: time.Hour}))
		s.Fail(resourcetest.Metadata, resourcetest.Failure{Hang: true})
		hung := make(chan error, 1)
		go func() { _, err := client.Get(s.URL(resourcetest.Metadata)); hung <- err }()
		synctest.Wait()
		start := time.Now()
		s.Close()
		for name, err := range map[string]error{"body": <-ended, "request": <-hung} {
			if kind(err) != "connection reset by peer" || !time.Now().Equal(start) {
				t.Errorf("%s when the issuer closes: %v after %v", name, err, time.Since(start))
			}
		}
	})
}

// The transport accepts exactly the origins of its issuers.
func TestTransportOrigins(t *testing.T) {
	a, _ := newIssuer(t, resourcetest.Config{Issuer: "https://a.example"})
	b, _ := newIssuer(t, resourcetest.Config{Issuer: "https://b.example/t1"})
	c, _ := newIssuer(t, resourcetest.Config{Issuer: "https://b.example/t2/"})
	client := &http.Client{Transport: a.Transport(b, c)}
	for _, row := range []struct{ name, url, want string }{
		{"first", a.URL(resourcetest.Metadata), "https://a.example"},
		{"another origin", b.URL(resourcetest.Metadata), "https://b.example/t1"},
		{"the same origin, another path", c.URL(resourcetest.Metadata), "https://b.example/t2/"},
		{"the same origin, an unknown path", "https://b.example/jwks", "404"},
		{"plain http", "http://a.example/jwks", "no such host"},
		{"another port", "https://a.example:444/jwks", "no such host"},
		{"the address of a cloud metadata service", "http://169.254.169.254/", "no such host"},
	} {
		response, err := client.Get(row.url)
		if err != nil {
			var dns *net.DNSError
			if !errors.As(err, &dns) || row.want != dns.Err {
				t.Errorf("%s: %v, want %s", row.name, err, row.want)
			}
			continue
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		got := response.Status[:3]
		if got == "200" {
			got = parse(t, string(body))["issuer"].(string)
		}
		if got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
	if a.Count(resourcetest.Any) != 1 || b.Count(resourcetest.Any) != 2 || c.Count(resourcetest.Any) != 1 {
		t.Errorf("counted %d, %d, %d", a.Count(resourcetest.Any), b.Count(resourcetest.Any), c.Count(resourcetest.Any))
	}
}

// As http.RoundTripper requires, the request is not modified and its body is closed, also for an
// unknown host or a request that is already canceled.
func TestTransportImplementsRoundTripper(t *testing.T) {
	s, _ := newIssuer(t, resourcetest.Config{})
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, row := range map[string]struct {
		ctx    context.Context
		target string
		ok     bool
	}{
		"response": {t.Context(), s.URL(resourcetest.TokenEndpoint), true}, "canceled": {canceled, s.URL(resourcetest.TokenEndpoint), false}, "unknown host": {t.Context(), "http://x.example/", false},
	} {
		b := &closeRecorder{Reader: strings.NewReader("a=b")}
		r, err := http.NewRequestWithContext(row.ctx, "POST", row.target, b)
		if err != nil {
			t.Fatal(err)
		}
		response, err := s.Transport().RoundTrip(r)
		if (err == nil) != row.ok || !b.closed || len(r.Header) != 0 || r.RequestURI != "" {
			t.Errorf("%s: %v, body closed %v, header %v", name, err, b.closed, r.Header)
		}
		if err == nil {
			response.Body.Close()
		}
		if name == "canceled" && !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
	}
	head, body := do(t, &http.Client{Transport: s.Transport()}, request(t, "HEAD", s.URL(resourcetest.JWKS), ""))
	if head.ContentLength <= 0 || body != "" || head.Header.Get("Date") == "" {
		t.Errorf("HEAD: %d %q %v", head.ContentLength, body, head.Header)
	}
}

type closeRecorder struct {
	io.Reader
	closed bool
}

func (c *closeRecorder) Close() error { c.closed = true; return nil }
