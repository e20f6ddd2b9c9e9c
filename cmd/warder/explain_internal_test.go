package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const explainedServer = "https://mcp.example/mcp"

// explainedAt is when the tokens of the tests were issued. They are not valid any more, so the text
// does not depend on the time of the test.
var explainedAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// keysFile writes the keys of an issuer to a file.
func keysFile(t *testing.T, issuer *resourcetest.Issuer) string {
	t.Helper()
	return writeFile(t, "keys.json", string(fetch(t, issuer.URL(resourcetest.JWKS))))
}

// writeFile writes a file, and returns its name.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// fetch returns the body of a document of the issuer.
func fetch(t *testing.T, url string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var document json.RawMessage
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	return document
}

// The whole text about a token that has expired, is for another server and lacks a scope. It is the
// one in docs/explain.md.
func TestExplainText(t *testing.T) {
	issuer := resourcetest.Start(t)
	token := issuer.Token(resourcetest.Token{IssuedAt: explainedAt, Audience: "https://other.example", Scope: "mcp:read", Claims: map[string]any{"jti": "1"}})
	got := runWith(t, token+"\n", "explain", "-config", configFile(t, issuer, "  required_scopes: [mcp:write]"))
	if got.status != 1 || got.errs != "" {
		t.Fatalf("got %+v", got)
	}
	text := strings.NewReplacer(issuer.Identifier(), "https://auth.example.com", issuer.SigningKeyID(""), "2026-01", "://mcp.example/", "://mcp.example.com/").Replace(got.out)
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		switch {
		case strings.HasPrefix(line, "    want    now "):
			lines[n] = "    want    now 2026-11-30T17:35:15Z, leeway 30s"
		case strings.HasPrefix(line, "passed credential"):
			lines[n] = "passed credential: a token of 512 characters in the Authorization header field"
		}
	}
	docs, err := os.ReadFile("../../docs/explain.md")
	if err != nil {
		t.Fatal(err)
	}
	if text = strings.Join(lines, "\n"); !strings.Contains(string(docs), "```text\n"+text+"```\n") {
		t.Errorf("docs/explain.md does not have this:\n%s", text)
	}
}

// The exit status is 0 for a token that is accepted, and 1 for one that is not. With keys from a file,
// nothing is sent to the issuer.
func TestExplainStatus(t *testing.T) {
	issuer := resourcetest.Start(t)
	file := configFile(t, issuer, "  required_scopes: [read]")
	token := issuer.Token(resourcetest.Token{Audience: explainedServer, Scope: "read"})
	other := issuer.Token(resourcetest.Token{Audience: explainedServer, Scope: "write"})
	for _, row := range []struct {
		name, in string
		args     []string
		status   int
		reason   resource.Reason
	}{
		{"accepted", token, nil, 0, ""},
		{"accepted, by its identifier", "Bearer " + token + "\r\n", []string{"-resource", explainedServer}, 0, ""},
		{"accepted, with keys from a file", token, []string{"-keys", keysFile(t, issuer)}, 0, ""},
		{"rejected", other, nil, 1, resource.ReasonInsufficientScope},
		{"forged", token[:len(token)-8] + "AAAAAAAA", []string{"-keys", keysFile(t, issuer)}, 1, resource.ReasonSignatureInvalid},
	} {
		t.Run(row.name, func(t *testing.T) {
			fetched := issuer.Count(resourcetest.Any)
			got := runWith(t, row.in, append([]string{"explain", "-json", "-config", file}, row.args...)...)
			var e resource.Explanation
			if err := json.Unmarshal([]byte(got.out), &e); err != nil || got.errs != "" {
				t.Fatalf("got %+v: %v", got, err)
			}
			if got.status != row.status || e.Reason != row.reason || e.Accepted != (row.reason == "") {
				t.Errorf("got status %d and %+v, want %d and %q", got.status, e, row.status, row.reason)
			}
			if sent := issuer.Count(resourcetest.Any) - fetched; (sent == 0) != (len(row.args) > 0 && row.args[0] == "-keys") {
				t.Errorf("%d requests to the issuer", sent)
			}
			if strings.Contains(got.out, token[len(token)-40:]) {
				t.Error("the output has the signature of the token")
			}
		})
	}
}

// A request can have its own token. Otherwise, the one on standard input is used, with the scheme
// DPoP if the request has a proof.
func TestExplainRequest(t *testing.T) {
	issuer := resourcetest.Start(t)
	file := configFile(t, issuer, "  dpop_tokens: accepted", "  tool_scopes: {deploy: [admin]}")
	key := resourcetest.NewProofKey("ES256")
	bearer, bound := issuer.Token(resourcetest.Token{Audience: explainedServer}), issuer.Token(resourcetest.Token{Audience: explainedServer, ProofKey: key})
	proven, err := http.NewRequestWithContext(t.Context(), http.MethodPost, explainedServer, nil)
	if err != nil {
		t.Fatal(err)
	}
	key.SetProof(proven, bound)
	const head = "POST /mcp HTTP/1.1\nHost: mcp.example\nContent-Type: application/json\n"
	call := func(tool string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tool + `"}}`
	}
	for _, row := range []struct {
		name, in, request string
		reason            resource.Reason
	}{
		{"a tool without a rule", bearer, head + "\n" + call("echo"), ""},
		{"a tool whose scope is missing", bearer, head + "\n" + call("deploy"), resource.ReasonInsufficientScope},
		{"lines that end with CR LF", bearer, strings.ReplaceAll(head, "\n", "\r\n") + "\r\n" + call("deploy"), resource.ReasonInsufficientScope},
		{"another Content-Length", bearer, head + "Content-Length: 3\n\n" + call("deploy"), resource.ReasonInsufficientScope},
		{"a token of its own", "", head + "Authorization: Bearer " + bearer + "\n\n" + call("echo"), ""},
		{"a body that is not JSON", bearer, head + "\n{", resource.ReasonBodyMalformed},
		{"no body", bearer, head, resource.ReasonBodyMalformed},
		{"a proof", bound, head + "DPoP: " + proven.Header.Get("DPoP") + "\n\n" + call("echo"), ""},
		{"a proof, with Bearer", "Bearer " + bound, head + "DPoP: " + proven.Header.Get("DPoP") + "\n\n" + call("echo"), resource.ReasonDPoPScheme},
		{"another origin", bearer, head + "Origin: https://evil.example\n\n" + call("echo"), resource.ReasonOrigin},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := runWith(t, row.in, "explain", "-json", "-config", file, "-request", writeFile(t, "request", row.request))
			var e resource.Explanation
			if err := json.Unmarshal([]byte(got.out), &e); err != nil || got.errs != "" {
				t.Fatalf("got %+v: %v", got, err)
			}
			if e.Reason != row.reason {
				t.Errorf("got %q, want %q: %s", e.Reason, row.reason, got.out)
			}
			for _, secret := range []string{bearer, bound, proven.Header.Get("DPoP")} {
				if strings.Contains(got.out, secret[strings.LastIndexByte(secret, '.'):]) {
					t.Error("the output has a signature of the request")
				}
			}
		})
	}
}

// The store of shared_state is not opened: what it has is not known.
func TestExplainWithoutStore(t *testing.T) {
	issuer := resourcetest.Start(t)
	file := configFile(t, issuer, "  shared_state: {addresses: ['127.0.0.1:1'], keys: [a-common-key-of-at-least-32-bytes]}")
	if got := runWith(t, issuer.Token(resourcetest.Token{Audience: explainedServer}), "explain", "-config", file); got.status != 0 || !strings.HasPrefix(got.out, "accepted\n") {
		t.Errorf("got %+v", got)
	}
}

// A mistake in the arguments or in a file has exit status 2, and nothing is printed of a token.
func TestExplainArguments(t *testing.T) {
	issuer := resourcetest.Start(t)
	file := configFile(t, issuer)
	for _, row := range []struct {
		name, in string
		args     []string
		want     string
	}{
		{"no file", "x", nil, `Required flag "config" not set`},
		{"no token", "", []string{"-config", file}, "explain: standard input is empty"},
		{"a long token", strings.Repeat("a", 70_000), []string{"-config", file}, "explain: standard input has more than 65536 bytes"},
		{"-remote-addr alone", "x", []string{"-config", file, "-remote-addr", "127.0.0.1:1"}, "explain: -remote-addr has no effect without -request"},
		{"two identifiers", "x", []string{"-config", file, "-request", file, "-resource", "x"}, "explain: -resource has no effect with -request, whose path and Host select the identifier"},
		{"another server", "x", []string{"-config", file, "-resource", "https://other.example/mcp"}, "explain: -resource: is not an identifier of the server; write resource_server_url, or one of additional_resource_server_urls"},
		{"an address without a port", "x", []string{"-config", file, "-request", file, "-remote-addr", "127.0.0.1"}, "explain: -remote-addr: is not an IP address with a port, such as 192.0.2.1:443 or [2001:db8::1]:443"},
		{"keys that are not JSON", "x", []string{"-config", file, "-keys", file}, `explain: -keys: jwks: keyset: keys unavailable: last fetch failed: keyset: file "` + file + `": malformed JSON at byte 0`},
		{"not a request", "x", []string{"-config", file, "-request", file}, `explain: -request: file "` + file + `": is not an HTTP request: write the request line, such as POST /mcp HTTP/1.1, then Host and the other header fields, an empty line and the body`},
		{"chunks", "x", []string{"-config", file, "-request", "CHUNKED"}, `explain: -request: file "CHUNKED": has Transfer-Encoding: remove it, and write the body as it is`},
	} {
		t.Run(row.name, func(t *testing.T) {
			for n := range row.args {
				if row.args[n] == "CHUNKED" {
					row.args[n] = writeFile(t, "r", "POST / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n0\n\n")
					row.want = strings.Replace(row.want, "CHUNKED", row.args[n], 1)
				}
			}
			if got := runWith(t, row.in, append([]string{"explain"}, row.args...)...); got != (ran{2, "", "warder: " + row.want + "\n"}) {
				t.Errorf("got %+v, want status 2 and %q", got, row.want)
			}
		})
	}
}

// Errors about arguments do not quote a token: a user can write it there by mistake. The token is
// not from issuer, because internal/leaktest would then report the errors before run redacts them.
func TestExplainHidesArguments(t *testing.T) {
	part := func() string {
		return "eyJ" + base64.RawURLEncoding.EncodeToString([]byte(rand.Text()+rand.Text()+rand.Text()))
	}
	file, token := configFile(t, resourcetest.Start(t)), part()+"."+part()+"."+part()
	inFile := writeFile(t, "token", token)
	for _, args := range [][]string{
		{token}, {"explain", token}, {"explain", "-config", file, token}, {"explain", "-config", file, "Bearer " + token}, {"explain", "-json=" + token}, {"explain", "-token", token}, {"explain", "-" + token},
		{"explain", "-config", token}, {"explain", "-config", file, "-secrets", token}, {"explain", "-config", file, "-keys", token}, {"explain", "-config", file, "-request", token},
		{"explain", "-config", file, "-resource", token}, {"explain", "-config", file, "-request", file, "-remote-addr", token},
		{"explain", "-config", inFile}, {"explain", "-config", file, "-secrets", inFile}, {"explain", "-config", file, "-keys", inFile}, {"explain", "-config", file, "-request", inFile},
		{"check", "-config", file, token},
	} {
		got := runWith(t, token, args...)
		if got.status != 2 || got.out != "" || !strings.HasPrefix(got.errs, "warder: ") {
			t.Errorf("%q: got %+v", args, got)
		}
		for part := range strings.SplitSeq(token, ".") {
			if strings.Contains(got.errs, part[:16]) {
				t.Errorf("%q: the token is in %s", args, got.errs)
			}
		}
	}
}

// A request can have no token: it has an API key, or it is for a public operation.
func TestExplainRequestWithoutToken(t *testing.T) {
	issuer := resourcetest.Start(t)
	file := configFile(t, issuer, "  public_operations: [ping]")
	const head = "POST /mcp HTTP/1.1\nHost: mcp.example\nContent-Type: application/json\n\n"
	for _, row := range []struct {
		name, in, body string
		status         int
		reason         resource.Reason
	}{
		{"a public operation", "", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, 0, ""},
		{"another operation", "", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, 1, resource.ReasonMissingCredentials},
		{"a token with a space at the end", issuer.Token(resourcetest.Token{Audience: explainedServer}) + " \n", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, 0, ""},
	} {
		got := runWith(t, row.in, "explain", "-json", "-config", file, "-request", writeFile(t, "request", head+row.body))
		var e resource.Explanation
		if err := json.Unmarshal([]byte(got.out), &e); err != nil || got.status != row.status || e.Reason != row.reason || got.errs != "" {
			t.Errorf("%s: got %+v, %q: %v", row.name, got, e.Reason, err)
		}
		if row.status == 0 && (strings.Contains(got.out, `"status"`) || strings.Contains(got.out, `"unverified"`)) {
			t.Errorf("%s: members without a value in %s", row.name, got.out)
		}
	}
}

// What is not verified is marked in the first line of a check.
func TestExplainTextOfUnverified(t *testing.T) {
	issuer := resourcetest.Start(t)
	token := issuer.Token(resourcetest.Token{Audience: explainedServer, Claims: map[string]any{"exp": resourcetest.Remove}, Fault: resourcetest.WrongSignature})
	got := runWith(t, token, "explain", "-config", configFile(t, issuer))
	const want = "\nfailed required claims: claim_missing (unverified)\n    want    exp\n    source  RFC 9068 §2.2\n"
	if got.status != 1 || !strings.Contains(got.out, want) {
		t.Errorf("got %+v, want %q in it", got, want)
	}
}
