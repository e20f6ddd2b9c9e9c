package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // many tests cause rejections
	os.Exit(m.Run())
}

// start runs the program on a free port and returns the URL that it prints. At the end
// of the test it interrupts the program and checks the exit status.
func start(t *testing.T) (url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	var errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		status := run(ctx, []string{"-listen", "127.0.0.1:0"}, in, &errs)
		in.Close()
		ended <- status
	}()
	t.Cleanup(func() {
		cancel()
		if status := <-ended; status != 0 {
			t.Errorf("after Ctrl-C: got status %d, want 0; %s", status, &errs)
		}
	})
	printed := make([]byte, 4096)
	for text := ""; ; {
		n, err := out.Read(printed)
		if text += string(printed[:n]); err != nil {
			t.Fatalf("the program exited; output %q, error output %q", text, &errs)
		}
		if found := regexp.MustCompile(`suite:\n\n  (\S+)\n\n$`).FindStringSubmatch(text); found != nil {
			go io.Copy(io.Discard, out)
			return found[1]
		}
	}
}

// operations is the table of conformance issue 480: for each operation its parameters,
// the scopes of its single challenge in order, and part of its result.
var operations = []struct{ method, params, name, scopes, result string }{
	{"tools/call", `"name":"test_simple_text"`, "test_simple_text",
		"mcp:conformance:tools:call mcp:conformance:tools:test_simple_text", `"text":"This is a simple text response for testing."`},
	{"resources/read", `"uri":"test://static-text"`, "test://static-text",
		"mcp:conformance:resources:read mcp:conformance:resources:static", `"text":"This is the content of the static text resource."`},
	{"resources/read", `"uri":"test://template/123/data"`, "test://template/123/data",
		"mcp:conformance:resources:read mcp:conformance:resources:template:123", `"text":"{\"id\":\"123\",\"templateTest\":true,\"data\":\"Data for ID: 123\"}"`},
	{"prompts/get", `"name":"test_simple_prompt"`, "test_simple_prompt",
		"mcp:conformance:prompts:get mcp:conformance:prompts:test_simple_prompt", `"text":"This is a simple prompt for testing."`},
}

const meta20260728 = `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"suite","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`

func TestOperations(t *testing.T) {
	url := start(t)
	bare := `Bearer resource_metadata="` + strings.TrimSuffix(url, "/mcp") + `/.well-known/oauth-protected-resource/mcp", scope="`
	for _, row := range operations {
		for _, version := range []string{"", "2025-03-26", "2025-11-25", "2026-07-28"} {
			body := `{"jsonrpc":"2.0","id":1,"method":"` + row.method + `","params":{` + row.params
			header := http.Header{}
			if version != "" {
				header.Set("Mcp-Protocol-Version", version)
			}
			if version == "2026-07-28" {
				body += meta20260728
				header.Set("Mcp-Method", row.method)
				header.Set("Mcp-Name", row.name)
			}
			body += `}}`
			for _, tt := range []struct {
				token     string
				status    int
				challenge string // the only challenge; "": none
			}{
				{"", 401, bare + baseline + `"`},
				{"mcp-conformance-scope-other", 401, bare + baseline + `", error="invalid_token", error_description="The access token is invalid"`},
				{lowToken, 403, bare + row.scopes + `", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`},
				{fullToken, 200, ""},
			} {
				status, challenges, response := post(t, url, tt.token, body, header)
				if got := strings.Join(challenges, "|"); status != tt.status || got != tt.challenge {
					t.Errorf("%s %s, version %q, token %q:\n got %d %s\nwant %d %s", row.method, row.name, version, tt.token, status, got, tt.status, tt.challenge)
				}
				if strings.Contains(response, row.result) != (tt.status == 200) {
					t.Errorf("%s %s, version %q, token %q: got response %s", row.method, row.name, version, tt.token, response)
				}
			}
		}
	}
}

func post(t *testing.T, url, token, request string, header http.Header) (status int, challenges []string, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(request))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header["Www-Authenticate"], string(text)
}

// Operations that are not in the table are denied, even with the full token.
func TestUndeclaredOperations(t *testing.T) {
	url := start(t)
	for _, uri := range []string{"test://template/124/data", "test://template/1%323/data", "test://static-binary"} {
		status, challenges, response := post(t, url, fullToken, `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"`+uri+`"}}`, http.Header{})
		if want := `{"jsonrpc":"2.0","id":1,"error":{"code":403,"message":"No rule permits the operation. Ask the operator of this server to permit it","data":{"error_description":"No rule permits the operation"}}}` + "\n"; status != 403 || challenges != nil || response != want {
			t.Errorf("%s: got %d %q %s, want 403 %s", uri, status, challenges, response, want)
		}
	}
}

// The SDK's client can connect with the low token as well as with the full token.
func TestConnect(t *testing.T) {
	url := start(t)
	for _, version := range []string{"2025-11-25", "2026-07-28"} {
		for token, want := range map[string]int{lowToken: 0, fullToken: 1} {
			client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
			session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
				Endpoint: url, HTTPClient: &http.Client{Transport: bearer(token)}, DisableStandaloneSSE: true,
			}, &mcp.ClientSessionOptions{ProtocolVersion: version})
			if err != nil {
				t.Fatalf("%s: %v", token, err)
			}
			tools, err := session.ListTools(t.Context(), &mcp.ListToolsParams{})
			if err != nil || len(tools.Tools) != want {
				t.Errorf("%s: got tools %+v, %v, want %d", token, tools, err, want)
			}
			session.Close()
		}
	}
}

type bearer string

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(req)
}

func TestFlags(t *testing.T) {
	for _, tt := range []struct {
		name   string
		args   []string
		status int
	}{
		{"unknown flag", []string{"-port", "1"}, 2},
		{"help", []string{"-h"}, 0},
		{"invalid address", []string{"-listen", "nowhere"}, 1},
	} {
		var out, errs bytes.Buffer
		if got := run(t.Context(), tt.args, &out, &errs); got != tt.status || out.Len() > 0 || errs.Len() == 0 {
			t.Errorf("%s: got status %d, output %q and error output %q, want status %d, no output and some error output", tt.name, got, &out, &errs, tt.status)
		}
	}
}
