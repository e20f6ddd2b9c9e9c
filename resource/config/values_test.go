package config_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/config"
)

func TestVariables(t *testing.T) {
	for _, row := range []struct {
		name  string
		value string
		vars  []string
		want  string // the value, or ! and the mistakes
	}{
		{"one variable", "${A}", []string{"A=x"}, "x"},
		{"two variables with other text", "-${A}-${B}-", []string{"A=x", "B=y"}, "-x-y-"},
		{"default", "${A:-x y}", nil, "x y"},
		{"default for an empty variable", "${A:-x}", []string{"A="}, "x"},
		{"default that is not needed", "${A:-x}", []string{"A=y"}, "y"},
		{"literal dollar signs", "$ $A $${A} $$", nil, "$ $A ${A} $$"},
		{"values are not expanded again", "${A}", []string{"A=${B}", "B=x"}, "${B}"},
		{"YAML syntax in a value", "${A}", []string{"A=x: [y] # {z}, *a &b !c"}, "x: [y] # {z}, *a &b !c"},
		{"number in a value", "${A}", []string{"A=7"}, "7"},
		{"null in a value", "${A}", []string{"A=null"}, "null"},
		{"key in a value", "${A}", []string{"A=x\n  enabled: false"}, "!text:4: client_id: has a line break"},
		{"variable that is not set", "${A}", nil, "!text:4: client_id: environment variable A is not set; set it or write ${A:-default}"},
		{"empty variable", "${A}", []string{"A="}, "!text:4: client_id: is empty; set a value or remove it"},
		{"no closing brace", "${A", nil, "!text:4: client_id: ${ without }; write $${ for a literal ${"},
		{"no name", "${}", nil, "!text:4: client_id: ${ is not followed by a variable name; write ${NAME} or ${NAME:-default}, or $${ for a literal ${"},
		{"nested variable", "${A:-${B}}", []string{"B=x"}, "${B}"},
		{"unsupported shell syntax", "${A-x}", nil, "!text:4: client_id: ${ is not followed by a variable name; write ${NAME} or ${NAME:-default}, or $${ for a literal ${"},
	} {
		t.Run(row.name, func(t *testing.T) {
			settings, err := config.Read(textConfig(block("  client_id: '"+row.value+"'"), row.vars...))
			got := settings.ClientID
			if err != nil {
				got = "!" + strings.TrimPrefix(err.Error(), "config: ")
			}
			if got != row.want {
				t.Errorf("\n got %s\nwant %s", got, row.want)
			}
		})
	}
	if got, want := mistakesOf(t, textConfig(block("  tool_scopes: {'${A}': [x]}"), "A=a")), "text:4: tool_scopes: a key contains ${; variables are expanded only in values"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestEnvironment(t *testing.T) {
	for _, row := range []struct {
		name     string
		vars     []string
		want     func(*config.Settings)
		mistakes string
	}{
		{"string", []string{"AUTHORIZATION__RESOURCE_NAME=a $${X}: [b]"}, func(s *config.Settings) { s.ResourceName = "a $${X}: [b]" }, ""},
		{"comma-separated list of alternatives", []string{"AUTHORIZATION__REQUIRED_SCOPES=a | b c,d"}, func(s *config.Settings) { s.RequiredScopes = []string{"a | b c", "d"} }, ""},
		{"mapping of strings", []string{`AUTHORIZATION__SCOPE_NAMES={"a":"b"}`}, func(s *config.Settings) { s.ScopeNames = map[string]string{"a": "b"} }, ""},
		{"comma-separated list", []string{"AUTHORIZATION__REQUIRED_SCOPES=a, b"}, func(s *config.Settings) { s.RequiredScopes = []string{"a", "b"} }, ""},
		{"list as JSON", []string{`AUTHORIZATION__REQUIRED_SCOPES=["a","b"]`}, func(s *config.Settings) { s.RequiredScopes = []string{"a", "b"} }, ""},
		{"mapping as JSON", []string{`AUTHORIZATION__TOOL_SCOPES={"y":["${Z}"]}`}, func(s *config.Settings) {
			s.ToolScopes = map[string][]string{"x": {"a"}, "y": {"${Z}"}}
		}, ""},
		{"issuers as JSON", []string{`AUTHORIZATION__ADDITIONAL_ISSUERS=[{"issuer_url":"https://b.example"}]`}, func(s *config.Settings) {
			s.AdditionalIssuers = []config.IssuerSettings{{IssuerURL: "https://b.example"}}
		}, ""},
		{"unrelated variables", []string{"AUTHORIZATION=x", "AUTHORIZATION_=x", "OTHER__ISSUER_URL=x"}, func(*config.Settings) {}, ""},
		{"boolean", []string{"AUTHORIZATION__STRICT_RFC9068=true"}, func(s *config.Settings) { s.StrictRFC9068 = true }, ""},
		{"misspelled key", []string{"AUTHORIZATION__REQUIRED_SCOPE=a"}, nil, "AUTHORIZATION__REQUIRED_SCOPE: unknown key; did you mean required_scopes?"},
		{"lower case", []string{"authorization__required_scopes=a"}, nil, "authorization__required_scopes: must be in upper case"},
		{"part of a mapping", []string{"AUTHORIZATION__TOOL_SCOPES__X=a"}, nil, "AUTHORIZATION__TOOL_SCOPES__X: unknown key; set AUTHORIZATION__TOOL_SCOPES to the whole value, as JSON"},
		{"empty variable", []string{"AUTHORIZATION__REQUIRED_SCOPES="}, nil, "AUTHORIZATION__REQUIRED_SCOPES: required_scopes[0]: is empty; set a value or remove it"},
		{"duplicate variable", []string{"AUTHORIZATION__LEEWAY_SECONDS=1", "AUTHORIZATION__LEEWAY_SECONDS=2"}, nil, "AUTHORIZATION__LEEWAY_SECONDS: is set more than once"},
		{"string for a mapping", []string{"AUTHORIZATION__TOOL_SCOPES=x"}, nil, "AUTHORIZATION__TOOL_SCOPES: must be JSON: a list begins with [ and a mapping with {"},
		{"invalid JSON", []string{"AUTHORIZATION__TOOL_SCOPES={"}, nil, "AUTHORIZATION__TOOL_SCOPES: is not valid YAML: did not find expected node content"},
		{"duplicate key in JSON", []string{`AUTHORIZATION__TOOL_SCOPES={"a":["b"],"a":["c"]}`}, nil, "AUTHORIZATION__TOOL_SCOPES: duplicate key a"},
		{"invalid boolean", []string{"AUTHORIZATION__ENABLED=off"}, nil, "AUTHORIZATION__ENABLED: enabled: must be true or false, without quotes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := block("  tool_scopes: {x: [a]}")
			got, err := config.Read(textConfig(text, row.vars...))
			if row.mistakes != "" {
				if err == nil || err.Error() != "config: "+row.mistakes {
					t.Errorf("\n got %v\nwant %s", err, row.mistakes)
				}
				return
			}
			want, _ := config.Read(textConfig(text))
			row.want(&want)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("\n got %+v, %v\nwant %+v", got, err, want)
			}
		})
	}
}

// The secrets file overrides the file, and the environment overrides both.
func TestSecretsFile(t *testing.T) {
	dir := t.TempDir()
	c := config.Config{
		File:        write(t, dir, "mcp_agent.config.yaml", "execution_engine: asyncio\n"+block("  client_id: a", "  client_secret: from-file", "  tool_scopes: {x: [a], y: [b]}")),
		SecretsFile: write(t, dir, "mcp_agent.secrets.yaml", "openai: {api_key: x}\nauthorization:\n  client_secret: ${S}\n  tool_scopes: {y: [c]}\n"),
		Environ:     []string{"S=from-secrets"},
	}
	got, err := config.Read(c)
	if err != nil || got.ClientSecret != "from-secrets" || got.ClientID != "a" || !reflect.DeepEqual(got.ToolScopes, map[string][]string{"x": {"a"}, "y": {"c"}}) {
		t.Errorf("got %q %+v, %v", string(got.ClientSecret), got, err)
	}
	c.Environ = append(c.Environ, "AUTHORIZATION__CLIENT_SECRET=from-environment")
	if got, err := config.Read(c); err != nil || got.ClientSecret != "from-environment" {
		t.Errorf("got %q, %v", string(got.ClientSecret), err)
	}
	c.SecretsFile = write(t, dir, "broken.yaml", "authorization:\n  client_secrt: x\n")
	if got, want := mistakesOf(t, c), c.SecretsFile+":2: client_secrt: unknown key; did you mean client_secret?"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}
