package config_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

var update = flag.Bool("update", false, "write the JSON Schema and the table in docs/configuration.md from the code")

type object = map[string]any

// variable is the schema of a string with a variable, which may replace another type.
var variable = object{"type": "string", "pattern": `\$\{`}

// schemaOf returns the schema of a type.
func schemaOf(t reflect.Type, tag reflect.StructTag) object {
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem(), tag)
	case reflect.Bool:
		return object{"anyOf": []object{{"type": "boolean"}, variable}}
	case reflect.Int:
		return object{"anyOf": []object{{"type": "integer", "minimum": limit(tag, "min"), "maximum": limit(tag, "max")}, variable}}
	case reflect.String:
		if enum := tag.Get("enum"); enum != "" {
			return object{"anyOf": []object{{"enum": strings.Split(enum, ",")}, variable}}
		}
		return object{"type": "string", "minLength": 1}
	case reflect.Slice:
		return object{"type": "array", "items": schemaOf(t.Elem(), "")}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": schemaOf(t.Elem(), "")}
	case reflect.Interface: // a typed scalar
		return object{"anyOf": []object{{"type": "string", "minLength": 1}, {"type": "integer"}, {"type": "boolean"}}}
	case reflect.Struct:
		return objectSchema(t)
	}
	panic(t.String())
}

// limit returns the number in a struct tag; 0 if it is absent.
func limit(tag reflect.StructTag, name string) int64 {
	n, err := strconv.ParseInt(cmp.Or(tag.Get(name), "0"), 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func objectSchema(t reflect.Type) object {
	properties, required := object{}, []string{}
	for _, field := range reflect.VisibleFields(t) {
		name := field.Tag.Get("yaml")
		if field.Anonymous || name == "" {
			continue
		}
		value := schemaOf(field.Type, field.Tag)
		value["description"] = field.Tag.Get("doc")
		properties[name] = value
		// Required keys of the block itself may be in another file or in the environment.
		if field.Tag.Get("required") != "" && t != reflect.TypeFor[config.Settings]() {
			required = append(required, name)
		}
	}
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func schema(t *testing.T) string {
	t.Helper()
	text, err := json.MarshalIndent(object{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "warder: authorization of an MCP server",
		"description": "A file with the block authorization. Other top-level keys are ignored.",
		"type":        "object",
		"required":    []string{"authorization"},
		"properties":  object{"authorization": objectSchema(reflect.TypeFor[config.Settings]())},
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// checkGenerated compares a file with its generated content, or writes it with -update.
func checkGenerated(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not up to date: run go test ./resource/config -update", name)
	}
}

// The schema for editors is generated from the type that the decoder uses.
func TestSchemaMatchesSettings(t *testing.T) {
	checkGenerated(t, "authorization.schema.json", schema(t))
}

const document = "../../docs/configuration.md"

// The table of keys in the documentation is generated from the same type.
func TestKeyTableMatchesSettings(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	const head = "| key | value | meaning |\n|---|---|---|\n"
	before, rest, found := strings.Cut(string(text), head)
	if !found {
		t.Fatalf("%s has no table of keys", document)
	}
	for strings.HasPrefix(rest, "|") {
		_, rest, _ = strings.Cut(rest, "\n")
	}
	var rows strings.Builder
	writeRows(&rows, reflect.TypeFor[config.Settings](), "", map[reflect.Type]bool{reflect.TypeFor[config.IssuerSettings](): true})
	checkGenerated(t, document, before+head+rows.String()+rest)
}

// writeRows writes a table row for each key of a struct. The rows of nested structs follow
// the row of their first key.
func writeRows(b *strings.Builder, t reflect.Type, prefix string, written map[reflect.Type]bool) {
	for _, field := range reflect.VisibleFields(t) {
		name := field.Tag.Get("yaml")
		if field.Anonymous || name == "" {
			continue
		}
		meaning := field.Tag.Get("doc")
		if field.Tag.Get("required") != "" {
			meaning = "required: " + meaning
		}
		star := ""
		if len(field.Index) > 1 { // key of an issuer
			star = " *"
		}
		b.WriteString("| `" + prefix + name + "`" + star + " | " + valueKind(field) + " | " + meaning + " |\n")
		suffix := nested(field.Type)
		if suffix != "" && !written[field.Type.Elem()] {
			written[field.Type.Elem()] = true
			writeRows(b, field.Type.Elem(), prefix+name+suffix, written)
		}
	}
}

// nested returns what follows the name of a key whose value has keys too; "" for other types.
func nested(t reflect.Type) (suffix string) {
	switch {
	case isListOfStructs(t):
		return "[]."
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct:
		return "."
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		return ".NAME."
	}
	return ""
}

func isListOfStructs(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct
}

func valueKind(field reflect.StructField) string {
	switch t := field.Type; {
	case t.Kind() == reflect.Bool || t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Bool:
		return "true or false"
	case nested(t) == ".", t.Kind() == reflect.Map && t.Elem().Kind() == reflect.String:
		return "mapping"
	case t.Kind() == reflect.Pointer:
		return fmt.Sprint(limit(field.Tag, "min"), " to ", limit(field.Tag, "max"))
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		return "mapping of mappings"
	case t.Kind() == reflect.Map:
		return "mapping of lists"
	case isListOfStructs(t):
		return "list of mappings"
	case t.Kind() == reflect.Interface:
		return "string, number or boolean"
	case t.Kind() == reflect.Slice:
		return "list"
	case field.Tag.Get("enum") != "":
		return strings.ReplaceAll(field.Tag.Get("enum"), ",", " or ")
	case field.Tag.Get("format") == "uri":
		return "URL"
	}
	return "string"
}

// The examples in the documentation are valid together.
func TestDocumentedExamplesAreValid(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, part := range strings.Split(string(text), "```yaml\n  ")[1:] {
		example, _, _ := strings.Cut(part, "\n```")
		lines = append(lines, "  "+example)
	}
	live, err := config.New(new(memory).config(block(append(lines, "  client_id: mcp", "  client_secret: secret")...), "SHARED_KEY="+sharedKey, "EVENTS_AUTHORIZATION=Bearer x", "EXCHANGE_SECRET=x"))
	if err != nil || len(lines) != 10 {
		t.Fatalf("%d examples, error %v", len(lines), err)
	}
	if got, want := fmt.Sprint(live.Resource().Operations().Tools), "map[deploy:[deploy:run env:prod | admin ops]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The example file has every key.
func TestExampleFileHasEveryKey(t *testing.T) {
	text, err := os.ReadFile("authorization.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []reflect.Type{reflect.TypeFor[config.Settings](), reflect.TypeFor[config.ResourceScopes](), reflect.TypeFor[config.HeaderClaim](),
		reflect.TypeFor[config.ResourceConditions](), reflect.TypeFor[config.ArgumentScopes](), reflect.TypeFor[config.Condition](), reflect.TypeFor[config.DetailCondition](),
		reflect.TypeFor[config.Authentication](), reflect.TypeFor[config.ResourceAuthentication](), reflect.TypeFor[config.SharedState](), reflect.TypeFor[config.SecurityEvents](),
		reflect.TypeFor[config.OnBehalfOf](), reflect.TypeFor[config.OnBehalfTarget]()} {
		for _, field := range reflect.VisibleFields(of) {
			if name := field.Tag.Get("yaml"); name != "" && !field.Anonymous && !strings.Contains(string(text), " "+name+":") {
				t.Errorf("authorization.example.yaml has no %s", name)
			}
		}
	}
}

// The example file is valid if the files that it names exist.
func TestExampleFileIsValid(t *testing.T) {
	text, err := os.ReadFile("authorization.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	answer := httptest.NewRecorder()
	issuer.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, issuer.URL(resourcetest.JWKS), nil))
	dir := t.TempDir()
	chain, key := clientCertificate(t, "mcp")
	for name, text := range map[string]string{"tls/internal-ca.pem": certificate, "keys/build.json": answer.Body.String(),
		"keys/api-keys.json": `{"keys": []}`, "secrets/partner": "s1\n", "secrets/kubernetes-token": "t1\n", "secrets/more": "s2\r\n", "secrets/gate": "t\n",
		"secrets/signing-key.pem": keytest.PEM(keytest.P256()), "tls/client.crt": chain, "tls/client.key": key,
		"secrets/digest-key": strings.Repeat("k", 32), "secrets/nonce-key": strings.Repeat("n", 32),
		"secrets/shared-key": strings.Repeat("s", 32), "secrets/store-password": "p1\n", "secrets/sentinel-password": "p2\n", "secrets/events-authorization": "Bearer e1\n",
		"secrets/actor-token": "a1\n"} {
		write(t, dir, name, text)
	}
	live, err := config.New(config.Config{File: write(t, dir, "a.yaml", string(text)), OpenStore: new(memory).open,
		Environ: []string{"MCP_CLIENT_SECRET=s3", "OTHER_CLIENT_SECRET=s4", "JWKS_TOKEN=t2"}})
	if err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(live.Resource().Metadata())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"resource":"https://mcp.example.com/mcp","authorization_servers":["https://auth.example.com/realms/demo","https://login.microsoftonline.com/organizations/v2.0"],` +
		`"scopes_supported":["mcp:read","mcp:write","mcp:admin"],"bearer_methods_supported":["header"],"resource_name":"Example tools","resource_documentation":"https://mcp.example.com/docs",` +
		`"resource_policy_uri":"https://mcp.example.com/privacy","resource_tos_uri":"https://mcp.example.com/terms","tls_client_certificate_bound_access_tokens":true,` +
		`"authorization_details_types_supported":["payment"],"dpop_signing_alg_values_supported":["ES256","EdDSA"]}`
	if string(document) != want {
		t.Errorf("\n got %s\nwant %s", document, want)
	}
	operations := live.Resource().Operations()
	if got, want := fmt.Sprint(operations.Methods, operations.Tools, operations.Prompts, operations.Resources, operations.Public, operations.Undeclared),
		"map[resources/list:[mcp:resources]] map[delete_everything:[mcp:admin] search:[mcp:search | mcp:read mcp:write] whoami:[]] map[review:[mcp:write]] [{config://app   [mcp:admin]} { file:///reports/  [mcp:reports]} {  notes://{id} [mcp:notes]}] [ping tools/list] 0"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if res := live.Resource(); !res.AllowsOrigin("https://app.example.com") || !res.AllowsOrigin("https://mcp.example.com") || res.Leeway() != 30*time.Second {
		t.Errorf("an origin is not allowed, or the leeway is %s", res.Leeway())
	}
}
