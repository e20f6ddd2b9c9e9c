package outbound_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/outbound"
)

func TestRejectedURLs(t *testing.T) {
	for _, row := range []struct {
		name, url string
		allowHTTP bool
	}{
		{"http to a public host", "http://as.example/keys", false},
		{"http to a private address", "http://10.0.0.1/keys", false},
		{"http to a name with localhost as prefix", "http://localhost.evil.test/keys", false},
		{"http to a name with localhost as suffix", "http://notlocalhost/keys", false},
		{"http to IPv4-mapped loopback", "http://[::ffff:127.0.0.1]/keys", false},
		{"http to a short form of loopback", "http://127.1/keys", false},
		{"the file scheme", "file:///etc/passwd", true},
		{"the data scheme", "data:application/json,{}", true},
		{"the ftp scheme", "ftp://as.example/keys", true},
		{"another scheme with a host", "gopher://as.example/keys", true},
		{"a relative URL", "/keys", true},
		{"a URL without scheme", "//as.example/keys", true},
		{"an empty URL", "", true},
		{"no host", "https:///keys", true},
		{"a port without a host", "https://:443/keys", true},
		{"an opaque URL", "https:as.example/keys", true},
		{"a user name", "https://user@as.example/keys", true},
		{"a user name and password", "https://user:secret@as.example/keys", true},
		{"an IPv6 zone", "https://[fe80::1%25eth0]/keys", true},
		{"a host in another script", "https://bücher.example/keys", true},
		{"a host in full-width letters", "https://ｌocalhost/keys", true},
		{"an escaped host", "https://%61s.example/keys", true},
		{"a space in the host", "https://as .example/keys", true},
		{"a malformed port", "https://as.example:port/keys", true},
	} {
		c := outbound.New(outbound.Config{AllowHTTP: row.allowHTTP, Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
			t.Errorf("%s: sent to %q", row.name, r.URL.Host)
			return nil, errors.New("no")
		})})
		_, err := c.Get(t.Context(), row.url, nil)
		if got := outcomeOf(err); got != outbound.BadURL {
			t.Errorf("%s (-want +got)\n- %s\n+ %s: %v", row.name, outbound.BadURL, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error contains the password: %v", row.name, err)
		}
	}
}

func TestAcceptedURLs(t *testing.T) {
	for _, row := range []struct {
		name, url string
		allowHTTP bool
	}{
		{"https", "https://as.example/keys", false},
		{"https with port, query and IPv6 literal", "https://[2001:db8::1]:8443/keys?a=b", false},
		{"http to localhost", "http://localhost:8080/keys", false},
		{"http to LOCALHOST", "http://LOCALHOST:8080/keys", false},
		{"http to 127/8", "http://127.9.9.9:8080/keys", false},
		{"http to ::1", "http://[::1]:8080/keys", false},
		{"http to any host, with AllowHTTP", "http://as.internal/keys", true},
	} {
		var requested string
		c := outbound.New(outbound.Config{AllowHTTP: row.allowHTTP, Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
			requested = r.URL.String()
			return &http.Response{StatusCode: 200}, nil
		})})
		_, err := c.Get(t.Context(), row.url, nil)
		wantOutcome(t, err, "ok")
		wantEqual(t, row.name, requested, row.url)
	}
}

func TestMethods(t *testing.T) {
	sent := 0
	c := outbound.New(outbound.Config{Transport: transportFunc(func(*http.Request) (*http.Response, error) {
		sent++
		return &http.Response{StatusCode: 200}, nil
	})})
	for method, want := range map[string]outbound.Outcome{
		"GET": "ok", "POST": "ok",
		"": "bad_url", "get": "bad_url", "HEAD": "bad_url", "PUT": "bad_url", "DELETE": "bad_url", "CONNECT": "bad_url", "OPTIONS": "bad_url",
	} {
		body := &closeRecorder{Reader: strings.NewReader("a=b")}
		_, err := c.Do(&http.Request{Method: method, URL: &url.URL{Scheme: "https", Host: "as.example"}, Body: body})
		wantOutcome(t, err, want)
		if want != "ok" && !body.closed {
			t.Errorf("method %q: the request's body was not closed", method)
		}
	}
	wantEqual(t, "requests sent", sent, 2)
	_, err := c.Do(&http.Request{Method: "GET"})
	wantOutcome(t, err, outbound.BadURL)
}

type closeRecorder struct {
	io.Reader
	closed bool
}

func (c *closeRecorder) Close() error { c.closed = true; return nil }

// TestRequestAsSent compares the complete header that a server receives.
func TestRequestAsSent(t *testing.T) {
	var header http.Header
	var host, body, proto string
	server, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		header, host, body, proto = r.Header, r.Host, string(data), r.Proto
	})
	c := newClient(t, outbound.Config{Hosts: loopback})
	given := http.Header{"Accept": {"application/json"}}
	if _, err := c.Get(t.Context(), server.URL, given); err != nil {
		t.Fatal(err)
	}
	wantHeader(t, header, http.Header{"Accept": {"application/json"}, "Accept-Encoding": {"identity"}, "User-Agent": {"warder"}})
	wantHeader(t, given, http.Header{"Accept": {"application/json"}})
	wantEqual(t, "protocol", proto, "HTTP/1.1")

	req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/introspect", strings.NewReader("token=x"))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "other.test"
	req.Header = http.Header{"User-Agent": {"mine"}, "Accept-Encoding": {"gzip"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	if _, err := c.Do(req); err != nil {
		t.Fatal(err)
	}
	wantHeader(t, header, http.Header{"User-Agent": {"mine"}, "Accept-Encoding": {"identity"}, "Content-Type": {"application/x-www-form-urlencoded"}, "Content-Length": {"7"}})
	wantEqual(t, "body", body, "token=x")
	wantEqual(t, "host", host, strings.TrimPrefix(server.URL, "http://"))
	wantEqual(t, "the caller's Host", req.Host, "other.test")
}

func wantHeader(t *testing.T, got, want http.Header) {
	t.Helper()
	if !maps.EqualFunc(got, want, func(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }) {
		t.Errorf("header (-want +got)\n- %v\n+ %v", want, got)
	}
}

func TestErrorText(t *testing.T) {
	inner := errors.New("line one\nline two \x1b[31m" + strings.Repeat("x", 1000))
	c := outbound.New(outbound.Config{Transport: transportFunc(func(*http.Request) (*http.Response, error) { return nil, inner })})
	_, err := c.Get(t.Context(), "https://as.example/keys?client_secret=hush", nil)
	got := err.Error()
	const begin = `outbound: protocol: GET "https://as.example/keys?...": line one?line two ?[31mxxx`
	if !strings.HasPrefix(got, begin) {
		t.Errorf("beginning of the text (-want +got)\n- %s\n+ %s", begin, got)
	}
	wantEqual(t, "length", len(got), 512+len("..."))
	if !errors.Is(err, inner) {
		t.Error("the cause is not wrapped")
	}
}

// The client closes the bodies that Config.Transport returns, for every outcome.
func TestBodiesAreClosed(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		header http.Header
		want   outbound.Outcome
	}{
		{"a response", 200, nil, "ok"},
		{"a redirect", 302, nil, outbound.Redirect},
		{"an unsupported content encoding", 200, http.Header{"Content-Encoding": {"br"}}, outbound.Encoding},
		{"a body above the limit with an error status", 404, nil, "ok"},
	} {
		body := &closeRecorder{Reader: strings.NewReader(strings.Repeat("x", row.status))}
		c := outbound.New(outbound.Config{MaxBytes: 400, Transport: transportFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: row.status, Header: row.header, Body: body}, nil
		})})
		_, err := c.Get(t.Context(), "https://as.example/", nil)
		wantOutcome(t, err, row.want)
		wantEqual(t, row.name+": closed", body.closed, true)
	}
}
