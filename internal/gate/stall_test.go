package gate_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// dial opens a connection to the public listener.
func (f *fixture) dial() net.Conn {
	f.t.Helper()
	conn, err := new(net.Dialer).DialContext(f.t.Context(), "tcp", f.public)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		f.t.Fatal(err)
	}
	return conn
}

// A client without a token that does not read the responses of the gate itself is disconnected.
func TestWriteLimitOfRefusals(t *testing.T) {
	f := start(t, options{top: "limits: {write_seconds: 1, idle_seconds: 3600}\n"}, new(recorder))
	for name, request := range map[string]string{
		"another path": "GET /other HTTP/1.1\r\nHost: h\r\n\r\n",
		"no token":     "GET /mcp HTTP/1.1\r\nHost: h\r\n\r\n",
		"metadata":     "GET /.well-known/oauth-protected-resource/mcp HTTP/1.1\r\nHost: h\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, text := f.dial(), strings.Repeat(request, 1000)
			var err error
			for err == nil { // the buffers of the connection are full after some rounds
				_, err = io.WriteString(conn, text)
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the gate keeps the connection")
			}
		})
	}
}

// A stream of HTTP/2 whose client accepts no data is reset (RFC 9113 §6.9: the window is 0).
func TestWriteLimitOfRefusalsOverHTTP2(t *testing.T) {
	t.Parallel() // it waits
	f := start(t, options{top: "http2_cleartext: true\nlimits: {write_seconds: 1}\n"}, new(recorder))
	window := binary.BigEndian.AppendUint32([]byte{0, 4}, 0) // SETTINGS_INITIAL_WINDOW_SIZE
	text := append([]byte(preface), frame(frameSettings, 0, 0, window)...)
	text = append(text, frame(frameHeaders, endHeaders|endStream, 1, encodeFields(pairs{":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/other"}))...)
	conn := f.dial()
	if _, err := conn.Write(text); err != nil {
		t.Fatal(err)
	}
	if got := readFrame(conn, frameReset); len(got) != 4 {
		t.Errorf("got %q, want the reset of the stream", got)
	}
}

// The limit of one response is not a limit of the next one on the connection.
func TestWriteLimitIsForOneResponse(t *testing.T) {
	t.Parallel() // it waits
	f := start(t, options{top: "limits: {write_seconds: 1}\n"}, new(recorder))
	conn := f.dial()
	const request = "GET /other HTTP/1.1\r\nHost: h\r\n\r\n"
	for range 2 {
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		timer := time.NewTimer(1500 * time.Millisecond) // longer than the limit
		<-timer.C
	}
	text := "POST /mcp HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + f.token() + "\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n"
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	rest := ""
	for buffer := make([]byte, 1000); !strings.HasSuffix(rest, "HTTP/1.1 100 Continue\r\n\r\n"); {
		n, err := conn.Read(buffer)
		if rest += string(buffer[:n]); err != nil {
			t.Fatalf("got %q, %v", rest, err)
		}
	}
}
