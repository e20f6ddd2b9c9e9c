package tracecontext_test

import (
	"net/http"
	"testing"

	"github.com/warder-go/warder/internal/tracecontext"
)

// W3C Trace Context §3.2 and §4.3.
func TestTraceID(t *testing.T) {
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for _, row := range []struct{ name, header, want string }{
		{"version 00", "00-" + trace + "-" + parent + "-01", trace},
		{"a later version", "01-" + trace + "-" + parent + "-01", trace},
		{"a later version with a further part", "01-" + trace + "-" + parent + "-01-x", trace},
		{"a later version with a longer part", "01-" + trace + "-" + parent + "-01x", ""},
		{"version 00 with a further part", "00-" + trace + "-" + parent + "-01-x", ""},
		{"version ff", "ff-" + trace + "-" + parent + "-01", ""},
		{"a version that is not hexadecimal", "0x-" + trace + "-" + parent + "-01", ""},
		{"flags that are not hexadecimal", "00-" + trace + "-" + parent + "-0x", ""},
		{"upper case", "00-" + "0AF7651916CD43DD8448EB211C80319C-" + parent + "-01", ""},
		{"a trace of zeros", "00-00000000000000000000000000000000-" + parent + "-01", ""},
		{"a parent of zeros", "00-" + trace + "-0000000000000000-01", ""},
		{"another delimiter", "00-" + trace + "_" + parent + "-01", ""},
		{"too short", "00-" + trace + "-" + parent + "-0", ""},
		{"empty", "", ""},
	} {
		if got := tracecontext.TraceID(http.Header{"Traceparent": {row.header}}); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
	twice := "00-" + trace + "-" + parent + "-01"
	if got := tracecontext.TraceID(http.Header{"Traceparent": {twice, twice}}); got != "" {
		t.Errorf("two header lines: got %q", got)
	}
	if got := tracecontext.TraceID(http.Header{}); got != "" {
		t.Errorf("no header: got %q", got)
	}
}
