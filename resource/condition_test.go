package resource_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// unmet is the answer to a caller that does not meet a condition: 403 without a challenge, because
// a client that steps up would ask for scopes in vain.
var unmet = answer{403, "", `{"error_description":"The claims of the access token do not permit this request"}` + "\n"}

var groupOps = resource.Condition{Claim: "groups", Contains: "ops"}

// forOps are conditions of a single tool, prompt, method and resource.
var forOps = resource.OperationConditions{
	Methods:   map[string][]resource.Condition{"logging/setLevel": {groupOps}},
	Tools:     map[string][]resource.Condition{"deploy": {groupOps}, "echo": {}},
	Prompts:   map[string][]resource.Condition{"review": {groupOps}},
	Resources: []resource.ResourceConditions{{Prefix: "doc://private/", Conditions: []resource.Condition{groupOps}}},
}

// jsonClaims returns a verifier for tokens, prefixed tokens and header credentials whose claims are
// object at the time.
func jsonClaims(issuer string, object func() string) keywordVerifier {
	return keywordVerifier{issuer: issuer, change: func(c *resource.Claims) {
		parsed, err := resource.ParseClaims([]byte(object()))
		if err != nil {
			panic(err)
		}
		*c = *parsed
		c.Issuer, c.Subject, c.Audience, c.Scopes = issuer, "robot", []string{identifier}, []string{"a"}
	}}
}

// Conditions of operations apply to messages like the rules for scopes.
func TestConditionsOfOperations(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Conditions = forOps
		c.Operations.Tools = map[string][]string{"deploy": {"admin"}}
	})
	member := f.tokenWithClaims(claims{"groups": []string{"dev", "ops"}, "scope": "admin"})
	other := f.tokenWithClaims(claims{"groups": []string{"dev"}, "scope": "admin"})
	for _, row := range []struct {
		name, body string
		applies    bool
	}{
		{"the tool", rpcCall("tools/call", `{"name":"deploy"}`), true},
		{"the tool as a task", rpcCall("tools/call", `{"name":"deploy","task":{}}`), true},
		{"the tool with escapes in its name", rpcCall("tools/call", `{"name":"d\u0065ploy"}`), true},
		{"another tool", rpcCall("tools/call", `{"name":"search"}`), false},
		{"a tool with an empty list", rpcCall("tools/call", `{"name":"echo"}`), false},
		{"a tool in another case, which is another tool", rpcCall("tools/call", `{"name":"Deploy"}`), false},
		{"a task can belong to any tool", rpcCall("tasks/get", `{"taskId":"1"}`), true},
		{"a list of tasks", rpcCall("tasks/list", `{}`), true},
		{"a method of tasks that MCP does not define", rpcCall("tasks/purge", `{"taskId":"1"}`), true},
		{"a subscription to tasks", rpcCall("subscriptions/listen", `{"notifications":{"taskIds":["1"]}}`), true},
		{"the prompt", rpcCall("prompts/get", `{"name":"review"}`), true},
		{"the prompt in a completion", rpcCall("completion/complete", `{"ref":{"type":"ref/prompt","name":"review"}}`), true},
		{"another prompt", rpcCall("prompts/get", `{"name":"greet"}`), false},
		{"the method", rpcCall("logging/setLevel", `{}`), true},
		{"another method", rpcCall("tools/list", `{}`), false},
		{"a notification", `{"jsonrpc":"2.0","method":"notifications/cancelled"}`, false},
		{"a response", `{"jsonrpc":"2.0","id":1,"result":{}}`, false},
		{"a resource below the prefix", rpcCall("resources/read", `{"uri":"doc://private/a"}`), true},
		{"the same resource in another case", rpcCall("resources/read", `{"uri":"DOC://PRIVATE/A"}`), true},
		{"a URI that is not plain, of any scheme", rpcCall("resources/read", `{"uri":"doc://public/../private/a"}`), true},
		{"a subscription with the resource", rpcCall("subscriptions/listen", `{"notifications":{"resourceSubscriptions":["doc://public/a","doc://private/a"]}}`), true},
		{"a template of the resource", rpcCall("completion/complete", `{"ref":{"type":"ref/resource","uri":"doc://private/{x}"}}`), true},
		{"another resource", rpcCall("resources/read", `{"uri":"doc://public/a"}`), false},
		{"a batch with the tool", "[" + rpcCall("ping", `{}`) + "," + rpcCall("tools/call", `{"name":"deploy"}`) + "]", true},
		{"a batch without", "[" + rpcCall("ping", `{}`) + "," + rpcCall("tools/call", `{"name":"echo"}`) + "]", false},
	} {
		want := accepted
		if row.applies {
			want = unmet
		}
		f.expect(row.name+", not a member", f.post(other, row.body), want)
		f.expect(row.name+", a member", f.post(member, row.body), accepted)
	}
	f.inner = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	f.expect("GET carries no message", f.send(getWith(other)), accepted)
}

func getWith(token string) *http.Request {
	req := getRequest()
	req.Header.Set("Authorization", "Bearer "+token)
	return req
}

// The task methods have other conditions if Methods names them.
func TestConditionsOfTaskMethods(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Conditions = resource.OperationConditions{Tools: forOps.Tools, Methods: map[string][]resource.Condition{"tasks/get": {}}}
	})
	token := f.token(resourcetest.Token{})
	f.expect("tasks/get", f.post(token, rpcCall("tasks/get", `{"taskId":"1"}`)), accepted)
	f.expect("tasks/cancel", f.post(token, rpcCall("tasks/cancel", `{"taskId":"1"}`)), unmet)
}

// A condition of the resource and one of an operation apply to every kind of credential, and to
// cached tokens. A condition of an issuer applies to its own tokens.
func TestConditionsApplyToEveryCredential(t *testing.T) {
	for where, change := range map[string]func(*resource.Config){
		"every credential": func(c *resource.Config) { c.Credentials.Conditions = []resource.Condition{groupOps} },
		"an operation":     func(c *resource.Config) { c.Operations.Conditions = forOps },
		"the issuers": func(c *resource.Config) {
			c.Issuers[0].Conditions, c.Opaque.Conditions = []resource.Condition{groupOps}, []resource.Condition{groupOps}
			prefixed := c.Credentials.Prefixed["pat_"]
			prefixed.Conditions = []resource.Condition{groupOps}
			c.Credentials.Prefixed["pat_"] = prefixed
		},
	} {
		object := `{"groups":["dev"]}`
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			now := func() string { return object }
			c.Opaque = &resource.Issuer{Verifier: jsonClaims("https://opaque.example.test", now)}
			c.Credentials.Prefixed = map[string]resource.Issuer{"pat_": {Verifier: jsonClaims("https://pat.example.test", now)}}
			c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-API-Key": jsonClaims("https://keys.example.test", now)}
			c.Operations.PublicTools = []string{"status"}
			change(c)
		})
		for _, member := range []bool{false, true} {
			groups, want := []string{"dev"}, unmet
			if member {
				groups, want, object = []string{"ops"}, accepted, `{"groups":["ops"]}`
			}
			suffix := map[bool]string{true: "-member"}[member]
			jwt := f.tokenWithClaims(claims{"groups": groups})
			const call = `{"name":"deploy"}`
			for _, token := range []string{jwt, "secret" + suffix, "pat_secret" + suffix} {
				answer := want
				if strings.HasPrefix(token, "pat_") {
					answer = ofOtherCredentialClaims(want)
				}
				f.expect(where+": a new token", f.post(token, rpcCall("tools/call", call)), answer)
				f.expect(where+": a cached token", f.post(token, rpcCall("tools/call", call)), answer)
			}
			if where != "the issuers" {
				f.expect(where+": a header credential", f.post("", rpcCall("tools/call", call), "X-API-Key", "secret"), ofOtherCredentialClaims(want))
			}
		}
		f.expect(where+": a public operation without credentials", f.post("", rpcCall("tools/call", `{"name":"status"}`)), accepted)
	}
}

func ofOtherCredentialClaims(a answer) answer {
	a.body = strings.Replace(a.body, "access token", "credential", 1)
	return a
}

// Conditions of an issuer apply to each of its tenants, and to an issuer that is looked up.
func TestConditionsOfTenantsAndResolvedIssuers(t *testing.T) {
	conditions := []resource.Condition{groupOps}
	tenants := newTenantFixture(t, func(c *resource.Config) { c.Issuers[0].Conditions = conditions })
	resolved := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		verifier, err := jwks.New(*k)
		if err != nil {
			t.Fatal(err)
		}
		c.Issuers[0].Verifier = keywordVerifier{issuer: "https://other.example.test"}
		c.Metadata.AuthorizationServers = []string{k.Issuer}
		c.Hooks.ResolveIssuer = func(string) (*resource.Issuer, bool) {
			return &resource.Issuer{Verifier: verifier, Conditions: conditions}, true
		}
	})
	for group, want := range map[string]answer{"ops": accepted, "dev": unmet} {
		for _, tenant := range []string{tenantA, tenantB} {
			token := tenants.tokenWithClaims(claims{"iss": tenantIssuer(tenant), "tid": tenant, "groups": []string{group}})
			tenants.expect(tenant+" "+group, tenants.bearer(token), want)
			tenants.expect(tenant+" "+group+", cached", tenants.bearer(token), want)
		}
		token := resolved.tokenWithClaims(claims{"groups": []string{group}})
		resolved.expect("resolved "+group, resolved.bearer(token), want)
		resolved.expect("resolved "+group+", cached", resolved.bearer(token), want)
	}
}

// A token that does not meet a condition is cached like others: the verifier is not called again.
// A condition is not checked before the token is verified.
func TestConditionsAndVerification(t *testing.T) {
	calls := 0
	valid := false
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		c.Issuers[0] = resource.Issuer{Conditions: []resource.Condition{groupOps}, Verifier: stubVerifier{k.Issuer, func(_ context.Context, t *resource.Token) (*resource.Claims, error) {
			calls++
			if !valid {
				return nil, errors.New("the signature is invalid")
			}
			return t.Claims(), nil
		}}}
	})
	f.unexplained = true // the test counts calls
	token := f.token(resourcetest.Token{})
	f.expect("not verified", f.bearer(token), invalid)
	valid = true
	f.expect("verified", f.bearer(token), unmet)
	f.expect("cached", f.bearer(token), unmet)
	if calls != 2 {
		t.Errorf("the verifier was called %d times, want 2", calls)
	}
}

// Rejections for other reasons come first where the token is not valid, and a condition comes
// before a scope. The log has what was found and what was expected, escaped and cut.
func TestConditionsInTheLog(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Scopes = []string{"a"}
		c.Credentials.Conditions = []resource.Condition{{Claim: "email_verified", Equals: true}, {Claim: "owner", OneOf: []any{"acme", "b"}}}
	})
	for _, row := range []struct {
		name      string
		claims    claims
		got, want string
	}{
		{"absent", claims{}, "no email_verified", "email_verified equals true"},
		{"null", claims{"email_verified": resourcetest.Raw("null")}, "no email_verified", "email_verified equals true"},
		{"another type", claims{"email_verified": "true"}, `email_verified "true"`, "email_verified equals true"},
		{"another case", claims{"Email_verified": true}, "email_verified cannot be read", "email_verified equals true"},
		{"the second condition", claims{"email_verified": true, "owner": "acme-evil"}, `owner "acme-evil"`, `owner is one of "acme", "b"`},
		{"control characters", claims{"email_verified": true, "owner": resourcetest.Raw("\"a\u2028\u202e\\n\"")}, `owner "a??\n"`, `owner is one of "acme", "b"`},
		{"a long value", claims{"email_verified": true, "owner": strings.Repeat("x", 5000)}, `owner "` + strings.Repeat("x", 193) + "...", `owner is one of "acme", "b"`},
		{"an array", claims{"email_verified": true, "owner": []string{"acme"}}, `owner ["acme"]`, `owner is one of "acme", "b"`},
	} {
		f.log.take()
		f.expect(row.name, f.bearer(f.tokenWithClaims(row.claims)), unmet)
		var record struct {
			Reason, Got, Want, Subject string
			Status                     int
		}
		text := f.log.take()
		if err := json.Unmarshal([]byte(text[strings.LastIndex(strings.TrimSpace(text), "\n")+1:]), &record); err != nil {
			t.Fatal(err)
		}
		if record.Reason != "condition" || record.Status != 403 || record.Got != row.got || record.Want != row.want || record.Subject == "" {
			t.Errorf("%s: got %+v, want got %s and want %s", row.name, record, row.got, row.want)
		}
	}
	f.expect("a duplicate claim: the token is malformed", f.bearer(f.claim("email_verified", `true,"email_verified":true`)), withScopeHint(invalid, "a"))
	f.expect("an expired token", f.bearer(f.token(resourcetest.Token{Lifetime: -time.Hour})), withScopeHint(expired, "a"))
	f.expect("all conditions, no scope", f.bearer(f.tokenWithClaims(claims{"email_verified": true, "owner": "b"})), insufficient("a"))
}

// A condition reads an introspection answer about a JWT, and the JWT where the answer omits the
// claim, as settings such as RoleClaim do.
func TestConditionsOnAnswersAboutJWTs(t *testing.T) {
	for _, row := range []struct {
		name        string
		answer, jwt claims
		want        answer
	}{
		{"only the JWT has it", claims{}, claims{"groups": []string{"ops"}}, accepted},
		{"null in the answer", claims{"groups": nil}, claims{"groups": []string{"ops"}}, accepted},
		{"only the answer has it", claims{"groups": []string{"ops"}}, claims{}, accepted},
		{"neither has it", claims{}, claims{}, unmet},
		{"the answer has another value", claims{"groups": []string{"dev"}}, claims{"groups": []string{"ops"}}, unmet},
		{"the answer has an empty array", claims{"groups": []string{}}, claims{"groups": []string{"ops"}}, unmet},
		{"the answer has an empty string", claims{"groups": ""}, claims{"groups": []string{"ops"}}, unmet},
		{"the answer has it in another case", claims{"Groups": []string{"ops"}}, claims{"groups": []string{"ops"}}, unmet},
	} {
		f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
			c.Issuers[0] = resource.Issuer{Verifier: answerWithClaims(k.Issuer, row.answer), Conditions: []resource.Condition{groupOps}}
		})
		token := f.tokenWithClaims(row.jwt)
		f.expect(row.name, f.bearer(token), row.want)
		f.expect(row.name+", cached", f.bearer(token), row.want)
	}
}

// Replace applies the conditions of the new configuration to cached tokens.
func TestReplaceOfConditions(t *testing.T) {
	f := newFixture(t, nil)
	verifier, err := jwks.New(jwks.Config{Issuer: f.issuer.Identifier(), Transport: f.issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	token := f.tokenWithClaims(claims{"groups": []string{"dev"}})
	list := []any{"dev"}
	dev := resource.Condition{Claim: "groups", ContainsOneOf: list}
	for n, row := range []struct {
		change func(*resource.Config)
		want   answer
	}{
		{func(*resource.Config) {}, accepted},
		{func(c *resource.Config) { c.Credentials.Conditions = []resource.Condition{groupOps} }, unmet},
		{func(c *resource.Config) { c.Credentials.Conditions = []resource.Condition{dev} }, accepted},
		{func(c *resource.Config) { c.Issuers[0].Conditions = []resource.Condition{groupOps} }, unmet},
		{func(c *resource.Config) { c.Issuers[0].Conditions = []resource.Condition{dev} }, accepted},
		{func(c *resource.Config) { c.Issuers[0].Conditions = []resource.Condition{dev, groupOps} }, unmet},
		{func(*resource.Config) {}, accepted},
	} {
		config := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier}}, Logger: slog.New(slog.DiscardHandler)}
		row.change(&config)
		next := newResource(t, config)
		list[0] = "changed by the program" // has no effect after New
		if err := f.res.Replace(next); err != nil {
			t.Fatal(err)
		}
		list[0] = "dev"
		for range 2 {
			if got := f.bearer(token); got != row.want {
				t.Errorf("step %d: got %+v, want %+v", n, got, row.want)
			}
		}
	}
}

// Permit and Offers decide like Authenticate.
func TestPermitChecksConditions(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations.Conditions = forOps })
	member := f.caller(resourcetest.Token{Claims: claims{"groups": []string{"ops"}}})
	other := f.caller(resourcetest.Token{})
	for _, row := range []struct {
		caller         *resource.Caller
		tool           string
		want, furthest answer // without and with a further scope
	}{
		{member, "deploy", accepted, insufficient("x")},
		{member, "echo", accepted, insufficient("x")},
		{other, "deploy", unmet, unmet},
		{other, "echo", accepted, insufficient("x")},
	} {
		op := resource.Operation{Method: "tools/call", Name: row.tool}
		f.expect(row.tool, answerOfRefusal(f.res.Permit(t.Context(), row.caller, op)), row.want)
		f.expect(row.tool+" with a further scope", answerOfRefusal(f.res.Permit(t.Context(), row.caller, op, "x")), row.furthest)
		if f.res.Offers(t.Context(), row.caller, op) != (row.want == accepted) {
			t.Errorf("%s: Offers differs from Permit", row.tool)
		}
	}
}

// An observer gets the caller of a rejected request. Permit rejects that caller too.
func TestPermitForRejectedCaller(t *testing.T) {
	for name, change := range map[string]func(*resource.Config){
		"the issuer":       func(c *resource.Config) { c.Issuers[0].Conditions = []resource.Condition{groupOps} },
		"every credential": func(c *resource.Config) { c.Credentials.Conditions = []resource.Condition{groupOps} },
	} {
		var rejected *resource.Caller
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			change(c)
			c.Hooks.Observers = []resource.Observer{observerFunc(func(e resource.Event) { rejected = e.Caller })}
		})
		f.expect(name, f.bearer(f.token(resourcetest.Token{})), unmet)
		op := resource.Operation{Method: "ping"}
		f.expect(name, answerOfRefusal(f.res.Permit(t.Context(), rejected, op)), unmet)
		if f.res.Offers(t.Context(), rejected, op) {
			t.Errorf("%s: Offers differs from Permit", name)
		}
	}
}

type observerFunc func(resource.Event)

func (o observerFunc) Observe(_ context.Context, e resource.Event) { o(e) }

// Require runs in requests that met all conditions, and adds none.
func TestRequireAfterConditions(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Credentials.Conditions = []resource.Condition{groupOps} })
	handler := nethttp.Middleware(f.res)(nethttp.Require(f.res, "x")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })))
	for _, row := range []struct {
		groups, scope string
		want          answer
	}{
		{"ops", "x", accepted},
		{"ops", "y", insufficient("x")},
		{"dev", "x", unmet},
	} {
		w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, identifier, nil)
		req.Header.Set("Authorization", "Bearer "+f.tokenWithClaims(claims{"groups": []string{row.groups}, "scope": row.scope}))
		handler.ServeHTTP(w, req)
		f.expect(row.groups+" "+row.scope, answerOf(t, w.Result()), row.want)
	}
}

// An open stream ends at the next check if a new introspection answer, or a new configuration, no
// longer meets a condition: of the issuer, of every credential or of the operation of the stream.
func TestStreamsCheckConditions(t *testing.T) {
	listen := func() *http.Request {
		req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(rpcCall("subscriptions/listen", `{"notifications":{"resourceSubscriptions":["doc://private/a"]}}`)))
		req.Header.Set("Content-Type", "application/json")
		return req
	}
	for name, change := range map[string]func(*resource.Config){
		"the issuer":       func(c *resource.Config) { c.Opaque.Conditions = []resource.Condition{groupOps} },
		"every credential": func(c *resource.Config) { c.Credentials.Conditions = []resource.Condition{groupOps} },
		"the operation":    func(c *resource.Config) { c.Operations.Conditions = forOps },
	} {
		object := atomic.Pointer[string]{}
		set := func(text string) { object.Store(&text) }
		set(`{"groups":["ops"]}`)
		config := func(c *resource.Config, _ *jwks.Config) {
			withRules(c, nil)
			c.Limits.CacheTTL = -1
			c.Opaque = &resource.Issuer{Verifier: jsonClaims("https://opaque.example.test", func() string { return *object.Load() })}
			change(c)
		}
		inBubble(t, config, func(t *testing.T, f *fixture) {
			s, opened := f.open(listen(), "secret"), time.Now()
			time.Sleep(time.Minute + time.Second)
			synctest.Wait()
			if s.ended() {
				t.Errorf("%s: ended while it meets the condition", name)
			}
			set(`{"groups":["dev"]}`)
			time.Sleep(time.Minute)
			synctest.Wait()
			if got := s.lifetime(opened); got != 90*time.Second {
				t.Errorf("%s: the stream was open for %s, want 1m30s", name, got)
			}
			if s.cause == nil || s.cause.Error() != "resource: stream ended: its token is no longer valid: condition" {
				t.Errorf("%s: got cause %v", name, s.cause)
			}
			s.disconnect()
		})
	}
}

// A condition makes an operation known, like a rule with scopes. One for a method does not for its
// tools.
func TestConditionsDeclareOperations(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations = resource.Operations{Undeclared: resource.DenyUndeclared, Conditions: forOps,
			Arguments: []resource.ArgumentRule{{Tool: "argued", Argument: "env", Values: map[string][]string{"dev": {}, "prod": {"p"}}}}}
		c.Operations.Conditions.Methods = map[string][]resource.Condition{"tools/call": {}}
	})
	token := f.tokenWithClaims(claims{"groups": []string{"ops"}})
	for tool, want := range map[string]answer{`"deploy"`: accepted, `"echo"`: accepted, `"argued","arguments":{"env":"dev"}`: accepted, `"other"`: undeclared} {
		f.expect(tool, f.post(token, rpcCall("tools/call", `{"name":`+tool+`}`)), want)
	}
	if !f.res.Declares(resource.Operation{Method: "tools/call", Name: "argued"}) || f.res.Declares(resource.Operation{Method: "tools/call", Name: "other"}) {
		t.Error("Declares differs")
	}
	copied := f.res.Operations()
	clear(copied.Conditions.Tools)
	clear(copied.Conditions.Resources)
	clear(copied.Arguments)
	f.expect("after changes to the copy", f.post(f.token(resourcetest.Token{}), rpcCall("tools/call", `{"name":"deploy"}`)), unmet)
}

// Conditions of every credential alone do not make bodies be read.
func TestConditionsDoNotReadBodies(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Credentials.Conditions = []resource.Condition{groupOps} })
	token := f.tokenWithClaims(claims{"groups": []string{"ops"}})
	f.expect("a body that is not JSON", f.post(token, "not JSON"), accepted)
	f.expect("without the group, before the body is read", f.post(f.token(resourcetest.Token{}), "not JSON"), unmet)
	g := newFixtureWith(t, f.issuer, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.Conditions, c.Operations.Conditions = []resource.Condition{groupOps}, forOps
	})
	g.expect("without the group, with rules", g.post(f.token(resourcetest.Token{}), "not JSON"), unmet)
}

// Claims that the verifier did not parse from an object are absent.
func TestConditionsWithoutParsedClaims(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.Conditions = []resource.Condition{{Claim: "sub", Equals: "robot"}}
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-API-Key": keywordVerifier{issuer: "https://keys.example.test"}}
	})
	f.expect("a custom verifier", f.with("X-API-Key", "secret"), ofOtherCredentialClaims(unmet))
}

func TestConditionMistakes(t *testing.T) {
	bad := []resource.Condition{{Claim: "a", Equals: 1.5}}
	const mistake = "[0]: Equals: 1.5 is of type float64; use a string, a bool, an int or an int64"
	for _, row := range []struct {
		change func(*resource.Config)
		want   string
	}{
		{func(c *resource.Config) { c.Issuers[0].Conditions = bad }, "Issuers[0].Conditions" + mistake},
		{func(c *resource.Config) { c.Credentials.Conditions = bad }, "Credentials.Conditions" + mistake},
		{func(c *resource.Config) { c.Credentials.Conditions = []resource.Condition{{Claim: "a"}} },
			"Credentials.Conditions[0]: set exactly one of Equals, OneOf, Contains, ContainsOneOf, ContainsDetail and PathPrefix"},
		{func(c *resource.Config) {
			c.Operations.Conditions.Methods = map[string][]resource.Condition{"ping": bad}
		}, `Operations.Conditions.Methods["ping"]` + mistake},
		{func(c *resource.Config) {
			c.Operations.Conditions.Tools = map[string][]resource.Condition{"x": bad}
		}, `Operations.Conditions.Tools["x"]` + mistake},
		{func(c *resource.Config) { c.Operations.Conditions.Prompts = map[string][]resource.Condition{"": nil} }, "Operations.Conditions.Prompts: empty name"},
		{func(c *resource.Config) {
			c.Operations.Conditions.Resources = []resource.ResourceConditions{{URI: "doc://a", Conditions: bad}, {URI: "a", Prefix: "b"}}
		}, "Operations.Conditions.Resources[0].Conditions" + mistake + "\nOperations.Conditions.Resources[1]: set exactly one of URI, Prefix and Template"},
		{func(c *resource.Config) {
			c.Operations.Public = []string{"ping"}
			c.Operations.Conditions.Methods = map[string][]resource.Condition{"ping": {groupOps}}
		}, `Operations.Public: "ping" has conditions; an operation cannot have conditions and be public`},
		{func(c *resource.Config) {
			c.Operations.PublicTools, c.Operations.Conditions = []string{"deploy"}, forOps
		},
			`Operations.PublicTools[0]: "deploy" has conditions; an operation cannot have conditions and be public`},
		{func(c *resource.Config) {
			c.Operations.PublicTools = []string{"x"}
			c.Operations.Conditions.Methods = map[string][]resource.Condition{"tools/call": {groupOps}}
		}, `Operations.PublicTools[0]: "x" has conditions; an operation cannot have conditions and be public`},
		{func(c *resource.Config) {
			c.Operations.PublicResources, c.Operations.Conditions = []string{"doc://private/a"}, forOps
		}, `Operations.PublicResources[0]: "doc://private/a" has conditions; an operation cannot have conditions and be public`},
	} {
		config := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: keywordVerifier{issuer: "https://as.example.test"}}}}
		row.change(&config)
		_, err := resource.New(config)
		if err == nil || err.Error() != "resource: configuration: "+row.want {
			t.Errorf("\n got %v\nwant %s", err, row.want)
		}
	}
}

// A cached token costs the same with and without conditions of the issuer and of every credential,
// because its claims do not change.
func TestConditionsOnCachedTokensCost(t *testing.T) {
	issuer := newFixture(t, nil).issuer
	cost := func(change func(*resource.Config)) float64 {
		f := newFixtureWith(t, issuer, func(c *resource.Config, _ *jwks.Config) { change(c) })
		req := getWith(f.tokenWithClaims(claims{"groups": []string{"ops"}}))
		req.Method = http.MethodHead
		return testing.AllocsPerRun(50, func() {
			if _, refusal := f.res.Authenticate(req); refusal != nil {
				t.Fatal(refusal.Err)
			}
		})
	}
	without := cost(func(*resource.Config) {})
	with := cost(func(c *resource.Config) {
		c.Issuers[0].Conditions, c.Credentials.Conditions = []resource.Condition{groupOps}, []resource.Condition{groupOps}
	})
	if with != without {
		t.Errorf("got %v allocations with conditions, %v without", with, without)
	}
}
