package outbound_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/internal/outbound"
)

// pipes returns a transport that is connected by pipes to a server. The server reads a
// request, calls serve to answer it, and closes the connection if serve returns false.
func pipes(serve func(conn net.Conn, req *http.Request) (more bool)) *http.Transport {
	return &http.Transport{DisableCompression: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			for reader := bufio.NewReader(server); ; {
				req, err := http.ReadRequest(reader)
				if err != nil || !serve(server, req) {
					return
				}
			}
		}()
		return client, nil
	}}
}

const head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"

// hang returns when the client closes the connection.
func hang(conn net.Conn) { io.Copy(io.Discard, conn) }

var stalls = []struct {
	name string
	conn func(net.Conn)
}{
	{"no response", hang},
	{"a stalled header", func(c net.Conn) { io.WriteString(c, head[:20]); hang(c) }},
	{"a stalled body", func(c net.Conn) { io.WriteString(c, head+"begin"); hang(c) }},
	{"one byte of the header per second", func(c net.Conn) { drip(c, head) }},
	{"one byte of the body per second", func(c net.Conn) { io.WriteString(c, head); drip(c, strings.Repeat("x", 100)) }},
}

// waitForServer lets drip notice that the client has closed the connection: a synctest bubble
// must not end before its goroutines.
func waitForServer() { time.Sleep(time.Second) }

// drip sends one byte per second.
func drip(c net.Conn, text string) {
	for i := range text {
		time.Sleep(time.Second)
		if _, err := io.WriteString(c, text[i:i+1]); err != nil {
			return
		}
	}
}

func TestDeadline(t *testing.T) {
	for _, limit := range []struct {
		name    string
		config  time.Duration
		context time.Duration
		want    time.Duration
	}{
		{"the default", 0, 0, 5 * time.Second},
		{"the configured one", 1500 * time.Millisecond, 0, 1500 * time.Millisecond},
		{"the context's, when it is sooner", 0, 2500 * time.Millisecond, 2500 * time.Millisecond},
		{"the configured one, when it is sooner", 3500 * time.Millisecond, time.Minute, 3500 * time.Millisecond},
	} {
		for _, stall := range stalls {
			synctest.Test(t, func(t *testing.T) {
				defer waitForServer()
				c := outbound.New(outbound.Config{Timeout: limit.config, Transport: pipes(func(conn net.Conn, _ *http.Request) bool { stall.conn(conn); return false })})
				ctx := t.Context()
				if limit.context > 0 {
					var cancel func()
					ctx, cancel = context.WithTimeout(ctx, limit.context)
					defer cancel()
				}
				begun := time.Now()
				_, err := c.Get(ctx, "http://localhost/", nil)
				wantOutcome(t, err, outbound.Timeout)
				wantEqual(t, limit.name+", "+stall.name, time.Since(begun), limit.want)
			})
		}
	}
}

func TestCancel(t *testing.T) {
	for _, stall := range stalls {
		synctest.Test(t, func(t *testing.T) {
			defer waitForServer()
			c := outbound.New(outbound.Config{Transport: pipes(func(conn net.Conn, _ *http.Request) bool { stall.conn(conn); return false })})
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(1500*time.Millisecond, cancel)
			begun := time.Now()
			_, err := c.Get(ctx, "http://localhost/", nil)
			wantOutcome(t, err, outbound.Canceled)
			wantEqual(t, stall.name, time.Since(begun), 1500*time.Millisecond)
		})
	}
}

// In the guarded transport, the deadline applies to a resolver that does not answer, and to a
// server that accepts a connection but does not answer, with TLS and without.
func TestDeadlineOfEachStage(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	blackHole := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go hang(server)
		return client, nil
	}}
	for name, u := range map[string]string{
		"DNS":    "https://keys.test/",
		"TLS":    "https://" + silent.Addr().String(),
		"header": "http://" + silent.Addr().String(),
	} {
		c := newClient(t, outbound.Config{Hosts: loopback, Resolver: blackHole, Timeout: 20 * time.Millisecond})
		_, err := c.Get(t.Context(), u, nil)
		if got := outcomeOf(err); got != outbound.Timeout {
			t.Errorf("%s (-want +got)\n- timeout\n+ %s: %v", name, got, err)
		}
	}
}

// Failed requests do not leak goroutines: synctest panics if one remains at the end of a
// bubble.
func TestNoGoroutineLeaks(t *testing.T) {
	failures := []struct {
		want  outbound.Outcome
		reply func(net.Conn) (more bool)
	}{
		{outbound.Redirect, func(c net.Conn) bool {
			io.WriteString(c, "HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\nhi")
			return true
		}},
		{outbound.TooLarge, func(c net.Conn) bool { io.WriteString(c, head+strings.Repeat("x", 100)); return true }},
		{outbound.Truncated, func(c net.Conn) bool { io.WriteString(c, head+"x"); return false }},
		{outbound.Connect, func(net.Conn) bool { return false }},
		{outbound.Timeout, func(c net.Conn) bool { hang(c); return false }},
		{outbound.Timeout, func(c net.Conn) bool { io.WriteString(c, head+"x"); hang(c); return false }},
		{outbound.Encoding, func(c net.Conn) bool {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nhi")
			return true
		}},
		{outbound.Protocol, func(c net.Conn) bool { io.WriteString(c, "nonsense\r\n\r\n"); return true }},
	}
	synctest.Test(t, func(t *testing.T) {
		c := outbound.New(outbound.Config{MaxBytes: 50, Transport: pipes(func(conn net.Conn, req *http.Request) bool {
			var kind int
			fmt.Sscanf(req.URL.Path, "/%d", &kind)
			return failures[kind].reply(conn)
		})})
		for i := range 1000 {
			kind := i % len(failures)
			_, err := c.Get(t.Context(), fmt.Sprintf("http://localhost/%d", kind), nil)
			wantOutcome(t, err, failures[kind].want)
		}
		c.CloseIdle()
	})
	synctest.Test(t, func(t *testing.T) {
		c := outbound.New(outbound.Config{Resolver: fixedDNS("10.0.0.1")})
		for range 100 {
			_, err := c.Get(t.Context(), "https://private.test/", nil)
			wantOutcome(t, err, outbound.RefusedAddress)
		}
	})
}

// A Transport may return any error when the context ends.
func TestDeadlineWithErrorOfTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := outbound.New(outbound.Config{Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, errors.New("gave up")
		})})
		_, err := c.Get(t.Context(), "https://as.example/", nil)
		wantOutcome(t, err, outbound.Timeout)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = c.Get(ctx, "https://as.example/", nil)
		wantOutcome(t, err, outbound.Canceled)
	})
}
