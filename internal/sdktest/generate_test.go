package sdktest_test

import (
	"fmt"
	"strings"
	"unicode"
)

// generator makes choices from the bytes of a fuzzer. When they are used up, each choice is 0, which
// is always harmless.
type generator struct{ rest []byte }

// number returns a number from 0 to n-1.
func (g *generator) number(n int) int {
	if len(g.rest) == 0 || n < 2 {
		return 0
	}
	b := g.rest[0]
	g.rest = g.rest[1:]
	return int(b) % n
}

// rarely returns true for one of 32 bytes.
func (g *generator) rarely() bool { return g.number(32) == 31 }

func pick[T any](g *generator, choices ...T) T { return choices[g.number(len(choices))] }

// text returns a JSON string, sometimes with escapes, another case, or bytes that readers interpret
// differently.
func (g *generator) text(s string) string {
	if s != "" && g.rarely() {
		s = pick(g, strings.ToUpper(s), strings.ToUpper(s[:1])+s[1:], s+"\x00", " "+s, s+" ", strings.ReplaceAll(s, "s", "ſ"), strings.ReplaceAll(s, "k", "\u212a"), s+"\ufeff", s+"\xff", "")
	}
	escape := g.number(8)
	var out strings.Builder
	out.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteString(`\` + string(r))
		case r == unicode.ReplacementChar:
			out.WriteString(pick(g, "\xff", `\ud800`, "\ufffd", `\ufffd`))
		case r < ' ' || escape == 7 && i%3 == 0 && r < 0x10000:
			fmt.Fprintf(&out, pick(g, `\u%04x`, `\u%04X`), r)
		case escape == 6 && r == '/':
			out.WriteString(`\/`)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// value returns JSON that replaces a string. It is an empty string or another type.
func (g *generator) value() string {
	return pick(g, "null", "1", "{}", "[]", `["x"]`, "true", `{"name":"delete_user","method":"tools/call"}`, "1e999", "-0", `""`)
}

// object returns a JSON object. members are names and JSON values in turn. Sometimes a member is
// duplicate, missing, invalid, in another position or next to an unknown one.
func (g *generator) object(members ...string) string {
	var parts []string
	for i := 0; i < len(members); i += 2 {
		name, value := members[i], members[i+1]
		switch g.number(80) {
		case 79:
			parts = append(parts, g.text(name)+":"+g.value())
		case 78:
			parts = append(parts, g.text(name)+":"+value, g.text(name)+":"+pick(g, value, g.value()))
		case 77:
			continue
		case 76:
			parts = append(parts, g.text(pick(g, "x", "Params", "request", "", name+"\x00", "_meta"))+":"+pick(g, value, g.value()), g.text(name)+":"+value)
		case 75:
			parts = append([]string{g.text(name) + ":" + value}, parts...)
		default:
			parts = append(parts, g.text(name)+":"+value)
		}
	}
	return "{" + strings.Join(parts, pick(g, ",", ", ", " ,\n")) + pick(g, "}", " }")
}

var (
	generatedMethods = []string{"tools/call", "tools/call", "prompts/get", "resources/read", "resources/subscribe", "completion/complete", "subscriptions/listen", "tasks/get", "tasks/result", "ping",
		"tools/list", "initialize", "resources/unsubscribe", "server/discover", "logging/setLevel", "notifications/initialized", "notifications/cancelled", "resources/list", "prompts/list", "tools/Call"}
	generatedURIs = []string{"file:///open", "file:///secret", "file:///Secret", "file:///private/x", "file:///public/../private/x", "file:///public/%2e%2e/secret", "file:///s%65cret", "db://users/1", "db://users/%31", "DB://users/1", "db://{table}/{id}", "note://1", "file:///private/%2e./x"}
)

// generateRequest makes a request with a grammar of messages. Most are nearly valid.
func generateRequest(data []byte) clientRequest {
	g := &generator{data}
	modern := g.number(3) == 2
	count := 1
	if g.rarely() {
		count = 1 + g.number(3)
	}
	var messages []string
	var method, name string
	for range count {
		var m string
		m, method, name = g.message(modern)
		messages = append(messages, m)
	}
	cr := clientRequest{body: strings.Join(messages, ",")}
	if count > 1 || g.rarely() {
		cr.body = "[" + cr.body + "]"
	}
	if g.rarely() {
		cr.body = pick(g, cr.body+cr.body, "\ufeff"+cr.body, cr.body+"\x00", " "+cr.body+"\n", cr.body+"\n{}", cr.body+strings.Repeat(" ", 33<<10), strings.TrimSuffix(cr.body, "}"), "["+cr.body+"]")
	}
	cr.headers = g.headers(modern, method, name)
	return cr
}

func (g *generator) message(modern bool) (text, method, name string) {
	method = pick(g, generatedMethods...)
	params, name := g.params(method, modern)
	id := pick(g, "1", `"a"`, "2.5", "-1", "0")
	if g.rarely() {
		id = g.value()
	}
	members := []string{"jsonrpc", `"2.0"`, "id", id, "method", g.text(method), "params", params}
	if g.rarely() {
		members = append(members, pick(g, "result", "error", "meta", "Method", "METHOD"), pick(g, g.value(), g.text("tools/call")))
	}
	return g.object(members...), method, name
}

func (g *generator) params(method string, modern bool) (text, name string) {
	var members []string
	switch method {
	case "tools/call", "tools/Call":
		name = pick(g, toolNames...)
		members = []string{"name", g.text(name), "arguments", pick(g, "{}", `{"name":"delete_user"}`, `{"a":[1,{"b":null}]}`, g.value())}
		if g.rarely() {
			members = append(members, "task", pick(g, `{"ttl":1000}`, "{}", g.value()))
		}
	case "prompts/get":
		name = pick(g, promptNames...)
		members = []string{"name", g.text(name), "arguments", pick(g, "{}", `{"a":"b"}`, g.value())}
	case "completion/complete":
		members = []string{"ref", g.ref(), "argument", `{"name":"a","value":"b"}`}
	case "subscriptions/listen":
		members = []string{"notifications", g.object("resourceSubscriptions", "["+g.text(pick(g, generatedURIs...))+","+g.text(pick(g, generatedURIs...))+"]", "toolsListChanged", "true")}
	case "tasks/get", "tasks/result":
		members = []string{"taskId", g.text("1")}
	default:
		name = pick(g, generatedURIs...)
		members = []string{"uri", g.text(name)}
	}
	if modern {
		members = append(members, "_meta", g.object("io.modelcontextprotocol/protocolVersion", `"2026-07-28"`, "io.modelcontextprotocol/clientCapabilities", "{}"))
	}
	if g.rarely() {
		members = append(members, pick(g, "name", "uri", "Name", "URI", "taskId", "requestState", "inputResponses"), pick(g, g.text(pick(g, toolNames...)), g.text(pick(g, generatedURIs...)), g.value()))
	}
	return g.object(members...), name
}

func (g *generator) ref() string {
	prompt, uri := g.text(pick(g, promptNames...)), g.text(pick(g, generatedURIs...))
	switch g.number(8) {
	case 7:
		return g.object("type", g.text(pick(g, "ref/prompt", "ref/resource", "x")), "name", prompt, "uri", uri)
	case 6:
		return g.object("type", g.text("ref/resource"), "name", prompt)
	case 5:
		return g.object("type", g.text("ref/prompt"), "uri", uri)
	case 4, 3, 2:
		return g.object("type", g.text("ref/resource"), "uri", uri)
	}
	return g.object("type", g.text("ref/prompt"), "name", prompt)
}

func (g *generator) headers(modern bool, method, name string) (headers []string) {
	if modern {
		headers = []string{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", method}
		if name != "" {
			headers = append(headers, "Mcp-Name", name)
		}
	} else if version := pick(g, "", "2025-03-26", "2025-06-18", "2025-11-25"); version != "" {
		headers = []string{"Mcp-Protocol-Version", version}
	}
	if !g.rarely() {
		return headers
	}
	return append(headers, pick(g, "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name", "Content-Type", "Mcp-Session-Id", "Content-Encoding", "Last-Event-Id", "X-Http-Method-Override"),
		pick(g, "", "2026-07-28", "2025-03-26", "tools/list", "echo", "delete_user", "=?base64?ZWNobw==?=", "application/json; charset=utf-8", "identity", "text/plain", "GET"))
}
