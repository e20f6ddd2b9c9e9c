package gate_test

import (
	"net/http"
	"strings"
	"testing"
)

// brokenWriter panics, as a defect in a handler would.
type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Header() http.Header { return http.Header{} }

func (brokenWriter) WriteHeader(int) { panic("eyJ.secret") }

// A panic is in the log, without its value, and the connection is closed.
func TestPanicIsReported(t *testing.T) {
	f := newFixture(t, minimal("", "", ""))
	f.run()
	defer func() {
		v := recover()
		if text := f.log.String(); v != http.ErrAbortHandler || strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, `msg="a handler panicked" type=string stack=`) || strings.Contains(text, "secret") {
			t.Errorf("got %v, and the log is %s", v, text)
		}
	}()
	req := f.get(t.Context())
	f.gate.ServeHTTP(brokenWriter{}, req)
}
