package sdktest_test

import (
	"fmt"
	"strings"
)

// Formats of messages. Each %s is the content of a JSON string, except the second one of modernPlain,
// which is members.
const (
	callForm    = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"%s","arguments":{}}}`
	promptForm  = `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"%s"}}`
	readForm    = `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"%s"}}`
	anyForm     = `{"jsonrpc":"2.0","id":1,"method":"%s","params":{"name":"delete_user","uri":"file:///secret","taskId":"1","ref":{"type":"ref/prompt","name":"secret"},"argument":{"name":"a","value":"b"},"arguments":{}}}`
	modernForm  = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"%s","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	modernPlain = `{"jsonrpc":"2.0","id":1,"method":"%s","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}%s}}`
)

// seeds returns all known hostile requests. Their sources are the rules for bodies in
// resource.Operations, observed differences between both SDKs, and the code of the SDKs' decoders.
func seeds() (requests []clientRequest) {
	for _, body := range append(hostileBodies(), hostileNames()...) {
		requests = append(requests, clientRequest{body: body})
		requests = append(requests, clientRequest{body: body, headers: []string{"Mcp-Protocol-Version", "2025-11-25"}})
	}
	return append(append(requests, hostileHeaders()...), hostileModernRequests()...)
}

func hostileBodies() []string {
	allowed, forbidden := fmt.Sprintf(callForm, "echo"), fmt.Sprintf(callForm, "delete_user")
	inner := strings.TrimSuffix(strings.TrimPrefix(forbidden, `{"jsonrpc":"2.0",`), "}")
	bodies := []string{
		allowed, forbidden, "", " ", "null", "[]", "{}", `"x"`, "1", "true", "[null]", "[[]]", "[{}]",
		// two values, and additional bytes
		allowed + forbidden, allowed + "\n" + forbidden, forbidden + allowed, allowed + "x", allowed + "\x00", allowed + ",", allowed + "]", allowed + "}",
		"\ufeff" + allowed, "\r\n\t " + allowed + "\r\n", "\f" + allowed, "\v" + allowed, "\u00a0" + allowed, "\x1e" + allowed + "\n", allowed + "\r\n0\r\n\r\n",
		"/* */" + allowed, allowed + "// " + forbidden, `{"jsonrpc":'2.0',"id":1,method:"ping"}`, strings.Replace(allowed, "}}", "},}", 1),
		// duplicate members
		`{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"delete_user"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping","params":{"name":"delete_user"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call","params":{"name":"delete_user"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"},"params":{"name":"delete_user"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"delete_user"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","n\u0061me":"delete_user"}}`,
		`{"jsonrpc":"2.0","id":1,"id":null,"method":"tools/call","params":{"name":"delete_user"}}`,
		`{"jsonrpc":"2.0","jsonrpc":"1.0","id":1,"method":"tools/call","params":{"name":"echo"}}`,
		// members in another case, including Unicode case folding
		`{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"delete_user"}}`,
		`{"jsonrpc":"2.0","id":1,"Method":"tools/call","params":{"name":"delete_user"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","param\u017f":{"name":"delete_user"},"params":{"name":"echo"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","PARAMS":{"name":"delete_user"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","NAME":"delete_user"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Name":"delete_user"}}`,
		`{"jſonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_user"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"greet","Name":"secret"},"argument":{"name":"a","value":"b"}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tas\u212a/get","params":{"tas\u212aId":"1"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"tas\u212aId":"1","taskId":"2"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///open","URI":"file:///secret"}}`,
		// names that end with NUL, which a reader with names of fixed length could confuse with the known ones
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name\u0000":"delete_user"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"ping","method\u0000\u0000\u0000":"tools/call","params":{"name":"delete_user"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"ping","":"tools/call","params":{"":"delete_user"}}`,
		// order, depth, nulls
		`{"params":{"arguments":{"method":"ping"},"name":"delete_user"},"id":1,"method":"tools/call","jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"name":"echo"},"name":"delete_user"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"method":"tools/call","params":{"name":"delete_user"}}}`,
		`{"jsonrpc":"2.0","id":1,"request":{` + inner + `},"method":"ping"}`,
		`{"jsonrpc":"2.0","id":1,"Request":{"method":"tools/call","params":{"name":"delete_user"}},"method":"ping"}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"Params":{"name":"delete_user"},"name":"echo"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":null}`, `{"jsonrpc":"2.0","id":1,"method":"tools/call"}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":null}}`, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["delete_user"]}`,
		`{"jsonrpc":"2.0","id":1,"method":null,"params":{"name":"delete_user"}}`, `{"jsonrpc":"2.0","id":1,"method":"","params":{"name":"delete_user"}}`,
		`{"jsonrpc":"2.0","id":1,"method":["tools/call"],"params":{"name":"delete_user"}}`,
		// messages that are neither a request nor a response, or both
		`{` + inner + `}`, `{"jsonrpc":"2.0",` + inner + `,"result":null}`, `{"jsonrpc":"2.0",` + inner + `,"error":{}}`, `{"jsonrpc":"2.0",` + inner + `,"error":null}`,
		`{"jsonrpc":"2.0","id":1,"result":{` + inner + `}}`, `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}`, `{"jsonrpc":"2.0","id":1,"result":null}`,
		`{"jsonrpc":"2.0","id":1}`, `{"jsonrpc":"2.0","result":{}}`, `{"jsonrpc":2.0,` + inner + `}`, `{"jsonrpc":"2.0\u0000",` + inner + `}`,
		// notifications, which must not call tools either
		`{"jsonrpc":"2.0","method":"tools/call","params":{"name":"delete_user"}}`, `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo"}}`,
		`{"jsonrpc":"2.0","method":"notifications/tools/call","params":{"name":"delete_user"}}`,
		// batches
		"[" + allowed + "," + allowed + "]", "[" + allowed + "," + forbidden + "]", "[" + allowed + "]", "[" + allowed + ",]", "[[" + forbidden + "]]", "[" + allowed + "]" + forbidden, "[" + allowed + `,{"jsonrpc":"2.0","id":2,"result":{}}]`,
		// too deep, too long
		fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":%s%s}}}`, strings.Repeat("[", 70), strings.Repeat("]", 70)),
		strings.Replace(allowed, "{}", `{"a":"`+strings.Repeat("x", 40<<10)+`"}`, 1), strings.Repeat(" ", 33<<10) + allowed,
		// arguments and metadata, which warder does not interpret
		strings.Replace(allowed, "{}", `{"text":"cut \ud83d"}`, 1), strings.Replace(allowed, "{}", `{"\udc00":1}`, 1),
		strings.Replace(allowed, "{}", `{"a":1,"a":2,"A":3}`, 1), strings.Replace(allowed, "{}", `{"method":"ping","params":{"name":"delete_user"},"params":{}}`, 1),
		strings.Replace(allowed, "{}", `{"name":"delete_user","Name":"delete_user"},"_meta":{"name":"delete_user","name":"x"}`, 1),
		strings.Replace(forbidden, "{}", `{"a":"\ud800"},"name\u0000":{"name":"echo","name":"echo"}`, 1),
		strings.Replace(allowed, "{}", strings.Repeat("[", 5000)+strings.Repeat("]", 5000), 1), strings.Replace(allowed, "{}", strings.Repeat("[", 9999)+strings.Repeat("]", 9999), 1),
		`{"jsonrpc":"2.0","id":1,"other":{"a":1,"a":2},"method":"tools/call","params":{"name":"echo","arguments":{}}}`,
		`{"jsonrpc":"2.0","id":1,"result":{"method":"tools/call","method":"ping"}}`,
		// charsets
		"\xff\xfe{\x00}\x00", strings.ReplaceAll(allowed, "e", "\xc3\x28"), strings.Replace(allowed, "echo", "echo\xff", 1), strings.Replace(allowed, "echo", `echo\ud800`, 1),
		strings.Replace(allowed, "name", "name\xff", 1), strings.Replace(allowed, "{}", "{\"a\":\"\xff\"}", 1),
	}
	for _, id := range []string{"null", "0", "-1", "1.5", "1e400", "123456789012345678901234567890", `""`, `"x"`, "[]", "{}", "true", `"` + strings.Repeat("i", 300) + `"`} {
		bodies = append(bodies, strings.Replace(allowed, `"id":1`, `"id":`+id, 1), strings.Replace(forbidden, `"id":1`, `"id":`+id, 1))
	}
	for _, method := range []string{"ping", "initialize", "server/discover", "tools/list", "Tools/Call", "tools/call ", " tools/call", "tools//call", `tools\/call`, `tools\u002fcall`,
		`tools/call\u0000`, `tools\\call`, "tools.call", "tools/\u0441all", "tool\u017f/call", "resources/read", "resources/subscribe", "resources/unsubscribe", "resources/templates/list", "prompts/get", "completion/complete",
		"subscriptions/listen", "tasks/get", "tasks/result", "tasks/list", "tasks/cancel", "tasks/update", "logging/setLevel", "sampling/createMessage", "elicitation/create", "roots/list",
		"notifications/cancelled", "notifications/initialized", "rpc.discover", "tools/call/delete_user"} {
		bodies = append(bodies, fmt.Sprintf(anyForm, method))
	}
	return bodies
}

func hostileNames() (bodies []string) {
	for _, name := range []string{"delete_user", "DELETE_USER", "delete_user ", " delete_user", `delete\u005fuser`, `\u0064elete_user`, `delete_user\u0000`, `delete_user\n`, "delete_u\u017fer", "\uff44elete_user",
		"delete_user\u200b", "delete_use\u0072\u0301", "delete", "delete_", "delete_*", "*", "../delete_user", "slow", "constructor", "__proto__", strings.Repeat("d", 5000)} {
		bodies = append(bodies, fmt.Sprintf(callForm, name), strings.Replace(fmt.Sprintf(callForm, name), `"arguments"`, `"task":{"ttl":1},"arguments"`, 1))
	}
	for _, name := range []string{"secret", "Secret", "SECRET", "\u017fecret", `s\u0065cret`, "secret ", "greet"} {
		bodies = append(bodies, fmt.Sprintf(promptForm, name), fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"%s"},"argument":{"name":"a","value":"b"}}}`, name))
	}
	for _, uri := range []string{"file:///secret", "file:///Secret", "file:///s%65cret", "FILE:///secret", "file:///./secret", "file:///x/../secret", "file:///x%2f..%2fsecret", "file:////secret", `file:///x\\..\\secret`,
		"file:///secret?x", "file:///secret#x", `file:///secret\u0000`, "file:///secret/", "file:/secret", "file://localhost/secret", "file:///private/a", "file:///private/", "file:///private", "file:///PRIVATE/a",
		"file:///public/../private/a", "file:///public/%2e%2e/private/a", "file:///private/../public/a", "db://users/1", "DB://users/1", "db://users/%31", "db:///users/1", "db://users", "db://users/1/2", "db://%7Btable%7D/%7Bid%7D",
		"db://{table}/{id}", "note://1", "%", "", "urn:x"} {
		bodies = append(bodies, fmt.Sprintf(readForm, uri), strings.Replace(fmt.Sprintf(readForm, uri), "read", "subscribe", 1),
			fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"%s"},"argument":{"name":"a","value":"b"}}}`, uri),
			fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","uri":"%s"},"argument":{"name":"a","value":"b"}}}`, uri))
	}
	return append(bodies,
		`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"greet","uri":"file:///secret"},"argument":{"name":"a","value":"b"}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","name":"secret"},"argument":{"name":"a","value":"b"}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"name":"secret"},"argument":{"name":"a","value":"b"}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","Type":"ref/resource","name":"greet"},"argument":{"name":"a","value":"b"}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///open","name":"file:///secret","arguments":{"uri":"file:///secret"}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"uri":"echo","name":"delete_user"}}`)
}
