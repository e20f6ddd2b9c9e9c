// Package tracecontext reads the trace id of a request (W3C Trace Context).
package tracecontext

import (
	"net/http"
	"strings"
)

// TraceID returns the trace id of a traceparent header of version 00, or of a later version
// that begins like it (W3C Trace Context §3.2 and §4.3); otherwise "".
func TraceID(header http.Header) string {
	values := header["Traceparent"]
	if len(values) != 1 {
		return ""
	}
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	v := values[0]
	if len(v) < length || v[2] != '-' || v[35] != '-' || v[52] != '-' || v[:2] == "ff" ||
		len(v) > length && (v[:2] == "00" || v[length] != '-') {
		return ""
	}
	trace, parent := v[3:35], v[36:52]
	if !isHex(v[:2]) || !isHex(trace) || !isHex(parent) || !isHex(v[53:55]) ||
		strings.Trim(trace, "0") == "" || strings.Trim(parent, "0") == "" {
		return ""
	}
	return strings.Clone(trace) // do not keep the header, which can be long
}

// isHex accepts lower case only (W3C Trace Context §3.2).
func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
