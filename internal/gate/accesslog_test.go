package gate_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// With access_log, each request has one record, without the token and the path.
func TestAccessLog(t *testing.T) {
	f := start(t, options{top: "access_log: true\n"}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
	}))
	req := f.post(call)
	req.URL.RawQuery = "secret=1"
	if got := f.do(req); got.body != "data: 1\n\n" {
		t.Errorf("got %+v", got)
	}
	f.raw("PUT /mcp HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	anonymous := f.post(call)
	anonymous.Header.Del("Authorization")
	f.do(anonymous)
	f.stop()
	err := <-f.stopped
	f.stopped <- err
	var got []string
	for line := range strings.SplitSeq(f.log.String(), "\n") {
		if _, record, ok := strings.Cut(line, " msg=request "); ok {
			got = append(got, regexp.MustCompile(`duration=\S+`).ReplaceAllString(record, "duration=D"))
		}
	}
	want := []string{"method=POST status=200 duration=D upstream=main caller.issuer=https://auth.example.test caller.subject=alice caller.client=test-client",
		"method=PUT status=405 duration=D", "method=POST status=401 duration=D upstream=main"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || strings.Contains(f.log.String(), "secret") {
		t.Errorf("(-want +got)\n- %s\n+ %s", strings.Join(want, "\n- "), strings.Join(got, "\n+ "))
	}
}
