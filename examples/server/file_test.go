package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v4"

	"github.com/warder-go/warder/resource/resourcetest"
)

const public = "https://mcp.example/mcp" // start puts the address in its place

func configFile(t *testing.T, issuer *resourcetest.Issuer, lines ...string) (name string) {
	t.Helper()
	text := "authorization:\n  issuer_url: " + issuer.Identifier() + "\n  resource_server_url: " + public + "\n"
	return file(t, text+strings.Join(append(lines, ""), "\n"))
}

// The file is read, and read again on SIGHUP; a rule for a tool that there is not leaves
// the old one in force.
func TestConfigFile(t *testing.T) {
	issuer := resourcetest.Start(t)
	name := configFile(t, issuer, "  tool_scopes: {whoami: [old]}")
	url := start(t, "-config", name, "-secrets", file(t, "authorization: {required_scopes: [base]}"))
	token := func(scope string) string {
		return issuer.Token(resourcetest.Token{Audience: public, Scope: scope})
	}
	status := func(scope string) int {
		got, _ := get(t, url, token(scope))
		return got
	}
	if with, without, base := status("base old"), status("base"), status("old"); with != 200 || without != 403 || base != 403 {
		t.Fatalf("got %d, %d, %d, want 200, 403, 403", with, without, base)
	}
	reload := func(lines ...string) {
		t.Helper()
		text, err := os.ReadFile(configFile(t, issuer, lines...))
		if err == nil {
			err = os.WriteFile(name, text, 0o600)
		}
		if err == nil {
			err = syscall.Kill(os.Getpid(), syscall.SIGHUP)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	metrics := strings.TrimSuffix(url, "/mcp") + "/metrics"
	until := func(series string) {
		t.Helper()
		for t.Context().Err() == nil {
			if _, body := get(t, metrics, ""); strings.Contains(body, "\n"+series+"\n") {
				return
			}
		}
		t.Fatalf("there was no %s", series)
	}
	reload("  tool_scopes: {whoami: [new]}")
	until(`warder_config_reloads_total{resource="` + public + `",result="applied"} 1`)
	if old, fresh := status("base old"), status("base new"); old != 403 || fresh != 200 {
		t.Errorf("after SIGHUP: got %d, %d, want 403, 200", old, fresh)
	}
	reload("  tool_scopes: {who_am_i: [newer]}")
	until(`warder_config_broken{resource="` + public + `"} 1`)
	if fresh := status("base new"); fresh != 200 {
		t.Errorf("after a broken one: got %d, want 200", fresh)
	}
}

func TestWrongConfigFiles(t *testing.T) {
	issuer := resourcetest.Start(t)
	good := configFile(t, issuer)
	for _, row := range []struct {
		name string
		args []string
		want string // what it contains
	}{
		{"disabled", []string{"-config", configFile(t, issuer, "  enabled: false")}, "server: config: authorization is disabled (enabled: false)\n"},
		{"not there", []string{"-config", filepath.Join(t.TempDir(), "x")}, "x: no such file or directory\n"},
		{"wrong", []string{"-config", configFile(t, issuer, "  scopes: [a]")}, ":4: scopes: unknown key"},
		{"a tool that there is not", []string{"-config", configFile(t, issuer, "  tool_scopes: {who_am_i: [a]}")}, "who_am_i"},
		{"a flag beside it", []string{"-config", good, "-issuer", issuer.Identifier()}, "server: -issuer: not with -config, whose file says everything\n"},
		{"secrets alone", []string{"-secrets", good}, "server: -config is missing: -secrets is for it\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			status := run(t.Context(), append([]string{"-listen", "127.0.0.1:0"}, row.args...), &out, &errs)
			if status != 2 || out.Len() > 0 || !strings.Contains(errs.String(), row.want) {
				t.Errorf("got status %d, output %q and\n     %s\nwant status 2, none and\n...%s...", status, &out, &errs, row.want)
			}
		})
	}
}

// A validator that is not ours takes the sample by the schema, and refuses what the
// reader refuses.
func TestSchema(t *testing.T) {
	const folder = "../../resource/config/"
	text, err := os.ReadFile(folder + "authorization.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	sample, err := os.ReadFile(folder + "authorization.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		text string
		good bool
	}{
		{"the sample", string(sample), true},
		{"the least", "authorization: {issuer_url: a, resource_server_url: b}", true},
		{"other keys beside it", "mcp: {a: 1}\nauthorization: {issuer_url: a}", true},
		{"variables", "authorization: {enabled: '${ON:-true}', leeway_seconds: '${LEEWAY}', step_up: '${STEP}'}", true},
		{"no block", "mcp: {}", false},
		{"an unknown key", "authorization: {required_scope: [a]}", false},
		{"an unknown key of an issuer", "authorization: {additional_issuers: [{issuer_url: a, scopes: [b]}]}", false},
		{"an issuer without its URL", "authorization: {additional_issuers: [{jwks_uri: a}]}", false},
		{"a rule without scopes", "authorization: {resource_scopes: [{uri: a}]}", false},
		{"false as a text", "authorization: {enabled: 'false'}", false},
		{"a text for a list", "authorization: {required_scopes: a}", false},
		{"a number that is too large", "authorization: {leeway_seconds: 301}", false},
		{"a word that is none", "authorization: {undeclared_operations: refuse}", false},
		{"an empty text", "authorization: {issuer_url: ''}", false},
		{"null", "authorization: {issuer_url: }", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var value any
			if err := yaml.Load([]byte(row.text), &value); err != nil {
				t.Fatal(err)
			}
			if err := resolved.Validate(value); (err == nil) != row.good {
				t.Errorf("got %v, want good: %t", err, row.good)
			}
		})
	}
}
