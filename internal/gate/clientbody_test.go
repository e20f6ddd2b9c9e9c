package gate_test

import (
	"io"
	"strings"
	"testing"
)

// A client that does not send its whole body is not a fault of the upstream, in the log and in the
// metrics.
func TestClientThatStopsSending(t *testing.T) {
	f := start(t, options{noRules: true, top: "limits: {read_header_seconds: 1, read_seconds: 1}\n"}, new(recorder))
	for name, disconnects := range map[string]bool{"disconnects": true, "waits": false} {
		conn := f.dial()
		if _, err := io.WriteString(conn, "POST /mcp HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer "+f.token()+"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		if disconnects {
			_ = conn.Close()
		} else if _, err := io.ReadAll(conn); err != nil { // until the gate closes the connection
			t.Errorf("%s: %v", name, err)
		}
	}
	for text := ""; !strings.Contains(text, `{result="canceled",upstream="main"} 2`); {
		if text = f.fetch("/metrics").body; strings.Contains(text, `result="unreachable"`) || strings.Contains(text, `result="timeout"`) {
			t.Fatalf("the log is %s", f.log)
		}
	}
	if text := f.log.String(); strings.Contains(text, "no response of an upstream") {
		t.Errorf("the log is %s", text)
	}
}
