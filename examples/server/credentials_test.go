package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// whoami calls the tool with a header field and returns the status and the body.
func whoami(t *testing.T, url, field, value string) (int, string) {
	t.Helper()
	body := strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	req.Header.Set(field, value)
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(got)
}

func file(t *testing.T, text string) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestIntrospection(t *testing.T) {
	issuer := resourcetest.Start(t)
	flags := []string{"-issuer", issuer.Identifier(), "-client-id", resourcetest.DefaultClientID,
		"-client-secret-file", file(t, resourcetest.DefaultClientSecret+"\n")}
	noAudience := resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Remove}}
	for _, row := range []struct {
		name        string
		flags       []string
		token       resourcetest.Token
		opaque, jwt int // status for a token of this kind
		calls       int // introspection calls
	}{
		{"opaque tokens", []string{"-introspect", "opaque"}, resourcetest.Token{}, 200, 200, 1},
		{"all tokens", []string{"-introspect", "all"}, resourcetest.Token{}, 200, 200, 2},
		{"endpoint URL", []string{"-introspect", "all", "-introspection-url", issuer.URL(resourcetest.Introspection)}, resourcetest.Token{}, 200, 200, 2},
		{"token for another server", []string{"-introspect", "opaque"}, resourcetest.Token{Audience: "https://other.example/mcp"}, 401, 401, 1},
		{"token for an additional audience", []string{"-introspect", "opaque", "-audience", "api://one"}, resourcetest.Token{Audience: "api://one"}, 200, 200, 1},
		{"token without an audience", []string{"-introspect", "opaque"}, noAudience, 401, 401, 1},
		{"token without an audience, trusted", []string{"-introspect", "opaque", "-trust-answers-without-audience"}, noAudience, 200, 401, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			url := start(t, append(row.flags, flags...)...)
			if row.token.Audience == "" && row.token.Claims == nil {
				row.token.Audience = url
			}
			before := issuer.Count(resourcetest.Introspection)
			if status, body := get(t, url, issuer.OpaqueToken(row.token)); status != row.opaque {
				t.Errorf("opaque: got %d %s, want %d", status, body, row.opaque)
			}
			if status, body := get(t, url, issuer.Token(row.token)); status != row.jwt {
				t.Errorf("JWT: got %d %s, want %d", status, body, row.jwt)
			}
			if calls := issuer.Count(resourcetest.Introspection) - before; calls != row.calls {
				t.Errorf("got %d introspection calls, want %d", calls, row.calls)
			}
		})
	}
}

// The printed key is accepted if the printed entry is in the key file.
func TestAPIKeys(t *testing.T) {
	issuer := resourcetest.Start(t)
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"-new-api-key", "ci", "-scopes", "mcp:tools"}, &out, &errs); status != 0 || errs.Len() > 0 {
		t.Fatalf("got status %d and %q, want 0 and no error output", status, &errs)
	}
	printed := regexp.MustCompile(`(?s)^API key for the client. .*\n\n  (mcp_[\w-]{43})\n\nEntry for .*\n\n  (\{.*\})\n$`).FindStringSubmatch(out.String())
	if printed == nil {
		t.Fatalf("unexpected output %s", &out)
	}
	key, keys := printed[1], file(t, `{"keys":[`+printed[2]+`]}`)
	const name = "You are ci of api-keys; your token grants mcp:tools."
	for _, row := range []struct {
		name   string
		flags  []string
		field  string
		value  string
		status int
	}{
		{"default header field", nil, "X-API-Key", key, 200},
		{"configured header field", []string{"-api-key-header", "X-Build"}, "X-Build", key, 200},
		{"default field when another is configured", []string{"-api-key-header", "X-Build"}, "X-API-Key", key, 401},
		{"Bearer token without prefix enabled", nil, "Authorization", "Bearer " + key, 401},
		{"Bearer token with prefix enabled", []string{"-api-key-prefix", "mcp_"}, "Authorization", "Bearer " + key, 200},
		{"header field disabled", []string{"-api-key-prefix", "mcp_", "-api-key-header", ""}, "X-API-Key", key, 401},
		{"another key", nil, "X-API-Key", key + "A", 401},
		{"key without a required scope", []string{"-scopes", "mcp:more"}, "X-API-Key", key, 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			url := start(t, append(row.flags, "-issuer", issuer.Identifier(), "-api-keys", keys)...)
			status, body := whoami(t, url, row.field, row.value)
			if status != row.status || strings.Contains(body, name) != (status == 200) {
				t.Errorf("got %d %s, want %d", status, body, row.status)
			}
		})
	}
}

func TestInvalidCredentialFlags(t *testing.T) {
	secret, empty := file(t, "secret"), file(t, "\n")
	introspect := []string{"-issuer", "https://auth.example", "-introspect", "opaque", "-client-id", "mcp"}
	for _, row := range []struct {
		name string
		args []string
		want string // prefix of the error
	}{
		{"unknown -introspect value", []string{"-issuer", "https://auth.example", "-introspect", "jwt"}, `-introspect: got "jwt", want opaque or all`},
		{"missing client secret", introspect, "-introspect requires -client-id and -client-secret-file"},
		{"secret file does not exist", append(introspect, "-client-secret-file", secret+"x"), "-client-secret-file: open "},
		{"empty secret file", append(introspect, "-client-secret-file", empty), "-client-secret-file: file "},
		{"invalid introspection URL", append(introspect, "-client-secret-file", secret, "-introspection-url", "auth"), "-issuer, -introspection-url, -client-id: introspect: configuration: "},
		{"client ID without introspection", []string{"-issuer", "https://auth.example", "-client-id", "mcp"}, "-introspection-url, -client-id, -client-secret-file and -trust-answers-without-audience require -introspect"},
		{"-jwks with -introspect all", []string{"-issuer", "https://auth.example", "-introspect", "all", "-client-id", "mcp", "-client-secret-file", secret, "-jwks", "https://auth.example/keys"}, "-jwks has no effect with -introspect all"},
		{"API keys with neither header nor prefix", []string{"-issuer", "https://auth.example", "-api-keys", secret, "-api-key-header", ""}, "-api-keys requires -api-key-header or -api-key-prefix"},
		{"prefix without API keys", []string{"-issuer", "https://auth.example", "-api-key-prefix", "mcp_"}, "-api-key-prefix requires -api-keys"},
		{"invalid API key file", []string{"-issuer", "https://auth.example", "-api-keys", secret}, "-api-keys: apikey: file "},
		{"prefix too short", []string{"-issuer", "https://auth.example", "-api-keys", file(t, `{"keys":[]}`), "-api-key-prefix", "k"}, `-resource, -scopes, -tool-scopes, -audience, -allow-origin: resource: configuration: Credentials.Prefixed["k"]: `},
		{"new key with invalid prefix characters", []string{"-new-api-key", "ci", "-api-key-prefix", "a b"}, "-api-key-prefix: "},
		{"new key with the prefix of a JWT", []string{"-new-api-key", "ci", "-api-key-prefix", "eyK"}, "-api-key-prefix: "},
		{"new key with an invalid ID", []string{"-new-api-key", "a b"}, "-new-api-key, -scopes: apikey: configuration: Keys[0]: id: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			status := run(t.Context(), append([]string{"-listen", "127.0.0.1:0"}, row.args...), &out, &errs)
			if status != 2 || out.Len() > 0 || !strings.HasPrefix(errs.String(), "server: "+row.want) {
				t.Errorf("got status %d, output %q and error output\n     %s\nwant status 2, no output and error output\nserver: %s...", status, &out, &errs, row.want)
			}
		})
	}
}
