package mcpserver_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/examples/internal/mcpserver"
)

// pipeListener accepts in-memory connections, for use in a synctest bubble.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipeListener) Close() error   { close(p.closed); return nil }
func (p pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// A client that announces a body has thirty seconds to send it. A response stream after
// the body has no time limit.
func TestBodyTimeout(t *testing.T) {
	const head = "POST /mcp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, row := range []struct {
		name, path, sent string
		status           int
		elapsed          time.Duration
	}{
		{"rejected, body not read", "reject", head, 401, 30 * time.Second},
		{"body never sent", "read", head, 400, 30 * time.Second},
		{"body sent in part", "read", head + "2\r\nab\r\n", 400, 30 * time.Second},
		{"complete body, then a stream", "stream", head + "2\r\nab\r\n0\r\n\r\n", 200, time.Hour},
		{"no body, then a stream", "stream", "GET /mcp HTTP/1.1\r\nHost: x\r\n\r\n", 200, time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				listener, ended := pipeListener{make(chan net.Conn), make(chan struct{})}, make(chan error)
				handlers := map[string]http.HandlerFunc{
					"reject": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) },
					"read": func(w http.ResponseWriter, req *http.Request) {
						if _, err := io.ReadAll(req.Body); err != nil {
							w.WriteHeader(400)
						}
					},
					"stream": func(w http.ResponseWriter, req *http.Request) {
						_, _ = io.ReadAll(req.Body)
						select {
						case <-time.After(time.Hour):
							fmt.Fprint(w, "end of stream")
						case <-req.Context().Done():
							t.Error("the stream was cut off")
						}
					},
				}
				go func() { ended <- mcpserver.Serve(ctx, listener, handlers[row.path]) }()
				client, server := net.Pipe()
				listener.conns <- server
				start := time.Now()
				go io.WriteString(client, row.sent)
				response, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					t.Fatal(err)
				}
				if elapsed := time.Since(start); response.StatusCode != row.status || elapsed != row.elapsed {
					t.Errorf("got %d after %s, want %d after %s", response.StatusCode, elapsed, row.status, row.elapsed)
				}
				client.Close()
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
