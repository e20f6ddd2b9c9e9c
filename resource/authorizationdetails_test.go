package resource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const detailsClaim = "authorization_details"

// writeFiles is a condition on one detail.
var writeFiles = resource.Condition{Claim: detailsClaim, ContainsDetail: &resource.DetailCondition{Type: "files", Actions: []string{"write"}}}

// typesOf returns the types of the details that count.
func typesOf(c *resource.Caller) (types []string) {
	for _, d := range c.AuthorizationDetails() {
		types = append(types, d.Type)
	}
	return types
}

// RFC 9396 §2: the members that the RFC defines are fields, and Decode reads the others.
func TestAuthorizationDetails(t *testing.T) {
	f := newFixture(t, nil)
	caller := f.accept(f.claim(detailsClaim, `[{"type":"files","locations":["`+identifier+`"],"actions":["read"],"datatypes":["text"],"privileges":["owner"],"identifier":"f1","limits":{"mb":5}},{"type":"mail","actions":[]}]`)).Caller
	got := caller.AuthorizationDetails()
	if len(got) != 2 {
		t.Fatalf("got %+v, want two details", got)
	}
	shown := fmt.Sprintf("%q", []any{got[0].Type, got[0].Locations, got[0].Actions, got[0].DataTypes, got[0].Privileges, got[0].Identifier, got[1].Type})
	if want := `["files" ["` + identifier + `"] ["read"] ["text"] ["owner"] "f1" "mail"]`; shown != want {
		t.Errorf("got %s, want %s", shown, want)
	}
	if got[1].Locations != nil || got[1].Actions == nil || got[1].Identifier != "" {
		t.Errorf("got %+v, want no locations, an empty list of actions and no identifier", got[1])
	}
	var files struct {
		Limits struct {
			MB int `json:"mb"`
		} `json:"limits"`
		Upper any `json:"LIMITS"`
	}
	if err := got[0].Decode(&files); err != nil || files.Limits.MB != 5 || files.Upper != nil {
		t.Errorf("got %+v, %v", files, err)
	}
	if err := got[0].Decode(new([]string)); err == nil || strings.Contains(err.Error(), "owner") {
		t.Errorf("decoding into the wrong type: got %v, want an error without the claims", err)
	}
	if err := new(resource.AuthorizationDetail).Decode(new(any)); err == nil {
		t.Error("the zero value was decoded")
	}
	got[0].Actions[0] = "changed by the program"
	if again := caller.AuthorizationDetails(); again[0].Actions[0] != "read" {
		t.Errorf("the caller has changed: %+v", again)
	}
	if details := f.accept(f.token(resourcetest.Token{})).Caller.AuthorizationDetails(); details != nil {
		t.Errorf("without the claim: got %+v", details)
	}
	if details := new(resource.Caller).AuthorizationDetails(); details != nil {
		t.Errorf("the zero value: got %+v", details)
	}
}

// Bad inputs. RFC 9396 §2 and §2.2 define the form. What does not have it grants nothing, neither by
// a condition nor by Rule, and a token that is not strict JSON is malformed.
func TestHostileAuthorizationDetails(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.Conditions = []resource.Condition{writeFiles}
		c.Limits.MaxTokenBytes = 256 << 10
	})
	var caller *resource.Caller
	g := newFixtureWith(t, f.issuer, func(c *resource.Config, _ *jwks.Config) {
		c.Limits.MaxTokenBytes = 256 << 10
		c.Operations.Rule = func(_ context.Context, _ resource.Operation, c *resource.Caller) ([]string, error) {
			caller = c
			return nil, nil
		}
	})
	const good = `{"type":"files","actions":["write"]}`
	for _, row := range []struct {
		name, claim string
		want        answer
	}{
		{"a detail that grants", `[` + good + `]`, accepted},
		{"the limit of 1000 entries", `[` + strings.Repeat(good+",", 999) + good + `]`, accepted},
		{"JSON in a string", `"[{\"type\":\"files\",\"actions\":[\"write\"]}]"`, unmet},
		{"an object", good, unmet},
		{"a nested array", `[[` + good + `]]`, unmet},
		{"null", `null`, unmet},
		{"an empty string", `""`, unmet},
		{"an empty array", `[]`, unmet},
		{"a number", `1`, unmet},
		{"type null", `[{"type":null,"actions":["write"]}]`, unmet},
		{"type a number", `[{"type":1,"actions":["write"]}]`, unmet},
		{"type empty", `[{"type":"","actions":["write"]}]`, unmet},
		{"no type", `[{"actions":["write"]}]`, unmet},
		{"Type in another case", `[{"Type":"files","actions":["write"]}]`, unmet},
		{"type and Type", `[{"type":"files","Type":"mail","actions":["write"]}]`, unmet},
		{"Actions in another case", `[{"type":"files","Actions":["write"]}]`, unmet},
		{"a good detail and one without type", `[` + good + `,{}]`, unmet},
		{"a good detail and a string", `[` + good + `,"files"]`, unmet},
		{"1001 entries", `[` + strings.Repeat(good+",", 1000) + good + `]`, unmet},
		{"10,000 entries", `[` + strings.Repeat(`{"type":"x"},`, 9_999) + good + `]`, unmet},
		{"actions a string", `[{"type":"files","actions":"write"}]`, unmet},
		{"actions with a number", `[{"type":"files","actions":["write",1]}]`, unmet},
		{"actions null", `[{"type":"files","actions":null}]`, unmet},
		{"locations of another resource", `[{"type":"files","actions":["write"],"locations":["https://other.example.test/mcp"]}]`, unmet},
		{"locations null", `[{"type":"files","actions":["write"],"locations":null}]`, unmet},
		{"the type and the action in two details", `[{"type":"files"},{"type":"mail","actions":["write"]}]`, unmet},
		{"the action here and the location elsewhere", `[{"type":"files","locations":["` + identifier + `"]},{"type":"files","actions":["write"],"locations":["https://b.test"]}]`, unmet},
		{"a duplicate type", `[{"type":"files","type":"mail","actions":["write"]}]`, invalid},
		{"a duplicate type with escapes", `[{"type":"mail","t\u0079pe":"files","actions":["write"]}]`, invalid},
		{"deep nesting", `[{"type":"files","actions":["write"],"a":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}]`, invalid},
		{"a lone surrogate", `[{"type":"files","actions":["write"],"a":"\ud800"}]`, invalid},
	} {
		token := f.claim(detailsClaim, row.claim)
		f.expect(row.name, f.bearer(token), row.want)
		f.expect(row.name+", cached", f.bearer(token), row.want)
		if row.want == invalid {
			continue
		}
		caller = nil
		g.expect(row.name+", Rule", g.post(g.claim(detailsClaim, row.claim), rpcCall("ping", `{}`)), accepted)
		grants := slices.ContainsFunc(caller.AuthorizationDetails(), func(d resource.AuthorizationDetail) bool {
			return d.Type == "files" && slices.Contains(d.Actions, "write")
		})
		if grants != (row.want == accepted) {
			t.Errorf("%s: AuthorizationDetails differs from the condition: %+v", row.name, caller.AuthorizationDetails())
		}
	}
	f.expect("no claim", f.bearer(f.token(resourcetest.Token{})), unmet)
	f.expect("the claim in another case", f.bearer(f.tokenWithClaims(claims{"Authorization_Details": []claims{{"type": "files", "actions": []string{"write"}}}})), unmet)
}

// RFC 9396 §12: a detail with locations counts only for the identifier that the caller was accepted
// for, or for another name of the same server in Audiences.
func TestLocations(t *testing.T) {
	const bare = "https://mcp.example.test"
	family := func(c *resource.Config) { c.Identifiers = []string{memberA, memberB} }
	noPath := func(c *resource.Config) { c.Identifier = bare }
	audiences := func(c *resource.Config) { c.Issuers[0].Audiences = []string{"api://mcp"} }
	ofClients := func(c *resource.Config) {
		c.Issuers[0].Audiences, c.Issuers[0].AudienceClaims = []string{"app"}, []string{"client_id"}
	}
	anyX := resource.Condition{Claim: detailsClaim, ContainsDetail: &resource.DetailCondition{Type: "x"}}
	for _, row := range []struct {
		name          string
		change        func(*resource.Config)
		url, location string
		want          bool
	}{
		{"the identifier", nil, identifier, identifier, true},
		{"with a slash, and the identifier has a path", nil, identifier, identifier + "/", false},
		{"another case", nil, identifier, "https://MCP.example.test/mcp", false},
		{"the default port", nil, identifier, "https://mcp.example.test:443/mcp", false},
		{"another scheme", nil, identifier, "http://mcp.example.test/mcp", false},
		{"a path below", nil, identifier, identifier + "/tools", false},
		{"a path above", nil, identifier, bare, false},
		{"a longer path", nil, identifier, identifier + "2", false},
		{"a query", nil, identifier, identifier + "?", false},
		{"an encoded character", nil, identifier, "https://mcp.example.test/mc%70", false},
		{"a pattern", nil, identifier, "*", false},
		{"an empty string", nil, identifier, "", false},
		{"no path", noPath, bare, bare, true},
		{"no path, with a slash", noPath, bare, bare + "/", true},
		{"no path, and two slashes", noPath, bare, bare + "//", false},
		{"an entry of Audiences", audiences, identifier, "api://mcp", true},
		{"an entry of Audiences with a slash", audiences, identifier, "api://mcp/", false},
		{"the identifier besides Audiences", audiences, identifier, identifier, true},
		{"an audience that is not accepted", nil, identifier, "api://mcp", false},
		{"a client in Audiences", ofClients, identifier, "app", false},
		{"the identifier, and Audiences has clients", ofClients, identifier, identifier, true},
		{"the member", family, memberA, memberA, true},
		{"another member", family, memberA, memberB, false},
		{"the server of the member", family, memberA, identifier, false},
		{"a member at the server", family, identifier, memberA, false},
	} {
		for form, conditions := range map[string][]resource.Condition{"Caller": nil, "a condition": {anyX}} {
			tokenClaims := claims{"aud": row.url, detailsClaim: []claims{{"type": "x", "locations": []string{"https://b.test", row.location}}}}
			f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
				if row.change != nil {
					row.change(c)
				}
				if c.Issuers[0].AudienceClaims != nil {
					tokenClaims["aud"], tokenClaims["client_id"] = nil, "app"
				}
				c.Issuers[0].Conditions = conditions
			})
			req := httptest.NewRequest(http.MethodPost, row.url, nil)
			req.Header.Set("Authorization", "Bearer "+f.tokenWithClaims(tokenClaims))
			decision, refusal := f.res.Authenticate(req)
			if refusal != nil && (conditions == nil || refusal.Reason != resource.ReasonCondition) {
				t.Fatalf("%s: %v", row.name, refusal.Err)
			}
			if got := refusal == nil && typesOf(decision.Caller) != nil; got != row.want {
				t.Errorf("%s: %s: got %t, want %t", row.name, form, got, row.want)
			}
		}
	}
}

// RFC 9396 §9: details in an introspection answer. If the answer about a JWT omits them, those of the
// JWT count, and they survive the encoding of the caller.
func TestDetailsInAnswersAboutJWTs(t *testing.T) {
	files := []claims{{"type": "files", "actions": []string{"write"}}}
	mail := []claims{{"type": "mail"}}
	for _, row := range []struct {
		name        string
		answer, jwt claims
		types       string
		want        answer
	}{
		{"only the JWT has them", claims{}, claims{detailsClaim: files}, "[files]", accepted},
		{"only the answer has them", claims{detailsClaim: files}, claims{}, "[files]", accepted},
		{"neither has them", claims{}, claims{}, "[]", unmet},
		{"the answer has others", claims{detailsClaim: mail}, claims{detailsClaim: files}, "[mail]", unmet},
		{"the JWT has others", claims{detailsClaim: files}, claims{detailsClaim: mail}, "[files]", accepted},
		{"the answer has an empty array", claims{detailsClaim: []claims{}}, claims{detailsClaim: files}, "[]", unmet},
		{"the answer has an empty string", claims{detailsClaim: ""}, claims{detailsClaim: files}, "[]", unmet},
		{"the answer cannot be read", claims{detailsClaim: "files"}, claims{detailsClaim: files}, "[]", unmet},
		{"the answer has an object", claims{detailsClaim: files[0]}, claims{detailsClaim: files}, "[]", unmet},
		{"the answer has null", claims{detailsClaim: nil}, claims{detailsClaim: files}, "[files]", accepted},
		{"the answer has them in another case", claims{"Authorization_details": files}, claims{detailsClaim: files}, "[]", unmet},
		{"those of the answer are for another resource", claims{detailsClaim: []claims{{"type": "files", "actions": []string{"write"}, "locations": []string{"https://b.test"}}}}, claims{detailsClaim: files}, "[]", unmet},
	} {
		verifier := func(k *jwks.Config) resource.Issuer {
			return resource.Issuer{Verifier: answerWithClaims(k.Issuer, row.answer)}
		}
		f := newFixture(t, func(c *resource.Config, k *jwks.Config) { c.Issuers[0] = verifier(k) })
		token := f.tokenWithClaims(row.jwt)
		caller := f.accept(token).Caller
		if got := fmt.Sprint(typesOf(caller)); got != row.types {
			t.Errorf("%s: got %s, want %s", row.name, got, row.types)
		}
		if got := fmt.Sprint(typesOf(decoded(t, caller))); got != row.types {
			t.Errorf("%s: after decoding: got %s, want %s", row.name, got, row.types)
		}
		g := newFixtureWith(t, f.issuer, func(c *resource.Config, k *jwks.Config) {
			c.Issuers[0] = verifier(k)
			c.Issuers[0].Conditions = []resource.Condition{writeFiles}
		})
		g.expect(row.name, g.bearer(token), row.want)
	}
}

// decoded returns the caller after it was encoded and decoded twice.
func decoded(t *testing.T, caller *resource.Caller) *resource.Caller {
	t.Helper()
	for range 2 {
		data, err := json.Marshal(caller)
		if err != nil {
			t.Fatal(err)
		}
		caller = new(resource.Caller)
		if err := json.Unmarshal(data, caller); err != nil {
			t.Fatal(err)
		}
	}
	return caller
}

// A decoded caller has the details that counted for its resource, and no others.
func TestCallerJSONKeepsDetails(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Issuers[0].Audiences = []string{"api://mcp"} })
	caller := f.accept(f.claim(detailsClaim, `[{"type":"a","n":1},{"type":"b","locations":["https://b.test"]},{"type":"c","locations":["api://mcp"]}]`)).Caller
	restored := decoded(t, caller)
	if got, want := restored.AuthorizationDetails(), caller.AuthorizationDetails(); !reflect.DeepEqual(got, want) || len(got) != 2 {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	data, err := json.Marshal(f.accept(f.token(resourcetest.Token{})).Caller)
	if err != nil || strings.Contains(string(data), detailsClaim) {
		t.Errorf("a caller without details: got %s, %v", data, err)
	}
}

// A condition on details applies to an operation, and has no challenge: no RFC defines one for
// authorization details. The log has no other members than those of RFC 9396 §2.2.
func TestDetailConditionsOfOperations(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Conditions = resource.OperationConditions{Tools: map[string][]resource.Condition{"write": {writeFiles}}}
	})
	writer := f.claim(detailsClaim, `[{"type":"files","actions":["read","write"]}]`)
	reader := f.claim(detailsClaim, `[{"type":"files","actions":["read"],"owner":"Alice"}]`)
	for range 2 {
		f.expect("the detail", f.post(writer, rpcCall("tools/call", `{"name":"write"}`)), accepted)
		f.expect("without the action", f.post(reader, rpcCall("tools/call", `{"name":"write"}`)), unmet)
		f.expect("another tool", f.post(reader, rpcCall("tools/call", `{"name":"read"}`)), accepted)
	}
	log := f.log.take()
	for _, part := range []string{`"got":"authorization_details has details with type \"files\", actions \"read\""`, `"want":"authorization_details contains a detail with type \"files\", actions \"write\""`} {
		if !strings.Contains(log, part) {
			t.Errorf("the log has no %s: %s", part, log)
		}
	}
	if strings.Contains(log, "Alice") {
		t.Errorf("the log has an API-specific member: %s", log)
	}
}

// A program can change its own value and build the next configuration with it. The condition of the
// new configuration applies to cached tokens.
func TestReplaceOfDetailConditions(t *testing.T) {
	shared := &resource.DetailCondition{Type: "files", Actions: []string{"read"}}
	var config resource.Config
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		verifier, err := jwks.New(*k)
		if err != nil {
			t.Fatal(err)
		}
		c.Issuers[0] = resource.Issuer{Verifier: verifier, Conditions: []resource.Condition{{Claim: detailsClaim, ContainsDetail: shared}}}
		config = *c
	})
	token := f.claim(detailsClaim, `[{"type":"files","actions":["read"]}]`)
	f.expect("before", f.bearer(token), accepted)
	shared.Actions[0] = "write"
	f.expect("changed by the program", f.bearer(f.claim(detailsClaim, `[{"type":"files","actions":["read"]}]`)), accepted)
	if err := f.res.Replace(newResource(t, config)); err != nil {
		t.Fatal(err)
	}
	f.expect("after Replace", f.bearer(token), unmet)
}

// If the metadata lists types, a condition cannot require another one (RFC 9728 §2).
func TestDetailTypesInMetadata(t *testing.T) {
	const missing = `: ContainsDetail.Type: "files" is not in Metadata.AuthorizationDetailsTypesSupported, where clients read which types they can request; add it there`
	tools := func(c *resource.Config) {
		c.Operations.Conditions.Tools = map[string][]resource.Condition{"x": {writeFiles}}
	}
	issuer := func(c *resource.Config) { c.Issuers[0].Conditions = []resource.Condition{writeFiles} }
	other := writeFiles
	other.Claim = "details"
	for _, row := range []struct {
		name   string
		listed []string
		change func(*resource.Config)
		want   string
	}{
		{"no list", nil, tools, ""},
		{"the type is listed", []string{"mail", "files"}, tools, ""},
		{"another type", []string{"Files"}, tools, `Operations.Conditions.Tools["x"][0]` + missing},
		{"another type, an issuer", []string{"mail"}, issuer, "Issuers[0].Conditions[0]" + missing},
		{"another type, every credential", []string{"mail"}, func(c *resource.Config) { c.Credentials.Conditions = []resource.Condition{groupOps, writeFiles} }, "Credentials.Conditions[1]" + missing},
		{"another claim", []string{"mail"}, func(c *resource.Config) { c.Credentials.Conditions = []resource.Condition{other} }, ""},
	} {
		config := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: keywordVerifier{issuer: "https://as.example.test"}}},
			Metadata: metadata.Document{AuthorizationDetailsTypesSupported: row.listed}}
		row.change(&config)
		_, err := resource.New(config)
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), "resource: configuration: ")
		}
		if got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}

// Details that are not used are not read: a request with a cached token costs the same with and
// without them.
func TestUnusedDetailsCostNothing(t *testing.T) {
	f := newFixture(t, nil)
	cost := func(token string) float64 {
		req := getWith(token)
		return testing.AllocsPerRun(50, func() {
			if _, refusal := f.res.Authenticate(req); refusal != nil {
				t.Fatal(refusal.Err)
			}
		})
	}
	with, without := cost(f.claim(detailsClaim, `[`+strings.Repeat(`{"type":"x"},`, 99)+`{"type":"x"}]`)), cost(f.token(resourcetest.Token{}))
	if with != without {
		t.Errorf("got %v allocations with details, %v without", with, without)
	}
}
