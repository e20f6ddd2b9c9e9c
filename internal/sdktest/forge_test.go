package sdktest_test

import (
	"fmt"
	"strings"
	"unicode"
)

// dice turns a fuzzer's bytes into decisions. When they are used up, all are 0, which
// is the harmless choice everywhere.
type dice struct{ rest []byte }

func (d *dice) roll(n int) int {
	if len(d.rest) == 0 || n < 2 {
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return int(b) % n
}

// seldom is true for one byte in thirty-two.
func (d *dice) seldom() bool { return d.roll(32) == 31 }

func pick[T any](d *dice, choices ...T) T { return choices[d.roll(len(choices))] }

// text writes a JSON string, now and then with escapes, another case, or bytes that
// readers disagree about.
func (d *dice) text(s string) string {
	if s != "" && d.seldom() {
		s = pick(d, strings.ToUpper(s), strings.ToUpper(s[:1])+s[1:], s+"\x00", " "+s, s+" ", strings.ReplaceAll(s, "s", "ſ"), strings.ReplaceAll(s, "k", "\u212a"), s+"\ufeff", s+"\xff", "")
	}
	escape := d.roll(8)
	var out strings.Builder
	out.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteString(`\` + string(r))
		case r == unicode.ReplacementChar:
			out.WriteString(pick(d, "\xff", `\ud800`, "\ufffd", `\ufffd`))
		case r < ' ' || escape == 7 && i%3 == 0 && r < 0x10000:
			fmt.Fprintf(&out, pick(d, `\u%04x`, `\u%04X`), r)
		case escape == 6 && r == '/':
			out.WriteString(`\/`)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// value is some JSON that is no string, where a string is meant.
func (d *dice) value() string {
	return pick(d, "null", "1", "{}", "[]", `["x"]`, "true", `{"name":"delete_user","method":"tools/call"}`, "1e999", "-0", `""`)
}

// object writes members, name and JSON in turn, now and then in another order, twice,
// or with something else in between.
func (d *dice) object(members ...string) string {
	var parts []string
	for i := 0; i < len(members); i += 2 {
		name, value := members[i], members[i+1]
		switch d.roll(80) {
		case 79:
			parts = append(parts, d.text(name)+":"+d.value())
		case 78:
			parts = append(parts, d.text(name)+":"+value, d.text(name)+":"+pick(d, value, d.value()))
		case 77:
			continue
		case 76:
			parts = append(parts, d.text(pick(d, "x", "Params", "request", "", name+"\x00", "_meta"))+":"+pick(d, value, d.value()), d.text(name)+":"+value)
		case 75:
			parts = append([]string{d.text(name) + ":" + value}, parts...)
		default:
			parts = append(parts, d.text(name)+":"+value)
		}
	}
	return "{" + strings.Join(parts, pick(d, ",", ", ", " ,\n")) + pick(d, "}", " }")
}

var (
	forgedMethods = []string{"tools/call", "tools/call", "prompts/get", "resources/read", "resources/subscribe", "completion/complete", "subscriptions/listen", "tasks/get", "tasks/result", "ping",
		"tools/list", "initialize", "resources/unsubscribe", "server/discover", "logging/setLevel", "notifications/initialized", "notifications/cancelled", "resources/list", "prompts/list", "tools/Call"}
	forgedURIs = []string{"file:///open", "file:///secret", "file:///Secret", "file:///private/x", "file:///public/../private/x", "file:///public/%2e%2e/secret", "file:///s%65cret", "db://users/1", "db://users/%31", "DB://users/1", "db://{table}/{id}", "note://1", "file:///private/%2e./x"}
)

// forge makes a letter by a grammar of messages: nearly valid, and then a little wrong.
func forge(data []byte) letter {
	d := &dice{data}
	modern := d.roll(3) == 2
	count := 1
	if d.seldom() {
		count = 1 + d.roll(3)
	}
	var messages []string
	var method, name string
	for range count {
		var m string
		m, method, name = d.message(modern)
		messages = append(messages, m)
	}
	l := letter{body: strings.Join(messages, ",")}
	if count > 1 || d.seldom() {
		l.body = "[" + l.body + "]"
	}
	if d.seldom() {
		l.body = pick(d, l.body+l.body, "\ufeff"+l.body, l.body+"\x00", " "+l.body+"\n", l.body+"\n{}", l.body+strings.Repeat(" ", 33<<10), strings.TrimSuffix(l.body, "}"), "["+l.body+"]")
	}
	l.headers = d.headers(modern, method, name)
	return l
}

func (d *dice) message(modern bool) (text, method, name string) {
	method = pick(d, forgedMethods...)
	params, name := d.params(method, modern)
	id := pick(d, "1", `"a"`, "2.5", "-1", "0")
	if d.seldom() {
		id = d.value()
	}
	members := []string{"jsonrpc", `"2.0"`, "id", id, "method", d.text(method), "params", params}
	if d.seldom() {
		members = append(members, pick(d, "result", "error", "meta", "Method", "METHOD"), pick(d, d.value(), d.text("tools/call")))
	}
	return d.object(members...), method, name
}

func (d *dice) params(method string, modern bool) (text, name string) {
	var members []string
	switch method {
	case "tools/call", "tools/Call":
		name = pick(d, toolNames...)
		members = []string{"name", d.text(name), "arguments", pick(d, "{}", `{"name":"delete_user"}`, `{"a":[1,{"b":null}]}`, d.value())}
		if d.seldom() {
			members = append(members, "task", pick(d, `{"ttl":1000}`, "{}", d.value()))
		}
	case "prompts/get":
		name = pick(d, promptNames...)
		members = []string{"name", d.text(name), "arguments", pick(d, "{}", `{"a":"b"}`, d.value())}
	case "completion/complete":
		members = []string{"ref", d.ref(), "argument", `{"name":"a","value":"b"}`}
	case "subscriptions/listen":
		members = []string{"notifications", d.object("resourceSubscriptions", "["+d.text(pick(d, forgedURIs...))+","+d.text(pick(d, forgedURIs...))+"]", "toolsListChanged", "true")}
	case "tasks/get", "tasks/result":
		members = []string{"taskId", d.text("1")}
	default:
		name = pick(d, forgedURIs...)
		members = []string{"uri", d.text(name)}
	}
	if modern {
		members = append(members, "_meta", d.object("io.modelcontextprotocol/protocolVersion", `"2026-07-28"`, "io.modelcontextprotocol/clientCapabilities", "{}"))
	}
	if d.seldom() {
		members = append(members, pick(d, "name", "uri", "Name", "URI", "taskId", "requestState", "inputResponses"), pick(d, d.text(pick(d, toolNames...)), d.text(pick(d, forgedURIs...)), d.value()))
	}
	return d.object(members...), name
}

func (d *dice) ref() string {
	prompt, uri := d.text(pick(d, promptNames...)), d.text(pick(d, forgedURIs...))
	switch d.roll(8) {
	case 7:
		return d.object("type", d.text(pick(d, "ref/prompt", "ref/resource", "x")), "name", prompt, "uri", uri)
	case 6:
		return d.object("type", d.text("ref/resource"), "name", prompt)
	case 5:
		return d.object("type", d.text("ref/prompt"), "uri", uri)
	case 4, 3, 2:
		return d.object("type", d.text("ref/resource"), "uri", uri)
	}
	return d.object("type", d.text("ref/prompt"), "name", prompt)
}

func (d *dice) headers(modern bool, method, name string) (headers []string) {
	if modern {
		headers = []string{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", method}
		if name != "" {
			headers = append(headers, "Mcp-Name", name)
		}
	} else if version := pick(d, "", "2025-03-26", "2025-06-18", "2025-11-25"); version != "" {
		headers = []string{"Mcp-Protocol-Version", version}
	}
	if !d.seldom() {
		return headers
	}
	return append(headers, pick(d, "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name", "Content-Type", "Mcp-Session-Id", "Content-Encoding", "Last-Event-Id", "X-Http-Method-Override"),
		pick(d, "", "2026-07-28", "2025-03-26", "tools/list", "echo", "delete_user", "=?base64?ZWNobw==?=", "application/json; charset=utf-8", "identity", "text/plain", "GET"))
}
