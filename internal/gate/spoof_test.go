package gate_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// spoofs are requests in which a client forges what the gate says about callers. Each line is sent
// as it is. The word "forged" must not reach the upstream in any header field.
var spoofs = []struct {
	name  string
	lines []string
	// refused: the gate rejects the request. Otherwise it is accepted, and the upstream gets the
	// identity of the gate only.
	refused bool
}{
	{"the JWT in its own spelling", []string{"Warder-Identity: forged"}, false},
	{"in lower case", []string{"warder-identity: forged"}, false},
	{"in upper case", []string{"WARDER-IDENTITY: forged"}, false},
	{"in mixed case", []string{"wArDeR-iDeNtItY: forged"}, false},
	{"with an underscore", []string{"Warder_Identity: forged"}, false},
	{"with an underscore, in lower case", []string{"warder_identity: forged"}, false},
	{"with an underscore, in upper case", []string{"WARDER_IDENTITY: forged"}, false},
	{"with a dot", []string{"Warder.Identity: forged"}, false},
	{"with other separators", []string{"Warder~Identity: forged", "Warder'Identity: forged", "Warder+Identity: forged", "Warder!Identity: forged"}, false},
	{"repeated", []string{"Warder-Identity: forged", "Warder-Identity: forged"}, false},
	{"repeated in several spellings", []string{"Warder-Identity: forged", "warder_identity: forged", "WARDER-identity: forged"}, false},
	{"a list", []string{"Warder-Identity: forged, forged"}, false},
	{"a list with empty members", []string{"Warder-Identity: , forged,"}, false},
	{"an empty value and another", []string{"Warder-Identity:", "Warder-Identity: forged"}, false},
	{"white space around the value", []string{"Warder-Identity: \t forged \t"}, false},
	{"a folded line", []string{"X-A: 1\r\n Warder-Identity: folded"}, false}, // RFC 9112 §5.2: it becomes one line, of X-A
	{"a space before the colon", []string{"Warder-Identity : forged"}, true},
	{"a tab before the colon", []string{"Warder-Identity\t: forged"}, true},
	{"a space in the name", []string{"Warder Identity: forged"}, true},
	{"a folded line with a tab", []string{"X-A: 1", "\tWarder-Identity: folded"}, false},
	{"a line that is folded into Content-Length", []string{" Warder-Identity: forged"}, true},
	{"a NUL byte in the name", []string{"Warder\x00-Identity: forged"}, true},
	{"a NUL byte in the value", []string{"Warder-Identity: for\x00ged"}, true},
	{"a letter outside ASCII in the name", []string{"Warder-\u0131dentity: forged"}, true},
	{"a bare CR before it", []string{"X-A: 1\rWarder-Identity: forged"}, true},
	{"a bare LF before it", []string{"X-A: 1\nWarder-Identity: forged"}, false},
	{"named in Connection", []string{"Connection: Warder-Identity"}, false},
	{"named in Connection and sent", []string{"Connection: close, Warder-Identity", "Warder-Identity: forged"}, false},
	{"named in Connection with an underscore", []string{"Connection: warder_identity, X_User", "Warder_Identity: forged"}, false},
	{"a named field is named in Connection", []string{"Connection: X-User", "X-User: forged"}, false},
	{"Connection twice", []string{"Connection: X-User", "Connection: Warder-Identity"}, false},
	{"Connection names a mirror", []string{"Connection: Mcp-Method"}, true},
	{"Connection names Content-Type", []string{"Connection: content_type"}, true},
	{"Connection names too much", []string{"Connection: " + strings.Repeat("a,", 20) + "b"}, true},
	{"a named field", []string{"X-User: forged"}, false},
	{"a named field with an underscore", []string{"X_User: forged", "x_user: forged", "X_USER: forged"}, false},
	{"a named field with a dot", []string{"X.User: forged"}, false},
	{"another named field", []string{"X-Scopes: forged", "x_scopes: forged"}, false},
	{"a field of another upstream", []string{"X-Other-User: forged"}, false},
	{"the address of the client", []string{"X-Forwarded-For: forged", "X_Forwarded_For: forged", "X-Real-IP: forged", "Forwarded: for=forged"}, false},
	{"the host and the scheme", []string{"X-Forwarded-Host: forged", "X-Forwarded-Proto: forged", "X-Forwarded-Port: forged", "X-Forwarded-Prefix: forged"}, false},
	{"identities of other proxies", []string{"X-Forwarded-User: forged", "X-Forwarded-Email: forged", "X-Forwarded-Groups: forged", "X-Auth-Request-User: forged", "Remote-User: forged", "X-Remote-User: forged"}, false},
	{"identities of clouds", []string{"X-Goog-IAP-JWT-Assertion: forged", "X-Amzn-Oidc-Identity: forged", "Cf-Access-Jwt-Assertion: forged", "X-MS-CLIENT-PRINCIPAL: forged"}, false},
	{"client certificates", []string{"Client-Cert: forged", "X-Forwarded-Client-Cert: forged", "X-SSL-Client-Verify: forged", "SSL-Client-Cert: forged", "X-Client-Cert: forged"}, false},
	{"another method and path", []string{"X-HTTP-Method-Override: forged", "X-Method-Override: forged", "X-Original-URL: forged", "X-Rewrite-URL: forged"}, false},
	{"other credentials", []string{"Proxy-Authorization: forged", "X-API-Key: forged", "X-Auth-Token: forged", "X_Api_Key: forged"}, false},
	{"credentials with an underscore", []string{"Author_ization: forged", "Proxy_Authorization: forged"}, false},
	{"mirrors with an underscore", []string{"Mcp_Method: forged", "mcp_name: forged", "MCP_SESSION_ID: forged"}, false},
	{"a mirror that differs", []string{"Mcp-Name: forged"}, true},
	{"a repeated mirror", []string{"Mcp-Name: echo", "Mcp-Name: forged"}, true},
	{"a repeated session", []string{"Mcp-Session-Id: a", "Mcp-Session-Id: forged"}, true},
	{"a repeated media type", []string{"Content-Type: forged"}, true},
	{"a second host", []string{"Host: forged"}, true},
}

// foldName folds as a server does that passes header fields in variables.
func foldName(name string) string {
	return strings.NewReplacer("-", "_", ".", "_", " ", "_").Replace(strings.ToUpper(name))
}

func TestHeaderSpoofs(t *testing.T) {
	if len(spoofs) < 40 {
		t.Fatalf("%d rows", len(spoofs))
	}
	up := new(recorder)
	f := newFixture(t, options{upstreams: twoUpstreams(t, up)}.text(""))
	f.run()
	for _, row := range spoofs {
		for _, anonymous := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, anonymous %v", row.name, anonymous), func(t *testing.T) {
				body, credential := call, "Authorization: Bearer "+f.token()+"\r\n"
				if anonymous {
					body, credential = list, ""
				}
				got := f.raw(fmt.Sprintf("POST /mcp HTTP/1.1\r\nHost: mcp.example.test\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n%s\r\nConnection: close\r\n\r\n%s",
					credential, len(body), strings.Join(row.lines, "\r\n"), body))[0]
				all := up.take()
				if anonymous && row.name == "a mirror that differs" {
					row.refused = false // tools/list has no name, so that the field is removed
				}
				if row.refused {
					if got.status/100 != 4 || len(all) > 0 {
						t.Errorf("got status %d, and the upstream got %+v", got.status, all)
					}
					return
				}
				if anonymous && got.status == 401 && len(all) == 0 {
					return // a session, or a body of another type, is not for the public
				}
				if got.status != 200 || len(all) != 1 {
					t.Fatalf("got %+v, and the upstream got %+v", got, all)
				}
				checkGenuine(t, f, all[0], anonymous)
			})
		}
	}
}

// twoUpstreams are the upstreams main, of the fixture, and other.
func twoUpstreams(t *testing.T, up *recorder) string {
	url := serve(t, up)
	return fmt.Sprintf(`- name: main
  url: %[1]s/mcp
  identity_headers: {X-User: subject, X-Scopes: scopes}
  authorization:
    issuer_url: https://auth.example.test
    resource_server_url: https://mcp.example.test/mcp
    tool_scopes: {echo: [mcp:run]}
    public_operations: [tools/list]
- name: other
  url: %[1]s/other
  identity_headers: {X-Other-User: subject}
  authorization: {issuer_url: "https://auth.example.test", resource_server_url: "https://mcp.example.test/other"}
`, url)
}

// checkGenuine checks that every field about the caller is the gate's.
func checkGenuine(t *testing.T, f *fixture, got recorded, anonymous bool) {
	t.Helper()
	if text, _ := json.Marshal([]any{got.header, got.trailer, got.host, got.uri}); strings.Contains(string(text), "forged") {
		t.Errorf("the upstream got %s", text)
	}
	want := map[string]string{"X_USER": "alice", "X_SCOPES": "mcp:run", "WARDER_IDENTITY": "", "X_OTHER_USER": ""}
	counts := map[string]int{}
	for name, values := range got.header {
		if value, ok := want[foldName(name)]; ok {
			counts[foldName(name)] += len(values)
			if value != "" && values[0] != value {
				t.Errorf("%s is %q", name, values)
			}
		}
	}
	number := 1
	if anonymous {
		number = 0
	} else if claims := f.verify(got.header.Get("Warder-Identity")); claims["token_sub"] != "alice" {
		t.Errorf("the JWT has %v", claims)
	}
	if counts["X_USER"] != number || counts["X_SCOPES"] != number || counts["WARDER_IDENTITY"] != number || counts["X_OTHER_USER"] != 0 {
		t.Errorf("the upstream got %v", got.header)
	}
}
