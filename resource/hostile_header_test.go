package resource_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource/resourcetest"
)

// hostileHeader covers section 1 of the list: what net/http passes on unchanged.
func hostileHeader(h *hostile) {
	f := h.fixture(nil)
	tok := f.token(resourcetest.Token{})
	other := f.token(resourcetest.Token{Subject: "bob"})
	longToken := f.token(resourcetest.Token{Claims: map[string]any{"pad": strings.Repeat("x", 11_700)}})

	for _, row := range []struct {
		name  string
		lines []string
		want  answer
	}{
		{"1 no Authorization header (RFC 6750 §3.1)", nil, noCredentials},
		{"2 empty value", []string{""}, noCredentials},
		{"3 scheme Basic", []string{"Basic dXNlcjpw"}, noCredentials},
		{"4 Bearer without a token", []string{"Bearer"}, noCredentials},
		{"5 Bearer with trailing spaces only", []string{"Bearer    "}, noCredentials},
		{"6 scheme in lower case (RFC 9110 §11.1)", []string{"bearer " + tok}, accepted},
		{"6 scheme in upper case", []string{"BEARER " + tok}, accepted},
		{"6 scheme in mixed case", []string{"BeArEr " + tok}, accepted},
		{"7 two spaces (RFC 6750 §2.1: 1*SP)", []string{"Bearer  " + tok}, accepted},
		{"8 tab instead of a space", []string{"Bearer\t" + tok}, malformed},
		{"8 tab after the space", []string{"Bearer \t" + tok}, malformed},
		{"10 text after the token", []string{"Bearer " + tok + " extra"}, malformed},
		{"10 parameter after the token", []string{"Bearer " + tok + ", realm=x"}, malformed},
		{"11 two credentials joined by a comma", []string{"Bearer " + tok + ",Bearer " + other}, malformed},
		{"11 two credentials joined by a comma and a space", []string{"Bearer " + tok + ", Bearer " + other}, malformed},
		{"12 two header lines", []string{"Bearer " + tok, "Bearer " + other}, malformed},
		{"12 an invalid line, then a valid one", []string{"Bearer x", "Bearer " + tok}, malformed},
		{"12 an empty line, then a valid one", []string{"", "Bearer " + tok}, malformed},
		{"12 Basic, then Bearer", []string{"Basic dXNlcjpw", "Bearer " + tok}, malformed},
		{"13 the same line twice", []string{"Bearer " + tok, "Bearer " + tok}, malformed},
		{"14 Bearer, then DPoP (RFC 9449 §7.2)", []string{"Bearer " + tok, "DPoP " + tok}, malformed},
		{"14 DPoP, then Bearer", []string{"DPoP " + tok, "Bearer " + tok}, malformed},
		{"24 byte 0xE9 in the token", []string{"Bearer " + tok + "\xe9"}, malformed},
		{"24 no-break space in the token", []string{"Bearer " + tok + "\u00a0"}, malformed},
		{"24 zero-width space before the token", []string{"Bearer \u200b" + tok}, malformed},
		{"25 scheme with a full-width B", []string{"\uff22earer " + tok}, noCredentials},
		{"26 quoted token", []string{`Bearer "` + tok + `"`}, malformed},
		{"26 token in single quotes", []string{"Bearer '" + tok + "'"}, malformed},
		{"26 token in angle brackets, as in a template", []string{"Bearer <" + tok + ">"}, malformed},
		{"26 scheme within the token", []string{"Bearer Bearer:" + tok}, invalid},
		{"27 equals sign instead of the space", []string{"Bearer=" + tok}, noCredentials},
		{"27 colon instead of the space", []string{"Bearer:" + tok}, noCredentials},
		{"28 scheme Token", []string{"Token " + tok}, noCredentials},
		{"28 scheme JWT", []string{"JWT " + tok}, noCredentials},
		{"28 no scheme", []string{tok}, noCredentials},
		{"29 percent-encoded dot, so that it is not a JWT", []string{"Bearer " + strings.Replace(tok, ".", "%2E", 1)}, invalid},
		{"30 padding after a JWT (b64token allows it)", []string{"Bearer " + tok + "="}, invalid},
		{"30 two padding characters after a JWT", []string{"Bearer " + tok + "=="}, invalid},
		{"31 just below the size limit", []string{"Bearer " + longToken}, accepted},
		{"31 one byte above the size limit", []string{"Bearer " + longToken + strings.Repeat("A", 16<<10-len(longToken)+1)}, invalid},
		{"31 900 KB that begin with a valid credential", []string{"Bearer " + tok + strings.Repeat("A", 900_000)}, invalid},
		{"32 900 KB of dots", []string{"Bearer " + strings.Repeat(".", 900_000)}, invalid},
		{"33 JWS in JSON serialization (RFC 7515 §7.2.2)", []string{`Bearer {"payload":"e30","protected":"e30","signature":"AA"}`}, malformed},
	} {
		h.expect(row.name, f.authorize(row.lines...), row.want)
		h.checkNoToken(row.name, tok, f.log.take())
	}
	hostileAllocations(h, f)
	hostileTokenLocations(h, f, tok, other)
	hostileMethods(h, f, tok)
	hostilePaths(h, f)
}

// hostileAllocations tests that a token that is too long, or that consists of dots, needs no
// more allocations than a short one (CVE-2025-30204, CVE-2025-27144, CVE-2025-22868).
func hostileAllocations(h *hostile, f *fixture) {
	cost := func(token string) float64 {
		req := httptest.NewRequest(http.MethodPost, identifier, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		return testing.AllocsPerRun(20, func() { f.res.Authenticate(req) })
	}
	short := cost("x.x.x.x")
	h.expect("32 allocations for 900 KB of dots", cost(strings.Repeat(".", 900_000)) <= short+8, true)
	h.expect("32 allocations for a token of dots at the size limit", cost(strings.Repeat(".", 16<<10)) <= short+8, true)
	h.expect("32 allocations for dots after the first bytes of a JWT", cost("eyJhbGciOiJFUzI1NiJ9"+strings.Repeat(".", 16_000)) <= short+8, true)
}

// hostileTokenLocations tests that no token is read from anywhere but the Authorization header.
func hostileTokenLocations(h *hostile, f *fixture, tok, other string) {
	const form = "application/x-www-form-urlencoded"
	for _, row := range []struct {
		name   string
		query  string
		body   string
		header http.Header
		want   answer
	}{
		{"15 header and query: the query is ignored", "access_token=" + other, "", http.Header{"Authorization": {"Bearer " + tok}}, accepted},
		{"15 invalid header, valid query", "access_token=" + tok, "", http.Header{"Authorization": {"Bearer x"}}, invalid},
		{"16 query only (RFC 9700 §4.3.2)", "access_token=" + tok, "", nil, noCredentials},
		{"17 form body only", "", "access_token=" + tok, http.Header{"Content-Type": {form}}, noCredentials},
		{"18 two in the query", "access_token=" + tok + "&access_token=" + tok, "", nil, noCredentials},
		{"19 cookie", "", "", http.Header{"Cookie": {"access_token=" + tok + "; Authorization=Bearer " + tok}}, noCredentials},
		{"35 Proxy-Authorization", "", "", http.Header{"Proxy-Authorization": {"Bearer " + tok}}, noCredentials},
		{"36 X-Forwarded-Access-Token", "", "", http.Header{"X-Forwarded-Access-Token": {tok}}, noCredentials},
		{"36 X-Original-Authorization", "", "", http.Header{"X-Original-Authorization": {"Bearer " + tok}}, noCredentials},
		{"36 X-Auth-Request-Access-Token and X-Access-Token", "", "", http.Header{"X-Auth-Request-Access-Token": {tok}, "X-Access-Token": {tok}}, noCredentials},
		{"39 resumed stream without a token", "", "", http.Header{"Accept": {"text/event-stream"}, "Last-Event-Id": {"7"}, "Mcp-Session-Id": {"s"}}, noCredentials},
		{"39 WebSocket without a token", "", "", http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Protocol": {"bearer, " + tok}}, noCredentials},
	} {
		req := httptest.NewRequest(http.MethodPost, identifier+"?"+row.query, strings.NewReader(row.body))
		req.Header = row.header
		if row.header == nil {
			req.Header = http.Header{}
		}
		f.log.take()
		h.expect(row.name, f.send(req), row.want)
		h.checkNoToken(row.name, tok, f.log.take())
	}
}

// hostileMethods tests that every method is protected, also that of a CORS preflight.
func hostileMethods(h *hostile, f *fixture, tok string) {
	preflight := func(req *http.Request) {
		req.Header.Set("Origin", "https://mcp.example.test")
		req.Header.Set("Access-Control-Request-Method", "POST")
		req.Header.Set("Access-Control-Request-Headers", "authorization")
	}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PROPFIND", "get"} {
		for suffix, row := range map[string]struct {
			authorization string
			want          answer
		}{
			"an invalid token": {"Bearer x", invalid},
			"no token":         {"", noCredentials},
			"a valid token":    {"Bearer " + tok, accepted},
		} {
			req := httptest.NewRequest("GET", identifier, nil)
			req.Method = method
			req.Header.Set("Authorization", row.authorization)
			h.expect("37 "+method+" with "+suffix, f.send(req), row.want)
		}
	}
	req := httptest.NewRequest("OPTIONS", identifier, nil)
	preflight(req)
	h.expect("37 preflight is rejected: CORS is handled outside the middleware", f.send(req), noCredentials)
}

// hostilePaths tests that no path except that of the metadata is public.
func hostilePaths(h *hostile, f *fixture) {
	handler := nethttp.Handler(f.res, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for _, path := range []string{
		"/health/../mcp", "//mcp", "/%6dcp", "/mcp;x", "/mcp/", "/MCP", "/mcp%2f", "/mcp%00", "/", "/health", "/favicon.ico", "/mcp?health", "/.well-known/../mcp",
		"/.well-known/oauth-protected-resource/../../mcp", "/.well-known/oauth-protected-resource/../mcp", "/.well-known/oauth-protected-resource;/mcp",
		"/.well-known/oauth-protected-resource/mcp/..;/mcp", "/.well-known/oauth-protected-resource%2fmcp", "/.well-known/oauth-protected-resource/", "/.well-known/oauth-authorization-server",
	} {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest("GET", "https://mcp.example.test"+path, nil))
		h.expect("41 "+path, answerOf(h.T, recorder.Result()), noCredentials)
	}
}

// hostileWire covers section 1 of the list: what net/http changes or rejects.
func hostileWire(h *hostile) {
	f := h.fixture(nil)
	w := h.wire(f)
	tok := f.token(resourcetest.Token{})
	valid, badRequest := "Authorization: Bearer "+tok, answer{status: 400}

	for _, row := range []struct {
		name string
		text string
		want answer
	}{
		{"9 white space around the value (RFC 9110 §5.5)", http1Request("Authorization: \t Bearer " + tok + " \t "), accepted},
		{"9 no white space before the value", http1Request("Authorization:Bearer " + tok), accepted},
		{"12 two lines in an HTTP/1.1 request", http1Request(valid, valid), malformed},
		{"12 two lines, names in different case", http1Request(valid, "aUTHORIZATION: Bearer x"), malformed},
		{"20 space before the colon", http1Request("Authorization : Bearer " + tok), badRequest},
		{"20 tab before the colon", http1Request("Authorization\t: Bearer " + tok), badRequest},
		{"21 NUL in the value", http1Request(valid + "\x00"), badRequest},
		{"21 0x01 in the value", http1Request(valid + "\x01x"), badRequest},
		{"21 0x7f in the value", http1Request(valid + "\x7fx"), badRequest},
		{"22 bare CR", http1Request(valid + "\rx"), badRequest},
		{"22 bare LF ends the line; the token is the text before it", http1Request("Authorization: Bearer x\nX-Rest: " + tok), invalid},
		{"22 bare LF before a second Authorization line", http1Request(valid + "\nAuthorization: Bearer x"), malformed},
		{"23 folded line, joined by a space", http1Request(valid[:len(valid)-9] + "\r\n " + valid[len(valid)-9:]), malformed},
		{"23 line folded with a tab after the value", http1Request(valid + "\r\n\tx"), malformed},
		{"23 line folded before the value", http1Request("Authorization:\r\n Bearer " + tok), accepted},
		{"23 line folded between scheme and token", http1Request("Authorization: Bearer\r\n " + tok), accepted},
		{"24 byte 0xE9 in an HTTP/1.1 request", http1Request(valid + "\xe9"), malformed},
		{"31 900 KB in an HTTP/1.1 request", http1Request(valid + strings.Repeat("A", 900_000)), invalid},
		{"31 1.2 MB in an HTTP/1.1 request", http1Request(valid + strings.Repeat("A", 1_200_000)), answer{status: 431}},
		{"38 absolute form with another host", "GET http://evil.example.test/mcp HTTP/1.1\r\nHost: mcp.example.test\r\n\r\n", noCredentials},
		{"38 absolute form with a token in its userinfo", "GET http://Bearer:" + tok + "@mcp.example.test/mcp HTTP/1.1\r\nHost: mcp.example.test\r\n\r\n", noCredentials},
		{"40 trailer", "POST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n1\r\nx\r\n0\r\n" + valid + "\r\n\r\n", noCredentials},
		{"40 trailer after an invalid header", "POST /mcp HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + valid + "\r\n\r\n", invalid},
	} {
		h.expect(row.name, w.raw(row.text), row.want)
	}

	for _, row := range []struct {
		name     string
		fields   []field
		trailers []field
		want     answer
	}{
		{"34 HTTP/2", http2Fields(field{"authorization", "Bearer " + tok}), nil, accepted},
		{"34 HTTP/2, field name in upper case (RFC 9113 §8.2.1)", http2Fields(field{"Authorization", "Bearer " + tok}), nil, reset},
		{"34 HTTP/2, two fields", http2Fields(field{"authorization", "Bearer " + tok}, field{"authorization", "Bearer " + tok}), nil, malformed},
		{"34 HTTP/2, an invalid field, then a valid one", http2Fields(field{"authorization", "Bearer x"}, field{"authorization", "Bearer " + tok}), nil, malformed},
		{"21 HTTP/2, NUL in the value", http2Fields(field{"authorization", "Bearer " + tok + "\x00"}), nil, reset},
		{"22 HTTP/2, line break in the value", http2Fields(field{"authorization", "Bearer x\r\nx: " + tok}), nil, reset},
		{"40 HTTP/2, trailer", http2Fields(), []field{{"authorization", "Bearer " + tok}}, noCredentials},
		{"16 HTTP/2, query", append(http2Fields()[:2:2], field{":path", "/mcp?access_token=" + tok}, field{":authority", "mcp.example.test"}), nil, noCredentials},
	} {
		h.expect(row.name, w.frames(row.fields, row.trailers...), row.want)
	}
	h.checkNoToken("hostileWire", tok, f.log.take())

	// Each request on a connection needs its own credential.
	conn := w.dial()
	io.WriteString(conn, http1Request(valid)+http1Request()+http1Request(valid))
	reader := bufio.NewReader(conn)
	h.expect("39 first of three pipelined requests, with a token", w.read(reader, false), accepted)
	h.expect("39 second, without a token", w.read(reader, false), noCredentials)
	h.expect("39 third, with a token", w.read(reader, false), accepted)
}
