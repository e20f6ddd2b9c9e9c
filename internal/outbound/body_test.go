package outbound_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/outbound"
)

// zip returns text compressed with gzip.
func zip(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestBodies(t *testing.T) {
	const limit = 1000
	exact, excess := strings.Repeat("x", limit), strings.Repeat("x", limit+1)
	zipped := zip(t, "hello")
	for _, row := range []struct {
		name, encoding, sent string
		outcome              outbound.Outcome
		body                 string
	}{
		{"a plain body", "", "hello", "ok", "hello"},
		{"an empty body", "", "", "ok", ""},
		{"identity", "identity", "hello", "ok", "hello"},
		{"a body of exactly the limit", "", exact, "ok", exact},
		{"one byte above the limit", "", excess, "too_large", ""},
		{"gzip", "gzip", zipped, "ok", "hello"},
		{"GZip and a space", "GZip ", zipped, "ok", "hello"},
		{"x-gzip (RFC 9110 §8.4.1.3)", "x-gzip", zipped, "ok", "hello"},
		{"gzip with an empty body", "gzip", "", "ok", ""},
		{"gzip in two members", "gzip", zipped + zipped, "ok", "hellohello"},
		{"gzip, decompressed to exactly the limit", "gzip", zip(t, exact), "ok", exact},
		{"gzip, decompressed to one byte above the limit", "gzip", zip(t, excess), "too_large", ""},
		{"a gzip bomb that is smaller than the limit as sent", "gzip", zip(t, strings.Repeat("x", 500*limit)), "too_large", ""},
		{"empty gzip members that are larger than the limit as sent", "gzip", strings.Repeat(zip(t, ""), limit), "too_large", ""},
		{"truncated gzip", "gzip", zipped[:len(zipped)-3], "truncated", ""},
		{"gzip truncated in its header", "gzip", zipped[:5], "truncated", ""},
		{"text declared as gzip", "gzip", "hello hello", "encoding", ""},
		{"gzip with a wrong checksum", "gzip", zipped[:len(zipped)-8] + "\x00\x00\x00\x00" + zipped[len(zipped)-4:], "encoding", ""},
		{"gzip with corrupt data", "gzip", zipped[:10] + "\xff\xff" + zipped[12:], "encoding", ""},
		{"gzip with trailing data", "gzip", zipped + "hello hello hello", "encoding", ""},
		{"gzip twice", "gzip, gzip", zip(t, zipped), "encoding", ""},
		{"brotli", "br", "hello", "encoding", ""},
		{"deflate", "deflate", "hello", "encoding", ""},
	} {
		server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if row.encoding != "" {
				w.Header().Set("Content-Encoding", row.encoding)
			}
			io.WriteString(w, row.sent)
		})
		c := newClient(t, outbound.Config{Hosts: loopback, MaxBytes: limit})
		resp, err := c.Get(t.Context(), server.URL, nil)
		if got := outcomeOf(err); got != row.outcome {
			t.Errorf("%s (-want +got)\n- %s\n+ %s: %v", row.name, row.outcome, got, err)
			continue
		}
		if err != nil {
			continue
		}
		wantEqual(t, row.name, string(resp.Body), row.body)
		wantEqual(t, row.name+": Content-Encoding", resp.Header.Get("Content-Encoding"), "")
		wantEqual(t, row.name+": Content-Length", resp.Header.Get("Content-Length"), "")
	}
}

func TestTwoContentEncodingFields(t *testing.T) {
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Encoding"] = []string{"identity", "gzip"}
		io.WriteString(w, "hello")
	})
	_, err := newClient(t, outbound.Config{Hosts: loopback}).Get(t.Context(), server.URL, nil)
	wantOutcome(t, err, outbound.Encoding)
}

// At the default limit the client closes the connection, so that the server stops sending.
func TestEndlessBody(t *testing.T) {
	stopped := make(chan struct{})
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(stopped)
		for chunk := make([]byte, 4096); ; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	_, err := newClient(t, outbound.Config{Hosts: loopback}).Get(t.Context(), server.URL, nil)
	wantOutcome(t, err, outbound.TooLarge)
	<-stopped
	wantEqual(t, "default limit", outbound.DefaultMaxBytes, 512*1024)
}

func TestMalformedResponses(t *testing.T) {
	for _, row := range []struct {
		name, raw string
		want      outbound.Outcome
	}{
		{"a body shorter than Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "truncated"},
		{"chunks without the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "truncated"},
		{"a malformed chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", "protocol"},
		{"a truncated header", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n", "truncated"},
		{"no response", "", "connect"},
		{"not HTTP", "SSH-2.0-OpenSSH_9.9\r\n\r\n", "protocol"},
		{"a malformed header", "HTTP/1.1 200 OK\r\nContent-Length\r\n\r\nx", "protocol"},
		{"two values of Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy", "protocol"},
		{"a header of 70 KiB", "HTTP/1.1 200 OK\r\nX-Long: " + strings.Repeat("x", 70<<10) + "\r\nContent-Length: 0\r\n\r\n", "protocol"},
		{"a header of 60 KiB", "HTTP/1.1 200 OK\r\nX-Long: " + strings.Repeat("x", 60<<10) + "\r\nContent-Length: 0\r\n\r\n", "ok"},
		{"a switch to another protocol", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "protocol"},
		{"a body up to the connection's end", "HTTP/1.0 200 OK\r\n\r\nhello", "ok"},
	} {
		server, _ := serve(t, hijacked(row.raw))
		_, err := newClient(t, outbound.Config{Hosts: loopback}).Get(t.Context(), server.URL, nil)
		if got := outcomeOf(err); got != row.want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s: %v", row.name, row.want, got, err)
		}
	}
}

// hijacked returns a handler that sends raw and closes the connection.
func hijacked(raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(conn, raw)
		conn.Close()
	}
}

func TestStatuses(t *testing.T) {
	target, followed := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, status := range []int{200, 201, 204, 206, 300, 301, 302, 303, 304, 305, 307, 308, 399, 400, 401, 403, 404, 429, 500, 503, 599} {
		server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", target.URL)
			w.WriteHeader(status)
			if status != 204 && status != 304 {
				fmt.Fprintf(w, "status %d", status)
			}
		})
		resp, err := newClient(t, outbound.Config{Hosts: loopback}).Get(t.Context(), server.URL, nil)
		switch {
		case status >= 300 && status < 400:
			wantOutcome(t, err, outbound.Redirect)
		case err != nil:
			t.Errorf("status %d: %v", status, err)
		default:
			wantEqual(t, "status", resp.Status, status)
			wantEqual(t, "body", string(resp.Body), map[bool]string{true: "", false: fmt.Sprintf("status %d", status)}[status == 204])
		}
	}
	wantEqual(t, "redirects followed", followed.Load(), 0)
}
