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

// hostileHeader is section 1, as far as the header reaches us as it was sent.
func hostileHeader(h *hostile) {
	f := h.fixture(nil)
	tok := f.token(resourcetest.Token{})
	other := f.token(resourcetest.Token{Subject: "bob"})
	long := f.token(resourcetest.Token{Claims: map[string]any{"pad": strings.Repeat("x", 11_700)}})

	for _, row := range []struct {
		name  string
		lines []string
		want  answer
	}{
		{"1 no Authorization header (RFC 6750 §3.1)", nil, bare},
		{"2 empty value", []string{""}, bare},
		{"3 Basic", []string{"Basic dXNlcjpw"}, bare},
		{"4 Bearer alone", []string{"Bearer"}, malformed},
		{"5 Bearer and spaces", []string{"Bearer    "}, malformed},
		{"6 scheme in lower case (RFC 9110 §11.1)", []string{"bearer " + tok}, accepted},
		{"6 scheme in upper case", []string{"BEARER " + tok}, accepted},
		{"6 scheme in mixed case", []string{"BeArEr " + tok}, accepted},
		{"7 two spaces (RFC 6750 §2.1: 1*SP)", []string{"Bearer  " + tok}, accepted},
		{"8 tab instead of a space", []string{"Bearer\t" + tok}, malformed},
		{"8 tab behind the space", []string{"Bearer \t" + tok}, malformed},
		{"10 something behind the token", []string{"Bearer " + tok + " extra"}, malformed},
		{"10 parameter behind the token", []string{"Bearer " + tok + ", realm=x"}, malformed},
		{"11 two joined by a comma", []string{"Bearer " + tok + ",Bearer " + other}, malformed},
		{"11 two joined by comma and space", []string{"Bearer " + tok + ", Bearer " + other}, malformed},
		{"12 two header lines", []string{"Bearer " + tok, "Bearer " + other}, malformed},
		{"12 a bad line, then a good one", []string{"Bearer x", "Bearer " + tok}, malformed},
		{"12 an empty line, then a good one", []string{"", "Bearer " + tok}, malformed},
		{"12 Basic, then Bearer", []string{"Basic dXNlcjpw", "Bearer " + tok}, malformed},
		{"13 the same line twice", []string{"Bearer " + tok, "Bearer " + tok}, malformed},
		{"14 Bearer and DPoP (RFC 9449 §7.2)", []string{"Bearer " + tok, "DPoP " + tok}, malformed},
		{"14 DPoP and Bearer", []string{"DPoP " + tok, "Bearer " + tok}, malformed},
		{"24 byte 0xE9 in the token", []string{"Bearer " + tok + "\xe9"}, malformed},
		{"24 no-break space in the token", []string{"Bearer " + tok + "\u00a0"}, malformed},
		{"24 zero width space before the token", []string{"Bearer \u200b" + tok}, malformed},
		{"25 full-width B", []string{"\uff22earer " + tok}, bare},
		{"26 quoted token", []string{`Bearer "` + tok + `"`}, malformed},
		{"27 equals sign for the space", []string{"Bearer=" + tok}, bare},
		{"27 colon for the space", []string{"Bearer:" + tok}, bare},
		{"28 Token", []string{"Token " + tok}, bare},
		{"28 JWT", []string{"JWT " + tok}, bare},
		{"28 no scheme", []string{tok}, bare},
		{"29 percent-encoded dot", []string{"Bearer " + strings.Replace(tok, ".", "%2E", 1)}, malformed},
		{"30 padding behind a JWT (b64token allows it)", []string{"Bearer " + tok + "="}, invalid},
		{"30 two of it", []string{"Bearer " + tok + "=="}, invalid},
		{"31 just under the limit", []string{"Bearer " + long}, accepted},
		{"31 over the limit", []string{"Bearer " + long + strings.Repeat("A", 16<<10-len(long)+1)}, invalid},
		{"31 900 KB of a good header", []string{"Bearer " + tok + strings.Repeat("A", 900_000)}, invalid},
		{"32 900 KB of dots", []string{"Bearer " + strings.Repeat(".", 900_000)}, invalid},
		{"33 a JWS in JSON (RFC 7515 §7.2.2)", []string{`Bearer {"payload":"e30","protected":"e30","signature":"AA"}`}, malformed},
	} {
		h.expect(row.name, f.ask(row.lines...), row.want)
		h.noTrace(row.name, tok, f.log.take())
	}
	hostileDots(h, f)
	hostilePlaces(h, f, tok, other)
	hostileMethods(h, f, tok)
	hostilePaths(h, f)
}

// hostileDots counts allocations: what is too long, or consists of dots, must cost
// no more than what is short (CVE-2025-30204, CVE-2025-27144, CVE-2025-22868).
func hostileDots(h *hostile, f *fixture) {
	cost := func(token string) float64 {
		req := httptest.NewRequest(http.MethodPost, identifier, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		return testing.AllocsPerRun(20, func() { f.res.Authenticate(req) })
	}
	short := cost("x.x.x.x")
	h.expect("32 cost of 900 KB of dots", cost(strings.Repeat(".", 900_000)) <= short+8, true)
	h.expect("32 cost of as many dots as may be read", cost(strings.Repeat(".", 16<<10)) <= short+8, true)
	h.expect("32 cost of dots behind a JWT's first bytes", cost("eyJhbGciOiJFUzI1NiJ9"+strings.Repeat(".", 16_000)) <= short+8, true)
}

// hostilePlaces looks for tokens that are taken from elsewhere than the header.
func hostilePlaces(h *hostile, f *fixture, tok, other string) {
	const form = "application/x-www-form-urlencoded"
	for _, row := range []struct {
		name   string
		query  string
		body   string
		header http.Header
		want   answer
	}{
		{"15 header and query: the query is ignored", "access_token=" + other, "", http.Header{"Authorization": {"Bearer " + tok}}, accepted},
		{"15 bad header, good query", "access_token=" + tok, "", http.Header{"Authorization": {"Bearer x"}}, invalid},
		{"16 query alone (RFC 9700 §4.3.2)", "access_token=" + tok, "", nil, bare},
		{"17 form body alone", "", "access_token=" + tok, http.Header{"Content-Type": {form}}, bare},
		{"18 two in the query", "access_token=" + tok + "&access_token=" + tok, "", nil, bare},
		{"19 cookie", "", "", http.Header{"Cookie": {"access_token=" + tok + "; Authorization=Bearer " + tok}}, bare},
		{"35 Proxy-Authorization", "", "", http.Header{"Proxy-Authorization": {"Bearer " + tok}}, bare},
		{"36 X-Forwarded-Access-Token", "", "", http.Header{"X-Forwarded-Access-Token": {tok}}, bare},
		{"36 X-Original-Authorization", "", "", http.Header{"X-Original-Authorization": {"Bearer " + tok}}, bare},
		{"36 X-Auth-Request-Access-Token and X-Access-Token", "", "", http.Header{"X-Auth-Request-Access-Token": {tok}, "X-Access-Token": {tok}}, bare},
		{"39 resumed stream without a token", "", "", http.Header{"Accept": {"text/event-stream"}, "Last-Event-Id": {"7"}, "Mcp-Session-Id": {"s"}}, bare},
		{"39 WebSocket without a token", "", "", http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Protocol": {"bearer, " + tok}}, bare},
	} {
		req := httptest.NewRequest(http.MethodPost, identifier+"?"+row.query, strings.NewReader(row.body))
		req.Header = row.header
		if row.header == nil {
			req.Header = http.Header{}
		}
		f.log.take()
		h.expect(row.name, f.send(req), row.want)
		h.noTrace(row.name, tok, f.log.take())
	}
}

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
			"bad token":  {"Bearer x", invalid},
			"no token":   {"", bare},
			"good token": {"Bearer " + tok, accepted},
		} {
			req := httptest.NewRequest("GET", identifier, nil)
			req.Method = method
			req.Header.Set("Authorization", row.authorization)
			h.expect("37 "+method+" with "+suffix, f.send(req), row.want)
		}
	}
	req := httptest.NewRequest("OPTIONS", identifier, nil)
	preflight(req)
	h.expect("37 preflight: not let through, it is answered outside of the middleware", f.send(req), bare)
}

// hostilePaths: there is no list of paths to trick; all but the metadata's own
// locations are protected.
func hostilePaths(h *hostile, f *fixture) {
	handler := nethttp.Handler(f.res, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for _, path := range []string{
		"/health/../mcp", "//mcp", "/%6dcp", "/mcp;x", "/mcp/", "/MCP", "/mcp%2f", "/mcp%00", "/", "/health", "/favicon.ico", "/mcp?health", "/.well-known/../mcp",
		"/.well-known/oauth-protected-resource/../../mcp", "/.well-known/oauth-protected-resource/../mcp", "/.well-known/oauth-protected-resource;/mcp",
		"/.well-known/oauth-protected-resource/mcp/..;/mcp", "/.well-known/oauth-protected-resource%2fmcp", "/.well-known/oauth-protected-resource/", "/.well-known/oauth-authorization-server",
	} {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest("GET", "https://mcp.example.test"+path, nil))
		h.expect("41 "+path, answerOf(h.T, recorder.Result()), bare)
	}
}

// hostileWire is the part of section 1 that net/http has a say in.
func hostileWire(h *hostile) {
	f := h.fixture(nil)
	w := h.wire(f)
	tok := f.token(resourcetest.Token{})
	good, bad := "Authorization: Bearer "+tok, answer{status: 400}

	for _, row := range []struct {
		name string
		text string
		want answer
	}{
		{"9 white space around the value (RFC 9110 §5.5)", one("Authorization: \t Bearer " + tok + " \t "), accepted},
		{"9 none before it", one("Authorization:Bearer " + tok), accepted},
		{"12 two lines on the wire", one(good, good), malformed},
		{"12 two lines, names in different case", one(good, "aUTHORIZATION: Bearer x"), malformed},
		{"20 space before the colon", one("Authorization : Bearer " + tok), bad},
		{"20 tab before the colon", one("Authorization\t: Bearer " + tok), bad},
		{"21 NUL in the value", one(good + "\x00"), bad},
		{"21 0x01 in the value", one(good + "\x01x"), bad},
		{"21 0x7f in the value", one(good + "\x7fx"), bad},
		{"22 bare CR", one(good + "\rx"), bad},
		{"22 bare LF ends the line: what is before it is the token", one("Authorization: Bearer x\nX-Rest: " + tok), invalid},
		{"22 bare LF before a second line", one(good + "\nAuthorization: Bearer x"), malformed},
		{"23 folded line, joined by a space", one(good[:len(good)-9] + "\r\n " + good[len(good)-9:]), malformed},
		{"23 folded by a tab", one(good + "\r\n\tx"), malformed},
		{"23 folded before the value", one("Authorization:\r\n Bearer " + tok), accepted},
		{"23 folded between scheme and token", one("Authorization: Bearer\r\n " + tok), accepted},
		{"24 byte 0xE9 on the wire", one(good + "\xe9"), malformed},
		{"31 900 KB on the wire", one(good + strings.Repeat("A", 900_000)), invalid},
		{"31 1.2 MB on the wire", one(good + strings.Repeat("A", 1_200_000)), answer{status: 431}},
		{"38 absolute form names another host", "GET http://evil.example.test/mcp HTTP/1.1\r\nHost: mcp.example.test\r\n\r\n", bare},
		{"38 absolute form with a token in its userinfo", "GET http://Bearer:" + tok + "@mcp.example.test/mcp HTTP/1.1\r\nHost: mcp.example.test\r\n\r\n", bare},
		{"40 trailer", "POST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n1\r\nx\r\n0\r\n" + good + "\r\n\r\n", bare},
		{"40 trailer beside a bad header", "POST /mcp HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + good + "\r\n\r\n", invalid},
	} {
		h.expect(row.name, w.raw(row.text), row.want)
	}

	for _, row := range []struct {
		name     string
		fields   []field
		trailers []field
		want     answer
	}{
		{"34 HTTP/2", two(field{"authorization", "Bearer " + tok}), nil, accepted},
		{"34 HTTP/2 name in upper case (RFC 9113 §8.2.1)", two(field{"Authorization", "Bearer " + tok}), nil, reset},
		{"34 HTTP/2 two fields", two(field{"authorization", "Bearer " + tok}, field{"authorization", "Bearer " + tok}), nil, malformed},
		{"34 HTTP/2 a bad field, then a good one", two(field{"authorization", "Bearer x"}, field{"authorization", "Bearer " + tok}), nil, malformed},
		{"21 HTTP/2 NUL in the value", two(field{"authorization", "Bearer " + tok + "\x00"}), nil, reset},
		{"22 HTTP/2 line break in the value", two(field{"authorization", "Bearer x\r\nx: " + tok}), nil, reset},
		{"40 HTTP/2 trailer", two(), []field{{"authorization", "Bearer " + tok}}, bare},
		{"16 HTTP/2 query", append(two()[:2:2], field{":path", "/mcp?access_token=" + tok}, field{":authority", "mcp.example.test"}), nil, bare},
	} {
		h.expect(row.name, w.frames(row.fields, row.trailers...), row.want)
	}
	h.noTrace("on the wire", tok, f.log.take())

	// A connection carries no authorization over: every request has its own.
	conn := w.dial()
	io.WriteString(conn, one(good)+one()+one(good))
	reader := bufio.NewReader(conn)
	h.expect("39 first of three in a pipeline, with a token", w.read(reader, false), accepted)
	h.expect("39 second, without", w.read(reader, false), bare)
	h.expect("39 third, with", w.read(reader, false), accepted)
}
