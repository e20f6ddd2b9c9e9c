package sdktest_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
)

// hostileHeaders returns requests with allowed and forbidden bodies, and headers that contradict them.
func hostileHeaders() (requests []clientRequest) {
	allowed, forbidden := fmt.Sprintf(callForm, "echo"), fmt.Sprintf(callForm, "delete_user")
	for _, headers := range [][]string{
		{"Mcp-Method", "ping"}, {"Mcp-Method", "tools/call", "Mcp-Name", "echo"}, {"Mcp-Name", "echo"}, {"Mcp-Name", "echo", "Mcp-Name", "delete_user"},
		{"Mcp-Name", "=?base64?ZWNobw==?="}, {"Mcp-Name", "=?base64?ZGVsZXRlX3VzZXI=?="}, {"Mcp-Name", "=?base64?ZGVsZXRlX3VzZXI?="}, {"Mcp-Name", "=?BASE64?ZWNobw==?="}, {"Mcp-Method", ""},
		{"Mcp-Protocol-Version", ""}, {"Mcp-Protocol-Version", "2024-11-05"}, {"Mcp-Protocol-Version", "2025-03-26"}, {"Mcp-Protocol-Version", "2025-06-18"}, {"Mcp-Protocol-Version", "2026-07-28"},
		{"Mcp-Protocol-Version", "2025-11-25", "Mcp-Protocol-Version", "2026-07-28"}, {"Mcp-Protocol-Version", "2026-07-28", "Mcp-Protocol-Version", "2025-11-25"}, {"Mcp-Protocol-Version", "9999-99-99"}, {"Mcp-Protocol-Version", "1"},
		{"Content-Type", "application/json; charset=utf-8"}, {"Content-Type", "application/json; charset=utf-16"}, {"Content-Type", "application/json;charset=\"utf-7\""}, {"Content-Type", "text/plain"}, {"Content-Type", "application/json-rpc"},
		{"Content-Type", "application/json", "Content-Type", "text/plain"}, {"Content-Type", "multipart/form-data; boundary=x"}, {"Content-Type", "application/x-www-form-urlencoded"}, {"Content-Type", "application/json, text/plain"}, {"Content-Type", "application/json; boundary"},
		{"Content-Encoding", "gzip"}, {"Content-Encoding", "identity"}, {"Content-Encoding", "identity, gzip"}, {"Content-Encoding", ""}, {"Content-Encoding", "br"},
		{"Mcp-Session-Id", "unknown"}, {"Mcp-Session-Id", ""}, {"Last-Event-Id", "1_0"}, {"X-Http-Method-Override", "GET"}, {"X-Http-Method", "DELETE"}, {"Mcp-Param-Name", "delete_user"},
		{"Accept", "application/json"}, {"Accept", "*/*"}, {"Transfer-Encoding", "gzip"}, {"Content-Length", "0"}, {"Mcp_Method", "ping"}, {"Upgrade", "websocket", "Connection", "Upgrade"}, {"Expect", "100-continue"},
	} {
		requests = append(requests, clientRequest{body: allowed, headers: headers}, clientRequest{body: forbidden, headers: headers}, clientRequest{body: "[" + allowed + "," + forbidden + "]", headers: headers})
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte(forbidden))
	_ = w.Close()
	part := "--x\r\nContent-Type: application/json\r\n\r\n" + forbidden + "\r\n--x--\r\n"
	return append(requests,
		clientRequest{body: zipped.String(), headers: []string{"Content-Encoding", "gzip"}}, clientRequest{body: zipped.String()},
		clientRequest{body: part, headers: []string{"Content-Type", "multipart/related; boundary=x; type=\"application/json\""}}, clientRequest{body: part},
		clientRequest{body: "body=" + allowed, headers: []string{"Content-Type", "application/x-www-form-urlencoded"}})
}

// hostileModernRequests returns requests of protocol version 2026-07-28, whose headers repeat parts of
// the body.
func hostileModernRequests() (requests []clientRequest) {
	version := []string{"Mcp-Protocol-Version", "2026-07-28"}
	for _, name := range []string{"echo", "delete_user", "delete_user\u0000", "DELETE_USER", " delete_user"} {
		body := fmt.Sprintf(modernForm, strings.ReplaceAll(name, "\x00", `\u0000`))
		for _, headers := range [][]string{nil, {"Mcp-Method", "tools/call", "Mcp-Name", name}, {"Mcp-Method", "tools/call", "Mcp-Name", "echo"}, {"Mcp-Method", "tools/list"}, {"Mcp-Method", "tools/call"}, {"Mcp-Name", "echo"}} {
			requests = append(requests, clientRequest{body: body, headers: append(version[:2:2], headers...)}, clientRequest{body: body, headers: headers})
		}
	}
	for _, row := range [][2]string{
		{"server/discover", ""}, {"tools/list", ""}, {"ping", ""}, {"initialize", ""}, {"resources/subscribe", `,"uri":"file:///secret"`},
		{"subscriptions/listen", `,"notifications":{"resourceSubscriptions":["file:///secret"]}`},
		{"subscriptions/listen", `,"notifications":{"resourceSubscriptions":["file:///open","file:///s%65cret"]}`},
		{"subscriptions/listen", `,"notifications":{"resourceSubscriptions":["file:///open"],"ResourceSubscriptions":["file:///secret"]}`},
		{"subscriptions/listen", `,"notifications":{"resourceSubscriptions":["file:///open"]},"Notifications":{"resourceSubscriptions":["file:///secret"]}`},
		{"subscriptions/listen", `,"notifications":{"resourceSubscriptions":null}`}, {"subscriptions/listen", `,"notifications":null`}, {"subscriptions/listen", ``},
		{"subscriptions/listen", `,"notifications":{"toolsListChanged":true},"resourceSubscriptions":["file:///secret"]`},
		{"tools/call", `,"name":"delete_user","requestState":"x","inputResponses":{}`}, {"tools/call", `,"name":"echo","requestState":"delete_user","inputResponses":{"name":{"action":"accept"}}`},
		{"tasks/get", `,"taskId":"1"`}, {"tasks/update", `,"taskId":"1"`}, {"completion/complete", `,"ref":{"type":"ref/prompt","name":"secret"},"argument":{"name":"a","value":"b"}`},
	} {
		body := fmt.Sprintf(modernPlain, row[0], row[1])
		requests = append(requests, clientRequest{body: body, headers: append(version[:2:2], "Mcp-Method", row[0])}, clientRequest{body: body, headers: version[:2:2]}, clientRequest{body: body})
	}
	return requests
}
