package gate_test

import (
	"fmt"
	"strings"
	"testing"
)

// heldBytes is the size up to which a body is read before the upstream is called.
const heldBytes = 4 << 10

// Bodies around the limit arrive unchanged, with their length, also if rules have read them.
func TestBodiesAroundHeldBytes(t *testing.T) {
	for _, noRules := range []bool{false, true} {
		up := new(recorder)
		f := start(t, options{noRules: noRules}, up)
		for _, size := range []int{len(call), heldBytes - 1, heldBytes, heldBytes + 1, 4 * heldBytes} {
			body := strings.Replace(call, `"a":1`, `"a":1`+strings.Repeat(" ", size-len(call)), 1)
			got := f.do(f.post(body))
			if sent := up.one(t); got.status != 200 || sent.body != body || sent.length != int64(size) || sent.coding != nil {
				t.Errorf("without rules: %v, %d bytes: got %d, and the upstream got %d bytes with the length %d and the coding %v", noRules, size, got.status, len(sent.body), sent.length, sent.coding)
			}
		}
	}
}

// An upstream is not called for a short body that does not arrive as a whole. The beginning of a longer
// one is passed on. The client gets no response, because its connection ends.
func TestIncompleteBodies(t *testing.T) {
	t.Parallel() // it waits
	for length, called := range map[int]bool{heldBytes: false, heldBytes + 1: true} {
		up := newRawUpstream(t)
		f := newFixture(t, options{noRules: true, top: "limits: {read_seconds: 1}\n"}.text(up.url+"/mcp"))
		f.run()
		got := f.raw(fmt.Sprintf("POST /mcp HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{", f.token(), length))
		f.stop()
		if received := up.received(f); len(got) != 1 || got[0].status != 0 || (received != "") != called {
			t.Errorf("length %d: got %+v, and the upstream got %q", length, got, received)
		}
	}
}
