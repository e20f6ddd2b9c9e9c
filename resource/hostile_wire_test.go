package resource_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/warder-go/warder/nethttp"
)

// wire is a fixture behind a net/http server that speaks HTTP/1.1, and HTTP/2 without TLS.
type wire struct {
	h      *hostile
	f      *fixture
	server *httptest.Server
	seen   chan answer // the handler's answers, one for each request that reached it
}

func (h *hostile) wire(f *fixture) *wire {
	w := &wire{h: h, f: f, seen: make(chan answer, 16)}
	protected := nethttp.Handler(f.res, http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) { f.inner(rw, req) }))
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		recorder := httptest.NewRecorder()
		protected.ServeHTTP(recorder, req)
		result := recorder.Result()
		body := recorder.Body.Bytes()
		w.seen <- answerOf(h.T, result)
		for name, values := range result.Header {
			rw.Header()[name] = values
		}
		rw.WriteHeader(result.StatusCode)
		rw.Write(body)
	}))
	w.server.Config.Protocols = new(http.Protocols)
	w.server.Config.Protocols.SetHTTP1(true)
	w.server.Config.Protocols.SetUnencryptedHTTP2(true)
	w.server.Start()
	h.Cleanup(w.server.Close)
	return w
}

func (w *wire) dial() net.Conn {
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.h.Fatal(err)
	}
	w.h.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second)) // ends a test that hangs; no row depends on it
	return conn
}

// raw sends text and reads the answer. If net/http answered without calling the handler, only
// the status is set.
func (w *wire) raw(text string) answer {
	w.h.Helper()
	conn := w.dial()
	io.WriteString(conn, text)
	return w.read(bufio.NewReader(conn), strings.HasPrefix(text, "HEAD "))
}

func (w *wire) read(from *bufio.Reader, head bool) answer {
	w.h.Helper()
	req := &http.Request{Method: "GET"}
	if head {
		req.Method = "HEAD"
	}
	resp, err := http.ReadResponse(from, req)
	if err != nil {
		w.h.Errorf("reading the answer: %v", err)
		return answer{}
	}
	defer resp.Body.Close()
	got := answerOf(w.h.T, resp)
	select {
	case <-w.seen:
		return got
	default:
		return answer{status: got.status}
	}
}

// http1Request returns an HTTP/1.1 request with these header lines besides Host.
func http1Request(lines ...string) string {
	return "POST /mcp HTTP/1.1\r\nHost: mcp.example.test\r\nContent-Length: 0\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

// field is an HTTP/2 header field as it is in the frame.
type field struct{ name, value string }

// http2Fields returns the fields of an HTTP/2 request: the pseudo-headers, then these fields.
func http2Fields(fields ...field) []field {
	return append([]field{{":method", "POST"}, {":scheme", "http"}, {":path", "/mcp"}, {":authority", "mcp.example.test"}}, fields...)
}

// reset and byServer are the results for HTTP/2 requests that do not reach the handler: the server
// ends the stream or the connection with a frame, or answers the request itself.
var reset, byServer = answer{body: "reset"}, answer{body: "answered by net/http"}

// frames sends one HEADERS frame, and another one with the trailers if there are any. It returns
// the handler's answer, reset or byServer.
func (w *wire) frames(fields []field, trailers ...field) answer {
	w.h.Helper()
	conn := w.dial()
	var out bytes.Buffer
	out.WriteString("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	const settings, headers, endStream, endHeaders = 4, 1, 1, 4
	writeFrame(&out, settings, 0, 0, nil)
	if trailers == nil {
		writeFrame(&out, headers, endStream|endHeaders, 1, hpack(fields))
	} else {
		writeFrame(&out, headers, endHeaders, 1, hpack(fields))
		writeFrame(&out, headers, endStream|endHeaders, 1, hpack(trailers))
	}
	conn.Write(out.Bytes())
	reader := bufio.NewReader(conn)
	for {
		kind, stream, err := readFrame(reader)
		switch {
		case err != nil:
			w.h.Errorf("reading frames: %v", err)
			return answer{}
		case kind == 7, kind == 3: // GOAWAY, RST_STREAM
			return reset
		case kind == headers && stream == 1:
			select {
			case got := <-w.seen:
				return got
			default:
				return byServer
			}
		}
	}
}

func writeFrame(out *bytes.Buffer, kind, flags byte, stream uint32, payload []byte) {
	n := len(payload)
	out.Write([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags})
	binary.Write(out, binary.BigEndian, stream)
	out.Write(payload)
}

func readFrame(from *bufio.Reader) (kind byte, stream uint32, err error) {
	var head [9]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return 0, 0, err
	}
	length := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
	if _, err := io.CopyN(io.Discard, from, length); err != nil {
		return 0, 0, fmt.Errorf("frame of %d bytes: %w", length, err)
	}
	return head[3], binary.BigEndian.Uint32(head[5:]) &^ (1 << 31), nil
}

// hpack writes literals without indexing (RFC 7541 §6.2.2), so that the caller controls every byte
// of a name and of a value.
func hpack(fields []field) []byte {
	var out []byte
	for _, f := range fields {
		out = append(out, 0)
		for _, text := range []string{f.name, f.value} {
			out = append(hpackLength(out, len(text)), text...)
		}
	}
	return out
}

func hpackLength(out []byte, n int) []byte {
	if n < 127 {
		return append(out, byte(n))
	}
	out = append(out, 127)
	return binary.AppendUvarint(out, uint64(n-127)) // the same groups of seven bits (RFC 7541 §5.1)
}
