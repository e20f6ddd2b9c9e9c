package config_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/apikey"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Each key about logins decides about a call: a token that passes, and tokens that do not.
func TestAuthenticationKeys(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Audience: identifier})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	const deploy, read = `{"name":"deploy"}`, `{"uri":"doc://a/b"}`
	const challenge = `401 Bearer resource_metadata="https://mcp.example.test/.well-known/oauth-protected-resource/mcp", error="insufficient_user_authentication", ` +
		`error_description="The login of the user is not strong or recent enough for this request"`
	now := time.Now()
	type claims = map[string]any
	acr, age := claims{"acr": "gold"}, claims{"auth_time": now.Unix()}
	for _, row := range []struct {
		lines          string
		method, params string
		pass, fail     claims
		want           string // parameters of the challenge
	}{
		{"  required_authentication: {acr_values: [gold, silver]}", "ping", `{}`, acr, claims{"acr": "bronze"}, `, acr_values="gold silver"`},
		{"  required_authentication: {max_age_seconds: 300}", "ping", `{}`, age, claims{"auth_time": now.Add(-time.Hour).Unix()}, `, max_age="300"`},
		{"  required_authentication: {acr_values: ['${ACR}'], max_age_seconds: \"${AGE}\"}", "ping", `{}`, claims{"acr": "gold", "auth_time": now.Unix()}, acr, `, acr_values="gold", max_age="60"`},
		{"  method_authentication: {tools/call: {acr_values: [gold]}}", "tools/call", deploy, acr, nil, `, acr_values="gold"`},
		{"  tool_authentication: {deploy: {acr_values: [gold], max_age_seconds: 1}, echo: {max_age_seconds: 60}}", "tasks/get", `{"taskId":"1"}`, claims{"acr": "gold", "auth_time": now.Unix()}, acr, `, acr_values="gold", max_age="1"`},
		{"  tool_authentication: {deploy: {acr_values: [gold]}}", "tools/call", deploy, acr, nil, `, acr_values="gold"`},
		{"  prompt_authentication: {x: {max_age_seconds: 315360000}}", "prompts/get", `{"name":"x"}`, age, claims{"auth_time": 0}, `, max_age="315360000"`},
		{"  resource_authentication: [{uri: 'doc://a/b', acr_values: [gold]}]", "resources/read", read, acr, nil, `, acr_values="gold"`},
		{"  resource_authentication: [{prefix: 'doc://a/', max_age_seconds: 60}]", "resources/read", read, age, nil, `, max_age="60"`},
		{"  resource_authentication: [{template: 'doc://a/{x}', acr_values: [gold]}]", "resources/read", read, acr, nil, `, acr_values="gold"`},
	} {
		s := newServerWithEnviron(t, issuer, []string{"ACR=gold", "AGE=60"}, row.lines)
		for name, one := range map[string]struct {
			claims claims
			want   string
		}{"pass": {row.pass, "200 "}, "fail": {row.fail, challenge + row.want}, "absent": {nil, challenge + row.want}} {
			status, got := s.call("Authorization", "Bearer "+issuer.Token(resourcetest.Token{Claims: one.claims}), row.method, row.params)
			if got := fmt.Sprint(status, " ", got); got != one.want {
				t.Errorf("%s: %s:\n got %s\nwant %s", row.lines, name, got, one.want)
			}
		}
	}
	key, digest := apikey.Generate("k_")
	keys := fmt.Sprintf(`{"keys": [{"id": "ci", "sha256": %q, "subject": "ci", "scopes": []}]}`, digest)
	s := newTestServer(t, issuer, map[string]string{"keys.json": keys}, "  api_keys_file: keys.json", "  tool_authentication: {deploy: {acr_values: [gold]}}")
	for tool, want := range map[string]int{"deploy": 403, "echo": 200} {
		if status, challenge := s.call("X-API-Key", key, "tools/call", `{"name":"`+tool+`"}`); status != want || challenge != "" {
			t.Errorf("an API key, %s: got %d %s, want %d", tool, status, challenge, want)
		}
	}
}

// Overrides in the environment are JSON, and variables in them are not replaced.
func TestAuthenticationInTheEnvironment(t *testing.T) {
	got, err := config.Read(textConfig(block("  required_authentication: {acr_values: [a], max_age_seconds: 1}"),
		`AUTHORIZATION__REQUIRED_AUTHENTICATION={"acr_values":["${A}"]}`,
		`AUTHORIZATION__TOOL_AUTHENTICATION={"deploy":{"max_age_seconds":60}}`,
		`AUTHORIZATION__RESOURCE_AUTHENTICATION=[{"uri":"doc://a","acr_values":["b"],"max_age_seconds":5}]`))
	if err != nil {
		t.Fatal(err)
	}
	one, five, sixty := 1, 5, 60
	// Mappings of two sources are merged by key.
	if want := (&config.Authentication{ACRValues: []string{"${A}"}, MaxAge: &one}); !reflect.DeepEqual(got.RequiredAuthentication, want) {
		t.Errorf("got %+v, want %+v", got.RequiredAuthentication, want)
	}
	if want := map[string]config.Authentication{"deploy": {MaxAge: &sixty}}; !reflect.DeepEqual(got.ToolAuthentication, want) {
		t.Errorf("got %+v, want %+v", got.ToolAuthentication, want)
	}
	if want := []config.ResourceAuthentication{{URI: "doc://a", ACRValues: []string{"b"}, MaxAge: &five}}; !reflect.DeepEqual(got.ResourceAuthentication, want) {
		t.Errorf("got %+v, want %+v", got.ResourceAuthentication, want)
	}
}

// Mistakes name the key and its line.
func TestAuthenticationMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"  required_authentication: {}":                                                               "text:4: required_authentication: has neither acr_values nor max_age_seconds; add one of them or remove the key",
		"  required_authentication: {max_age_seconds: 0}":                                             "text:4: required_authentication.max_age_seconds: must be a whole number from 1 to 315360000",
		"  required_authentication: {max_age_seconds: 315360001}":                                     "text:4: required_authentication.max_age_seconds: must be a whole number from 1 to 315360000",
		"  required_authentication: {max_age_seconds: 1.5}":                                           "text:4: required_authentication.max_age_seconds: must be a whole number from 1 to 315360000",
		"  required_authentication: {acr_values: gold}":                                               "text:4: required_authentication.acr_values: is not a list; write [a, b]",
		"  required_authentication: {acr_values: []}":                                                 "text:4: required_authentication: no acr values, which accepts no token; name one, or omit the list to accept every token",
		"  required_authentication: {acr_values: [a b]}":                                              `text:4: required_authentication: acr value "a b": use printable ASCII without space, quote and backslash, because challenges separate the values by spaces (RFC 9470 §3)`,
		"  required_authentication: [a]":                                                              "text:4: required_authentication: is not a mapping of keys",
		"  required_authentication: {acr: [a]}":                                                       "text:4: required_authentication.acr: unknown key; did you mean acr_values?",
		"  tool_authentication: {x: {}}":                                                              `text:4: tool_authentication["x"]: has neither acr_values nor max_age_seconds; add one of them or remove the key`,
		"  tool_authentication: [x]":                                                                  "text:4: tool_authentication: is not a mapping; write name: {key: value}",
		"  tool_authentication: {x: [gold]}":                                                          `text:4: tool_authentication["x"]: is not a mapping of keys`,
		"  tool_authentication: {x: {acr_values: [a, a]}}":                                            `text:4: tool_authentication["x"]: duplicate acr value "a"`,
		"  method_authentication: {ping: {acr_values: [1]}}":                                          `text:4: method_authentication["ping"].acr_values[0]: is not a string; put it in quotes`,
		"  prompt_authentication: {'': {acr_values: [a]}}":                                            "text:4: prompt_authentication: empty name",
		"  resource_authentication: [{uri: 'doc://a'}]":                                               "text:4: resource_authentication[0]: has neither acr_values nor max_age_seconds; add one of them or remove the key",
		"  resource_authentication: [{acr_values: [a]}]":                                              "text:4: resource_authentication[0]: set exactly one of uri, prefix and template",
		"  required_authentication: {acr_values: [a]}\n  tool_authentication: {x: {acr_values: [b]}}": `text:5: tool_authentication["x"]: none of the acr values is in required_authentication (in Go: Credentials.Authentication), so no login is enough for both; add one there, or remove these`,
		"  public_tools: [x]\n  tool_authentication: {x: {acr_values: [b]}}":                          `text:4: public_tools[0]: "x" needs a login of a user; an operation cannot need a login and be public`,
	} {
		if got := mistakesOf(t, textConfig(block(line))); got != want {
			t.Errorf("%s:\n got %s\nwant %s", line, got, want)
		}
	}
}
