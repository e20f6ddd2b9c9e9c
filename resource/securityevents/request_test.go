package securityevents_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

const maxBody = 64 << 10

// padded returns a valid token of n bytes.
func (f *fixture) padded(n int) string {
	f.t.Helper()
	token := func(header, payload int) string {
		return f.issuer.SecurityEvent(resourcetest.SecurityEvent{
			Header: claims{"x": text(header)}, Claims: claims{"x": text(payload)}})
	}
	for header := range 3 { // base64 does not have every length
		payload := max(0, (n-len(token(header, 0)))*3/4-2)
		for ; len(token(header, payload)) <= n; payload++ {
			if t := token(header, payload); len(t) == n {
				return t
			}
		}
	}
	f.t.Fatalf("no token of %d bytes", n)
	return ""
}

// A request for push delivery, RFC 8935 §2.1: the method, the content type and the body.
func TestRequests(t *testing.T) {
	f := newFixture(t, nil)
	gzipped := func(text string) io.Reader {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, text)
		_ = w.Close()
		return &b
	}
	broken := io.MultiReader(strings.NewReader("eyJ"), readerFunc(func([]byte) (int, error) { return 0, errors.New("connection reset") }))
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	method := func(name string) func(*http.Request) { return func(r *http.Request) { r.Method = name } }
	body := func(b io.Reader) func(*http.Request) {
		return func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(b), -1 }
	}
	for _, row := range []struct {
		name   string
		change func(*http.Request)
		status int
		header string // a field and its value
		result string
	}{
		{"as the RFC requires", func(*http.Request) {}, 202, "", "accepted"},
		{"content type in upper case", header("Content-Type", "Application/SecEvent+JWT"), 202, "", "accepted"},
		{"content type with charset", header("Content-Type", "application/secevent+jwt; charset=utf-8"), 202, "", "accepted"},
		{"no content type", header("Content-Type"), 415, "Accept: application/secevent+jwt", "content_type"},
		{"content type of JSON", header("Content-Type", "application/json"), 415, "Accept: application/secevent+jwt", "content_type"},
		{"content type of JWT", header("Content-Type", "application/jwt"), 415, "Accept: application/secevent+jwt", "content_type"},
		{"content type with a suffix", header("Content-Type", "application/secevent+jwt2"), 415, "Accept: application/secevent+jwt", "content_type"},
		{"content type with a wrong parameter", header("Content-Type", "application/secevent+jwt;=x"), 415, "Accept: application/secevent+jwt", "content_type"},
		{"two content types", header("Content-Type", "application/secevent+jwt", "application/secevent+jwt"), 415, "Accept: application/secevent+jwt", "content_type"},
		{"identity", header("Content-Encoding", "identity"), 202, "", "accepted"},
		{"gzip without encoding", body(gzipped("x")), 400, "", "malformed"},
		{"gzip", header("Content-Encoding", "gzip"), 415, "Accept-Encoding: identity", "content_encoding"},
		{"two encodings", header("Content-Encoding", "identity", "gzip"), 415, "Accept-Encoding: identity", "content_encoding"},
		{"an empty encoding", header("Content-Encoding", ""), 415, "Accept-Encoding: identity", "content_encoding"},
		{"GET", method(http.MethodGet), 405, "Allow: POST", "method"},
		{"HEAD", method(http.MethodHead), 405, "Allow: POST", "method"},
		{"PUT", method(http.MethodPut), 405, "Allow: POST", "method"},
		{"OPTIONS", method(http.MethodOptions), 405, "Allow: POST", "method"},
		{"no body", body(http.NoBody), 400, "", "malformed"},
		{"a body that ends early", body(broken), 400, "", "body"},
		{"the largest body", body(strings.NewReader(f.padded(maxBody))), 202, "", "accepted"},
		{"a larger body without Content-Length", body(strings.NewReader(f.padded(maxBody + 1))), 413, "", "too_large"},
		{"an endless body", body(readerFunc(func(p []byte) (int, error) { return copy(p, "eyJ"), nil })), 413, "", "too_large"},
		{"a larger Content-Length", func(r *http.Request) { r.ContentLength = maxBody + 1 }, 413, "", "too_large"},
	} {
		req := resourcetest.PushRequest(context.Background(), endpoint, f.issuer.SecurityEvent(resourcetest.SecurityEvent{}), "")
		row.change(req)
		before := counts(t, f.receiver)
		got := f.send(req)
		if got.status != row.status {
			t.Errorf("%s: got %d %s, want %d", row.name, got.status, got.body, row.status)
		}
		if result := f.result(before); result != row.result {
			t.Errorf("%s: counted as %q, want %q", row.name, result, row.result)
		}
		if field, value, ok := strings.Cut(row.header, ": "); ok && !slices.Equal(got.header[field], []string{value}) {
			t.Errorf("%s: header %v, want %s", row.name, got.header, row.header)
		}
		checkBody(t, row.name, got)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// checkBody checks that only a response with 400 or 401 has a body, RFC 8935 §2.2 and §2.3.
func checkBody(t *testing.T, name string, got answer) {
	t.Helper()
	withBody := got.status == http.StatusBadRequest || got.status == http.StatusUnauthorized
	want := map[string]string{"Cache-Control": "no-store"}
	if withBody {
		maps.Copy(want, map[string]string{"Content-Type": "application/json", "Content-Language": "en", "X-Content-Type-Options": "nosniff"})
	}
	for field, value := range want {
		if got.header.Get(field) != value {
			t.Errorf("%s: %s is %q, want %q", name, field, got.header.Get(field), value)
		}
	}
	if (got.body != "") != withBody || (got.header.Get("Content-Type") != "") != withBody {
		t.Errorf("%s: status %d, type %q, body %q", name, got.status, got.header.Get("Content-Type"), got.body)
	}
}
