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

const public = "https://mcp.example/mcp" // start replaces its origin by the listener's address

func configFile(t *testing.T, issuer *resourcetest.Issuer, lines ...string) (name string) {
	t.Helper()
	text := "authorization:\n  issuer_url: " + issuer.Identifier() + "\n  resource_server_url: " + public + "\n"
	return file(t, text+strings.Join(append(lines, ""), "\n"))
}

// The file is loaded at start and reloaded on SIGHUP. If the new file has a rule for an
// unknown tool, the previous configuration stays in force.
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
	waitFor := func(series string) {
		t.Helper()
		for t.Context().Err() == nil {
			if _, body := get(t, metrics, ""); strings.Contains(body, "\n"+series+"\n") {
				return
			}
		}
		t.Fatalf("metric not found: %s", series)
	}
	reload("  tool_scopes: {whoami: [new]}")
	waitFor(`warder_config_reloads_total{resource="` + public + `",result="applied"} 1`)
	if before, after := status("base old"), status("base new"); before != 403 || after != 200 {
		t.Errorf("after SIGHUP: got %d, %d, want 403, 200", before, after)
	}
	reload("  tool_scopes: {who_am_i: [newer]}")
	waitFor(`warder_config_broken{resource="` + public + `"} 1`)
	if got := status("base new"); got != 200 {
		t.Errorf("after an invalid file: got %d, want 200", got)
	}
}

func TestInvalidConfigFiles(t *testing.T) {
	issuer := resourcetest.Start(t)
	valid := configFile(t, issuer)
	for _, row := range []struct {
		name string
		args []string
		want string // substring of the error
	}{
		{"disabled", []string{"-config", configFile(t, issuer, "  enabled: false")}, "server: config: authorization is disabled (enabled: false)\n"},
		{"missing file", []string{"-config", filepath.Join(t.TempDir(), "x")}, "x: no such file or directory\n"},
		{"unknown key", []string{"-config", configFile(t, issuer, "  scopes: [a]")}, ":4: scopes: unknown key"},
		{"rule for an unknown tool", []string{"-config", configFile(t, issuer, "  tool_scopes:", "    whoami: [a]", "    who_am_i: [a]")}, `:6: tool_scopes["who_am_i"]: the server has no such tool; did you mean "whoami"?`},
		{"unknown public tool", []string{"-config", configFile(t, issuer, "  public_tools: [who_am_i]")}, `:4: public_tools[0]: the server has no such tool; did you mean "whoami"?`},
		{"invalid prefix of the store", []string{"-config", configFile(t, issuer, "  shared_state:", "    addresses: ['127.0.0.1:1']", "    prefix: a b", "    keys: [a-common-key-of-at-least-32-bytes]")}, `:6: shared_state.prefix: "a b" is not 1 to 64 characters`},
		{"tab", []string{"-config", configFile(t, issuer, "\trequired_scopes: [a]")}, ":4: has a tab in the indentation; YAML allows only spaces there\n"},
		{"directory", []string{"-config", "."}, "config: .: is not a regular file\n"},
		{"missing secrets file", []string{"-config", valid, "-secrets", "/nowhere/s"}, "config: /nowhere/s: no such file or directory\n"},
		{"flag in addition to -config", []string{"-config", valid, "-issuer", issuer.Identifier()}, "server: -issuer cannot be combined with -config; set it in the file\n"},
		{"-secrets without -config", []string{"-secrets", valid}, "server: -secrets requires -config\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			status := run(t.Context(), append([]string{"-listen", "127.0.0.1:0"}, row.args...), &out, &errs)
			if status != 2 || out.Len() > 0 || !strings.Contains(errs.String(), row.want) {
				t.Errorf("got status %d, output %q and error output\n     %s\nwant status 2, no output and error output\n...%s...", status, &out, &errs, row.want)
			}
		})
	}
}

// With the schema, an independent JSON Schema validator accepts the sample file and
// rejects what config.Load rejects.
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
		name  string
		text  string
		valid bool
	}{
		{"sample file", string(sample), true},
		{"required keys only", "authorization: {issuer_url: a, resource_server_url: b}", true},
		{"other top-level keys", "mcp: {a: 1}\nauthorization: {issuer_url: a}", true},
		{"variables", "authorization: {enabled: '${ON:-true}', leeway_seconds: '${LEEWAY}', step_up: '${STEP}'}", true},
		{"no authorization block", "mcp: {}", false},
		{"unknown key", "authorization: {required_scope: [a]}", false},
		{"unknown key of an issuer", "authorization: {additional_issuers: [{issuer_url: a, scopes: [b]}]}", false},
		{"issuer without a URL", "authorization: {additional_issuers: [{jwks_uri: a}]}", false},
		{"rule without scopes", "authorization: {resource_scopes: [{uri: a}]}", false},
		{"false as a string", "authorization: {enabled: 'false'}", false},
		{"string instead of a list", "authorization: {required_scopes: a}", false},
		{"number too large", "authorization: {leeway_seconds: 301}", false},
		{"unknown enum value", "authorization: {undeclared_operations: refuse}", false},
		{"empty string", "authorization: {issuer_url: ''}", false},
		{"null", "authorization: {issuer_url: }", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var value any
			if err := yaml.Load([]byte(row.text), &value); err != nil {
				t.Fatal(err)
			}
			if err := resolved.Validate(value); (err == nil) != row.valid {
				t.Errorf("got %v, want valid: %t", err, row.valid)
			}
		})
	}
}
