package metadata_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/warder-go/warder/metadata"
)

// jws has the form of a JWS. Its signature is not verified.
const jws = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUifQ.AAAA"

// minimal returns a valid document without optional members.
func minimal() metadata.Document {
	return metadata.Document{Resource: "https://mcp.example.com/mcp", AuthorizationServers: []string{"https://as.example"}}
}

// full returns a valid document with all members.
func full() metadata.Document {
	return metadata.Document{
		Resource:                              "https://mcp.example.com/a&b",
		AuthorizationServers:                  []string{"https://as.example/", "https://as.example/t"},
		JWKSURI:                               "https://mcp.example.com/jwks",
		ScopesSupported:                       []string{"files:read", "files:write"},
		BearerMethodsSupported:                []string{"header"},
		ResourceSigningAlgValuesSupported:     []string{"ES256"},
		ResourceName:                          "Müller <& Sons>",
		ResourceDocumentation:                 "https://example.com/docs?a=1&b=2",
		ResourcePolicyURI:                     "http://example.com/policy",
		ResourceTOSURI:                        "https://example.com/tos",
		TLSClientCertificateBoundAccessTokens: true,
		AuthorizationDetailsTypesSupported:    []string{"payment"},
		DPoPSigningAlgValuesSupported:         []string{"ES256", "EdDSA"},
		DPoPBoundAccessTokensRequired:         true,
		SignedMetadata:                        jws,
		Extra:                                 map[string]any{"x_number": 1, "resource_name#de": "Müller", "a_map": map[string]any{"z": 1, "b": []string{"c"}}, "x_false": false},
	}
}

// RFC 9728 §2, §3.2.
func TestMarshalJSON(t *testing.T) {
	for _, row := range []struct {
		name string
		doc  metadata.Document
		want string
	}{
		{"only required members", minimal(), `{"resource":"https://mcp.example.com/mcp","authorization_servers":["https://as.example"]}`},
		{"all members", full(), `{"resource":"https://mcp.example.com/a&b","authorization_servers":["https://as.example/","https://as.example/t"],` +
			`"jwks_uri":"https://mcp.example.com/jwks","scopes_supported":["files:read","files:write"],"bearer_methods_supported":["header"],` +
			`"resource_signing_alg_values_supported":["ES256"],"resource_name":"Müller <& Sons>","resource_documentation":"https://example.com/docs?a=1&b=2",` +
			`"resource_policy_uri":"http://example.com/policy","resource_tos_uri":"https://example.com/tos","tls_client_certificate_bound_access_tokens":true,` +
			`"authorization_details_types_supported":["payment"],"dpop_signing_alg_values_supported":["ES256","EdDSA"],"dpop_bound_access_tokens_required":true,` +
			`"signed_metadata":"` + jws + `","a_map":{"b":["c"],"z":1},"resource_name#de":"Müller","x_false":false,"x_number":1}`},
	} {
		got, err := row.doc.MarshalJSON()
		wantEqual(t, row.name, text(err), "ok")
		wantEqual(t, row.name, string(got), row.want)
	}
	empty := minimal()
	empty.ScopesSupported, empty.Extra = []string{}, map[string]any{}
	got, err := empty.MarshalJSON()
	wantEqual(t, "empty members", text(err), "ok")
	wantEqual(t, "empty members", string(got), `{"resource":"https://mcp.example.com/mcp","authorization_servers":["https://as.example"]}`)

	if out, err := (metadata.Document{}).MarshalJSON(); err == nil {
		t.Errorf("an invalid document is encoded as %s", out)
	}
	var back map[string]any
	out, err := json.Marshal(full())
	if err != nil || json.Unmarshal(out, &back) != nil || back["resource"] != "https://mcp.example.com/a&b" {
		t.Errorf("through encoding/json: %s, %v", out, err)
	}
}

func TestValidate(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, row := range []struct {
		name   string
		change func(*metadata.Document)
		want   string
	}{
		{"a valid document", func(d *metadata.Document) {}, "ok"},
		{"http for resource, keys and issuer, allowed", func(d *metadata.Document) {
			d.Resource, d.AuthorizationServers, d.JWKSURI, d.AllowHTTP = "http://mcp.internal/mcp", []string{"http://as.internal"}, "http://mcp.internal/jwks", true
		}, "ok"},
		{"http for them, not allowed", func(d *metadata.Document) {
			d.Resource, d.AuthorizationServers, d.JWKSURI = "http://mcp.internal/mcp", []string{"http://as.internal"}, "http://mcp.internal/jwks"
		}, `metadata: resource identifier "http://mcp.internal/mcp": must begin with https://: http is for loopback hosts, or with AllowHTTP` + "\n" +
			`metadata: authorization_servers: issuer "http://as.internal": must begin with https://: http is for loopback hosts, or with AllowHTTP` + "\n" +
			`metadata: jwks_uri: URL "http://mcp.internal/jwks": must begin with https://: http is for loopback hosts, or with AllowHTTP`},
		{"no authorization server (MCP: MUST)", func(d *metadata.Document) { d.AuthorizationServers = nil }, "metadata: authorization_servers is empty: name at least one issuer"},
		{"an empty authorization server", func(d *metadata.Document) { d.AuthorizationServers = []string{""} }, `metadata: authorization_servers: issuer "": must be an absolute URL, such as https://host.example.com/path` + "\n" + "metadata: authorization_servers has an empty entry: remove it"},
		{"a duplicate authorization server", func(d *metadata.Document) {
			d.AuthorizationServers = []string{"https://as.example", "https://as.example"}
		}, `metadata: authorization_servers contains "https://as.example" twice: remove one`},
		{"two scopes in one entry (RFC 6749 §3.3)", func(d *metadata.Document) { d.ScopesSupported = []string{"a b"} }, `metadata: scopes_supported: "a b" is not a scope (RFC 6749 §3.3): use one scope per entry, of printable ASCII without space, '"' and '\'`},
		{"a quote in a scope", func(d *metadata.Document) { d.ScopesSupported = []string{`a"b`} }, `metadata: scopes_supported: "a\"b" is not a scope (RFC 6749 §3.3): use one scope per entry, of printable ASCII without space, '"' and '\'`},
		{"a scope outside of ASCII", func(d *metadata.Document) { d.ScopesSupported = []string{"é"} }, `metadata: scopes_supported: "é" is not a scope (RFC 6749 §3.3): use one scope per entry, of printable ASCII without space, '"' and '\'`},
		{"all punctuation that a scope may contain", func(d *metadata.Document) { d.ScopesSupported = []string{"!#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~"} }, "ok"},
		{"offline_access (MCP: SHOULD NOT)", func(d *metadata.Document) { d.ScopesSupported = []string{"a", "offline_access"} }, "metadata: scopes_supported: offline_access is not a scope of a resource: remove it"},
		{"a token in the query", func(d *metadata.Document) { d.BearerMethodsSupported = []string{"header", "query"} }, `metadata: bearer_methods_supported: "query" is not supported: use "header" only`},
		{"algorithm none (RFC 9728 §2)", func(d *metadata.Document) { d.ResourceSigningAlgValuesSupported = []string{"None"} }, `metadata: resource_signing_alg_values_supported must not contain "None": remove it`},
		{"algorithm none for DPoP (RFC 9449 §5.1)", func(d *metadata.Document) { d.DPoPSigningAlgValuesSupported = []string{"none"} }, `metadata: dpop_signing_alg_values_supported must not contain "none": remove it`},
		{"a symmetric algorithm for DPoP", func(d *metadata.Document) { d.DPoPSigningAlgValuesSupported = []string{"HS256"} }, `metadata: dpop_signing_alg_values_supported: "HS256" is symmetric and cannot prove possession (RFC 9449 §4.2): remove it`},
		{"a javascript URL as page", func(d *metadata.Document) { d.ResourceDocumentation = "javascript:alert(1)" }, `metadata: resource_documentation: "(not shown, it may contain a password)" must be the absolute URL of a page, such as https://example.com/docs`},
		{"a page without a host", func(d *metadata.Document) { d.ResourcePolicyURI = "/policy" }, `metadata: resource_policy_uri: "(not shown, it may contain a password)" must be the absolute URL of a page, such as https://example.com/docs`},
		{"a key set at an address with a password and a control character", func(d *metadata.Document) { d.JWKSURI = "https://u:p@example.com/\n" }, `metadata: jwks_uri: URL "https://(not shown, it may contain a password)": must not contain '\n': write "%0A"
metadata: jwks_uri: "https://(not shown, it may contain a password)" must be UTF-8 text without control characters`},
		{"a page with a user", func(d *metadata.Document) { d.ResourceTOSURI = "https://u@example.com/" }, `metadata: resource_tos_uri: "https://(not shown, it may contain a password)" must be the absolute URL of a page, such as https://example.com/docs`},
		{"a control character in the name", func(d *metadata.Document) { d.ResourceName = "a\x00" }, `metadata: resource_name: "a\x00" must be UTF-8 text without control characters`},
		{"a name that is not UTF-8", func(d *metadata.Document) { d.ResourceName = "a\xff" }, `metadata: resource_name: "a\xff" must be UTF-8 text without control characters`},
		{"an empty type", func(d *metadata.Document) { d.AuthorizationDetailsTypesSupported = []string{""} }, "metadata: authorization_details_types_supported has an empty entry: remove it"},
		{"signed metadata with two segments", func(d *metadata.Document) { d.SignedMetadata = "eyJ9.e30" }, invalidSigned},
		{"signed metadata without a signature", func(d *metadata.Document) { d.SignedMetadata = "eyJ9.e30." }, invalidSigned},
		{"signed metadata in padded base64", func(d *metadata.Document) { d.SignedMetadata = "eyJ9.e30=.AAAA" }, invalidSigned},
		{"signed metadata in JSON", func(d *metadata.Document) { d.SignedMetadata = `{"payload":"e30"}` }, invalidSigned},
		{"a registered member as extra member", func(d *metadata.Document) { d.Extra = map[string]any{"resource": "x"} }, `metadata: extra member "resource" collides with "resource": set the field of Document instead`},
		{"a registered member in another case", func(d *metadata.Document) { d.Extra = map[string]any{"Resource": "x"} }, `metadata: extra member "Resource" collides with "resource": set the field of Document instead`},
		{"a registered member with the Kelvin sign", func(d *metadata.Document) { d.Extra = map[string]any{"jw\u212as_uri": "x"} }, "metadata: extra member \"jw\u212as_uri\" collides with \"jwks_uri\": set the field of Document instead"},
		{"a language variant", func(d *metadata.Document) {
			d.Extra = map[string]any{"resource_tos_uri#fr-CA": "https://example.com/fr"}
		}, "ok"},
		{"a language variant in another case", func(d *metadata.Document) { d.Extra = map[string]any{"Resource_Name#fr": "x"} }, `metadata: extra member "Resource_Name#fr" collides with "resource_name": set the field of Document instead`},
		{"a language variant of another member (RFC 9728 §2.1)", func(d *metadata.Document) { d.Extra = map[string]any{"jwks_uri#fr": "x"} }, `metadata: extra member "jwks_uri#fr" collides with "jwks_uri": set the field of Document instead`},
		{"a language variant without a language", func(d *metadata.Document) { d.Extra = map[string]any{"resource_name#": "x"} }, `metadata: extra member "resource_name#" collides with "resource_name": set the field of Document instead`},
		{"a language variant that is not a string", func(d *metadata.Document) { d.Extra = map[string]any{"resource_name#de": 1} }, `metadata: extra member "resource_name#de" must be a string (RFC 9728 §2.1)`},
		{"null as extra member", func(d *metadata.Document) { d.Extra = map[string]any{"x": nil} }, `metadata: extra member "x" has no value: omit it`},
		{"a nil pointer as extra member", func(d *metadata.Document) { d.Extra = map[string]any{"x": (*int)(nil)} }, `metadata: extra member "x" has no value: omit it`},
		{"an empty list as extra member (RFC 9728 §3.2)", func(d *metadata.Document) { d.Extra = map[string]any{"x": []string{}} }, `metadata: extra member "x" has no value: omit it`},
		{"an extra member without a name", func(d *metadata.Document) { d.Extra = map[string]any{"": "x"} }, `metadata: extra member "" has an invalid name`},
		{"an extra member with a long name", func(d *metadata.Document) { d.Extra = map[string]any{long: "x"} }, "ok"},
	} {
		d := minimal()
		row.change(&d)
		wantEqual(t, row.name, text(d.Validate()), row.want)
	}
	unencodable := minimal()
	unencodable.Extra = map[string]any{"x": make(chan int)}
	if err := unencodable.Validate(); !strings.HasPrefix(text(err), `metadata: extra member "x" cannot be encoded as JSON: `) {
		t.Errorf("a channel as extra member: %v", err)
	}
}

const invalidSigned = "metadata: signed_metadata must be a compact JWS (RFC 9728 §2.2): three non-empty base64url parts, separated by dots"

func TestValidateReportsAllMistakes(t *testing.T) {
	d := metadata.Document{ScopesSupported: []string{"offline_access", "a b"}, Extra: map[string]any{"b": nil, "a": nil, "SCOPES_supported": 1}}
	wantEqual(t, "mistakes", text(d.Validate()), strings.Join([]string{
		`metadata: resource identifier "": must be an absolute URL, such as https://host.example.com/path`,
		`metadata: authorization_servers is empty: name at least one issuer`,
		`metadata: scopes_supported: offline_access is not a scope of a resource: remove it`,
		`metadata: scopes_supported: "a b" is not a scope (RFC 6749 §3.3): use one scope per entry, of printable ASCII without space, '"' and '\'`,
		`metadata: extra member "SCOPES_supported" collides with "scopes_supported": set the field of Document instead`,
		`metadata: extra member "a" has no value: omit it`,
		`metadata: extra member "b" has no value: omit it`,
	}, "\n"))
}
