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
	if len(values) != 1 || !hasDelimiters(values[0]) {
		return ""
	}
	v := values[0]
	version, trace, parent, flags := v[:2], v[3:35], v[36:52], v[53:55]
	if !isHex(version) || version == "ff" || !isID(trace) || !isID(parent) || !isHex(flags) {
		return ""
	}
	return strings.Clone(trace) // do not keep the header, which can be long
}

// hasDelimiters reports whether the parts of a traceparent have the right lengths. Only a later
// version can have further parts.
func hasDelimiters(v string) bool {
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(v) < length || v[2] != '-' || v[35] != '-' || v[52] != '-' {
		return false
	}
	return len(v) == length || v[:2] != "00" && v[length] == '-'
}

// isID rejects an ID of zeros only, which is invalid (W3C Trace Context §3.2.2).
func isID(s string) bool { return isHex(s) && strings.Trim(s, "0") != "" }

// isHex accepts lower case only (W3C Trace Context §3.2).
func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
