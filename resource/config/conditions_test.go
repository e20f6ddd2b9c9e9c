package config_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/apikey"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// call sends a message with a header field, and returns the status and the challenge.
func (s *testServer) call(field, value, method, params string) (status int, challenge string) {
	body := `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + params + `}`
	w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(field, value)
	s.handler.ServeHTTP(w, req)
	return w.Code, w.Header().Get("WWW-Authenticate")
}

// Each key about conditions and arguments decides about a call: a token that passes, and the same
// token with the change that makes it fail.
func TestConditionKeys(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Audience: identifier})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	key, digest := apikey.Generate("k_")
	keys := fmt.Sprintf(`{"keys": [{"id": "ci", "sha256": %q, "subject": "ci", "scopes": []}]}`, digest)
	const deploy, read = `{"name":"deploy","arguments":{"env":"prod"}}`, `{"uri":"doc://a/b"}`
	type claims = map[string]any
	for _, row := range []struct {
		lines          string
		method, params string
		pass, fail     claims
	}{
		{"  conditions: [{claim: owner, equals: acme}]", "ping", `{}`, claims{"owner": "acme"}, claims{"owner": "acme-evil"}},
		{"  conditions: [{claim: n, equals: 1}]", "ping", `{}`, claims{"n": 1}, claims{"n": "1"}},
		{"  conditions: [{claim: n, equals: '1'}]", "ping", `{}`, claims{"n": "1"}, claims{"n": 1}},
		{"  conditions: [{claim: n, equals: true}]", "ping", `{}`, claims{"n": true}, claims{"n": "true"}},
		{"  conditions: [{claim: n, equals: \"true\"}]", "ping", `{}`, claims{"n": "true"}, claims{"n": true}},
		{"  conditions: [{claim: n, equals: \"${N}\"}]", "ping", `{}`, claims{"n": "7"}, claims{"n": 7}},
		{"  conditions: [{claim: n, equals: '$${N}'}]", "ping", `{}`, claims{"n": "${N}"}, claims{"n": "7"}},
		{"  conditions: [{claim: n, one_of: [a, 2, false]}]", "ping", `{}`, claims{"n": false}, claims{"n": "2"}},
		{"  conditions: [{claim: /a/b, contains: x}]", "ping", `{}`, claims{"a": claims{"b": []string{"w", "x"}}}, claims{"a": claims{"b": "x"}}},
		{"  conditions: [{claim: n, contains_one_of: [x, 3]}]", "ping", `{}`, claims{"n": []int{3}}, claims{"n": []string{"3"}}},
		{"  conditions: [{claim: p, path_prefix: acme/platform}]", "ping", `{}`, claims{"p": "acme/platform/x"}, claims{"p": "acme/platform-x"}},
		{"  conditions: [{claim: d, contains_detail: {type: x}}]", "ping", `{}`, claims{"d": []claims{{"type": "x"}}}, claims{"d": []claims{{"type": "y"}}}},
		{"  conditions: [{claim: d, contains_detail: {type: \"${N}\", actions: [r, w]}}]", "ping", `{}`, claims{"d": []claims{{"type": "7", "actions": []string{"w", "r"}}}}, claims{"d": []claims{{"type": "7", "actions": []string{"r"}}}}},
		{"  conditions: [{claim: d, contains_detail: {type: x, datatypes: [a]}}]", "ping", `{}`, claims{"d": []claims{{"type": "x", "datatypes": []string{"a"}}}}, claims{"d": []claims{{"type": "x", "actions": []string{"a"}}}}},
		{"  conditions: [{claim: d, contains_detail: {type: x, privileges: [a]}}]", "ping", `{}`, claims{"d": []claims{{"type": "x", "privileges": []string{"a"}}}}, claims{"d": []claims{{"type": "x", "datatypes": []string{"a"}}}}},
		{"  conditions: [{claim: d, contains_detail: {type: x, identifier: a}}]", "ping", `{}`, claims{"d": []claims{{"type": "x", "identifier": "a"}}}, claims{"d": []claims{{"type": "x", "identifier": "b"}}}},
		{"  tool_conditions: {deploy: [{claim: authorization_details, contains_detail: {type: x}}]}", "tools/call", deploy,
			claims{"authorization_details": []claims{{"type": "x", "locations": []string{identifier}}}}, claims{"authorization_details": []claims{{"type": "x", "locations": []string{"https://b.test"}}}}},
		{"  conditions: [{claim: a, equals: 1}, {claim: b, equals: 2}]", "ping", `{}`, claims{"a": 1, "b": 2}, claims{"a": 1}},
		{"  required_conditions: [{claim: a, equals: 1}]", "ping", `{}`, claims{"a": 1}, nil},
		{"  method_conditions: {tools/call: [{claim: a, equals: 1}]}", "tools/call", deploy, claims{"a": 1}, nil},
		{"  tool_conditions: {deploy: [{claim: a, equals: 1}]}", "tools/call", deploy, claims{"a": 1}, nil},
		{"  tool_conditions: {deploy: [{claim: a, equals: 1}]}", "tasks/get", `{"taskId":"1"}`, claims{"a": 1}, nil},
		{"  prompt_conditions: {x: [{claim: a, equals: 1}]}", "prompts/get", `{"name":"x"}`, claims{"a": 1}, nil},
		{"  resource_conditions: [{uri: 'doc://a/b', conditions: [{claim: a, equals: 1}]}]", "resources/read", read, claims{"a": 1}, nil},
		{"  resource_conditions: [{prefix: 'doc://a/', conditions: [{claim: a, equals: 1}]}]", "resources/read", read, claims{"a": 1}, nil},
		{"  resource_conditions: [{template: 'doc://a/{x}', conditions: [{claim: a, equals: 1}]}]", "resources/read", read, claims{"a": 1}, nil},
	} {
		s := newServerWithEnviron(t, issuer, []string{"N=7"}, row.lines)
		for name, one := range map[string]struct {
			claims claims
			want   int
		}{"pass": {row.pass, 200}, "fail": {row.fail, 403}, "absent": {nil, 403}} {
			status, challenge := s.call("Authorization", "Bearer "+issuer.Token(resourcetest.Token{Claims: one.claims}), row.method, row.params)
			if status != one.want || challenge != "" {
				t.Errorf("%s: %s: got %d %s, want %d; log: %s", row.lines, name, status, challenge, one.want, s.log)
			}
		}
	}

	// API keys have the claims iss, sub, client_id, scope and no others.
	for line, want := range map[string]int{
		"  conditions: [{claim: sub, equals: alice}]":           200,
		"  required_conditions: [{claim: sub, equals: ci}]":     200,
		"  required_conditions: [{claim: sub, equals: ci2}]":    403,
		"  tool_conditions: {deploy: [{claim: a, equals: 1}]}":  403,
		"  tool_conditions: {destroy: [{claim: a, equals: 1}]}": 200,
	} {
		s := newTestServer(t, issuer, map[string]string{"keys.json": keys}, "  api_keys_file: keys.json", line)
		if status, challenge := s.call("X-API-Key", key, "tools/call", deploy); status != want || challenge != "" {
			t.Errorf("%s: an API key: got %d %s, want %d", line, status, challenge, want)
		}
	}
}

// newServerWithEnviron is newTestServer with environment variables.
func newServerWithEnviron(t *testing.T, issuer *resourcetest.Issuer, environ []string, lines ...string) *testServer {
	t.Helper()
	s := newTestServer(t, issuer, nil)
	live, err := config.New(config.Config{Text: []byte(s.settings(lines...)), Environ: environ, Transport: issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	s.use(live)
	return s
}

func TestArgumentKeys(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Audience: identifier})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	const rule = "  argument_scopes:\n    - tool: deploy\n      argument: env\n      values: {dev: [], staging: [deploy:staging], prod: [deploy:prod]}\n"
	const challenge = `Bearer resource_metadata="https://mcp.example.test/.well-known/oauth-protected-resource/mcp", scope="`
	const missing = `", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`
	for _, row := range []struct {
		lines, env string
		want       string
	}{
		{rule, "dev", "200 "},
		{rule, "prod", "403 " + challenge + "deploy:prod" + missing},
		{rule, "other", "403 " + challenge + "deploy:prod deploy:staging" + missing},
		{rule + "      others: need_all", "other", "403 " + challenge + "deploy:prod deploy:staging" + missing},
		{rule + "      others: reject", "other", "403 "},
		{rule + "      others: reject", "dev", "200 "},
	} {
		s := newTestServer(t, issuer, nil, row.lines)
		status, challenge := s.call("Authorization", "Bearer "+issuer.Token(resourcetest.Token{}), "tools/call", `{"name":"deploy","arguments":{"env":"`+row.env+`"}}`)
		if got := fmt.Sprint(status, " ", challenge); got != row.want {
			t.Errorf("%s: %s:\n got %s\nwant %s", row.lines, row.env, got, row.want)
		}
	}
}

// An override in the environment is JSON and keeps the types of values, and variables in it are
// not replaced.
func TestConditionsInTheEnvironment(t *testing.T) {
	got, err := config.Read(textConfig(block("  conditions: [{claim: a, equals: x}]"),
		`AUTHORIZATION__CONDITIONS=[{"claim":"a","one_of":["1",1,true,"true","${A}"]}]`,
		`AUTHORIZATION__TOOL_CONDITIONS={"deploy":[{"claim":"b","equals":-5},{"claim":"c","contains_detail":{"type":"${A}","actions":["r"]}}]}`,
		`AUTHORIZATION__ARGUMENT_SCOPES=[{"tool":"deploy","argument":"env","values":{"prod":["p"]}}]`))
	if err != nil {
		t.Fatal(err)
	}
	want := []config.Condition{{Claim: "a", OneOf: []any{"1", int64(1), true, "true", "${A}"}}}
	if !reflect.DeepEqual(got.Conditions, want) {
		t.Errorf("got %#v, want %#v", got.Conditions, want)
	}
	detail := &config.DetailCondition{Type: "${A}", Actions: []string{"r"}}
	if want := map[string][]config.Condition{"deploy": {{Claim: "b", Equals: int64(-5)}, {Claim: "c", ContainsDetail: detail}}}; !reflect.DeepEqual(got.ToolConditions, want) {
		t.Errorf("got %#v, want %#v", got.ToolConditions, want)
	}
	if len(got.ArgumentScopes) != 1 || got.ArgumentScopes[0].Values["prod"][0] != "p" {
		t.Errorf("got %#v", got.ArgumentScopes)
	}
}

// A reload applies changed conditions at once, also to cached tokens.
func TestReloadOfConditions(t *testing.T) {
	withServer(t, nil, []string{"  conditions: [{claim: a, equals: x}]"}, func(t *testing.T, s *testServer) {
		token := s.issuer.Token(resourcetest.Token{Audience: identifier, Claims: map[string]any{"a": "x"}})
		for _, step := range []struct {
			line string
			want int
		}{
			{"", 200},
			{"  conditions: [{claim: a, equals: y}]", 403},
			{"  conditions: [{claim: a, equals: x}]", 200},
			{"  required_conditions: [{claim: b, equals: x}]", 403},
			{"  resource_name: a", 200},
		} {
			if step.line != "" {
				s.write("a.yaml", s.settings(step.line))
				s.waitForReload(1)
			}
			for range 2 {
				if status, _ := s.send(token); status != step.want {
					t.Errorf("%s: got %d, want %d", step.line, status, step.want)
				}
			}
		}
	})
}
