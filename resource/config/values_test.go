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
		want  string // the value, or what is told
	}{
		{"one", "${A}", []string{"A=x"}, "x"},
		{"two, with text round them", "-${A}-${B}-", []string{"A=x", "B=y"}, "-x-y-"},
		{"a default", "${A:-x y}", nil, "x y"},
		{"a default for an empty one", "${A:-x}", []string{"A="}, "x"},
		{"no need of the default", "${A:-x}", []string{"A=y"}, "y"},
		{"dollar signs", "$ $A $${A} $$", nil, "$ $A ${A} $$"},
		{"in a value nothing is looked for", "${A}", []string{"A=${B}", "B=x"}, "${B}"},
		{"YAML in a value", "${A}", []string{"A=x: [y] # {z}, *a &b !c"}, "x: [y] # {z}, *a &b !c"},
		{"a number in a value", "${A}", []string{"A=7"}, "7"},
		{"null in a value", "${A}", []string{"A=null"}, "null"},
		{"another key in a value", "${A}", []string{"A=x\n  enabled: false"}, "!text:4: client_id: has a line break or another control character"},
		{"one that is not set", "${A}", nil, "!text:4: client_id: the environment variable A is not set; set it, or write ${A:-default}"},
		{"one that is empty", "${A}", []string{"A="}, "!text:4: client_id: is empty; give it a value, or leave it out"},
		{"no end", "${A", nil, "!text:4: client_id: ${ without its }; write $${ for the characters ${"},
		{"no name", "${}", nil, "!text:4: client_id: ${ with something that is not the name of a variable; write ${NAME} or ${NAME:-default}, or $${ for the characters ${"},
		{"one in another", "${A:-${B}}", []string{"B=x"}, "${B}"},
		{"what a shell would do", "${A-x}", nil, "!text:4: client_id: ${ with something that is not the name of a variable; write ${NAME} or ${NAME:-default}, or $${ for the characters ${"},
	} {
		t.Run(row.name, func(t *testing.T) {
			settings, err := config.Read(of(block("  client_id: '"+row.value+"'"), row.vars...))
			got := settings.ClientID
			if err != nil {
				got = "!" + strings.TrimPrefix(err.Error(), "config: ")
			}
			if got != row.want {
				t.Errorf("\n got %s\nwant %s", got, row.want)
			}
		})
	}
	if got, want := told(t, of(block("  tool_scopes: {'${A}': [x]}"), "A=a")), "text:4: tool_scopes: a key has ${ in it; variables are put into values only"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestEnvironment(t *testing.T) {
	for _, row := range []struct {
		name string
		vars []string
		want func(*config.Settings)
		told string
	}{
		{"a text", []string{"AUTHORIZATION__RESOURCE_NAME=a $${X}: [b]"}, func(s *config.Settings) { s.ResourceName = "a $${X}: [b]" }, ""},
		{"a list with commas", []string{"AUTHORIZATION__REQUIRED_SCOPES=a, b"}, func(s *config.Settings) { s.RequiredScopes = []string{"a", "b"} }, ""},
		{"a list as JSON", []string{`AUTHORIZATION__REQUIRED_SCOPES=["a","b"]`}, func(s *config.Settings) { s.RequiredScopes = []string{"a", "b"} }, ""},
		{"a mapping as JSON", []string{`AUTHORIZATION__TOOL_SCOPES={"y":["${Z}"]}`}, func(s *config.Settings) {
			s.ToolScopes = map[string][]string{"x": {"a"}, "y": {"${Z}"}}
		}, ""},
		{"issuers as JSON", []string{`AUTHORIZATION__ADDITIONAL_ISSUERS=[{"issuer_url":"https://b.example"}]`}, func(s *config.Settings) {
			s.AdditionalIssuers = []config.IssuerSettings{{IssuerURL: "https://b.example"}}
		}, ""},
		{"others", []string{"AUTHORIZATION=x", "AUTHORIZATION_=x", "OTHER__ISSUER_URL=x"}, func(*config.Settings) {}, ""},
		{"a truth", []string{"AUTHORIZATION__STRICT_RFC9068=true"}, func(s *config.Settings) { s.StrictRFC9068 = true }, ""},
		{"a misspelled one", []string{"AUTHORIZATION__REQUIRED_SCOPE=a"}, nil, "AUTHORIZATION__REQUIRED_SCOPE: unknown key; did you mean required_scopes?"},
		{"lower case", []string{"authorization__required_scopes=a"}, nil, "authorization__required_scopes: write it in upper case"},
		{"a part of a mapping", []string{"AUTHORIZATION__TOOL_SCOPES__X=a"}, nil, "AUTHORIZATION__TOOL_SCOPES__X: unknown key; give AUTHORIZATION__TOOL_SCOPES the whole value, as JSON"},
		{"an empty one", []string{"AUTHORIZATION__REQUIRED_SCOPES="}, nil, "AUTHORIZATION__REQUIRED_SCOPES: required_scopes[0]: is empty; give it a value, or leave it out"},
		{"twice", []string{"AUTHORIZATION__LEEWAY_SECONDS=1", "AUTHORIZATION__LEEWAY_SECONDS=2"}, nil, "AUTHORIZATION__LEEWAY_SECONDS: is set twice"},
		{"no JSON", []string{"AUTHORIZATION__TOOL_SCOPES=x"}, nil, "AUTHORIZATION__TOOL_SCOPES: is not JSON: it begins with [ for a list and with { for a mapping"},
		{"broken JSON", []string{"AUTHORIZATION__TOOL_SCOPES={"}, nil, "AUTHORIZATION__TOOL_SCOPES: is no YAML: did not find expected node content"},
		{"a key in it twice", []string{`AUTHORIZATION__TOOL_SCOPES={"a":["b"],"a":["c"]}`}, nil, "AUTHORIZATION__TOOL_SCOPES: a stands twice"},
		{"a word for a truth", []string{"AUTHORIZATION__ENABLED=off"}, nil, "AUTHORIZATION__ENABLED: enabled: is not true or false, without quotes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := block("  tool_scopes: {x: [a]}")
			got, err := config.Read(of(text, row.vars...))
			if row.told != "" {
				if err == nil || err.Error() != "config: "+row.told {
					t.Errorf("\n got %v\nwant %s", err, row.told)
				}
				return
			}
			want, _ := config.Read(of(text))
			row.want(&want)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("\n got %+v, %v\nwant %+v", got, err, want)
			}
		})
	}
}

// The file of secrets counts over the file, the environment over both.
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
	if got, want := told(t, c), c.SecretsFile+":2: client_secrt: unknown key; did you mean client_secret?"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}
