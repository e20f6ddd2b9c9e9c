package gate_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// pairs are header fields of HTTP/2, in order: name, value, name, value.
type pairs []string

// encodeFields encodes fields as literals without indexing and without Huffman coding (RFC 7541 §6.2.2).
func encodeFields(fields pairs) (block []byte) {
	text := func(s string) {
		if n := len(s); n < 127 {
			block = append(block, byte(n))
		} else { // RFC 7541 §5.1
			block = append(block, 127)
			for n -= 127; n >= 128; n /= 128 {
				block = append(block, byte(n%128+128))
			}
			block = append(block, byte(n))
		}
		block = append(block, s...)
	}
	for n := 0; n < len(fields); n += 2 {
		block = append(block, 0)
		text(fields[n])
		text(fields[n+1])
	}
	return block
}

// frame returns a frame of HTTP/2 (RFC 9113 §4.1).
func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	head := make([]byte, 9, 9+len(payload))
	head[0], head[1], head[2] = byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload))
	head[3], head[4] = kind, flags
	binary.BigEndian.PutUint32(head[5:], stream)
	return append(head, payload...)
}

const (
	frameData, frameHeaders, frameReset, frameSettings, frameGoAway = 0, 1, 3, 4, 7
	endStream, endHeaders                                           = 1, 4
	preface                                                         = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

// overHTTP2 sends one request with prior knowledge. It returns the payload of the first frame of a
// kind, or "" when the request has been rejected or the connection was closed before.
func (f *fixture) overHTTP2(fields pairs, data []string, trailers pairs, want byte) string {
	f.t.Helper()
	conn, err := new(net.Dialer).DialContext(f.t.Context(), "tcp", f.public)
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	text := append([]byte(preface), frame(frameSettings, 0, 0, nil)...)
	if fields != nil {
		last := byte(0)
		if len(data) == 0 && trailers == nil {
			last = endStream
		}
		text = append(text, frame(frameHeaders, endHeaders|last, 1, encodeFields(fields))...)
	}
	for n, part := range data {
		flags := byte(0)
		if n == len(data)-1 && trailers == nil {
			flags = endStream
		}
		text = append(text, frame(frameData, flags, 1, []byte(part))...)
	}
	if trailers != nil {
		text = append(text, frame(frameHeaders, endHeaders|endStream, 1, encodeFields(trailers))...)
	}
	if _, err := conn.Write(text); err != nil {
		f.t.Fatal(err)
	}
	return readFrame(conn, want)
}

// readFrame returns the payload of the first frame of a kind, or "" if a frame that ends the stream
// or the end of the connection comes first.
func readFrame(conn io.Reader, want byte) string {
	for {
		var head [9]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return ""
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(conn, payload); err != nil {
			return ""
		}
		switch {
		case head[3] == want:
			return string(payload)
		case head[3] == frameReset || head[3] == frameGoAway:
			return ""
		}
	}
}

// statusOK is the status 200 in a block of header fields (RFC 7541, appendix A).
const statusOK = "\x88"

// A request of HTTP/2 becomes exactly one of HTTP/1.1, or none.
func TestRequestSmugglingOverHTTP2(t *testing.T) {
	length := fmt.Sprint(len(call))
	for _, row := range []struct {
		name     string
		further  pairs // fields after the usual ones
		data     []string
		trailers pairs
		refused  bool
	}{
		{"no length", nil, []string{call}, nil, false},
		{"the right length", pairs{"content-length", length}, []string{call}, nil, false},
		{"in several frames", nil, []string{call[:5], "", call[5:]}, nil, false},
		{"a length that is too short", pairs{"content-length", "2"}, []string{call}, nil, true},
		{"a length that is too long", pairs{"content-length", "300"}, []string{call}, nil, true},
		{"two lengths", pairs{"content-length", length, "content-length", "2"}, []string{call}, nil, true},
		{"a length that is not a number", pairs{"content-length", "+" + length}, []string{call}, nil, true},
		{"transfer-encoding", pairs{"transfer-encoding", "chunked"}, []string{fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(call), call)}, nil, true},
		{"connection", pairs{"connection", "upgrade"}, []string{call}, nil, true},
		{"upgrade", pairs{"upgrade", "websocket"}, []string{call}, nil, true},
		{"a line break in a value", pairs{"x-a", "1\r\nContent-Length: 2"}, []string{call}, nil, true},
		{"a line break in a name", pairs{"x-a: 1\r\nx-b", "1"}, []string{call}, nil, true},
		{"a colon in a name", pairs{"x-a:", "1"}, []string{call}, nil, true},
		{"a name in upper case", pairs{"X-A", "1"}, []string{call}, nil, true},
		{"a second method", pairs{":method", "GET"}, []string{call}, nil, true},
		{"an unknown pseudo-header field", pairs{":protocol2", "x"}, []string{call}, nil, true},
		{"another host", pairs{"host", "other.example"}, []string{call}, nil, true},
		{"trailers", nil, []string{call}, pairs{"x-smuggled", "yes"}, false},
		{"trailers with a length", nil, []string{call}, pairs{"content-length", "2"}, false},
		{"trailers with a pseudo-header field", nil, []string{call}, pairs{":path", "/x"}, true},
		{"a request in the body", nil, []string{call, smuggled}, nil, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			up := newRawUpstream(t)
			f := newFixture(t, options{top: "http2_cleartext: true\nlimits: {read_header_seconds: 1, read_seconds: 1, idle_seconds: 1}\n"}.text(up.url+"/mcp"))
			f.run()
			fields := append(pairs{":method", "POST", ":scheme", "http", ":authority", "mcp.example.test", ":path", "/mcp", "content-type", "application/json", "authorization", "Bearer " + f.token()}, row.further...)
			got := f.overHTTP2(fields, row.data, row.trailers, frameHeaders)
			f.stop()
			received := up.received(f)
			switch {
			case row.refused && (strings.HasPrefix(got, statusOK) || received != ""):
				t.Errorf("got %q, and the upstream got %q", got, received)
			case !row.refused && !strings.HasPrefix(got, statusOK):
				t.Errorf("got %q", got)
			case !row.refused:
				checkReceived(t, received)
			}
		})
	}
}

// Targets of HTTP/2 that can be read in several ways are rejected.
func TestTargetsOverHTTP2(t *testing.T) {
	up := new(recorder)
	f := start(t, options{top: "http2_cleartext: true\n"}, up)
	for _, row := range []struct {
		name, method, authority, path string
		ok                            bool
	}{
		{"the usual one", "POST", "mcp.example.test", "/mcp", true},
		{"two slashes", "POST", "mcp.example.test", "//mcp", false},
		{"absolute form", "POST", "mcp.example.test", "http://mcp.example.test/mcp", false},
		{"a space", "POST", "mcp.example.test", "/mcp HTTP/1.1", false},
		{"no slash", "POST", "mcp.example.test", "mcp", false},
		{"an asterisk", "POST", "mcp.example.test", "*", false},
		{"a fragment", "POST", "mcp.example.test", "/mcp#a", false},
		{"no authority", "POST", "", "/mcp", false},
		{"a method with a space", "POST /x", "mcp.example.test", "/mcp", false},
		{"CONNECT", "CONNECT", "127.0.0.1:80", "/mcp", false},
	} {
		got := f.overHTTP2(pairs{":method", row.method, ":scheme", "http", ":authority", row.authority, ":path", row.path, "content-type", "application/json", "authorization", "Bearer " + f.token()}, []string{call}, nil, frameHeaders)
		if all := up.take(); strings.HasPrefix(got, statusOK) != row.ok || (len(all) == 1) != row.ok {
			t.Errorf("%s: got %q, and the upstream got %+v", row.name, got, all)
		}
	}
}

// The limit of streams is announced to clients (RFC 9113 §6.5.2).
func TestStreamLimit(t *testing.T) {
	f := start(t, options{top: "http2_cleartext: true\nlimits: {max_concurrent_streams: 7}\n"}, new(recorder))
	settings, limit := f.overHTTP2(nil, nil, nil, frameSettings), uint32(0)
	for n := 0; n+6 <= len(settings); n += 6 {
		if binary.BigEndian.Uint16([]byte(settings[n:])) == 3 {
			limit = binary.BigEndian.Uint32([]byte(settings[n+2:]))
		}
	}
	if limit != 7 {
		t.Errorf("got %d in %q", limit, settings)
	}
}
