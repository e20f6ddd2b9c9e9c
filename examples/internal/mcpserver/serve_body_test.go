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

// pipes is a listener without sockets, for a bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// A client that announces a body has thirty seconds to send it; a stream that follows a
// body has no end.
func TestBodiesThatNeverCome(t *testing.T) {
	const head = "POST /mcp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, row := range []struct {
		name, path, sent string
		status           int
		took             time.Duration
	}{
		{"refused without a look at the body", "refuse", head, 401, 30 * time.Second},
		{"read", "read", head, 400, 30 * time.Second},
		{"read, after a part", "read", head + "2\r\nab\r\n", 400, 30 * time.Second},
		{"complete, and a stream behind it", "stream", head + "2\r\nab\r\n0\r\n\r\n", 200, time.Hour},
		{"none announced, and a stream", "stream", "GET /mcp HTTP/1.1\r\nHost: x\r\n\r\n", 200, time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				listener, ended := pipes{make(chan net.Conn), make(chan struct{})}, make(chan error)
				handlers := map[string]http.HandlerFunc{
					"refuse": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) },
					"read": func(w http.ResponseWriter, req *http.Request) {
						if _, err := io.ReadAll(req.Body); err != nil {
							w.WriteHeader(400)
						}
					},
					"stream": func(w http.ResponseWriter, req *http.Request) {
						_, _ = io.ReadAll(req.Body)
						select {
						case <-time.After(time.Hour):
							fmt.Fprint(w, "still there")
						case <-req.Context().Done():
							t.Error("the stream was cut")
						}
					},
				}
				go func() { ended <- mcpserver.Serve(ctx, listener, handlers[row.path]) }()
				client, server := net.Pipe()
				listener.conns <- server
				began := time.Now()
				go io.WriteString(client, row.sent)
				response, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); response.StatusCode != row.status || took != row.took {
					t.Errorf("got %d after %s, want %d after %s", response.StatusCode, took, row.status, row.took)
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
