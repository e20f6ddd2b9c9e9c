package config_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
)

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// of makes a Config of a text and of variables, of which there are no others.
func of(text string, vars ...string) config.Config {
	return config.Config{Text: []byte(text), Environ: append([]string{}, vars...)}
}

// block is a block with what is required, and more lines. They begin with line 4.
func block(lines ...string) string {
	return "authorization:\n  issuer_url: https://auth.example.com\n  resource_server_url: https://mcp.example.com/mcp\n" +
		strings.Join(append(lines, ""), "\n")
}

// told returns the mistakes of a configuration, one a line, without the first words.
func told(t testing.TB, c config.Config) string {
	t.Helper()
	live, err := config.New(c)
	if (err == nil) != (live != nil) {
		t.Errorf("got %v and %v", live, err)
	}
	if err == nil {
		return ""
	}
	return strings.TrimPrefix(err.Error(), "config: ")
}

// Nothing that is not right yields a resource.
func TestMistakes(t *testing.T) {
	for _, row := range []struct {
		name string
		text string
		want string
	}{
		{"a misspelled key", block("  required_scope: [a]"), "text:4: required_scope: unknown key; did you mean required_scopes?"},
		{"a key in another spelling", block("  Required-Scopes: [a]"), "text:4: Required-Scopes: unknown key; did you mean required_scopes?"},
		{"a key that is like no other", block("  colour: red"), "text:4: colour: unknown key"},
		{"a key that stands twice", block("  leeway_seconds: 1", "  leeway_seconds: 2"), "text:5: leeway_seconds stands twice, first in line 4"},
		{"the block twice", block() + "authorization: {enabled: false}\n", "text:4: authorization stands twice"},
		{"no block", "logger: {}\n", "text: has no block authorization:"},
		{"a misspelled block", "logger: {}\nauthorisation: {enabled: false}\n", "text: authorisation: unknown key; did you mean authorization?"},
		{"an empty block", "authorization:\n", "text:1: authorization: is empty"},
		{"a block that is a list", "authorization: [a]\n", "text:1: authorization: is not a mapping of keys"},
		{"a file that is a list", "- a\n", "text:1: is not a mapping; write authorization: and below it, indented, its keys"},
		{"an empty file", "", "text: is empty"},
		{"comments alone", "# authorization:\n", "text: is empty"},
		{"several documents", block() + "---\na: 1\n", "text: has several documents; keep one"},
		{"a tab", "authorization:\n\tissuer_url: x\n", "text:2: is no YAML: found character that cannot start any token"},
		{"a NUL byte", block() + "a: \x00\n", "text: has a NUL byte"},
		{"UTF-16", "\xff\xfea\x00:\x00", "text: is not UTF-8"},
		{"nothing required", "authorization: {}\n", "text:1: resource_server_url: is missing\ntext:1: issuer_url: is missing"},
		{"false as a text", block(`  enabled: "false"`), "text:4: enabled: is not true or false, without quotes"},
		{"no", block("  enabled: no"), "text:4: enabled: is not true or false, without quotes"},
		{"0", block("  enabled: 0"), "text:4: enabled: is not true or false, without quotes"},
		{"nothing at all", block("  enabled:"), "text:4: enabled: has no value; give it one, or leave it out"},
		{"an empty text", block(`  jwks_uri: ""`), "text:4: jwks_uri: is empty; give it a value, or leave it out"},
		{"a number for a text", block("  client_id: 007"), "text:4: client_id: is not a text; put it in quotes"},
		{"a text of two lines", block(`  resource_name: "a\nb"`), "text:4: resource_name: has a line break or another control character"},
		{"a text for a list", block("  required_scopes: mcp:read mcp:write"), "text:4: required_scopes: is not a list; write [a, b]"},
		{"an empty member", block("  required_scopes: [a, '']"), "text:4: required_scopes[1]: is empty; give it a value, or leave it out"},
		{"a list for a mapping", block("  tool_scopes: [a]"), "text:4: tool_scopes: is not a mapping; write name: [scope]"},
		{"a text for scopes of a tool", block("  tool_scopes:", "    purge: mcp:admin"), `text:5: tool_scopes["purge"]: is not a list; write [a, b]`},
		{"a word that is none", block("  undeclared_operations: denied"), "text:4: undeclared_operations: is not one of allow, deny; did you mean deny?"},
		{"a fraction", block("  leeway_seconds: 1.5"), "text:4: leeway_seconds: is not a whole number from 0 to 300"},
		{"a number in another notation", block("  leeway_seconds: 0x10"), "text:4: leeway_seconds: is not a whole number from 0 to 300"},
		{"a number that is too large", block("  token_cache_ttl_seconds: 86401"), "text:4: token_cache_ttl_seconds: is not a whole number from 0 to 86400"},
		{"a negative number", block("  token_cache_ttl_seconds: -1"), "text:4: token_cache_ttl_seconds: is not a whole number from 0 to 86400"},
		{"a tag", block("  client_id: !secret x"), "text:4: client_id: is not a text; put it in quotes"},
		{"merging", "a: &a {enabled: false}\n" + block("  <<: *a"), "text:5: <<: merging is not supported here; write the keys out"},
		{"a key that is a list", block("  ? [a]", "  : b"), "text:4: a key is not a text"},
		{"no audience", block("  expected_audiences: []"), "text:4: expected_audiences: is empty; name an audience, or leave it out: resource_server_url is accepted anyhow"},
		{"the issuer as audience", block("  expected_audiences: [api://x, 'https://auth.example.com']"),
			`text:4: expected_audiences[1]: "https://auth.example.com" is the issuer itself, whose tokens for itself are not for this resource`},
		{"an algorithm with a shared secret", block("  algorithms: [HS256]"),
			`text:4: algorithms: algorithm "HS256" is not one of ["RS256" "RS384" "RS512" "PS256" "PS384" "PS512" "ES256" "ES384" "ES512" "EdDSA" "Ed25519"]`},
		{"a client without a secret", block("  client_id: x"), "text:4: client_secret: is missing; give it, or client_secret_file"},
		{"a secret without a client", block("  client_secret: s3cr3t"), "text:4: client_id: is missing; an issuer tells about tokens only to whom it knows"},
		{"halves of two pairs", block("  client_id: x", "  introspection_client_secret: s3cr3t"),
			"text:5: introspection_client_id: is missing; an issuer tells about tokens only to whom it knows"},
		{"introspection without credentials", block("  introspect_jwts: true"),
			"text:1: client_id: is missing; an issuer tells about tokens only to whom it knows\ntext:1: client_secret: is missing; give it, or client_secret_file"},
		{"a secret twice", block("  client_id: x", "  client_secret: s3cr3t", "  client_secret_file: y"),
			"text:6: client_secret_file: client_secret stands beside it; keep one"},
		{"keys that nobody asks", block("  client_id: x", "  client_secret: s3cr3t", "  introspect_jwts: true", "  jwks_uri: https://auth.example.com/keys"),
			"text:7: jwks_uri: no token is verified by keys with introspect_jwts; keep one of them"},
		{"two ways to the keys", block("  jwks_uri: https://a.example/k", "  jwks_file: k"), "text:5: jwks_file: jwks_uri stands beside it; keep one"},
		{"files that are not there", block("  jwks_file: /nowhere/k", "  ca_file: /nowhere/c", "  api_keys_file: /nowhere/a", "  client_id: x", "  client_secret_file: /nowhere/s"),
			"text:4: jwks_file: jwks: keyset: keys unavailable: last fetch failed: open /nowhere/k: no such file or directory\ntext:5: ca_file: no such file or directory\n" +
				`text:6: api_keys_file: file "/nowhere/a": stat /nowhere/a: no such file or directory` + "\ntext:8: client_secret_file: no such file or directory"},
		{"an endpoint that is no URL", block("  jwks_uri: keys"), `text:4: jwks_uri: URL "keys": must be an absolute URL, such as https://host.example.com/path`},
		{"a password in a URL", block("  jwks_uri: https://u:s3cr3t@auth.example.com/"),
			`text:4: jwks_uri: URL "https://xxxxx@auth.example.com/": must not hold a user name or password: remove them`},
		{"a further issuer without its URL", block("  additional_issuers:", "    - jwks_uri: https://x.example/k", "      issuer: https://x.example"),
			"text:5: additional_issuers[0].issuer_url: is missing\ntext:6: additional_issuers[0].issuer: unknown key; did you mean issuer_url?"},
		{"the same issuer twice", block("  additional_issuers:", "    - issuer_url: https://auth.example.com"),
			`text:5: additional_issuers[0]: duplicate issuer "https://auth.example.com"; a token must have one verifier`},
		{"two issuers for opaque tokens", block("  client_id: x", "  client_secret: s3cr3t", "  additional_issuers:", "    - issuer_url: https://b.example", "      client_id: x", "      client_secret: t3cr3t"),
			"text:8: additional_issuers[0].client_id: another issuer is asked about opaque tokens already, which don't say whose they are; set introspect_jwts, or take the credentials out"},
		{"a resource without a rule", block("  resource_scopes:", "    - scopes: [a]"), "text:5: resource_scopes[0]: give exactly one of URI, Prefix and Template"},
		{"a rule without scopes", block("  resource_scopes:", "    - uri: a:b"), "text:5: resource_scopes[0].scopes: is missing"},
		{"a pattern without tenants", block("  tenant_pattern: https://t.example/{tenantid}", "  jwks_uri: https://t.example/keys"),
			"text:1: allowed_tenants: set exactly one of Allow and AllowFunc; there is no way to allow any tenant"},
		{"tenants without a pattern", block("  allowed_tenants: [a]", "  tenant_claim: t"), "text:4: allowed_tenants: there is no tenant_pattern for it\ntext:5: tenant_claim: there is no tenant_pattern for it"},
		{"a tenant that is none", block("  tenant_pattern: https://t.example/{tenantid}", "  jwks_uri: https://t.example/keys", "  allowed_tenants: [a, '*']"),
			`text:6: allowed_tenants[1]: "*" cannot be a path segment of an issuer: use letters, digits, "-", "_" and "."`},
		{"a pattern without keys", block("  tenant_pattern: https://t.example/{tenantid}", "  allowed_tenants: [a]"),
			"text:4: tenant_pattern: URL: empty; the keys of many tenants can't be discovered, so name their address"},
		{"introspected tenants", block("  tenant_pattern: https://t.example/{tenantid}", "  allowed_tenants: [a]", "  introspect_jwts: true", "  client_id: x", "  client_secret: s3cr3t"),
			"text:4: tenant_pattern: tokens of tenants are verified by keys; take introspect_jwts out"},
		{"claims of both kinds", block("  audience_claims: [aud, azp]"), "text:1: expected_audiences: empty; name the clients that are used for this resource alone\ntext:4: audience_claims: claims that name a client cannot be combined with aud and resource: the aud of an ID token is the client"},
		{"a claim that is none", block("  scope_claim: /a/~2", "  client_id: x", "  client_secret: s3cr3t"), `text:4: scope_claim: "/a/~2" has a ~ that is neither ~0 nor ~1 (RFC 6901 §3)`},
		{"a prefix that no scope has", block("  scope_prefix: 'api://x/'", "  required_scopes: [a]"), `text:4: scope_prefix: no scope of the configuration begins with "api://x/"; write scopes as clients request them`},
		{"roles without their claim", block("  additional_issuers:", "    - issuer_url: https://b.example", "      role_scopes: {r: [a]}"),
			"text:6: additional_issuers[0].role_scopes: RoleClaim is empty, so there are no roles"},
		{"hosts that are none", block("  allow_private_hosts: ['10.0.0.1', '[::1]', auth.internal, '*.internal', 'auth.internal:8443', 'https://auth.internal', 10.0.0.0/8]", "  client_id: x", "  client_secret: s3cr3t"),
			`text:4: allow_private_hosts[3]: "*.internal" is not a host name: use one such as auth.internal, without scheme, port and wildcard
text:4: allow_private_hosts[4]: "auth.internal:8443" is not a host name: use one such as auth.internal, without scheme, port and wildcard
text:4: allow_private_hosts[5]: "https://auth.internal" is not a host name: use one such as auth.internal, without scheme, port and wildcard
text:4: allow_private_hosts[6]: "10.0.0.0/8" is not a host name: use one such as auth.internal, without scheme, port and wildcard`},
		{"an anchor that is called like the block", "x: &authorization y\n? *authorization\n: {enabled: false}\n", "text: has no block authorization:"},
		{"everything at once", "authorization:\n  issuer_url: http://auth.example.com\n  resource_server_url: https://MCP.example.com/mcp#x\n  required_scopes: [offline_access, a b]\n  tool_scopes:\n    purge: [\"\\\\\"]\n  service_documentation_url: docs\n  leeway_seconds: x\n  oops: 1\n",
			`text:2: issuer_url: issuer "http://auth.example.com": must begin with https://: http is for loopback hosts
text:3: resource_server_url: metadata: resource identifier "https://MCP.example.com/mcp#x": must not have a fragment: remove '#' and what follows
text:4: required_scopes: offline_access is between client and authorization server; remove it (MCP authorization)
text:4: required_scopes: "a b" is not a scope: use printable ASCII without space, quote and backslash (RFC 6749 §3.3)
text:6: tool_scopes["purge"]: "\\" is not a scope: use printable ASCII without space, quote and backslash (RFC 6749 §3.3)
text:7: service_documentation_url: "docs" must be the absolute URL of a page, such as https://example.com/docs
text:8: leeway_seconds: is not a whole number from 0 to 300
text:9: oops: unknown key`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := told(t, of(row.text))
			if got != row.want {
				t.Errorf("\n got %s\nwant %s", got, row.want)
			}
			if strings.Contains(got, "3cr3t") {
				t.Error("a secret is in it")
			}
		})
	}
}

// Whoever forgets a quote or a space must not find the secret in a log.
func TestNoSecretInAnError(t *testing.T) {
	const secret = "S3cr3t-0f-mine"
	for _, row := range []struct{ name, text string }{
		{"an alias", block("  client_secret: *" + secret)},
		{"a directive", block("  client_secret: %" + secret)},
		{"a tag", block("  client_secret: !" + secret)},
		{"an at sign", block("  client_secret: @" + secret)},
		{"a quote in the middle", block(`  client_secret: "` + secret + `"x`)},
		{"an escape", block(`  client_secret: "\` + secret + `"`)},
		{"a colon", block("  client_secret: " + secret + ": x")},
		{"no space behind the colon", block("  client_secret:" + secret)},
		{"the same in braces", "authorization: {client_secret:" + secret + "}"},
		{"as a list", block("  client_secret: [" + secret + "]")},
		{"as a mapping", block("  client_secret: {a: " + secret + "}")},
		{"of two lines", block(`  client_secret: "` + secret + `\nx"`)},
		{"in the place of a number", block("  leeway_seconds: " + secret)},
		{"in the place of a word", block("  step_up: " + secret)},
		{"in the place of a truth", block("  enabled: " + secret)},
		{"in a variable's place", block("  client_secret: ${" + secret + "}")},
		{"as a scope, too", block("  client_id: x", "  client_secret: "+secret, "  required_scopes: ['a "+secret+"']")},
		{"as an algorithm, too", block("  client_id: x", "  client_secret: "+secret, "  algorithms: ['"+secret+"']")},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := told(t, of(row.text)); got == "" || strings.Contains(got, secret) {
				t.Errorf("got %q", got)
			}
		})
	}
	settings, err := config.Read(of(block("  client_id: x", "  client_secret: "+secret)))
	if err != nil || settings.ClientSecret != secret {
		t.Fatalf("got %q, %v", string(settings.ClientSecret), err)
	}
	var log strings.Builder
	c := of(block("  client_id: x", "  client_secret: "+secret), "S="+secret)
	live, err := config.New(c)
	if err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "settings", settings, "secret", settings.ClientSecret, "config", c, "live", live, "held", struct{ C config.Config }{c})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "settings", settings, "config", c, "live", live, "held", struct{ C config.Config }{c})
	for _, held := range []any{c, &c, live, live.Resource(), struct{ C any }{c}, struct{ l *config.Live }{live}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if shown := fmt.Sprintf(verb, held); strings.Contains(shown, secret) || strings.Contains(shown, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s of %T shows it", verb, held)
			}
		}
	}
	for _, shown := range []string{fmt.Sprint(settings), fmt.Sprintf("%+v", settings), fmt.Sprintf("%#v", settings), fmt.Sprintf("%x %q", settings.ClientSecret, settings.ClientSecret), log.String()} {
		if strings.Contains(shown, secret) || !strings.Contains(shown, "[redacted]") {
			t.Errorf("shows %s", shown)
		}
	}
}

func TestDisabled(t *testing.T) {
	for _, row := range []struct {
		name string
		c    config.Config
	}{
		{"by the file", of("authorization: {enabled: false}\n")},
		{"though the rest would be good", of(block("  enabled: False"))},
		{"by a variable in it", of(block("  enabled: ${ON:-false}"))},
		{"by a variable in quotes", of(block(`  enabled: "${ON}"`), "ON=false")},
		{"by the environment", of(block(), "AUTHORIZATION__ENABLED=false")},
		{"by the environment alone", of("a: 1\n", "AUTHORIZATION__ENABLED=false")},
	} {
		t.Run(row.name, func(t *testing.T) {
			if live, err := config.New(row.c); live != nil || !errors.Is(err, config.ErrDisabled) {
				t.Errorf("got %v, %v, want ErrDisabled", live, err)
			}
		})
	}
	if got, want := told(t, of("authorization: {enabled: false, requird_scopes: [a]}\n")), "text:1: requird_scopes: unknown key; did you mean required_scopes?"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// BOM, line ends, aliases and other people's keys are no obstacle.
func TestReadable(t *testing.T) {
	want, err := config.Read(of(block("  required_scopes: [a]")))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, text string }{
		{"a byte order mark", "\ufeff" + block("  required_scopes: [a]")},
		{"CRLF", strings.ReplaceAll(block("  required_scopes: [a]"), "\n", "\r\n")},
		{"a document marker", "---\n" + block("  required_scopes: [a]") + "...\n"},
		{"an alias", "x: &x [a]\n" + block("  required_scopes: *x")},
		{"JSON", `{"authorization": {"issuer_url": "https://auth.example.com", "resource_server_url": "https://mcp.example.com/mcp", "required_scopes": ["a"]}}`},
		{"others that are odd", "mcp: {a: 1, a: 2}\nx: !y z\n" + block("  required_scopes: [a]")},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, err := config.Read(of(row.text)); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("\n got %+v, %v\nwant %+v", got, err, want)
			}
		})
	}
}

// What would take for ever, or all memory, is refused at once.
func TestBombs(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for n := range 12 {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", n+1, n+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", n), 10), ","))
	}
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	huge := write(t, dir, "huge.yaml", block("  # "+strings.Repeat("x", config.MaxFileBytes)))
	for _, row := range []struct {
		name string
		c    config.Config
		want string
	}{
		{"a billion laughs", of(laughs.String() + block("  required_scopes: *a12")), "text:6: more than 20000 values, or nested more than 16 deep"},
		{"an alias of itself", of(block("  required_scopes: &x [*x]")), "text:4: more than 20000 values, or nested more than 16 deep"},
		{"a deep one", of(block("  required_scopes: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000))), "text:4: more than 20000 values, or nested more than 16 deep"},
		{"a deeper one", of(block("  required_scopes: " + strings.Repeat("[", 50_000))), "text:4: is no YAML: exceeded max depth of 10000"},
		{"many values", of(block("  required_scopes: [" + strings.Repeat("a,", config.MaxNodes) + "]")), "text:4: more than 20000 values, or nested more than 16 deep"},
		{"a large file", config.Config{File: huge, Environ: []string{}}, huge + ": is over 1048576 bytes"},
		{"a pipe", config.Config{File: fifo, Environ: []string{}}, fifo + ": is not a regular file"},
		{"a folder", config.Config{File: dir, Environ: []string{}}, dir + ": is not a regular file"},
		{"nothing", config.Config{File: dir + "/x", Environ: []string{}}, dir + "/x: no such file or directory"},
	} {
		t.Run(row.name, func(t *testing.T) {
			began := time.Now()
			got := told(t, row.c)
			first, _, _ := strings.Cut(got, "\n")
			if first != row.want {
				t.Errorf("\n got %s\nwant %s", got, row.want)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
	many := make([]string, 200)
	for n := range many {
		many[n] = fmt.Sprintf("  key_%d: x", n)
	}
	if got := strings.Split(told(t, of(block(many...))), "\n"); len(got) != 51 || got[50] != "and 150 mistakes more" {
		t.Errorf("got %d lines, the last %q", len(got), got[len(got)-1])
	}
}

func TestWrongConfigs(t *testing.T) {
	for _, row := range []struct {
		name string
		c    config.Config
		want string
	}{
		{"nothing", config.Config{}, "File, Text: give one of them"},
		{"both", config.Config{File: "x", Text: []byte("x")}, "File, Text: give one of them"},
		{"too often", config.Config{File: "x", Interval: time.Millisecond}, "Interval: is under 1s"},
		{"a check that fails", func() config.Config {
			c := of(block())
			c.Check = func(*resource.Resource) error { return errors.New("no such tool") }
			return c
		}(), "text:1: no such tool"},
		{"a program that panics", func() config.Config {
			c := of(block())
			c.Complete = func(*resource.Config) { panic("S3cr3t") }
			return c
		}(), "a function that was called for the configuration panicked with a string"},
		{"a program that completes it wrongly", func() config.Config {
			c := of(block())
			c.Complete = func(c *resource.Config) { c.Limits.MaxTokenBytes = -1 }
			return c
		}(), "text:1: Limits.MaxTokenBytes: -1 is not between 1 and 262144"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := told(t, row.c); got != row.want {
				t.Errorf("\n got %s\nwant %s", got, row.want)
			}
		})
	}
	if _, err := config.Load("/nowhere/authorization.yaml"); err == nil || err.Error() != "config: /nowhere/authorization.yaml: no such file or directory" {
		t.Errorf("got %v", err)
	}
}
