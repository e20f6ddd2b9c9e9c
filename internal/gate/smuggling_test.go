package gate_test

import (
	"fmt"
	"strings"
	"testing"
)

// smuggled is a request that no client has sent, unless it is one of its own.
const smuggled = "POST /mcp HTTP/1.1\r\nHost: x\r\nX-Smuggled: yes\r\nContent-Length: 2\r\n\r\n{}"

// smugglings are requests whose length or target can be read in several ways. In the text, TOKEN is
// the credential line, BODY is the call and LEN its length in decimal, and HEX in hexadecimal.
var smugglings = []struct {
	name    string
	text    string
	refused bool // the gate rejects it. Otherwise the upstream gets the call, and nothing else
}{
	{"Content-Length alone", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", false},
	{"chunked alone", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nHEX\r\nBODY\r\n0\r\n\r\n", false},
	{"chunked in two chunks", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\n{\r\nRESTHEX\r\nREST\r\n0\r\n\r\n", false},
	{"CL.TE: both, and the body ends early by its coding", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: 300\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nHEX\r\nBODY\r\n0\r\n\r\nSMUGGLED", false},
	{"CL.TE in the other order", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\nContent-Length: 300\r\nConnection: close\r\n\r\nHEX\r\nBODY\r\n0\r\n\r\nSMUGGLED", false},
	{"TE.CL: a short Content-Length", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nHEX\r\nBODY\r\n0\r\n\r\n", false},
	{"both, and Content-Length is 0", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: 0\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nHEX\r\nBODY\r\n0\r\n\r\n", false},
	{"TE.TE: an unknown second coding", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\nContent-Length: LEN\r\n\r\nBODY", true},
	{"TE.TE: a list", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked, identity\r\nContent-Length: LEN\r\n\r\nBODY", true},
	{"TE.TE: gzip and chunked", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: gzip, chunked\r\n\r\nHEX\r\nBODY\r\n0\r\n\r\n", true},
	{"identity", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: identity\r\nContent-Length: LEN\r\n\r\nBODY", true},
	{"a coding that begins like chunked", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: xchunked\r\nContent-Length: LEN\r\n\r\nBODY", true},
	{"chunked in quotes", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: \"chunked\"\r\nContent-Length: LEN\r\n\r\nBODY", true},
	{"chunked with a parameter", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked;a=b\r\nContent-Length: LEN\r\n\r\nBODY", true},
	{"chunked after a vertical tab", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: \x0bchunked\r\nContent-Length: LEN\r\n\r\nBODY", true},
	{"an empty coding", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding:\r\nContent-Length: LEN\r\n\r\nBODY", true},
	{"a space before the colon of Transfer-Encoding", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding : chunked\r\nContent-Length: LEN\r\n\r\nBODY", true},
	{"a space before the colon of Content-Length", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length : LEN\r\n\r\nBODY", true},
	{"Transfer_Encoding, which some servers read as Transfer-Encoding", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer_Encoding: chunked\r\nContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", false},
	{"Content_Length", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent_Length: 3\r\nContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", false},
	{"Transfer-Encoding on a folded line", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENX-A: 1\r\n Transfer-Encoding: chunked\r\nContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", false},
	{"two lengths that differ", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: LEN\r\nContent-Length: 2\r\n\r\nBODY", true},
	{"two equal lengths", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: LEN\r\nContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", false},
	{"a list of lengths", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: LEN, 2\r\n\r\nBODY", true},
	{"a negative length", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: -1\r\n\r\nBODY", true},
	{"a length with a sign", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: +LEN\r\n\r\nBODY", true},
	{"a length in hexadecimal", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: 0xHEX\r\n\r\nBODY", true},
	{"a length that overflows", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: 18446744073709551707\r\n\r\nBODY", true},
	{"an empty length", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length:\r\n\r\nBODY", true},
	{"a length with an inner space", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: 1 1\r\n\r\nBODY", true},
	{"a chunk size with a sign", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\n\r\n+HEX\r\nBODY\r\n0\r\n\r\n", true},
	{"a chunk size with 0x", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\n\r\n0xHEX\r\nBODY\r\n0\r\n\r\n", true},
	{"a chunk size that overflows", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\n\r\n10000000000000HEX\r\nBODY\r\n0\r\n\r\n", true},
	{"a chunk that is longer than its size", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\n\r\n3\r\nBODY\r\n0\r\n\r\n", true},
	{"a chunk extension", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nHEX;a=b\r\nBODY\r\n0\r\n\r\n", false},
	{"a chunk extension with a bare LF", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\n\r\nHEX;a\nBODY\r\n0\r\n\r\n", true},
	{"a chunk that ends with a bare LF", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\n\r\nHEX\r\nBODY\n0\r\n\r\n", true},
	{"trailers that look like fields", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\nTrailer: Content-Length\r\nConnection: close\r\n\r\nHEX\r\nBODY\r\n0\r\nContent-Length: 2\r\n\r\n", true},
	{"unannounced trailers", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nHEX\r\nBODY\r\n0\r\nX-Smuggled: yes\r\n\r\n", false},
	{"an unfinished chunk", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\n\r\nHEX\r\nBODY\r\n", true},
	{"a body that is too short", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: 300\r\n\r\nBODY", true},
	{"GET with a body", "GET /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: SMUGLEN\r\nConnection: close\r\n\r\nSMUGGLED", true},
	{"GET with a chunked body", "GET /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nabcde\r\n0\r\n\r\n", true},
	{"DELETE with a body", "DELETE /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: SMUGLEN\r\nConnection: close\r\n\r\nSMUGGLED", true},
	{"CONNECT", "CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1:80\r\nTOKEN\r\n", true},
	{"TRACE", "TRACE /mcp HTTP/1.1\r\nHost: h\r\nTOKENConnection: close\r\n\r\n", true},
	{"PUT", "PUT /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", true},
	{"a method in lower case", "post /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", true},
	{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: h\r\nTOKENConnection: close\r\n\r\n", true},
	{"absolute form", "POST http://other.example/mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", true},
	{"absolute form without a path", "POST http://h HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", true},
	{"a target that begins with two slashes", "POST //mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", true},
	{"a target with a fragment", "POST /mcp#/x HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", true},
	{"a target with an encoded line break", "POST /mcp%0d%0aX:1 HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", true},
	{"a query with an encoded line break", "POST /mcp?a=%0d%0aX:1 HTTP/1.1\r\nHost: h\r\nTOKENContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", false},
	{"HTTP/1.0", "POST /mcp HTTP/1.0\r\nHost: h\r\nTOKENContent-Length: LEN\r\n\r\nBODY", true},
	{"HTTP/1.0 with chunked", "POST /mcp HTTP/1.0\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\n\r\nHEX\r\nBODY\r\n0\r\n\r\n", true},
	{"HTTP/0.9", "POST /mcp\r\n", true},
	{"HTTP/1.2", "POST /mcp HTTP/1.2\r\nHost: h\r\nTOKENContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", true},
	{"two hosts", "POST /mcp HTTP/1.1\r\nHost: h\r\nHost: i\r\nTOKENContent-Length: LEN\r\n\r\nBODY", true},
	{"no host", "POST /mcp HTTP/1.1\r\nTOKENContent-Length: LEN\r\n\r\nBODY", true},
	{"an empty host", "POST /mcp HTTP/1.1\r\nHost:\r\nTOKENContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", true},
	{"websocket", "GET /mcp HTTP/1.1\r\nHost: h\r\nTOKENConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\nSec-WebSocket-Version: 13\r\n\r\nSMUGGLED", true},
	{"h2c in an upgrade, which is ignored", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Length: LEN\r\n\r\nBODY", false},
	{"Expect: 100-continue", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENExpect: 100-continue\r\nContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", false},
	{"another expectation", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENExpect: x\r\nContent-Length: LEN\r\n\r\nBODY", true},
	{"Connection names Content-Length", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENConnection: close, Content-Length\r\nContent-Length: LEN\r\n\r\nBODY", true},
	{"Connection names Transfer-Encoding", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENConnection: close, transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\nHEX\r\nBODY\r\n0\r\n\r\n", true},
	{"lines that end with a bare CR", "POST /mcp HTTP/1.1\rHost: h\rTOKENContent-Length: LEN\r\rBODY", true},
	{"a body that decodes to another message", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENContent-Encoding: deflate\r\nContent-Length: LEN\r\nConnection: close\r\n\r\nBODY", true},
	{"two messages in a body", "POST /mcp HTTP/1.1\r\nHost: h\r\nTOKENTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nHEX\r\nBODY\r\nHEX\r\nBODY\r\n0\r\n\r\n", true},
}

// For each row, either the gate rejects the request, or the upstream receives exactly one request,
// whose body has the bytes that were decided on.
func TestRequestSmuggling(t *testing.T) {
	if len(smugglings) < 40 {
		t.Fatalf("%d rows", len(smugglings))
	}
	for _, row := range smugglings {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			up := newRawUpstream(t)
			f := newFixture(t, options{top: "limits: {read_header_seconds: 1, read_seconds: 1, idle_seconds: 1}\n"}.text(up.url+"/mcp"))
			f.run()
			token := "Authorization: Bearer " + f.token() + "\r\nContent-Type: application/json\r\n"
			text := strings.NewReplacer("TOKEN", token, "BODY", call, "RESTHEX", fmt.Sprintf("%x", len(call)-1), "REST", call[1:], "LEN", fmt.Sprint(len(call)),
				"HEX", fmt.Sprintf("%x", len(call)), "SMUGLEN", fmt.Sprint(len(smuggled)), "SMUGGLED", smuggled).Replace(row.text)
			got := f.raw(text)
			f.stop()
			received := up.received(f)
			switch {
			case row.refused && (got[0].status == 200 || received != ""):
				t.Errorf("got status %d, and the upstream got %q", got[0].status, received)
			case !row.refused && (got[0].status != 200 || len(got) != 1):
				t.Errorf("got %+v", got)
			case !row.refused:
				checkReceived(t, received)
			}
		})
	}
}

// checkReceived checks the bytes of one request.
func checkReceived(t *testing.T, received string) {
	t.Helper()
	head, body, _ := strings.Cut(received, "\r\n\r\n")
	if body != call {
		t.Errorf("the upstream got %q", received)
	}
	lines := strings.Split(head, "\r\n")
	if !strings.HasPrefix(lines[0], "POST /mcp") || !strings.HasSuffix(lines[0], " HTTP/1.1") {
		t.Errorf("the request line is %q", lines[0])
	}
	lengths := 0
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case name == "Content-Length" && value == fmt.Sprint(len(call)):
			lengths++
		case strings.ContainsAny(foldName(name), "\r\n\x00") || strings.HasPrefix(foldName(name), "TRANSFER") || strings.HasPrefix(foldName(name), "CONTENT_LENGTH"), foldName(name) == "UPGRADE", foldName(name) == "EXPECT", foldName(name) == "X_SMUGGLED":
			t.Errorf("the upstream got the line %q", line)
		}
	}
	if lengths != 1 {
		t.Errorf("Content-Length is there %d times: %q", lengths, head)
	}
}
