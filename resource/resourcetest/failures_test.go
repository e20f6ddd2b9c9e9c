package resourcetest_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// fetch gets the JWKS and returns a summary of the response in one line.
func fetch(t *testing.T, client *http.Client, s *resourcetest.Issuer) string {
	t.Helper()
	response, err := client.Do(request(t, "GET", s.URL(resourcetest.JWKS), ""))
	if err != nil {
		return "error " + kind(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	line := fmt.Sprintf("%d %s %d %q", response.StatusCode, response.Header.Get("Content-Type"), response.ContentLength, body)
	if err != nil {
		line += " error " + kind(err)
	}
	return line
}

// kind returns the text of the error that err wraps.
func kind(err error) string {
	for _, known := range []error{syscall.ECONNREFUSED, syscall.ECONNRESET, context.Canceled, context.DeadlineExceeded, io.ErrUnexpectedEOF, io.EOF, http.ErrBodyReadAfterClose} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return err.Error()
}

// Each failure is the same over a socket and in process, except for the refused connection.
// Reset ends it.
func TestFailures(t *testing.T) {
	s := resourcetest.Start(t)
	s.SetJWKS([]byte(`{"keys":[]}`))
	const unchanged = `200 application/json 11 "{\"keys\":[]}"`
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	clients := map[string]*http.Client{
		"socket":     {Transport: &http.Transport{}, CheckRedirect: noRedirect},
		"in process": {Transport: s.Transport(), CheckRedirect: noRedirect},
	}
	defer clients["socket"].CloseIdleConnections()
	for _, row := range []struct {
		name    string
		failure resourcetest.Failure
		want    string
	}{
		{"zero value changes nothing", resourcetest.Failure{}, unchanged},
		{"status", resourcetest.Failure{Status: 503, Header: http.Header{"retry-after": {"7"}}}, `503  0 ""; Retry-After 7`},
		{"status with body", resourcetest.Failure{Status: 400, Body: []byte(`{"error":"unsupported_token_type"}`)}, `400 application/json 34 "{\"error\":\"unsupported_token_type\"}"`},
		{"304", resourcetest.Failure{Status: 304}, `304  0 ""`},
		{"headers of an unchanged response", resourcetest.Failure{Header: http.Header{"Retry-After": {"3"}, "Content-Type": {"application/jwk-set+json"}}}, `200 application/jwk-set+json 11 "{\"keys\":[]}"; Retry-After 3`},
		{"garbage", resourcetest.Garbage(), `200 application/json 13 "\x00\xff\xfe{]not json"`},
		{"login page", resourcetest.LoginPage(), `200 text/html; charset=utf-8 79 "<!DOCTYPE html><title>Log in</title><form method=post><input name=user></form>\n"`},
		{"empty", resourcetest.Failure{Body: []byte{}}, `200 application/json 0 ""`},
		{"truncated", resourcetest.Failure{Truncate: true}, `200 application/json 11 "{\"key" error unexpected EOF`},
		{"slow", resourcetest.Failure{Pace: time.Millisecond}, unchanged},
		{"delayed", resourcetest.Failure{Delay: time.Millisecond}, unchanged},
		{"huge", resourcetest.Failure{Huge: 3}, `200 application/json -1 "   {\"keys\":[]}"`},
		{"gzip bomb, decompressed by the client", resourcetest.Failure{GzipBomb: 4}, `200 application/json -1 "    {\"keys\":[]}"`},
		{"redirect", resourcetest.Failure{Redirect: "http://169.254.169.254/"}, `302  0 ""; Location http://169.254.169.254/`},
		{"permanent redirect", resourcetest.Failure{Redirect: "/x", Status: 308}, `308  0 ""; Location /x`},
	} {
		for name, client := range clients {
			s.Fail(resourcetest.JWKS, row.failure)
			got := fetchWithHeaders(t, client, s)
			if got != row.want {
				t.Errorf("%s, %s:\n got %s\nwant %s", row.name, name, got, row.want)
			}
			s.Reset(resourcetest.JWKS)
			if got := fetch(t, client, s); got != unchanged {
				t.Errorf("%s, %s, after Reset: %s", row.name, name, got)
			}
		}
	}
	s.Fail(resourcetest.JWKS, resourcetest.Failure{Refuse: true})
	for name, want := range map[string]string{"socket": "EOF", "in process": "connection refused"} {
		if got := fetch(t, clients[name], s); got != "error "+want {
			t.Errorf("connection refused, %s: got %s, want %s", name, got, want)
		}
	}
}

// fetchWithHeaders appends the headers Location and Retry-After to the result of fetch.
func fetchWithHeaders(t *testing.T, client *http.Client, s *resourcetest.Issuer) string {
	t.Helper()
	var extra string
	observed := *client
	observed.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		response, err := client.Transport.RoundTrip(r)
		if err == nil {
			for _, name := range []string{"Location", "Retry-After"} {
				if value := response.Header.Get(name); value != "" {
					extra = "; " + name + " " + value
				}
			}
		}
		return response, err
	})
	return fetch(t, &observed, s) + extra
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A request over a socket that hangs ends when the client cancels it and when the server is
// closed. Close waits for it.
func TestHangOverSocket(t *testing.T) {
	s := resourcetest.Start(t)
	s.Fail(resourcetest.Any, resourcetest.Failure{Hang: true})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	hang := func(written func()) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if written == nil {
			written = cancel
		}
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { written() }})
		_, err := transport.RoundTrip(request(t, "GET", s.URL(resourcetest.JWKS), "").WithContext(ctx))
		return err
	}
	if err := hang(nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled by the client: %v", err)
	}
	const requests = 50
	written, ended := make(chan struct{}, requests), make(chan error, requests)
	for range requests {
		go func() { ended <- hang(func() { written <- struct{}{} }) }()
	}
	for range requests {
		<-written
	}
	s.Close()
	for range requests {
		if err := <-ended; err == nil {
			t.Error("got a response from an endpoint that hangs")
		}
	}
	s.Close() // idempotent
	if got := fetch(t, &http.Client{Transport: s.Transport()}, s); got != "error connection refused" {
		t.Errorf("in process after Close: %s", got)
	}
}

// The headers of a slow response are sent before its body.
func TestSlowBodyOverSocket(t *testing.T) {
	s := resourcetest.Start(t, resourcetest.Config{})
	s.Fail(resourcetest.JWKS, resourcetest.Failure{Pace: time.Hour})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request(t, "GET", s.URL(resourcetest.JWKS), ""))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 || response.ContentLength <= 0 {
		t.Errorf("got %d, %d bytes", response.StatusCode, response.ContentLength)
	}
}

// A Failure of Any applies to endpoints without a Failure and to unknown paths.
func TestFailurePrecedence(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	status := func(target string) int {
		response, _ := get(t, client, target)
		return response.StatusCode
	}
	origin, keys, meta := s.URL(resourcetest.Any), s.URL(resourcetest.JWKS), s.URL(resourcetest.Metadata)
	s.Fail(resourcetest.Any, resourcetest.Failure{Status: 500})
	s.Fail(resourcetest.JWKS, resourcetest.Failure{Status: 429, Next: 2})
	for i, want := range []int{429, 429, 500} { // the Failure of the endpoint ends after two requests
		if got := status(keys); got != want {
			t.Errorf("request %d: got %d, want %d", i, got, want)
		}
	}
	if got := status(origin + "/unknown"); got != 500 {
		t.Errorf("unknown path: got %d", got)
	}
	s.Fail(resourcetest.Metadata, resourcetest.Failure{})
	if got := status(meta); got != 200 {
		t.Errorf("a zero Failure overrides Any: got %d", got)
	}
	s.Reset()
	if got := []int{status(keys), status(meta), status(origin + "/unknown")}; fmt.Sprint(got) != "[200 200 404]" {
		t.Errorf("after Reset: %v", got)
	}
	// A token endpoint that fails does not use up the code.
	_, reply := authorize(t, client, s, "")
	form := "grant_type=authorization_code&code=" + reply.Get("code") + "&code_verifier=" + verifier
	s.Fail(resourcetest.TokenEndpoint, resourcetest.Failure{Status: 503, Next: 1})
	for _, want := range []int{503, 200, 400} {
		if response, _ := post(t, client, s.URL(resourcetest.TokenEndpoint), form, "test-client", "test-secret"); response.StatusCode != want {
			t.Errorf("got %d, want %d", response.StatusCode, want)
		}
	}
}

func TestRequestRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := newIssuer(t, resourcetest.Config{})
		start := time.Now()
		for range 3 {
			r := request(t, "GET", s.URL(resourcetest.JWKS)+"?x=1", "")
			r.Header.Set("If-None-Match", `"e"`)
			do(t, client, r)
			time.Sleep(5 * time.Second)
		}
		get(t, client, s.URL(resourcetest.Any)+"/nowhere")
		do(t, client, request(t, "OPTIONS", s.URL(resourcetest.JWKS), ""))
		if a, b, c := s.Count(resourcetest.JWKS), s.Count(resourcetest.Any), s.Count(resourcetest.TokenEndpoint); a != 3 || b != 4 || c != 0 {
			t.Errorf("counted %d, %d and %d; want 3, 4 and 0", a, b, c)
		}
		times := s.Times(resourcetest.JWKS)
		for i, at := range times {
			if want := start.Add(time.Duration(i) * 5 * time.Second); !at.Equal(want) {
				t.Errorf("request %d at %v, want %v", i, at, want)
			}
		}
		last := s.Last(resourcetest.JWKS)
		if len(times) != 3 || last.Method != "GET" || last.URI != "/jwks?x=1" || last.Header.Get("If-None-Match") != `"e"` || last.Form.Get("x") != "1" {
			t.Errorf("recorded %d, last %+v", len(times), last)
		}
		if got := s.Last(resourcetest.Any).URI; got != "/nowhere" {
			t.Errorf("last request to Any: %q", got)
		}
		if got := s.Last(resourcetest.Revocation); got.Method != "" || !got.Time.IsZero() {
			t.Errorf("last request to an endpoint without requests: %+v", got)
		}
	})
}

func TestRequestRecordsAreLimited(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	for range 2000 {
		do(t, client, request(t, "GET", s.URL(resourcetest.Registration), ""))
	}
	if n, recorded := s.Count(resourcetest.Registration), len(s.Requests(resourcetest.Registration)); n != 2000 || recorded != 1024 {
		t.Errorf("counted %d and recorded %d, want 2000 and 1024", n, recorded)
	}
}

// Large bodies are generated while they are read, and are complete if read to the end. A client
// that accepts gzip gets the compressed bomb.
func TestLargeBodies(t *testing.T) {
	s := resourcetest.Start(t)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for name, client := range map[string]*http.Client{"socket": {Transport: transport}, "in process": {Transport: s.Transport()}} {
		for _, failure := range []resourcetest.Failure{{Huge: 1 << 50}, {GzipBomb: 1 << 50}} {
			s.Fail(resourcetest.JWKS, failure)
			response, err := client.Do(request(t, "GET", s.URL(resourcetest.JWKS), ""))
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, io.LimitReader(response.Body, 8<<20))
			response.Body.Close()
			if n != 8<<20 || err != nil || response.ContentLength != -1 || response.Uncompressed != (failure.GzipBomb > 0) {
				t.Errorf("%s: read %d, %v; %+v", name, n, err, response)
			}
		}
		s.Fail(resourcetest.JWKS, resourcetest.Failure{GzipBomb: 3<<20 + 5})
		r := request(t, "GET", s.URL(resourcetest.JWKS), "")
		r.Header.Set("Accept-Encoding", "gzip")
		response, body := do(t, client, r)
		if response.Header.Get("Content-Encoding") != "gzip" || len(body) > 16<<10 {
			t.Fatalf("%s: %d bytes, %v", name, len(body), response.Header)
		}
		decompressed, err := gzip.NewReader(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(decompressed)
		if want := strings.Repeat(" ", 3<<20+5); err != nil || !strings.HasPrefix(string(content), want+`{"keys"`) {
			t.Errorf("%s: %d bytes decompressed, %v", name, len(content), err)
		}
	}
}
