package config_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
)

// Mistakes are reported with their positions, and there is no resource.
func TestMistakes(t *testing.T) {
	name := func(issuer string, lines ...string) string {
		return strings.Replace(block(lines...), "https://auth.example.com", issuer, 1)
	}
	for _, row := range []struct {
		name string
		text string
		want string
	}{
		{"misspelled key", block("  required_scope: [a]"), "text:4: required_scope: unknown key; did you mean required_scopes?"},
		{"key in another case", block("  Required-Scopes: [a]"), "text:4: Required-Scopes: unknown key; did you mean required_scopes?"},
		{"unknown key", block("  colour: red"), "text:4: colour: unknown key"},
		{"duplicate key", block("  leeway_seconds: 1", "  leeway_seconds: 2"), "text:5: duplicate key leeway_seconds; first set on line 4"},
		{"duplicate block", block() + "authorization: {enabled: false}\n", "text:4: duplicate key authorization"},
		{"no block", "logger: {}\n", "text: has no block authorization:"},
		{"misspelled block", "logger: {}\nauthorisation: {enabled: false}\n", "text: authorisation: unknown key; did you mean authorization?"},
		{"empty block", "authorization:\n", "text:1: authorization: is empty"},
		{"block is a list", "authorization: [a]\n", "text:1: authorization: is not a mapping of keys"},
		{"file is a list", "- a\n", "text:1: is not a mapping; write authorization: and indent its keys below it"},
		{"empty file", "", "text: is empty"},
		{"only comments", "# authorization:\n", "text: is empty"},
		{"more than one document", block() + "---\na: 1\n", "text: has more than one YAML document; keep one"},
		{"tab", "authorization:\n\tissuer_url: x\n", "text:2: has a tab in the indentation; YAML allows only spaces there"},
		{"tab after spaces", block("  tool_scopes:", "  \tpurge: [a]"), "text:5: has a tab in the indentation; YAML allows only spaces there"},
		{"tab after a value", block("\trequired_scopes: [a]"), "text:4: has a tab in the indentation; YAML allows only spaces there"},
		{"tab before a list", block("  required_scopes:", "\t- a"), "text:5: has a tab in the indentation; YAML allows only spaces there"},
		{"tab, CRLF line ends", "authorization:\r\n\tissuer_url: x\r\n", "text:2: has a tab in the indentation; YAML allows only spaces there"},
		{"tab in the first line", "\tauthorization: x\n", "text:1: has a tab in the indentation; YAML allows only spaces there"},
		{"tab in a value", block(`  resource_name: "a\tb"`), "text:4: resource_name: has a tab"},
		{"tab in a value without quotes", block("  jwks_file: a\tb"), "text:4: jwks_file: has a tab"},
		{"another mistake in a line with a tab", block("  required_scopes: [a", "  client_id:\tx"), "text:5: is not valid YAML: did not find expected ',' or ']'"},
		{"NUL in a value", block(`  resource_name: "a\0b"`), "text:4: resource_name: has a control character"},
		{"NUL byte", block() + "a: \x00\n", "text: has a NUL byte"},
		{"UTF-16", "\xff\xfea\x00:\x00", "text: is not UTF-8"},
		{"no required keys", "authorization: {}\n", "text:1: resource_server_url: is missing\ntext:1: issuer_url: is missing"},
		{"false as a string", block(`  enabled: "false"`), "text:4: enabled: must be true or false, without quotes"},
		{"no as a boolean", block("  enabled: no"), "text:4: enabled: must be true or false, without quotes"},
		{"0 as a boolean", block("  enabled: 0"), "text:4: enabled: must be true or false, without quotes"},
		{"no value", block("  enabled:"), "text:4: enabled: has no value; set one or remove the key"},
		{"empty string", block(`  jwks_uri: ""`), "text:4: jwks_uri: is empty; set a value or remove it"},
		{"number for a string", block("  resource_name: 007"), "text:4: resource_name: is not a string; put it in quotes"},
		{"string with two lines", block(`  resource_name: "a\nb"`), "text:4: resource_name: has a line break"},
		{"string for a list", block("  required_scopes: mcp:read mcp:write"), "text:4: required_scopes: is not a list; write [a, b]"},
		{"empty list item", block("  required_scopes: [a, '']"), "text:4: required_scopes[1]: is empty; set a value or remove it"},
		{"list for a mapping", block("  tool_scopes: [a]"), "text:4: tool_scopes: is not a mapping; write name: [scope]"},
		{"string for the scopes of a tool", block("  tool_scopes:", "    purge: mcp:admin"), `text:5: tool_scopes["purge"]: is not a list; write [a, b]`},
		{"value that is not in the enumeration", block("  undeclared_operations: denied"), "text:4: undeclared_operations: must be one of allow, deny; did you mean deny?"},
		{"fraction", block("  leeway_seconds: 1.5"), "text:4: leeway_seconds: must be a whole number from 0 to 300"},
		{"hexadecimal number", block("  leeway_seconds: 0x10"), "text:4: leeway_seconds: must be a whole number from 0 to 300"},
		{"number above the limit", block("  token_cache_ttl_seconds: 86401"), "text:4: token_cache_ttl_seconds: must be a whole number from 0 to 86400"},
		{"negative number", block("  token_cache_ttl_seconds: -1"), "text:4: token_cache_ttl_seconds: must be a whole number from 0 to 86400"},
		{"YAML tag", block("  resource_name: !secret x"), "text:4: resource_name: is not a string; put it in quotes"},
		{"merge key", "a: &a {enabled: false}\n" + block("  <<: *a"), "text:5: <<: merge keys are not supported; write out the keys"},
		{"key is a list", block("  ? [a]", "  : b"), "text:4: a key is not a string"},
		{"empty list of audiences", block("  expected_audiences: []"), "text:4: expected_audiences: is empty; name an audience or remove the key: resource_server_url is accepted anyway"},
		{"issuer as an audience", block("  expected_audiences: [api://x, 'https://auth.example.com']"),
			`text:4: expected_audiences[1]: "https://auth.example.com" is the issuer itself, whose tokens for itself are not for this resource`},
		{"URLs of one server", block("  additional_resource_server_urls:\n    - https://mcp.example.com/mcp/x\n    - https://mcp.example.com/mcp/"), `text:6: additional_resource_server_urls[1]: "https://mcp.example.com/mcp/" cannot be distinguished from "https://mcp.example.com/mcp": a request has the same path, without a slash at the end, and the same Host`},
		{"an audience of several URLs", block("  additional_resource_server_urls: [https://mcp.example.com/mcp/x]", "  expected_audiences: [https://mcp.example.com/mcp]"), `text:5: expected_audiences[0]: "https://mcp.example.com/mcp" is one of several identifiers, and would be accepted at the others too; remove it: each identifier is accepted anyway`},
		{"default port", "authorization:\n  issuer_url: https://auth.example.com:443\n  resource_server_url: https://mcp.example.com:443/mcp\n",
			`text:3: resource_server_url: metadata: resource identifier "https://mcp.example.com:443/mcp": clients or proxies rewrite it: write "https://mcp.example.com/mcp"`},
		{"any audience", block("  expected_audiences: [api://x, '*']"),
			`text:4: expected_audiences[1]: "*" looks like a pattern, but audiences are compared byte for byte: name each one; literal_audiences: true allows '*'`},
		{"any audience of another issuer", block("  additional_issuers:", "    - issuer_url: https://b.example", "      expected_audiences: ['https://*.example.com']"),
			`text:6: additional_issuers[0].expected_audiences[0]: "https://*.example.com" looks like a pattern, but audiences are compared byte for byte: name each one; literal_audiences: true allows '*'`},
		{"base path of another server", block("  base_path: /prod"),
			`text:4: base_path: the path of resource_server_url "https://mcp.example.com/mcp" does not begin with "/prod": base_path is the beginning of this path that belongs to the server`},
		{"this server's URL as metadata URL", block("  resource_metadata_url: https://mcp.example.com/mcp"),
			`text:4: resource_metadata_url: "https://mcp.example.com/mcp" is resource_server_url: name the URL of the metadata, which needs no token`},
		{"metadata URL over http", block("  resource_metadata_url: http://cdn.example.com/m"),
			`text:4: resource_metadata_url: metadata: URL "http://cdn.example.com/m": must begin with https://: http is for loopback hosts`},
		{"metadata at this server's path", block("  resource_metadata_paths: [/m, /mcp]"),
			`text:4: resource_metadata_paths[1]: "/mcp" is the path of resource_server_url "https://mcp.example.com/mcp", and requests for it need a token: use another path`},
		{"symmetric algorithm", block("  algorithms: [HS256]"),
			`text:4: algorithms: algorithm "HS256" is not one of ["RS256" "RS384" "RS512" "PS256" "PS384" "PS512" "ES256" "ES384" "ES512" "EdDSA" "Ed25519"]`},
		{"client without a secret", block("  client_id: x"), `text:4: client_secret: is missing; method "client_secret_basic" requires it or client_secret_file`},
		{"secret without a client", block("  client_secret: s3cr3t"), `text:4: client_id: is missing; method "client_secret_basic" requires it`},
		{"client ID and secret of different pairs", block("  client_id: x", "  introspection_client_secret: s3cr3t"),
			`text:5: introspection_client_id: is missing; method "client_secret_basic" requires it`},
		{"introspection without credentials", block("  introspect_jwts: true"),
			`text:4: client_id: is missing; method "client_secret_basic" requires it` + "\n" + `text:4: client_secret: is missing; method "client_secret_basic" requires it or client_secret_file`},
		{"two sources of a secret", block("  client_id: x", "  client_secret: s3cr3t", "  client_secret_file: y"),
			"text:6: client_secret_file: client_secret is also set; set only one of them"},
		{"keys with introspect_jwts", block("  client_id: x", "  client_secret: s3cr3t", "  introspect_jwts: true", "  jwks_uri: https://auth.example.com/keys"),
			"text:7: jwks_uri: is not used with introspect_jwts; remove one of them"},
		{"a token for keys and introspect_jwts", block("  client_id: a", "  client_secret: b", "  introspect_jwts: true", "  jwks_bearer_token: t", "  jwks_refresh_seconds: 60"),
			"text:7: jwks_bearer_token: is not used with introspect_jwts; remove one of them\ntext:8: jwks_refresh_seconds: is not used with introspect_jwts; remove one of them"},
		{"a header field with a standard meaning", block("  token_header: cookie", "  additional_issuers: [{issuer_url: https://a.example}]"), "text:4: token_header: Cookie has a standard meaning"},
		{"no issuer to publish", block("  token_header: X-Jwt"), "text:2: authorization_servers: none; name where clients of tenants, of ResolveIssuer's issuers, of TokenHeaders and of Prefixed log in"},
		{"not a header field", block("  additional_issuers:", "    - issuer_url: https://a.example", "      token_header: X Jwt"), "text:6: additional_issuers[0].token_header: not a header field name"},
		{"one header field of two issuers", block("  additional_issuers:", "    - {issuer_url: https://a.example, token_header: X-Jwt}", "    - {issuer_url: https://b.example, token_header: X-Jwt}"),
			`text:6: additional_issuers[1].token_header: "X-Jwt" is also the value of additional_issuers[0].token_header; name another field`},
		{"one header field in two spellings", block("  token_header: X-Jwt", "  additional_issuers:", "    - {issuer_url: https://a.example, token_header: x-jwt}", "    - issuer_url: https://b.example"),
			"text:6: additional_issuers[0].token_header: duplicate field X-Jwt; field names are the same in upper and lower case"},
		{"a prefix without introspection", block("  additional_issuers:", "    - {issuer_url: https://a.example, token_prefix: pat_}"), "text:5: additional_issuers[0].token_prefix: tokens with a prefix are opaque and need introspection; set client_id and client_secret"},
		{"a prefix and a header field", block("  token_prefix: pat_", "  token_header: X-Jwt", "  additional_issuers: [{issuer_url: https://b.example}]"), "text:4: token_prefix: token_header is also set; set only one of them"},
		{"a prefix of JWTs", block("  token_prefix: eyJ", "  client_id: a", "  client_secret: b", "  additional_issuers: [{issuer_url: https://b.example}]"), "text:4: token_prefix: a prefix must have at least 3 characters of a token, and must not begin like a JWT"},
		{"one prefix of two issuers", block("  token_prefix: pat_", "  client_id: a", "  client_secret: b", "  additional_issuers:", "    - {issuer_url: https://a.example, token_prefix: pat_, client_id: a, client_secret: b}", "    - issuer_url: https://b.example"),
			`text:8: additional_issuers[0].token_prefix: "pat_" is also the value of token_prefix; name another prefix`},
		{"one prefix of an issuer and of API keys", block("  token_prefix: pat_", "  client_id: a", "  client_secret: b", "  api_key_prefix: pat_", "  api_keys_file: /nowhere/k", "  additional_issuers: [{issuer_url: https://b.example}]"),
			"text:4: token_prefix: \"pat_\" is also the value of api_key_prefix; name another prefix\ntext:8: api_keys_file: file \"/nowhere/k\": no such file or directory"},
		{"two ways to verify tokens in a header field", block("  token_header: X-Jwt", "  client_id: a", "  client_secret: b", "  additional_issuers: [{issuer_url: https://a.example}]"),
			"text:5: client_id: is used with token_header only if introspect_jwts is true; set it or remove the credentials"},
		{"tenants in a header field", block("  token_header: X-Jwt", "  tenant_pattern: https://t.example/{tenantid}", "  allowed_tenants: [a]", "  jwks_uri: https://t.example/k", "  additional_issuers: [{issuer_url: https://a.example}]"),
			"text:5: tenant_pattern: is not used with token_header; remove one of them\ntext:6: allowed_tenants: is not used with token_header; remove one of them"},
		{"a mistake in an issuer behind one with a header field", block("  token_header: X-Jwt", "  additional_issuers:", "    - issuer_url: https://a.example", "      scope_claim: aud"),
			`text:7: additional_issuers[0].scope_claim: "aud" identifies the caller; it cannot determine what the caller may do`},
		{"a mistake in an issuer with a header field", block("  additional_issuers:", "    - issuer_url: https://a.example", "      token_header: X-Jwt", "      expected_audiences: ['*']"),
			`text:7: additional_issuers[0].expected_audiences[0]: "*" looks like a pattern, but audiences are compared byte for byte: name each one; literal_audiences: true allows '*'`},
		{"two tokens for keys", block("  jwks_bearer_token: t", "  jwks_bearer_token_file: f"), "text:5: jwks_bearer_token_file: jwks_bearer_token is also set; set only one of them"},
		{"a token for a key file", block("  jwks_file: keys.json", "  jwks_bearer_token: t"), "text:4: jwks_file: jwks: keyset: keys unavailable: last fetch failed: keyset: file \"keys.json\": no such file or directory\ntext:5: jwks_bearer_token: is not used with jwks_file; remove one of them"},
		{"a token file for a key file", block("  jwks_file: keys.json", "  jwks_bearer_token_file: f"), "text:4: jwks_file: jwks: keyset: keys unavailable: last fetch failed: keyset: file \"keys.json\": no such file or directory\ntext:5: jwks_bearer_token_file: is not used with jwks_file; remove one of them"},
		{"a token with its scheme", block("  jwks_bearer_token: Bearer s3cret"), "text:4: jwks_bearer_token: not a b64token (RFC 6750 §2.1): set the token alone, without Bearer and white space"},
		{"a missing token file", block("  jwks_bearer_token_file: /nowhere/t"), `text:4: jwks_bearer_token_file: secret file "/nowhere/t": no such file or directory`},
		{"a token file with something else", block("  jwks_bearer_token_file: config_test.go"), `text:4: jwks_bearer_token_file: secret file "config_test.go": has more than one line`},
		{"keys that are refreshed too often", block("  jwks_refresh_seconds: 29"), "text:4: jwks_refresh_seconds: must be a whole number from 30 to 3600"},
		{"keys that are refreshed too seldom", block("  jwks_refresh_seconds: 3601"), "text:4: jwks_refresh_seconds: must be a whole number from 30 to 3600"},
		{"two sources of keys", block("  jwks_uri: https://a.example/k", "  jwks_file: k"), "text:5: jwks_file: jwks_uri is also set; set only one of them"},
		{"missing files", block("  jwks_file: /nowhere/k", "  ca_file: /nowhere/c", "  api_keys_file: /nowhere/a", "  client_id: x", "  client_secret_file: /nowhere/s"),
			"text:4: jwks_file: jwks: keyset: keys unavailable: last fetch failed: keyset: file \"/nowhere/k\": no such file or directory\ntext:5: ca_file: file \"/nowhere/c\": no such file or directory\n" +
				`text:6: api_keys_file: file "/nowhere/a": no such file or directory` + "\n" + `text:8: client_secret_file: secret file "/nowhere/s": no such file or directory`},
		{"directories instead of files", block("  jwks_file: /", "  ca_file: /", "  api_keys_file: /", "  client_id: x", "  client_secret_file: /"),
			"text:4: jwks_file: jwks: keyset: keys unavailable: last fetch failed: keyset: file \"/\": is not a regular file\n" + `text:5: ca_file: file "/": is not a regular file` + "\n" +
				`text:6: api_keys_file: file "/": is not a regular file` + "\n" + `text:8: client_secret_file: secret file "/": is not a regular file`},
		{"files with unusable contents", block("  ca_file: /dev/null", "  client_id: x", "  client_secret_file: config_test.go"),
			`text:4: ca_file: file "/dev/null": is not a regular file` + "\n" + `text:6: client_secret_file: secret file "config_test.go": has more than one line`},
		{"missing digest key", block("  digest_key_file: /nowhere/d"), `text:4: digest_key_file: file "/nowhere/d": no such file or directory`},
		{"file without keys", block("  jwks_file: config_test.go"),
			`text:4: jwks_file: jwks: keyset: keys unavailable: last fetch failed: keyset: file "config_test.go": malformed JSON at byte 0`},
		{"file without certificates", block("  ca_file: config_test.go"), `text:4: ca_file: file "config_test.go": has no PEM certificate`},
		{"endpoint is not a URL", block("  jwks_uri: keys"), `text:4: jwks_uri: URL "keys": must be an absolute URL, such as https://host.example.com/path`},
		{"password in a URL", block("  jwks_uri: https://u:s3cr3t@auth.example.com/"),
			`text:4: jwks_uri: URL "https://(not shown, it may contain a password)": must not hold a user name or password: remove them`},
		{"additional issuer without its URL", block("  additional_issuers:", "    - jwks_uri: https://x.example/k", "      issuer: https://x.example"),
			"text:5: additional_issuers[0].issuer_url: is missing\ntext:6: additional_issuers[0].issuer: unknown key; did you mean issuer_url?"},
		{"duplicate issuer", block("  additional_issuers:", "    - issuer_url: https://auth.example.com"),
			`text:5: additional_issuers[0]: duplicate issuer "https://auth.example.com"; a token must have one verifier`},
		{"two issuers for opaque tokens", block("  client_id: x", "  client_secret: s3cr3t", "  additional_issuers:", "    - issuer_url: https://b.example", "      client_id: x", "      client_secret: t3cr3t"),
			"text:8: additional_issuers[0].client_id: opaque tokens do not name their issuer and are introspected at another issuer already; set introspect_jwts or remove the credentials"},
		{"resource rule without a pattern", block("  resource_scopes:", "    - scopes: [a]"), "text:5: resource_scopes[0]: set exactly one of uri, prefix and template"},
		{"resource rule without scopes", block("  resource_scopes:", "    - uri: a:b"), "text:5: resource_scopes[0].scopes: is missing"},
		{"condition without a claim", block("  conditions:", "    - equals: a"), "text:5: conditions[0].claim: is missing"},
		{"empty lists of conditions", block("  conditions: []", "  required_conditions: []", "  additional_issuers:", "    - {issuer_url: 'https://b.example', conditions: []}"),
			"text:4: conditions: is empty; add a condition or remove the key\ntext:5: required_conditions: is empty; add a condition or remove the key\n" +
				"text:7: additional_issuers[0].conditions: is empty; add a condition or remove the key"},
		{"condition without a test", block("  conditions:", "    - claim: a"), "text:5: conditions[0]: set exactly one of equals, one_of, contains, contains_one_of, contains_detail and path_prefix"},
		{"condition with two tests", block("  required_conditions:", "    - {claim: a, equals: 1}", "    - {claim: a, equals: 1, contains: 1}"),
			"text:6: required_conditions[1]: set exactly one of equals, one_of, contains, contains_one_of, contains_detail and path_prefix"},
		{"condition on a claim that is not a name", block("  tool_conditions:", "    deploy:", "      - {claim: /a//b, equals: 1}"), `text:6: tool_conditions["deploy"][0]: claim: "/a//b" has an empty step`},
		{"detail without a type", block("  conditions: [{claim: a, contains_detail: {actions: [b]}}]"), "text:4: conditions[0].contains_detail.type: is missing"},
		{"detail with an empty type", block("  conditions: [{claim: a, contains_detail: {type: ''}}]"), "text:4: conditions[0].contains_detail.type: is empty; set a value or remove it"},
		{"detail that is empty", block("  conditions: [{claim: a, contains_detail: {}}]"), "text:4: conditions[0].contains_detail.type: is missing"},
		{"detail that is null", block("  conditions: [{claim: a, contains_detail: null}]"), "text:4: conditions[0].contains_detail: is not a mapping of keys"},
		{"detail that is a string", block("  conditions: [{claim: a, contains_detail: b}]"), "text:4: conditions[0].contains_detail: is not a mapping of keys"},
		{"detail with an unknown key", block("  conditions:", "    - claim: a", "      contains_detail:", "        type: b", "        action: [c]"), "text:8: conditions[0].contains_detail.action: unknown key; did you mean actions?"},
		{"detail with actions that are a string", block("  conditions: [{claim: a, contains_detail: {type: b, actions: c}}]"), "text:4: conditions[0].contains_detail.actions: is not a list; write [a, b]"},
		{"detail with no actions", block("  conditions: [{claim: a, contains_detail: {type: b, actions: []}}]"), "text:4: conditions[0]: contains_detail.actions: empty; name at least one value, or do not set it"},
		{"detail with duplicate data types", block("  conditions: [{claim: a, contains_detail: {type: b, datatypes: [c, c]}}]"), `text:4: conditions[0]: contains_detail.datatypes: duplicate value "c"`},
		{"detail with no privileges", block("  tool_conditions: {t: [{claim: a, contains_detail: {type: b, privileges: []}}]}"), `text:4: tool_conditions["t"][0]: contains_detail.privileges: empty; name at least one value, or do not set it`},
		{"detail and another test", block("  conditions: [{claim: a, equals: b, contains_detail: {type: b}}]"), "text:4: conditions[0]: set exactly one of equals, one_of, contains, contains_one_of, contains_detail and path_prefix"},
		{"detail of a type that is not published", block("  authorization_details_types_supported: [b]", "  conditions: [{claim: authorization_details, contains_detail: {type: c}}]"),
			`text:5: conditions[0]: contains_detail.type: "c" is not in authorization_details_types_supported, where clients read which types they can request; add it there`},
		{"duplicate type of details", block("  authorization_details_types_supported: [b, b]"), `text:4: authorization_details_types_supported contains "b" twice: remove one`},
		{"no condition for a tool", block("  tool_conditions: {deploy: []}"), `text:4: tool_conditions["deploy"]: is empty; add a condition or remove the key`},
		{"null for a tool", block("  tool_conditions: {deploy: null}"), `text:4: tool_conditions["deploy"]: is not a list; write [a, b]`},
		{"no condition for every credential", block("  required_conditions: []"), `text:4: required_conditions: is empty; add a condition or remove the key`},
		{"no condition for an issuer", block("  additional_issuers:", "    - issuer_url: https://a.example", "      conditions: []"), `text:6: additional_issuers[0].conditions: is empty; add a condition or remove the key`},
		{"no condition for resources", block("  resource_conditions:", "    - {uri: doc://a, conditions: []}"), `text:5: resource_conditions[0].conditions: is empty; add a condition or remove the key`},
		{"condition with a fraction", block("  tool_conditions: {deploy: [{claim: a, one_of: [1, 1.0]}]}"),
			`text:4: tool_conditions["deploy"][0].one_of[1]: is neither a string nor a boolean nor a whole number of at most 64 bits; put a string in quotes`},
		{"condition with a number in another notation", block("  conditions: [{claim: a, one_of: [0x10, 010, +1, 1_000]}]"),
			strings.TrimSuffix(fmt.Sprintf("%[1]s0%[2]s%[1]s1%[2]s%[1]s2%[2]s%[1]s3%[2]s", "text:4: conditions[0].one_of[", "]: is neither a string nor a boolean nor a whole number of at most 64 bits; put a string in quotes\n"), "\n")},
		{"condition with a large number", block("  conditions: [{claim: a, equals: 9223372036854775808}]"),
			"text:4: conditions[0].equals: is neither a string nor a boolean nor a whole number of at most 64 bits; put a string in quotes"},
		{"condition with a date", block("  conditions: [{claim: a, equals: 2026-01-01}]"),
			"text:4: conditions[0].equals: is neither a string nor a boolean nor a whole number of at most 64 bits; put a string in quotes"},
		{"condition with null", block("  conditions: [{claim: a, equals: null}]"), "text:4: conditions[0].equals: has no value; set one or remove the key"},
		{"condition with an empty string", block("  conditions: [{claim: a, equals: ''}]"), "text:4: conditions[0].equals: is empty; set a value or remove it"},
		{"condition with a list for a value", block("  conditions: [{claim: a, equals: [x]}]"), "text:4: conditions[0].equals: is not a string, a whole number or a boolean"},
		{"condition with a value for a list", block("  conditions: [{claim: a, one_of: x}]"), "text:4: conditions[0].one_of: is not a list; write [a, b]"},
		{"condition with an empty list", block("  conditions: [{claim: a, contains_one_of: []}]"), "text:4: conditions[0]: contains_one_of: empty; name at least one value"},
		{"condition with a misspelled test", block("  conditions: [{claim: a, equal: x}]"), "text:4: conditions[0].equal: unknown key; did you mean equals?"},
		{"negation", block("  conditions: [{claim: a, not_equals: x}]"), "text:4: conditions[0].not_equals: unknown key"},
		{"condition of an additional issuer", block("  additional_issuers:", "    - issuer_url: https://b.example", "      conditions: [{claim: p, path_prefix: a/}]"),
			`text:6: additional_issuers[0].conditions[0]: path_prefix: "a/" ends with a slash; write it without: the prefix matches whole segments`},
		{"conditions of a method", block("  method_conditions:", "    tools/list: [{claim: jti, equals: x}]"), `text:5: method_conditions["tools/list"][0]: claim: jti differs in each token; name another claim`},
		{"conditions of a prompt", block("  prompt_conditions: {x: [{claim: a, contains: [x]}]}"), `text:4: prompt_conditions["x"][0].contains: is not a string, a whole number or a boolean`},
		{"conditions of a resource", block("  resource_conditions:", "    - conditions: [{claim: a, equals: 1}]", "    - {uri: 'doc://a', conditions: [{claim: a, one_of: [1, 1]}]}"),
			"text:5: resource_conditions[0]: set exactly one of uri, prefix and template\ntext:6: resource_conditions[1].conditions[0]: one_of: duplicate value 1"},
		{"resource without conditions", block("  resource_conditions: [{uri: 'doc://a'}]"), "text:4: resource_conditions[0].conditions: is missing"},
		{"a public method with conditions", block("  public_operations: [tools/list]", "  method_conditions: {tools/list: [{claim: a, equals: 1}]}"),
			`text:4: public_operations: "tools/list" has conditions; an operation cannot have conditions and be public`},
		{"a public tool with conditions", block("  public_tools: [status]", "  tool_conditions: {status: [{claim: a, equals: 1}]}"),
			`text:4: public_tools[0]: "status" has conditions; an operation cannot have conditions and be public`},
		{"argument rule without its parts", block("  argument_scopes: [{tool: deploy}]"), "text:4: argument_scopes[0].argument: is missing\ntext:4: argument_scopes[0].values: is missing"},
		{"argument rule without values", block("  argument_scopes: [{tool: deploy, argument: env, values: {}}]"), "text:4: argument_scopes[0]: no values; list at least one"},
		{"argument rule without an effect", block("  argument_scopes: [{tool: deploy, argument: env, values: {dev: []}}]"),
			"text:4: argument_scopes[0]: no value has scopes, so the rule has no effect; add scopes, or reject other values"},
		{"argument rule with an invalid scope", block("  argument_scopes:", "    - tool: deploy", "      argument: env", "      values: {prod: [a b]}"),
			`text:5: argument_scopes[0].values["prod"]: "a b" is not a scope: write each scope as an entry of its own, or write " | " between alternatives (RFC 6749 §3.3)`},
		{"argument rule with an unknown setting", block("  argument_scopes: [{tool: deploy, argument: env, values: {a: [b]}, others: all}]"), "text:4: argument_scopes[0].others: must be one of need_all, reject"},
		{"duplicate argument rule", block("  argument_scopes: [{tool: deploy, argument: env, values: {a: [b]}}, {tool: deploy, argument: env, values: {a: [b]}}]"),
			`text:4: argument_scopes[1]: duplicate rule for the argument "env" of the tool "deploy"; list all values in one`},
		{"argument rule of a public tool", block("  public_tools: [deploy]", "  argument_scopes: [{tool: deploy, argument: env, values: {a: [b]}}]"),
			`text:4: public_tools[0]: "deploy" needs the scopes ["b"] by other rules; an operation cannot have scopes and be public` + "\n" +
				`text:5: argument_scopes[0]: the tool "deploy" is public; a public tool cannot have rules for arguments`},
		{"argument without a letter", block("  argument_scopes: [{tool: deploy, argument: _, values: {a: [b]}}]"), `text:4: argument_scopes[0]: argument "_" has neither letters nor digits`},
		{"tenant pattern without tenants", block("  tenant_pattern: https://t.example/{tenantid}", "  jwks_uri: https://t.example/keys"),
			"text:4: allowed_tenants: list the allowed tenants; there is no way to allow any tenant"},
		{"tenants without a pattern", block("  allowed_tenants: [a]", "  tenant_claim: t"), "text:4: allowed_tenants: requires tenant_pattern\ntext:5: tenant_claim: requires tenant_pattern"},
		{"invalid tenant", block("  tenant_pattern: https://t.example/{tenantid}", "  jwks_uri: https://t.example/keys", "  allowed_tenants: [a, '*']"),
			`text:6: allowed_tenants[1]: "*" cannot be a path segment of an issuer: use letters, digits, "-", "_" and "."`},
		{"tenant pattern without keys", block("  tenant_pattern: https://t.example/{tenantid}", "  allowed_tenants: [a]"),
			"text:4: tenant_pattern: URL: empty; the keys of many tenants cannot be discovered, so name their address"},
		{"tenants with introspection", block("  tenant_pattern: https://t.example/{tenantid}", "  allowed_tenants: [a]", "  introspect_jwts: true", "  client_id: x", "  client_secret: s3cr3t"),
			"text:4: tenant_pattern: tokens of tenants can be verified only by keys; remove introspect_jwts"},
		{"audience claims of both kinds", block("  audience_claims: [aud, azp]"), "text:4: audience_claims: claims that name a client cannot be combined with aud and resource: the aud of an ID token is the client\ntext:4: expected_audiences: empty; name the clients that are used for this resource alone"},
		{"invalid JSON Pointer", block("  scope_claim: /a/~2", "  client_id: x", "  client_secret: s3cr3t"), `text:4: scope_claim: "/a/~2" has a ~ that is neither ~0 nor ~1 (RFC 6901 §3)`},
		{"scope prefix without a matching scope", block("  scope_prefix: 'api://x/'", "  required_scopes: [a]"), `text:4: scope_prefix: no scope of the configuration begins with "api://x/"; write scopes as clients request them, or set scope_names`},
		{"string for the names of scopes", block("  required_scopes: [a]", "  scope_names: x"), "text:5: scope_names: is not a mapping; write scope: name"},
		{"list for the name of a scope", block("  required_scopes: [a]", "  scope_names:", "    a: [x]"), `text:6: scope_names["a"]: is not a string`},
		{"no name for a scope", block("  required_scopes: [a]", "  scope_names:", "    a:"), `text:6: scope_names["a"]: has no value; set one or remove the key`},
		{"variable as a scope with a name", block("  required_scopes: [a]", "  scope_names:", "    '${A}': x"), `text:6: scope_names: a key contains ${; variables are expanded only in values`},
		{"name of an unknown scope", block("  required_scopes: [a]", "  scope_names:", "    b: x"), `text:6: scope_names["b"]: "b" is not a scope of the configuration; list scopes that only the program requires in scopes_supported`},
		{"two names in one", block("  required_scopes: [a]", "  scope_names:", "    a: x y"), `text:6: scope_names["a"]: "x y" is not a scope (RFC 6749 §3.3); list scopes that the issuer does not have in unavailable_scopes`},
		{"name of another scope", block("  required_scopes: [a]", "  scopes_supported: [b]", "  scope_names:", "    a: b"), `text:7: scope_names["a"]: "b" is another scope of the configuration, which has the same name; give it another name, or list it in unavailable_scopes`},
		{"name without the prefix", block("  required_scopes: [a]", "  scope_prefix: p/", "  scope_names:", "    a: x"), `text:7: scope_names["a"]: "x" does not begin with scope_prefix "p/", as all scopes of the issuer do; write the name as clients request it`},
		{"scope that is unavailable and has a name", block("  challenge_scopes: [a]", "  scope_names: {a: x}", "  client_id: x", "  client_secret: s3cr3t", "  unavailable_scopes: [a]"), `text:8: unavailable_scopes[0]: "a" has a name in scope_names; remove one of the two`},
		{"required scope that is unavailable", block("  required_scopes: [a]", "  unavailable_scopes: [a]"), `text:4: required_scopes: no token of issuer "https://auth.example.com" can have "a", because of its scope_prefix, scope_names or unavailable_scopes; add an alternative that the issuer has`},
		{"alternatives without spaces", block("  required_scopes: [a|b]"), `text:4: required_scopes: "a|b" is not a scope here: write exactly " | " between alternatives; if the issuer's scope has this character, give it another name by scope_names`},
		{"alternatives of which one is enough", block("  tool_scopes:", "    t: [a | a b]"), `text:5: tool_scopes["t"]: alternatives "a | a b": remove "a b", because "a" is enough`},
		{"many alternatives", block("  required_scopes: [s" + strings.Repeat(" | s", 64) + "]"), `text:4: required_scopes: alternatives with 65 scopes; at most 64 are possible: use implied_scopes, with one broader scope`},
		{"alternatives in a challenge", block("  challenge_scopes: [a | b]"), `text:4: challenge_scopes: "a | b": alternatives are possible only where needed scopes are listed; write each scope as an entry of its own`},
		{"roles without a role claim", block("  additional_issuers:", "    - issuer_url: https://b.example", "      role_scopes: {r: [a]}"),
			"text:6: additional_issuers[0].role_scopes: role_claim is empty, so no token has roles"},
		{"strict mode with another claim", block("  strict_rfc9068: true", "  audience_claims: [resource]"), "text:5: audience_claims: strict_rfc9068 is set, and RFC 9068 §2.2 has the audience in aud"},
		{"a claim of tokens of clients without its value", block("  client_token_claim: gty"), "text:4: client_token_claim: set either client_token_claim and client_token_value, or subject_is_client"},
		{"a value in tokens of clients without its claim", block("  client_id: x", "  client_token_value: cc", "  client_secret: s3cr3t"), "text:5: client_token_claim: set either client_token_claim and client_token_value, or subject_is_client"},
		{"both ways to find tokens of clients", block("  subject_is_client: true", "  client_token_value: cc", "  client_token_claim: gty"), "text:6: client_token_claim: set either client_token_claim and client_token_value, or subject_is_client"},
		{"a claim of tokens of clients that users have", block("  client_token_value: x", "  client_token_claim: azp"), `text:5: client_token_claim: "azp" is also in tokens of users; name a claim that only tokens of clients have with this value`},
		{"a subject that many users share", block("  subject_claim: client_id"), `text:4: subject_claim: "client_id" does not identify a user; name a claim whose value belongs to one user only`},
		{"a type of other tokens", block("  token_types: [api, refresh]"), `text:4: token_types[1]: "refresh" is the type of other tokens, which are not for resources`},
		{"public initialize of a server with sessions", block("  public_operations: [initialize]"), "text:4: public_operations: initialize needs stateless: true, because a session that was opened without a token could be used with any token"},
		{"a public method with scopes", block("  public_operations: [tools/list]", "  method_scopes:", "    tools/list: [a]"), `text:4: public_operations: "tools/list" needs the scopes ["a"] by other rules; an operation cannot have scopes and be public`},
		{"invalid hosts", block("  allow_private_hosts: ['10.0.0.1', '[::1]', auth.internal, '*.internal', 'auth.internal:8443', 'https://auth.internal', 10.0.0.0/8]", "  client_id: x", "  client_secret: s3cr3t"),
			`text:4: allow_private_hosts[3]: "*.internal" is not a host name: use one such as auth.internal, without scheme, port and wildcard
text:4: allow_private_hosts[4]: "auth.internal:8443" is not a host name: use one such as auth.internal, without scheme, port and wildcard
text:4: allow_private_hosts[5]: "https://auth.internal" is not a host name: use one such as auth.internal, without scheme, port and wildcard
text:4: allow_private_hosts[6]: "10.0.0.0/8" is not a host name: use one such as auth.internal, without scheme, port and wildcard`},
		{"name of an issuer without an address", name("sso.example.com"), `text:2: issuer_url: issuer "sso.example.com": must be an absolute URL, such as https://host.example.com/path; if it is only the name of the issuer, set jwks_uri (in Go: URL), jwks_file (File) or metadata_url (MetadataURL)`},
		{"name of an issuer with keys", name("http://adfs.example.com/adfs/services/trust", "  jwks_uri: https://adfs.example.com/adfs/discovery/keys"),
			`text:2: authorization_servers: not set, and the name of an issuer cannot be published; name the servers where clients log in: metadata: issuer "http://adfs.example.com/adfs/services/trust": must begin with https://: http is for loopback hosts`},
		{"name of an issuer, published", name("sso.example.com", "  jwks_uri: https://sso.example.com/keys", "  authorization_servers: [sso.example.com, 'https://a.example', 'https://a.example']"),
			`text:5: authorization_servers[0]: metadata: issuer "sso.example.com": must be an absolute URL, such as https://host.example.com/path
text:5: authorization_servers[2]: duplicate server "https://a.example"`},
		{"name of an issuer whose endpoint is discovered", name("sso.example.com", "  jwks_uri: https://sso.example.com/keys", "  client_id: x", "  client_secret: 3cr3t", "  authorization_servers: ['https://a.example']"),
			`text:2: issuer_url: issuer "sso.example.com": must be an absolute URL, such as https://host.example.com/path; if it is only the name of the issuer, set introspection_endpoint (in Go: Endpoint, and KeysURL for SignedAnswers) or metadata_url (MetadataURL)`},
		{"no authorization servers", block("  authorization_servers: []"), "text:4: authorization_servers: empty; name at least one server where clients log in (MCP authorization)"},
		{"tenants of a name", name("sso.example.com", "  tenant_pattern: https://t.example/{tenantid}", "  allowed_tenants: [a]", "  jwks_uri: https://t.example/keys"),
			`text:2: issuer_url: issuer "sso.example.com": must be an absolute URL, such as https://host.example.com/path; set authorization_servers`},
		{"metadata_url over http", block("  metadata_url: http://auth.example.com/m?secret=3cr3t"), `text:4: metadata_url: URL "http://auth.example.com/m?...": must begin with https://: http is for loopback hosts`},
		{"metadata_url that nothing reads", block("  metadata_url: https://auth.example.com/m", "  jwks_file: k"),
			"text:4: metadata_url: is not used, because no address has to be discovered; remove it, jwks_uri, jwks_file or introspection_endpoint\ntext:5: jwks_file: jwks: keyset: keys unavailable: last fetch failed: keyset: file \"k\": no such file or directory"},
		{"header type of another token", block("  header_types: [JOSE, logout+jwt]"), `text:4: header_types[1]: "logout+jwt" is the type of other tokens, which are not for resources`},
		{"header type in strict mode", block("  header_types: [JOSE]", "  strict_rfc9068: true"), "text:4: header_types: strict_rfc9068 is set, and RFC 9068 §2.1 requires the typ at+jwt"},
		{"use of keys for encryption", block("  key_uses: [jwt-svid, enc]"), `text:4: key_uses[1]: "enc" is for encryption (RFC 7517 §4.2)`},
		{"use of keys with introspection", block("  key_uses: [jwt-svid]", "  introspect_jwts: true", "  client_id: x", "  client_secret: 3cr3t"), "text:4: key_uses: is not used with introspect_jwts; remove one of them"},
		{"anchor with the name of the block", "x: &authorization y\n? *authorization\n: {enabled: false}\n", "text: has no block authorization:"},
		{"many mistakes at once", "authorization:\n  issuer_url: http://auth.example.com\n  resource_server_url: https://MCP.example.com/mcp#x\n  required_scopes: [offline_access, a b]\n  tool_scopes:\n    purge: [\"\\\\\"]\n  service_documentation_url: docs\n  leeway_seconds: x\n  oops: 1\n",
			`text:2: issuer_url: issuer "http://auth.example.com": must begin with https://: http is for loopback hosts; if it is only the name of the issuer, set jwks_uri (in Go: URL), jwks_file (File) or metadata_url (MetadataURL)
text:3: resource_server_url: metadata: resource identifier "https://MCP.example.com/mcp#...": must not have a fragment: remove '#' and what follows
text:4: required_scopes: offline_access is between client and authorization server; remove it (MCP authorization)
text:4: required_scopes: "a b" is not a scope: write each scope as an entry of its own, or write " | " between alternatives (RFC 6749 §3.3)
text:6: tool_scopes["purge"]: "\\" is not a scope: use printable ASCII without space, quote and backslash (RFC 6749 §3.3)
text:7: service_documentation_url: "docs" must be the absolute URL of a page, such as https://example.com/docs
text:8: leeway_seconds: must be a whole number from 0 to 300
text:9: oops: unknown key`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := mistakesOf(t, textConfig(row.text))
			if got != row.want {
				t.Errorf("\n got %s\nwant %s", got, row.want)
			}
			if strings.Contains(got, "3cr3t") {
				t.Error("the error contains a secret")
			}
		})
	}
}

func TestDisabled(t *testing.T) {
	for _, row := range []struct {
		name string
		c    config.Config
	}{
		{"in the file", textConfig("authorization: {enabled: false}\n")},
		{"valid otherwise", textConfig(block("  enabled: False"))},
		{"variable in the file", textConfig(block("  enabled: ${ON:-false}"))},
		{"variable in quotes", textConfig(block(`  enabled: "${ON}"`), "ON=false")},
		{"environment", textConfig(block(), "AUTHORIZATION__ENABLED=false")},
		{"environment without the block", textConfig("a: 1\n", "AUTHORIZATION__ENABLED=false")},
	} {
		t.Run(row.name, func(t *testing.T) {
			if live, err := config.New(row.c); live != nil || !errors.Is(err, config.ErrDisabled) {
				t.Errorf("got %v, %v, want ErrDisabled", live, err)
			}
		})
	}
	if got, want := mistakesOf(t, textConfig("authorization: {enabled: false, requird_scopes: [a]}\n")), "text:1: requird_scopes: unknown key; did you mean required_scopes?"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// All valid forms of a file have the same result.
func TestAcceptedForms(t *testing.T) {
	want, err := config.Read(textConfig(block("  required_scopes: [a]")))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, text string }{
		{"byte order mark", "\ufeff" + block("  required_scopes: [a]")},
		{"CRLF line ends", strings.ReplaceAll(block("  required_scopes: [a]"), "\n", "\r\n")},
		{"document markers", "---\n" + block("  required_scopes: [a]") + "...\n"},
		{"alias", "x: &x [a]\n" + block("  required_scopes: *x")},
		{"JSON", `{"authorization": {"issuer_url": "https://auth.example.com", "resource_server_url": "https://mcp.example.com/mcp", "required_scopes": ["a"]}}`},
		{"unusual keys outside of the block", "mcp: {a: 1, a: 2}\nx: !y z\n" + block("  required_scopes: [a]")},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, err := config.Read(textConfig(row.text)); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("\n got %+v, %v\nwant %+v", got, err, want)
			}
		})
	}
}

// Input that could take unlimited time or memory is rejected quickly.
func TestLimits(t *testing.T) {
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
	huge := write(t, dir, "huge.yaml", block("  # "+strings.Repeat("x", maxFileBytes)))
	for _, row := range []struct {
		name string
		c    config.Config
		want string
	}{
		{"billion laughs attack", textConfig(laughs.String() + block("  required_scopes: *a12")), "text:6: more than 20000 values, or more than 16 levels of nesting"},
		{"alias of itself", textConfig(block("  required_scopes: &x [*x]")), "text:4: more than 20000 values, or more than 16 levels of nesting"},
		{"nesting above the limit", textConfig(block("  required_scopes: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000))), "text:4: more than 20000 values, or more than 16 levels of nesting"},
		{"nesting above the limit of the YAML parser", textConfig(block("  required_scopes: " + strings.Repeat("[", 50_000))), "text:4: is not valid YAML: exceeded max depth of 10000"},
		{"more values than the limit", textConfig(block("  required_scopes: [" + strings.Repeat("a,", maxNodes) + "]")), "text:4: more than 20000 values, or more than 16 levels of nesting"},
		{"file above the size limit", config.Config{File: huge, Environ: []string{}}, huge + ": is larger than 1048576 bytes"},
		{"pipe", config.Config{File: fifo, Environ: []string{}}, fifo + ": is not a regular file"},
		{"directory", config.Config{File: dir, Environ: []string{}}, dir + ": is not a regular file"},
		{"missing file", config.Config{File: dir + "/x", Environ: []string{}}, dir + "/x: no such file or directory"},
	} {
		t.Run(row.name, func(t *testing.T) {
			start := time.Now()
			got := mistakesOf(t, row.c)
			first, _, _ := strings.Cut(got, "\n")
			if first != row.want {
				t.Errorf("\n got %s\nwant %s", got, row.want)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
	many := make([]string, 200)
	for n := range many {
		many[n] = fmt.Sprintf("  key_%d: x", n)
	}
	if got := strings.Split(mistakesOf(t, textConfig(block(many...))), "\n"); len(got) != 51 || got[50] != "and 150 more mistakes" {
		t.Errorf("got %d lines, the last is %q; want 50 mistakes and the number of others", len(got), got[len(got)-1])
	}
}

func TestInvalidConfigs(t *testing.T) {
	for _, row := range []struct {
		name string
		c    config.Config
		want string
	}{
		{"empty", config.Config{}, "File, Text: set exactly one of them"},
		{"both File and Text", config.Config{File: "x", Text: []byte("x")}, "File, Text: set exactly one of them"},
		{"interval below the minimum", config.Config{File: "x", Interval: time.Millisecond}, "Interval: must be at least 1s"},
		{"Check returns an error", func() config.Config {
			c := textConfig(block())
			c.Check = func(*resource.Resource) error { return errors.New("no such tool") }
			return c
		}(), "text:1: no such tool"},
		{"Check returns the mistakes of mcpsdk.Check", func() config.Config {
			c := textConfig(block("  tool_scopes:", "    whoami: []", "    who_am_i: [a]", "  public_tools: [x]", "  resource_scopes:", "    - {uri: 'a:b', scopes: []}"))
			c.Check = func(*resource.Resource) error {
				return fmt.Errorf("mcpsdk: check: %w", errors.Join(
					errors.New(`Operations.Tools["who_am_i"]: the server has no such tool; did you mean "whoami"?`),
					errors.New(`Operations.PublicTools[0]: the server has no such tool`),
					errors.New(`Operations.Resources[0]: the server has no resource and no template that URI "a:b" applies to`),
					errors.New(`Operations.Tools["of_the_program"]: the server has no such tool`),
					errors.New(`tool "y": no rule names it`)))
			}
			return c
		}(), `text:1: mcpsdk: check: tool "y": no rule names it
text:4: tool_scopes["of_the_program"]: the server has no such tool
text:6: tool_scopes["who_am_i"]: the server has no such tool; did you mean "whoami"?
text:7: public_tools[0]: the server has no such tool
text:9: resource_scopes[0]: the server has no resource and no template that URI "a:b" applies to`},
		{"Check returns what no rule names", func() config.Config {
			c := textConfig(block("  required_scopes: [a]", "  undeclared_operations: deny"))
			c.Check = func(*resource.Resource) error {
				return fmt.Errorf("mcpsdk: check: %w", errors.Join(
					errors.New(`tool "y": no rule names it, so no one may use it`),
					errors.New(`resource template "a:{b}": no rule names it, so no one may use it`),
					errors.New("something else")))
			}
			return c
		}(), `text:1: mcpsdk: check: something else
text:5: undeclared_operations: tool "y": no rule names it, so no one may use it
text:5: undeclared_operations: resource template "a:{b}": no rule names it, so no one may use it`},
		{"Check wraps an error", func() config.Config {
			c := textConfig(block())
			c.Check = func(*resource.Resource) error { return fmt.Errorf("tools: %w", errors.New("no such tool")) }
			return c
		}(), "text:1: tools: no such tool"},
		{"Complete panics", func() config.Config {
			c := textConfig(block())
			c.Complete = func(*resource.Config) { panic("S3cr3t") }
			return c
		}(), "a function of the program, such as Complete or Check, panicked with a value of type string"},
		{"Complete sets an invalid value", func() config.Config {
			c := textConfig(block())
			c.Complete = func(c *resource.Config) { c.Limits.MaxTokenBytes = -1 }
			return c
		}(), "text:1: Limits.MaxTokenBytes: -1 is not between 1 and 262144"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := mistakesOf(t, row.c); got != row.want {
				t.Errorf("\n got %s\nwant %s", got, row.want)
			}
		})
	}
	if _, err := config.Load("/nowhere/authorization.yaml"); err == nil || err.Error() != "config: /nowhere/authorization.yaml: no such file or directory" {
		t.Errorf("got %v", err)
	}
}
