package gate_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// gateError returns the JSON-RPC error of the gate.
func gateError(code int, text string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":null,"error":{"code":%d,"message":"%s","data":{"error_description":"%s"}}}`+"\n", code, text, text)
}

// A body over max_body_bytes of the authorization block is rejected, with and without rules, and
// with and without Content-Length. The upstream never gets the whole of it.
func TestBodyLimit(t *testing.T) {
	for _, rules := range []bool{true, false} {
		up := new(recorder)
		f := start(t, options{authorization: "    max_body_bytes: 2000\n", noRules: !rules}, up)
		for _, row := range []struct {
			size   int
			length bool
			status int
		}{{2000, true, 200}, {2000, false, 200}, {2001, true, 413}, {2001, false, 413}, {100_000, false, 413}} {
			body := call + strings.Repeat(" ", row.size-len(call))
			req := f.post(body)
			if !row.length {
				req.ContentLength, req.Body = -1, io.NopCloser(strings.NewReader(body))
			}
			got := f.do(req)
			if got.status != row.status {
				t.Errorf("rules %v, %+v: got %+v", rules, row, got)
			}
			for _, one := range up.take() {
				if row.status == 413 && len(one.body) >= row.size {
					t.Errorf("rules %v, %+v: the upstream got %d bytes", rules, row, len(one.body))
				}
			}
		}
	}
}

// The limit of the block is also that of requests without a session, and the log is that of the gate.
func TestBodyLimitOfSessions(t *testing.T) {
	up := new(recorder)
	f := start(t, options{upstream: "  bind_sessions: true\n", authorization: "    max_body_bytes: 5000000\n"}, up)
	for size, status := range map[int]int{4_500_000: 200, 5_000_001: 413} {
		if got := f.do(f.post(call + strings.Repeat(" ", size-len(call)))); got.status != status || (len(up.take()) == 1) != (status == 200) {
			t.Errorf("%d bytes: got %+v, want %d", size, got, status)
		}
	}
	req := f.post(call)
	req.Header.Set("Mcp-Session-Id", "unknown")
	if got := f.do(req); got.status != 404 || !strings.Contains(f.log.String(), `msg="session rejected" why="the session is unknown"`) {
		t.Errorf("got %+v, and the log is %s", got, f.log)
	}
}

// Requests over max_requests get 503, and the ones before are not disturbed.
func TestRequestLimit(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	f := start(t, options{top: "limits: {max_requests: 2}\n"}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		entered <- struct{}{}
		<-leave
	}))
	results := make(chan int, 2)
	for range 2 {
		go func() { results <- f.do(f.post(call)).status }()
		<-entered
	}
	if got := f.do(f.post(call)); got.status != 503 || got.header.Get("Retry-After") != "1" || got.body != gateError(503, "Too many requests at one time; retry later") {
		t.Errorf("got %+v", got)
	}
	close(leave)
	if a, b := <-results, <-results; a != 200 || b != 200 {
		t.Errorf("got %d and %d", a, b)
	}
	go func() { <-entered }()
	if got := f.do(f.post(call)); got.status != 200 {
		t.Errorf("afterwards: got %+v", got)
	}
}

// A header over max_header_bytes gets 431. net/http allows 4 KiB more.
func TestHeaderLimit(t *testing.T) {
	f := start(t, options{top: "limits: {max_header_bytes: 8192}\n"}, new(recorder))
	for size, status := range map[int]int{4 << 10: 200, 16 << 10: 431} {
		req := f.post(call)
		req.Header.Set("X-Long", strings.Repeat("x", size))
		if got := f.do(req); got.status != status {
			t.Errorf("%d bytes: got %+v", size, got)
		}
	}
}

// A client that does not send its request in time is disconnected.
func TestReadLimits(t *testing.T) {
	t.Parallel() // it waits
	f := start(t, options{top: "limits: {read_header_seconds: 1, read_seconds: 2}\n"}, new(recorder))
	for name, text := range map[string]string{
		"an unfinished header": "POST /mcp HTTP/1.1\r\nHost: h\r\n",
		"an unfinished body":   "POST /mcp HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nAuthorization: Bearer " + f.token() + "\r\nContent-Length: 10\r\n\r\n{",
	} {
		if got := f.raw(text); got[0].status == 200 { // raw returns when the gate closes the connection
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// An upstream that does not answer in time, or not at all, results in 504 and 502.
func TestUpstreamFaults(t *testing.T) {
	t.Parallel() // it waits
	hang := make(chan struct{})
	slow := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(func() { close(hang) })
	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	talks := func(text string) string { return "http://" + talkingServer(t, text) }
	for _, row := range []struct {
		name, url string
		status    int
		body      string
	}{
		{"no answer in time", slow, 504, gateError(504, "The MCP server did not respond in time")},
		{"nobody listens", "http://" + closed.Addr().String(), 502, gateError(502, "The MCP server cannot be reached")},
		{"the connection is closed", talks(""), 502, gateError(502, "The MCP server cannot be reached")},
		{"not HTTP", talks("SSH-2.0-x\r\n"), 502, gateError(502, "The MCP server cannot be reached")},
		{"a header over the limit", talks("HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 70<<10) + "\r\n\r\n"), 502, gateError(502, "The MCP server cannot be reached")},
		{"another protocol", talks("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), 502, gateError(502, "The MCP server sent an invalid response")},
		{"a status that is not one", talks("HTTP/1.1 099 x\r\nContent-Length: 0\r\n\r\n"), 502, gateError(502, "The MCP server sent an invalid response")},
		{"the status 0", talks("HTTP/1.1 000 x\r\nContent-Length: 0\r\n\r\n"), 502, gateError(502, "The MCP server sent an invalid response")},
		{"a status over 599", talks("HTTP/1.1 600 x\r\nContent-Length: 0\r\n\r\n"), 502, gateError(502, "The MCP server sent an invalid response")},
		{"endless informational responses", talks(strings.Repeat("HTTP/1.1 103 x\r\nLink: </a>\r\n\r\n", 1000)), 502, gateError(502, "The MCP server cannot be reached")},
		{"a redirect to another server", talks("HTTP/1.1 307 x\r\nLocation: https://evil.example/mcp\r\nContent-Length: 0\r\n\r\n"), 502, gateError(502, "The MCP server sent an invalid response")},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newFixture(t, options{upstream: "  response_header_seconds: 1\n"}.text(row.url))
			f.run()
			if got := f.do(f.post(call)); got.status != row.status || got.body != row.body {
				t.Errorf("got %+v, want %d %s", got, row.status, row.body)
			}
			if !strings.Contains(f.log.String(), "no response of an upstream was passed on") || strings.Contains(f.log.String(), "Bearer") {
				t.Errorf("the log is %s", f.log)
			}
		})
	}
}

// talkingServer returns the address of a server that answers each request with a text and closes
// the connection.
func talkingServer(t *testing.T, text string) string {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.Copy(io.Discard, req.Body)
				_, _ = io.WriteString(conn, text)
			}
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

// A POST is sent once, also if the upstream closes a connection that was used before, and also if
// the client marks it as repeatable. net/http would repeat requests without a body.
func TestPostIsNotRepeated(t *testing.T) {
	for _, row := range []struct{ name, body, header string }{
		{"with a body", call, "X-Other"},
		{"with a body and Idempotency-Key", call, "Idempotency-Key"},
		{"without a body", "", "X-Other"},
		{"without a body, with Idempotency-Key", "", "Idempotency-Key"},
		{"without a body, with X-Idempotency-Key", "", "X-Idempotency-Key"},
	} {
		t.Run(row.name, func(t *testing.T) {
			listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			counts := make(chan int, 1)
			go func() { counts <- answerFirst(listener) }()
			f := newFixture(t, options{noRules: true}.text("http://"+listener.Addr().String()))
			f.run()
			for _, want := range []int{200, 502} {
				req := f.post(row.body)
				req.Header.Set(row.header, "1")
				if got := f.do(req); got.status != want {
					t.Errorf("got %+v, want %d", got, want)
				}
			}
			_ = listener.Close()
			if n := <-counts; n != 2 {
				t.Errorf("the upstream got %d requests", n)
			}
		})
	}
}

// answerFirst answers the first request on each connection, and closes the connection when it has
// read the second one. It returns the number of requests when the listener is closed.
func answerFirst(listener net.Listener) (count int) {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return count
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		reader := bufio.NewReader(conn)
		for n := range 2 {
			req, err := http.ReadRequest(reader)
			if err != nil {
				break
			}
			_, _ = io.Copy(io.Discard, req.Body)
			if count++; n == 0 {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
		}
		_ = conn.Close()
	}
}

// A client that does not read its stream is disconnected, so that the request to the upstream ends.
func TestWriteLimit(t *testing.T) {
	t.Parallel() // it waits
	ended := make(chan struct{})
	f := start(t, options{top: "limits: {write_seconds: 1}\n"}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer close(ended)
		w.Header().Set("Content-Type", "text/event-stream")
		text := "data: " + strings.Repeat("x", 64<<10) + "\n\n"
		for req.Context().Err() == nil { // the buffers of the connections are full after some rounds
			if _, err := io.WriteString(w, text); err != nil {
				return
			}
		}
	}))
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", f.public)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /mcp HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer "+f.token()+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-ended
}
