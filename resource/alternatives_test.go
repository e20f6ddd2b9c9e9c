package resource_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// noScope is the answer if no token of the issuer can have what is needed.
var noScope = answer{403, "", `{"error_description":"The request needs a scope that cannot be requested"}` + "\n"}

// One alternative of each entry is enough. A challenge names scopes, never the syntax (RFC 6750 §3).
func TestAlternatives(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Scopes = []string{"mcp:read | mcp:run"}
		c.ScopeOptions.Implies = map[string][]string{"super": {"admin", "ops"}}
		c.Operations = resource.Operations{
			Methods:   map[string][]string{"tools/list": {"list | mcp:run"}},
			Tools:     map[string][]string{"deploy": {"deploy:run", "env:prod | admin ops"}, "other": {"x | y"}},
			Prompts:   map[string][]string{"greet": {"p q | r"}},
			Resources: []resource.ResourceRule{{URI: "file:///a", Scopes: []string{"a | b"}}, {Prefix: "file:///", Scopes: []string{"b | c"}}},
			Rule: func(_ context.Context, o resource.Operation, _ *resource.Caller) ([]string, error) {
				switch o.Name {
				case "ruled":
					return []string{"k | l m"}, nil
				case "malformed":
					return []string{"k |l"}, nil
				}
				return nil, nil
			},
		}
	})
	deploy, list := rpcCall("tools/call", `{"name":"deploy"}`), rpcCall("tools/list", `{}`)
	for _, row := range []struct{ name, scope, body, challenge string }{
		{"neither", "", "", "mcp:read"},
		{"the first", "mcp:read", "", ""},
		{"the second", "mcp:run", "", ""},
		{"the text of the entry in a token", "mcp:read|mcp:run |", "", "mcp:read"},
		{"method, by the alternative that is satisfied", "mcp:run", list, ""},
		{"method", "mcp:read", list, "mcp:read list"},
		{"method, by nobody: the second entry makes the first cheaper", "", list, "mcp:read list"},
		{"tool: all entries", "mcp:run", deploy, "mcp:run deploy:run env:prod"},
		{"tool: the alternative of which fewer scopes are missing", "mcp:run ops admin", deploy, "mcp:run deploy:run admin ops"},
		{"tool: both alternatives lack one", "mcp:run ops", deploy, "mcp:run deploy:run env:prod"},
		{"tool: implied scopes count", "mcp:run super", deploy, "mcp:run deploy:run admin ops"},
		{"tool: one alternative", "mcp:run deploy:run env:prod", deploy, ""},
		{"tool: the other alternative", "mcp:run deploy:run ops admin", deploy, ""},
		{"tool: the other alternative, implied", "mcp:run deploy:run super", deploy, ""},
		{"tool: a half of each", "mcp:run deploy:run admin", deploy, "mcp:run deploy:run env:prod"},
		{"prompt", "mcp:run p", rpcCall("prompts/get", `{"name":"greet"}`), "mcp:run p q"},
		{"resource with two rules: the first entry has chosen a", "mcp:run", rpcCall("resources/read", `{"uri":"file:///a"}`), "mcp:run a b"},
		{"resource with two rules, satisfied by one scope", "mcp:run b", rpcCall("resources/read", `{"uri":"file:///a"}`), ""},
		{"a URI that is not plain needs all rules", "mcp:run a", rpcCall("resources/read", `{"uri":"file:///%61"}`), "mcp:run a b"},
		{"a task needs the rules of all tools", "mcp:run y", rpcCall("tasks/get", `{"taskId":"1"}`), "mcp:run deploy:run env:prod y"},
		{"batch: the union", "mcp:read", "[" + list + "," + deploy + "]", "mcp:read list deploy:run env:prod"},
		{"Operations.Rule", "mcp:run m", rpcCall("tools/call", `{"name":"ruled"}`), "mcp:run k"},
		{"Operations.Rule, satisfied", "mcp:run m l", rpcCall("tools/call", `{"name":"ruled"}`), ""},
	} {
		token, want := f.token(resourcetest.Token{Scope: row.scope}), accepted
		if row.challenge != "" {
			want = insufficient(row.challenge)
		}
		if row.body == "" {
			row.body = rpcCall("ping", `{}`)
		}
		f.expect(row.name, f.post(token, row.body), want)
		if row.challenge != "" {
			f.expect(row.name+": what the challenge names", f.post(f.token(resourcetest.Token{Scope: row.challenge}), row.body), accepted)
		}
	}
	f.expect("Operations.Rule with a mistake", f.post(f.token(resourcetest.Token{Scope: "mcp:run"}), rpcCall("tools/call", `{"name":"malformed"}`)), failed)

	hint := noCredentials
	hint.challenge = scoped("mcp:read")
	f.expect("a 401 names the cheapest alternative for nobody", f.authorize(), hint)
	if got := f.res.Metadata().ScopesSupported; !slices.Equal(got, []string{"mcp:read", "mcp:run"}) {
		t.Errorf("scopes_supported is %q", got)
	}
}

// The log and the event have the scopes of the challenge.
func TestAlternativesInLog(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Scopes, c.ScopeOptions.StepUp = []string{"a b | c", "d"}, resource.StepUpKeepGranted
		c.Metadata.ScopesSupported = []string{"kept"}
	})
	f.expect("keep granted", f.bearer(f.token(resourcetest.Token{Scope: "kept b other"})), insufficient("a b d kept"))
	if log := f.log.take(); !strings.Contains(log, `"got":"kept b other","want":"a b d kept"`) {
		t.Errorf("log is %s", log)
	}
}

// The checks of an open stream evaluate alternatives too, by the current configuration.
func TestAlternativesOfStreams(t *testing.T) {
	rules := func(names map[string]string) func(*resource.Config, *jwks.Config) {
		return func(c *resource.Config, _ *jwks.Config) {
			c.Scopes = []string{"base | all"}
			c.Operations.Methods = map[string][]string{"subscriptions/listen": {"a | b c"}}
			c.Issuers[0].ScopeNames = names
		}
	}
	inBubble(t, rules(nil), func(t *testing.T, f *fixture) {
		opened := time.Now()
		s := f.open(postRequest("subscriptions/listen", ""), f.issuer.Token(resourcetest.Token{Scope: "base b c"}))
		time.Sleep(10 * time.Minute) // longer than the token is cached
		synctest.Wait()
		if s.ended() {
			t.Fatalf("ended after %s: %v", s.lifetime(opened), s.cause)
		}
		next := newFixtureWith(t, f.issuer, rules(map[string]string{"b": "x"}))
		if err := f.res.Replace(next.res); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if !s.ended() || !errors.Is(s.cause, resource.ErrStreamEnded) {
			t.Errorf("ended %v, cause %v; want the end at the next check", s.ended(), s.cause)
		}
		s.disconnect()
		if log := f.log.take() + next.log.take(); !strings.Contains(log, `"got":"base c","want":"base a"`) {
			t.Errorf("log is %s", log)
		}
	})
}

// Require, Permit, Offers, Challenge and Has take alternatives.
func TestAlternativesOfPrograms(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Scopes = []string{"base"}
		c.Operations.LateChallenges = true
		c.Operations.Tools = map[string][]string{"t": {"x | y z"}}
	})
	require := func(token string) answer {
		recorder, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, identifier, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		nethttp.Middleware(f.res)(nethttp.Require(f.res, "a | b c")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))).ServeHTTP(recorder, req)
		return answerOf(t, recorder.Result())
	}
	f.expect("Require", require(f.token(resourcetest.Token{Scope: "base b"})), insufficient("base a"))
	f.expect("Require, satisfied", require(f.token(resourcetest.Token{Scope: "base c b"})), accepted)
	for _, mistake := range []string{"a b", "a |", "a|b", "a | a b"} {
		if _, err := f.res.Requirement(mistake); err == nil {
			t.Errorf("Requirement accepted %q", mistake)
		}
	}
	op := resource.Operation{Method: "tools/call", Name: "t"}
	caller := f.caller(resourcetest.Token{Scope: "base z y"})
	if f.res.Permit(t.Context(), caller, op) != nil || !f.res.Offers(t.Context(), caller, op) || !f.res.Declares(op) || !caller.Has("q | y z", "base") || caller.Has("q | y x") {
		t.Error("the alternative that the caller has does not count")
	}
	refusal := f.res.Permit(t.Context(), caller, op, "k | l m")
	if want := insufficient("base y z k"); refusal == nil || refusal.Challenges[0] != want.challenge {
		t.Errorf("Permit: got %+v, want %+v", refusal, want)
	}
	if refusal := f.res.Permit(t.Context(), caller, op, "k |"); refusal == nil || refusal.Reason != resource.ReasonInternalError {
		t.Errorf("Permit with a mistake: got %+v", refusal)
	}
	f.inner = nil
	late := func(w http.ResponseWriter, req *http.Request) {
		if resource.Challenge(req.Context(), "base | n") || !resource.Challenge(req.Context(), "n o | p") {
			t.Error("Challenge is wrong")
		}
	}
	req := rpcRequest(rpcCall("tools/call", `{"name":"t"}`), f.token(resourcetest.Token{Scope: "base x"}))
	recorder := httptest.NewRecorder()
	nethttp.Middleware(f.res)(http.HandlerFunc(late)).ServeHTTP(recorder, req)
	f.expect("Challenge", answerOf(t, recorder.Result()), insufficient("base x p"))
}

func TestAlternativesMistakes(t *testing.T) {
	const plain = `"a | b": alternatives are possible only where needed scopes are listed; write each scope as an entry of its own`
	both := []string{"a | b"}
	for _, row := range []struct {
		name   string
		change func(*resource.Config)
		want   string
	}{
		{"missing separator", func(c *resource.Config) { c.Scopes = []string{"a b"} }, `Scopes: "a b" is not a scope: write each scope as an entry of its own, or write " | " between alternatives (RFC 6749 §3.3)`},
		{"offline_access", func(c *resource.Config) { c.Scopes = []string{"a | offline_access"} }, `Scopes: offline_access is between client and authorization server; remove it (MCP authorization)`},
		{"duplicate entry", func(c *resource.Config) { c.Scopes = []string{"a | b", "a | b"} }, `Scopes: duplicate scope "a | b"`},
		{"tool", func(c *resource.Config) { c.Operations.Tools = map[string][]string{"t": {"a | a"}} }, `Operations.Tools["t"]: alternatives "a | a": remove "a", because "a" is enough`},
		{"method", func(c *resource.Config) { c.Operations.Methods = map[string][]string{"tools/list": {"a |"}} }, `Operations.Methods["tools/list"]: alternatives "a |": "|" is not a scope here: `},
		{"resource", func(c *resource.Config) {
			c.Operations.Resources = []resource.ResourceRule{{URI: "a://b", Scopes: []string{"a  | b"}}}
		}, `Operations.Resources[0]: alternatives "a  | b": a space too many`},
		{"Challenge", func(c *resource.Config) { c.ScopeOptions.Challenge = both }, "ScopeOptions.Challenge: " + plain},
		{"ScopesSupported", func(c *resource.Config) { c.Metadata.ScopesSupported = both }, "Metadata.ScopesSupported: " + plain},
		{"Implies", func(c *resource.Config) { c.ScopeOptions.Implies = map[string][]string{"x": both} }, `ScopeOptions.Implies["x"]: ` + plain},
		{"RoleScopes", func(c *resource.Config) {
			c.Issuers[0].RoleClaim, c.Issuers[0].RoleScopes = "roles", map[string][]string{"r": both}
		}, `Issuers[0].RoleScopes["r"]: ` + plain},
		{"a public method", func(c *resource.Config) {
			c.Operations.Public, c.Operations.Methods = []string{"tools/list"}, map[string][]string{"tools/list": both}
		}, `Operations.Public: "tools/list" needs the scopes ["a | b"] by other rules`},
		{"a public tool", func(c *resource.Config) {
			c.Operations.PublicTools, c.Operations.Tools = []string{"t"}, map[string][]string{"t": both}
		}, `Operations.PublicTools[0]: "t" needs the scopes ["a | b"] by other rules; an operation cannot have scopes and be public`},
	} {
		c := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier(t)}}}
		row.change(&c)
		if _, err := resource.New(c); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s (-want +got)\n- %s\n+ %v", row.name, row.want, err)
		}
	}
}

// claimsVerifier accepts opaque tokens that are their claims, in base64url.
type claimsVerifier struct{}

const claimsIssuer = "https://claims.example.test"

func (claimsVerifier) Issuer() string { return claimsIssuer }

func (claimsVerifier) Verify(_ context.Context, token *resource.Token) (*resource.Claims, error) {
	object, err := base64.RawURLEncoding.DecodeString(token.Raw())
	if err != nil {
		return nil, errors.New("not base64url")
	}
	return resource.ParseClaims(object)
}

func claimsToken(t *testing.T, scopes, roles []string) string {
	object, err := json.Marshal(claims{"iss": claimsIssuer, "sub": "alice", "aud": identifier, "scope": strings.Join(scopes, " "), "roles": roles})
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(object)
}

// trial is a random configuration, and what it means by an independent reading.
type trial struct {
	config  resource.Config
	entries [][][]string // of Scopes and of the tool t: entries, their alternatives, their scopes
	names   map[string]string
}

func pick(r *rand.Rand, most int, from []string) (some []string) {
	for _, i := range r.Perm(len(from))[:r.IntN(most+1)] {
		some = append(some, from[i])
	}
	return some
}

var universe = []string{"a", "b", "c", "d", "e", "f", "g"}

func newTrial(r *rand.Rand) *trial {
	x := &trial{names: map[string]string{}}
	entries := func(most int) (list []string) {
		for range r.IntN(most + 1) {
			var sets [][]string
			var texts []string
			for range 1 + r.IntN(3) {
				set := pick(r, 2, universe)
				if len(set) == 0 || len(sets) == 0 && len(set) > 1 && r.IntN(3) == 0 {
					continue
				}
				sets, texts = append(sets, set), append(texts, strings.Join(set, " "))
			}
			list, x.entries = append(list, strings.Join(texts, " | ")), append(x.entries, sets)
		}
		return list
	}
	issuer := resource.Issuer{Verifier: claimsVerifier{}, RoleClaim: "roles", RoleScopes: map[string][]string{"r1": pick(r, 2, universe), "r2": pick(r, 2, universe)}, ScopeNames: map[string]string{}}
	if r.IntN(2) == 0 {
		issuer.ScopePrefix = "p/"
	}
	issuer.UnavailableScopes = pick(r, 2, universe)
	for _, scope := range universe {
		name := issuer.ScopePrefix + []string{"n" + scope, scope + "'", "api://x/" + scope}[r.IntN(3)]
		switch {
		case slices.Contains(issuer.UnavailableScopes, scope):
		case r.IntN(2) == 0:
			issuer.ScopeNames[scope], x.names[name] = name, scope
		case strings.HasPrefix(scope, issuer.ScopePrefix):
			x.names[scope] = scope
		}
	}
	x.config = resource.Config{Identifier: identifier, Opaque: &issuer, Scopes: entries(2), Logger: slog.New(slog.DiscardHandler)}
	x.config.Operations.Tools = map[string][]string{"t": entries(3)}
	x.config.Metadata.ScopesSupported = universe
	x.config.ScopeOptions.Implies = map[string][]string{universe[r.IntN(7)]: pick(r, 2, universe), universe[r.IntN(7)]: pick(r, 2, universe)}
	x.config.ScopeOptions.StepUp = resource.StepUp(r.IntN(2))
	return x
}

// allows evaluates the rules for a token.
func (x *trial) allows(scopes, roles []string) bool {
	has := map[string]bool{}
	for _, name := range scopes {
		if scope, ok := x.names[x.config.Opaque.ScopePrefix+name]; ok {
			has[scope] = true
		}
	}
	for _, role := range roles {
		for _, scope := range x.config.Opaque.RoleScopes[role] {
			has[scope] = true
		}
	}
	for range universe {
		for broad, narrow := range x.config.ScopeOptions.Implies {
			for _, scope := range narrow {
				has[scope] = has[scope] || has[broad]
			}
		}
	}
	return !slices.ContainsFunc(x.entries, func(alternatives [][]string) bool {
		return !slices.ContainsFunc(alternatives, func(set []string) bool {
			return !slices.ContainsFunc(set, func(scope string) bool { return !has[scope] })
		})
	})
}

// results counts what the trials have tried.
type results struct{ challenges, hopeless, names int }

// run sends a random token, and then one with exactly the scopes that the challenge names.
func (x *trial) run(t *testing.T, r *rand.Rand, f *fixture, n *results) {
	prefix, body := x.config.Opaque.ScopePrefix, rpcCall("tools/call", `{"name":"t"}`)
	every := slices.Concat(universe, []string{"other"})
	for name := range x.names {
		every = append(every, strings.TrimPrefix(name, prefix))
	}
	slices.Sort(every)
	scopes, roles := pick(r, 6, every), pick(r, 1, []string{"r1", "r2"})
	describe := fmt.Sprintf("scopes %q, roles %q\nconfig %+v\nissuer %+v", scopes, roles, x.config, *x.config.Opaque)
	got := f.post(claimsToken(t, scopes, roles), body)
	if want := x.allows(scopes, roles); (got == accepted) != want {
		t.Fatalf("got %+v, want accepted: %v\n%s", got, want, describe)
	}
	if again := f.post(claimsToken(t, scopes, roles), body); again != got {
		t.Fatalf("got %+v, then %+v\n%s", got, again, describe)
	}
	switch got {
	case accepted:
		return
	case noScope:
		n.hopeless++
		if f.post(claimsToken(t, every, roles), body) == accepted {
			t.Fatalf("another token would help\n%s", describe)
		}
		return
	}
	_, scope, _ := strings.Cut(got.challenge, `scope="`)
	scope, _, _ = strings.Cut(scope, `"`)
	if got != insufficient(scope) {
		t.Fatalf("got %+v\n%s", got, describe)
	}
	n.challenges++
	var requested []string
	for name := range strings.SplitSeq(scope, " ") {
		if _, exists := x.names[name]; !exists {
			t.Fatalf("the challenge names %q, which the issuer does not have\n%s", name, describe)
		}
		if !slices.Contains(universe, name) {
			n.names++
		}
		requested = append(requested, strings.TrimPrefix(name, prefix))
	}
	if again := f.post(claimsToken(t, requested, roles), body); again != accepted {
		t.Fatalf("challenge %q, then %+v\n%s", scope, again, describe)
	}
}

// For random rules, names and grants: a request is accepted if and only if the rules say so, a token
// with exactly the scopes of a challenge is accepted, and without a challenge no token is.
func TestChallengedScopesAreEnough(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var n results
	for made := 0; made < 400; {
		x := newTrial(r)
		res, err := resource.New(x.config)
		if err != nil { // such as an alternative that can be omitted
			continue
		}
		made++
		for range 8 {
			x.run(t, r, &fixture{t: t, res: res}, &n)
		}
	}
	if n.challenges < 500 || n.hopeless < 50 || n.names < 100 {
		t.Errorf("got only %+v", n)
	}
}
