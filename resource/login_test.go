package resource_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// needsLogin is the answer to a caller who must log in again (RFC 9470 §3). scope and acr values can
// be empty, and maxAge 0.
func needsLogin(scope, acrValues string, maxAge int) answer {
	const description = "The login of the user is not strong or recent enough for this request"
	challenge, body := noCredentials.challenge, `{"error":"insufficient_user_authentication","error_description":"`+description+`"`
	if scope != "" {
		challenge = scoped(scope)
	}
	challenge += `, error="insufficient_user_authentication", error_description="` + description + `"`
	if acrValues != "" {
		challenge += `, acr_values="` + acrValues + `"`
		body += `,"acr_values":"` + acrValues + `"`
	}
	if maxAge > 0 {
		challenge += fmt.Sprintf(`, max_age="%d"`, maxAge)
		body += fmt.Sprintf(`,"max_age":%d`, maxAge)
	}
	return answer{401, challenge, body + "}\n"}
}

// noLoginHelps is the answer if no login helps: without a challenge.
var noLoginHelps = answer{403, "", `{"error_description":"The request needs a login that this access token cannot have"}` + "\n"}

type authentication = resource.Authentication

func acr(values ...string) authentication { return authentication{ACRValues: values} }

func maxAge(age time.Duration) authentication { return authentication{MaxAge: age} }

// requireLogin requires a login for every request.
func requireLogin(needed authentication) func(*resource.Config, *jwks.Config) {
	return func(c *resource.Config, _ *jwks.Config) { c.Credentials.Authentication = needed }
}

// ago is the auth_time of a login.
func ago(age time.Duration) int64 { return time.Now().Add(-age).Unix() }

// The claims acr and auth_time of a token decide (RFC 9470 §6.1). acr is a string (OpenID Connect
// Core §2), and auth_time a NumericDate (RFC 7519 §2). Everything else does not hold.
func TestLoginOfEveryRequest(t *testing.T) {
	raw := func(json string) resourcetest.Raw { return resourcetest.Raw(json) }
	for _, group := range []struct {
		needed authentication
		fails  answer
		pass   map[string]claims
		fail   map[string]claims
	}{
		{acr("gold", "silver"), needsLogin("", "gold silver", 0), map[string]claims{
			"the first value": {"acr": "gold"},
			"another value":   {"acr": "silver"},
			"with escapes":    {"acr": raw(`"g\u006fld"`)},
			"an old login":    {"acr": "gold", "auth_time": 1},
		}, map[string]claims{
			"no acr":                   {},
			"null":                     {"acr": raw("null")},
			"empty":                    {"acr": ""},
			"another value":            {"acr": "bronze"},
			"another case":             {"acr": "Gold"},
			"a longer value":           {"acr": "gold2"},
			"two values":               {"acr": "gold silver"},
			"a space at the end":       {"acr": "gold "},
			"a control character":      {"acr": raw(`"gold\u0000"`)},
			"an array":                 {"acr": []string{"gold"}},
			"an object":                {"acr": claims{"gold": true}},
			"a number":                 {"acr": 1},
			"the claim in upper case":  {"ACR": "gold"},
			"the claim in two cases":   {"acr": "gold", "Acr": "bronze"},
			"amr, which is not acr":    {"amr": []string{"gold"}},
			"acr inside another claim": {"login": claims{"acr": "gold"}},
		}},
		{acr("0"), needsLogin("", "0", 0), map[string]claims{"the string": {"acr": "0"}}, map[string]claims{"the number": {"acr": 0}}},
		{maxAge(5 * time.Minute), needsLogin("", "", 300), map[string]claims{
			"a second ago":                  {"auth_time": ago(time.Second)},
			"almost the limit":              {"auth_time": ago(5*time.Minute - 10*time.Second)},
			"within the leeway":             {"auth_time": ago(5*time.Minute + 20*time.Second)},
			"in the future, by the leeway":  {"auth_time": ago(-20 * time.Second)},
			"a fraction":                    {"auth_time": raw(fmt.Sprint(ago(time.Minute), ".9"))},
			"an exponent":                   {"auth_time": raw(fmt.Sprint(ago(time.Minute), "0e-1"))},
			"no acr, which is not required": {"auth_time": ago(0)},
		}, map[string]claims{
			"no auth_time":                    {},
			"null":                            {"auth_time": raw("null")},
			"a string":                        {"auth_time": fmt.Sprint(ago(time.Minute))},
			"a date":                          {"auth_time": time.Now().Format(time.RFC3339)},
			"an array":                        {"auth_time": []int64{ago(time.Minute)}},
			"true":                            {"auth_time": true},
			"too old":                         {"auth_time": ago(5*time.Minute + 40*time.Second)},
			"1970":                            {"auth_time": 0},
			"negative":                        {"auth_time": -1},
			"negative and huge":               {"auth_time": raw("-1e300")},
			"in the future":                   {"auth_time": ago(-time.Minute)},
			"milliseconds":                    {"auth_time": ago(time.Minute) * 1000},
			"huge":                            {"auth_time": raw("1e400")},
			"beyond 64 bits":                  {"auth_time": raw("9223372036854775808")},
			"the claim in another case":       {"Auth_Time": ago(time.Minute)},
			"the claim in two cases":          {"auth_time": ago(time.Minute), "AUTH_TIME": 1},
			"iat, which is not the login":     {"iat": ago(time.Second)},
			"updated_at and other time claim": {"updated_at": ago(time.Second), "authTime": ago(time.Second)},
		}},
		{authentication{[]string{"gold"}, time.Minute}, needsLogin("", "gold", 60), map[string]claims{
			"both": {"acr": "gold", "auth_time": ago(0)},
		}, map[string]claims{
			"only acr":       {"acr": "gold"},
			"only auth_time": {"auth_time": ago(0)},
			"neither":        {},
		}},
		// The challenge and the body have values whose characters mean something in HTML.
		{acr("http://as.example/acr?a=1", "x'y"), needsLogin("", "http://as.example/acr?a=1 x'y", 0), map[string]claims{"a URL": {"acr": "http://as.example/acr?a=1"}}, map[string]claims{"no acr": {}}},
	} {
		f := newFixture(t, requireLogin(group.needed))
		for name, c := range group.pass {
			token := f.tokenWithClaims(c)
			f.expect(name, f.bearer(token), accepted)
			f.expect(name+", cached", f.bearer(token), accepted)
		}
		for name, c := range group.fail {
			token := f.tokenWithClaims(c)
			f.expect(name, f.bearer(token), group.fails)
			f.expect(name+", cached", f.bearer(token), group.fails)
			f.expect(name+", JSON-RPC", f.post(token, rpcCall("ping", `{}`)), group.fails)
		}
	}
}

// A token with a case variant of acr is accepted where no login is needed.
func TestVariantsOfLoginClaims(t *testing.T) {
	f := newFixture(t, nil)
	f.expect("ACR and AUTH_TIME", f.bearer(f.tokenWithClaims(claims{"ACR": "gold", "AUTH_TIME": "x"})), accepted)
}

// A token that is bound to a key gets the challenge for a login with the scheme DPoP (RFC 9449 §7.1,
// RFC 9470 §3), and only with a valid proof. The other challenge names no login, as it has no error.
func TestLoginWithBoundToken(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Scopes = []string{"read"}
		requireLogin(authentication{[]string{"gold"}, time.Minute})(c, k)
	})
	const login = `, error="insufficient_user_authentication", error_description="The login of the user is not strong or recent enough for this request", acr_values="gold", max_age="60"`
	key := resourcetest.NewProofKey("ES256")
	token := func(scope string, c claims) string {
		return f.token(resourcetest.Token{ProofKey: key, Scope: scope, Claims: c})
	}
	strong := token("read", claims{"acr": "gold", "auth_time": ago(0)})
	f.expectProof("as required", f.sendProof(proof(key, strong)), provenAccepted)
	f.expectProof("another login", f.sendProof(proof(key, token("read", nil))), refusedDPoP(401, login))
	f.expectProof("another login and a missing scope", f.sendProof(proof(key, token("", nil))),
		proven{401, []string{"Bearer " + pointer + `, scope="read"`, "DPoP " + pointer + `, scope="read"` + login + algs}, ""})
	f.log.take()
	f.sendProof(proof(resourcetest.NewProofKey("ES256"), token("read", nil)))
	f.expectProofReason("another login and another key", resource.ReasonDPoPKey)
	unbound := post(identifier)
	unbound.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{Scope: "read"}))
	f.expectProof("a token that is not bound", f.sendProof(unbound), refusedBearer(401, login))
}

// A token that is not valid gets its own answer first, and one that was not verified never the
// answer about its login.
func TestLoginIsCheckedLast(t *testing.T) {
	f := newFixture(t, requireLogin(acr("gold")))
	f.expect("no token", f.authorize(), noCredentials)
	f.expect("expired", f.bearer(f.token(resourcetest.Token{Lifetime: -time.Hour})), expired)
	f.expect("an invalid signature", f.bearer(f.token(resourcetest.Token{Fault: resourcetest.WrongSignature})), invalid)
}

// forGold are logins of a tool, a prompt, a method and resources.
var forGold = resource.OperationAuthentication{
	Methods:   map[string]authentication{"logging/setLevel": acr("gold")},
	Tools:     map[string]authentication{"deploy": acr("gold"), "echo": {}},
	Prompts:   map[string]authentication{"review": acr("gold")},
	Resources: []resource.ResourceAuthentication{{Prefix: "doc://private/", Authentication: acr("gold")}},
}

// Logins of operations apply to messages like the rules for scopes.
func TestLoginsOfOperations(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations.Authentication = forGold })
	gold, other := f.tokenWithClaims(claims{"acr": "gold"}), f.tokenWithClaims(claims{"acr": "silver"})
	for _, row := range []struct {
		name, body string
		applies    bool
	}{
		{"the tool", rpcCall("tools/call", `{"name":"deploy"}`), true},
		{"the tool as a task", rpcCall("tools/call", `{"name":"deploy","task":{}}`), true},
		{"another tool", rpcCall("tools/call", `{"name":"search"}`), false},
		{"a tool with the zero value", rpcCall("tools/call", `{"name":"echo"}`), false},
		{"a task can belong to any tool", rpcCall("tasks/get", `{"taskId":"1"}`), true},
		{"a subscription to tasks", rpcCall("subscriptions/listen", `{"notifications":{"taskIds":["1"]}}`), true},
		{"the prompt", rpcCall("prompts/get", `{"name":"review"}`), true},
		{"the prompt in a completion", rpcCall("completion/complete", `{"ref":{"type":"ref/prompt","name":"review"}}`), true},
		{"the method", rpcCall("logging/setLevel", `{}`), true},
		{"another method", rpcCall("tools/list", `{}`), false},
		{"a response", `{"jsonrpc":"2.0","id":1,"result":{}}`, false},
		{"a resource below the prefix", rpcCall("resources/read", `{"uri":"doc://private/a"}`), true},
		{"the same resource in another case", rpcCall("resources/read", `{"uri":"DOC://PRIVATE/A"}`), true},
		{"a URI that is not plain", rpcCall("resources/read", `{"uri":"doc://public/../private/a"}`), true},
		{"another resource", rpcCall("resources/read", `{"uri":"doc://public/a"}`), false},
		{"a batch with the tool", "[" + rpcCall("ping", `{}`) + "," + rpcCall("tools/call", `{"name":"deploy"}`) + "]", true},
		{"a batch without", "[" + rpcCall("ping", `{}`) + "," + rpcCall("tools/call", `{"name":"echo"}`) + "]", false},
	} {
		want := accepted
		if row.applies {
			want = needsLogin("", "gold", 0)
		}
		f.expect(row.name, f.post(other, row.body), want)
		f.expect(row.name+", gold", f.post(gold, row.body), accepted)
	}
	f.inner = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	f.expect("GET carries no message", f.send(getWith(other)), accepted)
}

// All requirements that apply hold together. The challenge names the smallest max_age, and the acr
// values that all of them accept, in the order of the first (RFC 9470 §3: in order of preference).
// If no value is accepted by all, no login is enough.
func TestCombinedLogins(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.Authentication = authentication{[]string{"a", "b", "c", "d"}, time.Hour}
		c.Operations.Authentication = resource.OperationAuthentication{
			Methods: map[string]authentication{"prompts/get": acr("d", "b"), "tasks/cancel": {}},
			Tools: map[string]authentication{
				"cb": acr("c", "b"), "bd": acr("b", "d"), "ad": acr("a", "d"), "soon": maxAge(time.Minute), "late": maxAge(2 * time.Hour),
			},
			Prompts: map[string]authentication{"p": {[]string{"x", "b", "d"}, 10 * time.Minute}},
		}
	})
	call := func(tool string) string { return rpcCall("tools/call", `{"name":"`+tool+`"}`) }
	batch := func(tools ...string) string {
		var calls []string
		for _, tool := range tools {
			calls = append(calls, call(tool))
		}
		return "[" + strings.Join(calls, ",") + "]"
	}
	none := f.token(resourcetest.Token{})
	for _, row := range []struct {
		name, body string
		want       answer
	}{
		{"every request", rpcCall("ping", `{}`), needsLogin("", "a b c d", 3600)},
		{"a tool", call("cb"), needsLogin("", "b c", 3600)},
		{"a shorter time", call("soon"), needsLogin("", "a b c d", 60)},
		{"a longer time", call("late"), needsLogin("", "a b c d", 3600)},
		{"a method and a prompt", rpcCall("prompts/get", `{"name":"p"}`), needsLogin("", "b d", 600)},
		{"a batch", batch("cb", "bd", "soon"), needsLogin("", "b", 60)},
		{"a batch of what no login meets", batch("cb", "ad", "soon"), noLoginHelps},
		{"tasks need all tools", rpcCall("tasks/get", `{"taskId":"1"}`), noLoginHelps},
		{"unless the method has a rule", rpcCall("tasks/cancel", `{"taskId":"1"}`), needsLogin("", "a b c d", 3600)},
	} {
		f.expect(row.name, f.post(none, row.body), row.want)
	}
	b := f.tokenWithClaims(claims{"acr": "b", "auth_time": ago(2 * time.Minute)})
	f.expect("a batch, the last is not met", f.post(b, batch("cb", "bd", "soon")), needsLogin("", "b", 60))
	f.expect("a batch, all are met", f.post(b, batch("cb", "bd", "late")), accepted)
	f.expect("of two values, one per tool", f.post(b, batch("cb", "ad")), noLoginHelps)
}

// A missing scope is part of the challenge, so that one login is enough. A scope that is granted
// would not help, so it is not named (RFC 9470 §3). A scope that the issuer does not have comes
// first: no login helps.
func TestLoginAndScopes(t *testing.T) {
	for _, stepUp := range []resource.StepUp{resource.StepUpOperation, resource.StepUpKeepGranted} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Scopes, c.ScopeOptions.StepUp = []string{"base"}, stepUp
			c.ScopeOptions.Challenge = []string{"hint"} // of a 401 for an invalid token
			c.Issuers[0].UnavailableScopes, c.Issuers[0].ScopeNames = []string{"rare"}, map[string]string{"admin": "api://x/admin"}
			c.Operations.Tools = map[string][]string{"delete": {"admin"}, "archive": {"rare"}, "either": {"rare | read"}}
			c.Operations.Authentication = resource.OperationAuthentication{Methods: map[string]authentication{"tools/call": {[]string{"gold"}, time.Minute}}}
		})
		kept := ""
		if stepUp == resource.StepUpKeepGranted {
			kept = " read"
		}
		for _, row := range []struct {
			scope, tool string
			weak, gold  answer
		}{
			{"base read", "echo", needsLogin("", "gold", 60), accepted},
			{"base read", "delete", needsLogin("base api://x/admin"+kept, "gold", 60), insufficient("base api://x/admin" + kept)},
			{"read", "echo", needsLogin("base"+kept, "gold", 60), insufficient("base" + kept)},
			{"base read", "archive", unrequestable, unrequestable},
			{"base", "either", needsLogin("base read", "gold", 60), insufficient("base read")},
			{"base read api://x/admin", "delete", needsLogin("", "gold", 60), accepted},
		} {
			name := fmt.Sprint(row.scope, " ", row.tool, " ", stepUp)
			body := rpcCall("tools/call", `{"name":"`+row.tool+`"}`)
			f.expect(name, f.post(f.tokenWithClaims(claims{"scope": row.scope, "acr": "silver"}), body), row.weak)
			f.expect(name+", gold", f.post(f.tokenWithClaims(claims{"scope": row.scope, "acr": "gold", "auth_time": ago(0)}), body), row.gold)
		}
	}
}

var unrequestable = answer{403, "", `{"error_description":"The request needs a scope that cannot be requested"}` + "\n"}

// A login does not change a credential that is not an access token, or a token of a client. If its
// claims are as required, it is accepted: a proxy can assert a login in a header field.
func TestLoginsOfOtherCredentials(t *testing.T) {
	object := `{}`
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		now := func() string { return object }
		requireLogin(acr("gold"))(c, k)
		c.Opaque = &resource.Issuer{Verifier: jsonClaims("https://opaque.example.test", now)}
		c.Credentials.Prefixed = map[string]resource.Issuer{"pat_": {Verifier: jsonClaims("https://pat.example.test", now)}}
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-API-Key": jsonClaims("https://keys.example.test", now)}
		c.Credentials.TokenHeaders = map[string]resource.Issuer{"X-Access": {Verifier: jsonClaims("https://proxy.example.test", now)}}
		c.Issuers[0].ClientTokens = &resource.ClientTokens{Claim: "gty", Value: "client-credentials"}
	})
	notAToken := ofOtherCredentialClaims(noLoginHelps)
	f.expect("an opaque token", f.bearer("secret"), needsLogin("", "gold", 0))
	f.expect("a token of a client", f.bearer(f.tokenWithClaims(claims{"gty": "client-credentials", "client_id": "ci"})), noLoginHelps)
	f.expect("a prefixed token", f.bearer("pat_secret"), notAToken)
	f.expect("an API key", f.with("X-API-Key", "secret"), notAToken)
	f.expect("a token in another field", f.with("X-Access", "secret"), notAToken)
	object = `{"acr":"gold"}`
	f.expect("a token of a client with acr", f.bearer(f.tokenWithClaims(claims{"gty": "client-credentials", "client_id": "ci", "acr": "gold"})), accepted)
	f.expect("a prefixed token with acr", f.bearer("pat_secret2"), accepted)
	f.expect("a key with acr", f.with("X-API-Key", "secret"), accepted)
	f.expect("a token in another field with acr", f.with("X-Access", "secret2"), accepted)
	f.expect("claims that were not parsed", newFixture(t, func(c *resource.Config, k *jwks.Config) {
		requireLogin(acr("gold"))(c, k)
		c.Opaque = &resource.Issuer{Verifier: keywordVerifier{issuer: "https://opaque.example.test"}}
	}).bearer("secret"), needsLogin("", "gold", 0))
}

// A public operation without credentials needs no login of every request.
func TestLoginsAndPublicOperations(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		requireLogin(acr("gold"))(c, k)
		c.Operations.PublicTools, c.Operations.Authentication = []string{"status"}, forGold
	})
	f.expect("without credentials", f.post("", rpcCall("tools/call", `{"name":"status"}`)), accepted)
	f.expect("with a token", f.post(f.token(resourcetest.Token{}), rpcCall("tools/call", `{"name":"status"}`)), needsLogin("", "gold", 0))
}

// acr and auth_time are members of an introspection answer (RFC 9470 §6.2). They override those of a
// JWT that was introspected, which count where the answer omits them.
func TestLoginsInAnswers(t *testing.T) {
	fresh, old := ago(time.Second), ago(time.Hour)
	for _, row := range []struct {
		name        string
		answer, jwt claims
		want        answer
	}{
		{"only the answer has them", claims{"acr": "gold", "auth_time": fresh}, claims{}, accepted},
		{"only the JWT has them", claims{}, claims{"acr": "gold", "auth_time": fresh}, accepted},
		{"null in the answer", claims{"acr": nil, "auth_time": nil}, claims{"acr": "gold", "auth_time": fresh}, accepted},
		{"each has one", claims{"auth_time": fresh}, claims{"acr": "gold"}, accepted},
		{"neither has them", claims{}, claims{}, needsLogin("", "gold", 60)},
		{"another acr in the answer", claims{"acr": "bronze"}, claims{"acr": "gold", "auth_time": fresh}, needsLogin("", "gold", 60)},
		{"an empty acr in the answer", claims{"acr": ""}, claims{"acr": "gold", "auth_time": fresh}, needsLogin("", "gold", 60)},
		{"a number as acr in the answer", claims{"acr": 1}, claims{"acr": "gold", "auth_time": fresh}, needsLogin("", "gold", 60)},
		{"an older login in the answer", claims{"auth_time": old}, claims{"acr": "gold", "auth_time": fresh}, needsLogin("", "gold", 60)},
		{"a string as auth_time in the answer", claims{"auth_time": "1"}, claims{"acr": "gold", "auth_time": fresh}, needsLogin("", "gold", 60)},
		{"a newer login in the answer", claims{"auth_time": fresh}, claims{"acr": "gold", "auth_time": old}, accepted},
		{"another case in the answer", claims{"ACR": "bronze"}, claims{"acr": "gold", "auth_time": fresh}, needsLogin("", "gold", 60)},
	} {
		f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
			requireLogin(authentication{[]string{"gold"}, time.Minute})(c, k)
			c.Issuers[0] = resource.Issuer{Verifier: answerWithClaims(k.Issuer, row.answer)}
		})
		token := f.tokenWithClaims(row.jwt)
		f.expect(row.name, f.bearer(token), row.want)
		f.expect(row.name+", cached", f.bearer(token), row.want)
	}
}

// Require checks only scopes, in requests whose login is as required.
func TestRequireAfterLogins(t *testing.T) {
	f := newFixture(t, requireLogin(acr("gold")))
	handler := nethttp.Middleware(f.res)(nethttp.Require(f.res, "x")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })))
	for _, row := range []struct {
		acr, scope string
		want       answer
	}{
		{"gold", "x", accepted},
		{"gold", "y", insufficient("x")},
		{"silver", "x", needsLogin("", "gold", 0)},
	} {
		w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, identifier, nil)
		req.Header.Set("Authorization", "Bearer "+f.tokenWithClaims(claims{"acr": row.acr, "scope": row.scope}))
		handler.ServeHTTP(w, req)
		f.expect(row.acr+" "+row.scope, answerOf(t, w.Result()), row.want)
	}
}

// Permit names further scopes in the challenge for a login.
func TestPermitChecksLogins(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations.Authentication = forGold })
	gold := f.caller(resourcetest.Token{Claims: claims{"acr": "gold"}, Scope: "y"})
	weak := f.caller(resourcetest.Token{Scope: "y"})
	for _, row := range []struct {
		caller              *resource.Caller
		tool                string
		want, granted, more answer // without a further scope, with one that is granted, with one that is not
	}{
		{gold, "deploy", accepted, accepted, insufficient("x")},
		{weak, "deploy", needsLogin("", "gold", 0), needsLogin("", "gold", 0), needsLogin("x", "gold", 0)},
		{weak, "echo", accepted, accepted, insufficient("x")},
	} {
		op := resource.Operation{Method: "tools/call", Name: row.tool}
		f.expect(row.tool, answerOfRefusal(f.res.Permit(t.Context(), row.caller, op)), row.want)
		f.expect(row.tool+", a granted scope", answerOfRefusal(f.res.Permit(t.Context(), row.caller, op, "y")), row.granted)
		f.expect(row.tool+", another scope", answerOfRefusal(f.res.Permit(t.Context(), row.caller, op, "x")), row.more)
		if f.res.Offers(t.Context(), row.caller, op) != (row.want == accepted) {
			t.Errorf("%s: Offers differs from Permit", row.tool)
		}
	}
}

// A cached token costs the same with and without logins of every request.
func TestLoginsOfCachedTokensCost(t *testing.T) {
	issuer := newFixture(t, nil).issuer
	cost := func(change func(*resource.Config, *jwks.Config)) float64 {
		f := newFixtureWith(t, issuer, change)
		req := getWith(f.tokenWithClaims(claims{"acr": "gold", "auth_time": ago(0)}))
		req.Method = http.MethodHead
		return testing.AllocsPerRun(50, func() {
			if _, refusal := f.res.Authenticate(req); refusal != nil {
				t.Fatal(refusal.Err)
			}
		})
	}
	if with, without := cost(requireLogin(authentication{[]string{"silver", "gold"}, time.Hour})), cost(nil); with != without {
		t.Errorf("got %v allocations with logins, %v without", with, without)
	}
}
