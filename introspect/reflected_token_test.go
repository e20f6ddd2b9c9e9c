package introspect_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
)

// A server may answer with malformed HTTP that contains the token. net/http quotes such text
// in its errors, and no part of it may be logged.
func TestReflectedToken(t *testing.T) {
	const token = "token-that-is-repeated"
	for _, answer := range []string{
		"%s\r\n\r\n",
		"HTTP/1.1 %s\r\n\r\n",
		"HTTP/1.1 200 OK\r\n%s\r\n\r\n",
		"HTTP/1.1 200 OK\r\n %s: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\n: %s\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: %s\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n%s\r\n\r\n",
	} {
		endpoint := rawServer(t, token, fmt.Sprintf(answer, token))
		fx := newNetworkFixture(t, func(_ *resource.Config, c *introspect.Config) { c.Endpoint = endpoint })
		fx.expect(fmt.Sprintf("%q", answer), token, http.StatusServiceUnavailable, resource.ReasonIntrospectionMalformed)
	}
}

// rawServer waits on each connection for the token, then sends answer and closes the
// connection.
func rawServer(t *testing.T, token, answer string) (endpoint string) {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	go func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			var got strings.Builder
			for part := make([]byte, 4096); !strings.Contains(got.String(), token); {
				n, err := conn.Read(part)
				got.Write(part[:n])
				if err != nil {
					break
				}
			}
			fmt.Fprint(conn, answer)
			conn.Close()
		}
	}()
	return "http://" + socket.Addr().String() + "/introspect"
}
