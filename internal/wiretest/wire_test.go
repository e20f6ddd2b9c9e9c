package wiretest_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/internal/wiretest"
)

// This is a test and not an Example, because it needs a synctest bubble.
func TestWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wiretest.Serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Date"] = nil
			for i := range 2 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Minute)
			}
		}))
		conn := w.Dial()
		go w.Record("client", conn, 0)
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		w.Close()
		const want = `      0s client: "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 0\n\n\r\n"
    1m0s client: "9\r\ndata: 1\n\n\r\n"
    2m0s client: "0\r\n\r\n [EOF]"
`
		if got := w.String(); got != want {
			t.Errorf("recording:\n got\n%s\nwant\n%s", got, want)
		}
	})
}
