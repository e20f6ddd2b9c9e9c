package config_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/resourcetest"
)

// onBehalf returns the block on_behalf_of with a target, additional lines of the target (from line 9
// of block) and of the block itself.
func onBehalf(target []string, lines ...string) string {
	all := append([]string{"  on_behalf_of:", "    client_id: " + resourcetest.DefaultClientID, "    targets:", "      calendar:", "        scopes: [calendar.read]"}, indent("        ", target)...)
	return strings.Join(append(all, indent("    ", lines)...), "\n")
}

func indent(by string, lines []string) (out []string) {
	for _, line := range lines {
		out = append(out, by+line)
	}
	return out
}

const exchangeSecret = "client_secret: " + resourcetest.DefaultClientSecret

func TestMistakesOfOnBehalfOf(t *testing.T) {
	dir := t.TempDir()
	lines, token, keyFile := write(t, dir, "lines", "a\nb"), write(t, dir, "token", "t0ken\n"), write(t, dir, "key.pem", keytest.PEM(keytest.P256()))
	chain, chainKey := clientCertificate(t, "mcp")
	certificateFile, certificateKey := write(t, dir, "tls.crt", chain), write(t, dir, "tls.key", chainKey)
	const second = "  additional_issuers: [{issuer_url: 'https://b.example', jwks_uri: 'https://b.example/k'}]\n"
	const tenants = "  tenant_pattern: https://t.example/{tenantid}\n  allowed_tenants: [a]\n  jwks_uri: https://t.example/k\n"
	const block4, target = "text:4: on_behalf_of", `on_behalf_of.targets["calendar"]`
	of := func(target ...string) string { return onBehalf(target, exchangeSecret) }
	and := func(lines ...string) string { return onBehalf(nil, append([]string{exchangeSecret}, lines...)...) }
	long := strings.Repeat("n", 65)
	for _, row := range []struct{ lines, want string }{
		{of(), ""},
		{"  on_behalf_of:", block4 + ": is not a mapping of keys"},
		{"  on_behalf_of: {}", block4 + ".client_id: is missing\n" + block4 + ".targets: is missing"},
		{and("timeout: 1"), "text:10: on_behalf_of.timeout: unknown key; did you mean timeout_seconds?"},
		{of("scope: a"), "text:9: " + target + ".scope: unknown key; did you mean scopes?"},
		{"  on_behalf_of: {client_id: a, client_secret: b, targets: {}}", "text:4: on_behalf_of.targets: 0; configure 1 to 1000"},
		{"  on_behalf_of: {client_id: a, client_secret: b, targets: [a]}", "text:4: on_behalf_of.targets: is not a mapping; write name: {key: value}"},
		{"  on_behalf_of: {client_id: a, client_secret: b, targets: {a: {}}}", `text:4: on_behalf_of.targets["a"]: has neither audiences nor resources nor scopes, so the issuer does not learn which server the token is for`},
		{"  on_behalf_of: {client_id: a, client_secret: b, targets: {A: {scopes: [a]}}}", `text:4: on_behalf_of.targets["A"]: "A" must have 1 to 64 characters of a-z, 0-9, - and _`},
		{"  on_behalf_of: {client_id: a, client_secret: b, targets: {" + long + ": {scopes: [a]}}}", `text:4: on_behalf_of.targets["` + long + `"]: "` + long + `" must have 1 to 64 characters of a-z, 0-9, - and _`},

		// the issuer
		{second + of(), "text:5: on_behalf_of.issuer_url: is missing; the file has several issuers, so name the one whose tokens are exchanged"},
		{second + and("issuer_url: https://b.example"), ""},
		{and("issuer_url: https://b.example"), "text:10: on_behalf_of.issuer_url: is not the issuer_url of an issuer in this file; it must be equal, byte for byte"},
		{tenants + of(), "text:7: on_behalf_of.issuer_url: this issuer has tenant_pattern, and tokens of many tenants cannot be exchanged; name another issuer, or remove the block"},
		{and("token_endpoint: https://auth.example.com/t"), ""},
		{and("token_endpoint: http://auth.example.com/t?code=S3cr3t"), `text:10: on_behalf_of.token_endpoint: URL "http://auth.example.com/t?...": must begin with https://: http is for loopback hosts`},
		{and("token_endpoint: http://auth.example.com/t", "allow_http: true"), ""},
		{and("token_endpoint: [a]"), "text:10: on_behalf_of.token_endpoint: is not a string"},
		{"  jwks_uri: https://auth.example.com/k\n  metadata_url: https://auth.example.com/m\n" + of(), ""},
		{"  jwks_uri: https://auth.example.com/k\n  metadata_url: https://auth.example.com/m\n" + and("token_endpoint: https://auth.example.com/t"),
			"text:5: metadata_url: is not used, because no address has to be discovered; remove it, jwks_uri, jwks_file or introspection_endpoint"},
		{"  allow_private_hosts: [https://a]\n" + and("token_endpoint: https://auth.example.com/t"), `text:4: allow_private_hosts[0]: "https://a" is not a host name: use one such as auth.internal, without scheme, port and wildcard`},

		// client authentication, as for introspection
		{onBehalf(nil), "text:4: on_behalf_of.client_secret: is missing; method \"client_secret_basic\" requires it or client_secret_file"},
		{and("client_secret_file: " + token), "text:10: on_behalf_of.client_secret_file: client_secret is also set; set only one of them"},
		{onBehalf(nil, "client_secret_file: "+lines), `text:9: on_behalf_of.client_secret_file: secret file "` + lines + `": has more than one line`},
		{onBehalf(nil, "client_secret_file: "+token), ""},
		{and("auth_method: bearer"), "text:10: on_behalf_of.auth_method: must be one of client_secret_basic, client_secret_basic_raw, client_secret_post, private_key_jwt, tls_client_auth"},
		{and("auth_method: client_secret_post"), ""},
		{and("key_id: a"), `text:10: on_behalf_of.key_id: is not used by method "client_secret_basic"; remove it or set another auth_method`},
		{and("key_algorithm: a"), `text:10: on_behalf_of.key_algorithm: is not used by method "client_secret_basic"; remove it or set another auth_method`},
		{and("assertion_audience: a"), `text:10: on_behalf_of.assertion_audience: is not used by method "client_secret_basic"; remove it or set another auth_method`},
		{and("private_key_file: " + keyFile), `text:10: on_behalf_of.private_key_file: is not used by method "client_secret_basic"; remove it or set another auth_method`},
		{onBehalf(nil, "auth_method: private_key_jwt"), `text:4: on_behalf_of.private_key_file: is missing; method "private_key_jwt" requires it`},
		{onBehalf(nil, "auth_method: private_key_jwt", "private_key_file: "+keyFile, "key_id: a", "key_algorithm: ES256", "assertion_audience: https://a"), ""},
		{onBehalf(nil, "auth_method: tls_client_auth"), `text:4: on_behalf_of.tls_client_certificate_file: is missing; method "tls_client_auth" requires a client certificate`},
		{onBehalf(nil, "auth_method: tls_client_auth", "tls_client_certificate_file: "+certificateFile, "tls_client_key_file: "+certificateKey), ""},
		{and("tls_client_certificate_file: " + certificateFile), "text:4: on_behalf_of.tls_client_key_file: is missing; tls_client_certificate_file needs the private key of its certificate"},

		// numbers
		{and("timeout_seconds: 0"), "text:10: on_behalf_of.timeout_seconds: must be a whole number from 1 to 30"},
		{and("timeout_seconds: 31"), "text:10: on_behalf_of.timeout_seconds: must be a whole number from 1 to 30"},
		{and("max_concurrent: 0"), "text:10: on_behalf_of.max_concurrent: must be a whole number from 1 to 1024"},
		{and("max_concurrent: 1025"), "text:10: on_behalf_of.max_concurrent: must be a whole number from 1 to 1024"},
		{and("cache_entries: 0"), "text:10: on_behalf_of.cache_entries: must be a whole number from 1 to 1000000"},
		{and("cache_entries: 1000001"), "text:10: on_behalf_of.cache_entries: must be a whole number from 1 to 1000000"},
		{and("timeout_seconds: 1", "max_concurrent: 1", "cache_entries: 1"), ""},
		{and("timeout_seconds: 30", "max_concurrent: 1024", "cache_entries: 1000000"), ""},
		{and("allow_http: yes"), "text:10: on_behalf_of.allow_http: must be true or false, without quotes"},

		// targets
		{of("grant: obo"), "text:9: " + target + ".grant: must be one of token_exchange, entra_on_behalf_of, jwt_bearer"},
		{of("grant: jwt_bearer"), ""},
		{of("grant: jwt_bearer", "audiences: [a]"), "text:10: " + target + `.audiences: are for grant "token_exchange" only; use resources, or scopes with Entra`},
		{of("grant: entra_on_behalf_of", "resources: ['https://a']"), "text:10: " + target + ".resources: Entra has no parameter resource; use scopes"},
		{of("grant: jwt_bearer", "subject_token_type: urn:ietf:params:oauth:token-type:jwt"), "text:7: " + target + `: token types and actor_token_file are for grant "token_exchange" only`},
		{of("grant: jwt_bearer", "actor_token_file: "+token), "text:7: " + target + `: token types and actor_token_file are for grant "token_exchange" only`},
		{of("subject_token_type: jwt"), "text:9: " + target + ".subject_token_type: must be one of urn:ietf:params:oauth:token-type:access_token, urn:ietf:params:oauth:token-type:jwt"},
		{of("requested_token_type: urn:ietf:params:oauth:token-type:refresh_token"), "text:9: " + target + ".requested_token_type: must be one of urn:ietf:params:oauth:token-type:access_token, urn:ietf:params:oauth:token-type:jwt; did you mean urn:ietf:params:oauth:token-type:access_token?"},
		{of("issued_token_type: urn:ietf:params:oauth:token-type:jwt", "requested_token_type: urn:ietf:params:oauth:token-type:jwt"), ""},
		{of("audiences: [a, a]"), "text:9: " + target + `.audiences[1]: duplicate value "a"`},
		{of("resources: [calendar]"), "text:9: " + target + `.resources[0]: "calendar" is not valid; want an absolute URI without a fragment, at most 2048 bytes`},
		{strings.Replace(of(), "[calendar.read]", "['a b']", 1), "text:8: " + target + `.scopes[0]: "a b" is not valid; want one scope (RFC 6749 §3.3), at most 2048 bytes`},
		{of("issued_audiences: [a, a]"), "text:9: " + target + `.issued_audiences[1]: duplicate value "a"`},
		{of("issued_audiences: []", "accept_wider_scopes: true"), ""},
		{of("challenge_scopes: ['|']"), "text:9: " + target + `.challenge_scopes[0]: "|" is not valid; want a scope or alternatives of scopes, at most 2048 bytes`},
		{of("interaction_url: 'http://auth.example.com/consent'"), "text:9: " + target + `.interaction_url: URL "http://auth.example.com/consent": must begin with https://: http is for loopback hosts`},
		{of("origins: ['https://calendar.example.com/api']"), "text:9: " + target + `.origins: "https://calendar.example.com/api" is not how browsers write the origin: write "https://calendar.example.com"`},
		{of("origins: ['https://calendar.example.com']", "challenge_scopes: ['a | b']"), ""},
		{of("actor_token_file: "+token, "actor_token_type: urn:ietf:params:oauth:token-type:jwt"), ""},
		{of("actor_token_file: /nowhere"), "text:9: " + target + `.actor_token_file: secret file "/nowhere": no such file or directory`},
		{of("actor_token_type: urn:ietf:params:oauth:token-type:jwt"), "text:9: " + target + ".actor_token_type: requires actor_token_file"},
	} {
		got := mistakesOf(t, textConfig(block(row.lines)))
		if row.want != got {
			t.Errorf("%s\n got %s\nwant %s", row.lines, got, row.want)
		}
	}
}

// A program that cannot get the exchanger would hold tokens for nothing, so Load rejects the block.
func TestOnBehalfOfNeedsTheExchanger(t *testing.T) {
	const want = "a.yaml:4: on_behalf_of: config.Load does not return the exchanger; the program must call config.New, and use config.Live.OnBehalf"
	res, err := config.Load(write(t, t.TempDir(), "a.yaml", block(onBehalf(nil, exchangeSecret))))
	if res != nil || err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Load: got %v, want %s", err, want)
	}
	live, err := config.New(textConfig(block()))
	if err != nil {
		t.Fatal(err)
	}
	if live.OnBehalf() != nil {
		t.Error("without the block, there is an exchanger")
	}
}

// exchange sends a request whose handler asks for a token, and returns the audience and the scopes
// of the token, or the kind of the error.
func (s *testServer) exchange(token string) (got string) {
	handler := nethttp.Handler(s.live.Resource(), http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		issued, err := s.live.OnBehalf().Token(req.Context(), caller, "calendar")
		if failed, ok := errors.AsType[*onbehalf.Error](err); ok {
			got = string(failed.Kind)
			return
		}
		got = fmt.Sprint(issued.Scopes(), len(issued.AccessToken()) > 0)
	}))
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	handler.ServeHTTP(httptest.NewRecorder(), req)
	return got
}

// withExchanger runs test with a server that can exchange tokens.
func withExchanger(t *testing.T, files map[string]string, lines string, test func(s *testServer, token string)) {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	test(newTestServer(t, issuer, files, lines), issuer.Token(resourcetest.Token{Audience: identifier}))
}

// The block makes the resource hold tokens, also if Complete replaces all credentials.
func TestOnBehalfOf(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	for _, row := range []struct {
		name     string
		complete func(*resource.Config)
	}{{"the file alone", nil}, {"a program with credentials", func(c *resource.Config) { c.Credentials = resource.Credentials{} }}} {
		s := completedServer(t, issuer, nil, func(c *config.Config) { c.Complete = row.complete }, onBehalf(nil, exchangeSecret))
		if got := s.exchange(issuer.Token(resourcetest.Token{Audience: identifier})); got != "[calendar.read] true" {
			t.Errorf("%s: got %s", row.name, got)
		}
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(s.live, s.live.Resource().Metrics(), s.live.OnBehalf())
		if _, err := registry.Gather(); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		if err := s.live.OnBehalf().Ready(t.Context()); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

// The secret can be in a file, which is read for each call.
func TestOnBehalfOfSecretFile(t *testing.T) {
	withExchanger(t, map[string]string{"secret": resourcetest.DefaultClientSecret + "\n"}, onBehalf(nil, "client_secret_file: secret"), func(s *testServer, token string) {
		if got := s.exchange(token); got != "[calendar.read] true" {
			t.Errorf("the secret: got %s", got)
		}
		s.write("secret", "wrong\n")
		if got := s.exchange(s.issuer.Token(resourcetest.Token{Audience: identifier, Subject: "bob"})); got != "client_refused" {
			t.Errorf("a wrong secret: got %s", got)
		}
	})
}

// A reload that changes a setting replaces the settings and the cache of the same exchanger.
// Another reload keeps the cache.
func TestReloadOfOnBehalfOf(t *testing.T) {
	before := onBehalf([]string{"origins: ['https://a.example']"}, exchangeSecret)
	for _, row := range []struct {
		name  string
		lines string
		calls int // of the token endpoint, for the same token, before and after the reload
		want  string
	}{
		{"nothing changes", before, 1, "[calendar.read] true"},
		{"another key changes", before + "\n  leeway_seconds: 20", 1, "[calendar.read] true"},
		{"scopes", strings.Replace(before, "calendar.read", "calendar.write", 1), 2, "[calendar.write] true"},
		{"origins", strings.Replace(before, "a.example", "b.example", 1), 2, "[calendar.read] true"},
		{"cache_entries", before + "\n    cache_entries: 10000", 2, "[calendar.read] true"},
		{"auth_method", before + "\n    auth_method: client_secret_post", 2, "[calendar.read] true"},
		{"timeout_seconds", before + "\n    timeout_seconds: 9", 2, "[calendar.read] true"},
		{"max_concurrent", before + "\n    max_concurrent: 9", 2, "[calendar.read] true"},
		{"allow_http", before + "\n    allow_http: true", 2, "[calendar.read] true"},
		{"the target is renamed", strings.Replace(before, "calendar:", "mail:", 1), 1, "unknown_target"},
		{"client_secret", strings.Replace(before, resourcetest.DefaultClientSecret, "wrong", 1), 2, "client_refused"},
	} {
		withExchanger(t, nil, before, func(s *testServer, token string) {
			exchanger := s.live.OnBehalf()
			if got := s.exchange(token); got != "[calendar.read] true" {
				t.Fatalf("%s: before the reload: got %s", row.name, got)
			}
			if got := s.reload(row.lines); got != "" {
				t.Fatalf("%s: %s", row.name, got)
			}
			got, calls := s.exchange(token), s.issuer.Count(resourcetest.TokenEndpoint)
			if got != row.want || calls < row.calls || calls > row.calls+1 || row.calls == 1 && calls != 1 || s.live.OnBehalf() != exchanger { // rejected credentials cause a probe
				t.Errorf("%s: got %s and %d calls, want %s and %d; the same exchanger: %t", row.name, got, calls, row.want, row.calls, s.live.OnBehalf() == exchanger)
			}
		})
	}
}

// The program has, or has not, got the exchanger and registered its metrics, whose label issuer
// cannot change.
func TestOnBehalfOfCannotBeAddedOrRemoved(t *testing.T) {
	with := onBehalf(nil, exchangeSecret)
	const changed = ": on_behalf_of: was added or removed; a change needs a restart"
	withExchanger(t, nil, with, func(s *testServer, token string) {
		if got := s.reload(); got != "1"+changed {
			t.Errorf("removed: got %s", got)
		}
		other := "  additional_issuers: [{issuer_url: 'https://b.example', jwks_uri: 'https://b.example/k'}]\n" + with + "\n    issuer_url: https://b.example"
		if got := s.reload(other); got != "11: on_behalf_of.issuer_url: the issuer is another one; a change needs a restart" {
			t.Errorf("another issuer: got %s", got)
		}
		if got := s.reload(with + "\n    timeout_seconds: 0"); got != "10: on_behalf_of.timeout_seconds: must be a whole number from 1 to 30" {
			t.Errorf("an invalid file: got %s", got)
		}
		if got := s.exchange(token); got != "[calendar.read] true" {
			t.Errorf("after rejected reloads: got %s", got)
		}
	})
	withExchanger(t, nil, "", func(s *testServer, _ string) {
		if got := s.reload(with); got != "4"+changed || s.live.OnBehalf() != nil {
			t.Errorf("added: got %s", got)
		}
	})
}

// The secrets of the block are in no output, wherever they come from.
func TestSecretsOfOnBehalfOf(t *testing.T) {
	const secret = "S3cr3t-of-the-client"
	dir := t.TempDir()
	file := write(t, dir, "two-lines", secret+"\n"+secret)
	for _, c := range []config.Config{
		textConfig(block(onBehalf(nil, "client_secret: ["+secret+"]"))),
		textConfig(block(onBehalf(nil, "client_secret: {"+secret+": x}"))),
		textConfig(block(onBehalf(nil, "client_secret: "+secret+": x"))),
		textConfig(block(onBehalf(nil, "client_secret:"+secret))),
		textConfig(block(onBehalf(nil, "client_secret: "+secret, "auth_method: "+secret))),
		textConfig(block(onBehalf([]string{"audiences: ['" + secret + "', '" + secret + "']"}, "client_secret: "+secret))), // the error quotes the audience
		textConfig(block(onBehalf(nil, "client_secret_file: "+file))),
		textConfig(block(onBehalf([]string{"actor_token_file: " + file}, exchangeSecret))),
		textConfig(block(), `AUTHORIZATION__ON_BEHALF_OF={"client_id": "a", "client_secret": "`+secret+`", "targets": {}}`),
	} {
		if got := mistakesOf(t, c); got == "" || strings.Contains(got, secret) {
			t.Errorf("%s\n got %q, want a mistake without the secret", c.Text, got)
		}
	}
	c := textConfig(block(onBehalf(nil, "client_secret: "+secret)))
	settings, err := config.Read(c)
	if err != nil || string(settings.OnBehalfOf.ClientSecret) != secret {
		t.Fatalf("%v %v", settings.OnBehalfOf, err)
	}
	live, err := config.New(c)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(settings)
	if err != nil || strings.Contains(string(encoded), secret) {
		t.Errorf("JSON: %s %v", encoded, err)
	}
	for _, value := range []any{settings, *settings.OnBehalfOf, live, live.Parts(), live.OnBehalf(), live.Resource(), struct{ e any }{live.OnBehalf()}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if printed := fmt.Sprintf(verb, value); strings.Contains(printed, secret) || strings.Contains(printed, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s of %T contains the secret", verb, value)
			}
		}
	}
}

// Relative paths are relative to the directory of the file.
func TestOnBehalfOfPaths(t *testing.T) {
	withExchanger(t, map[string]string{"secret": resourcetest.DefaultClientSecret, "actor": "a1"}, onBehalf([]string{"actor_token_file: actor"}, "client_secret_file: secret"), func(s *testServer, _ string) {
		want := []string{filepath.Join(s.dir, "secret"), filepath.Join(s.dir, "actor")}
		if got := s.live.Parts().SecretFiles; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %s, want %s", got, want)
		}
		if _, err := s.live.OnBehalf().Token(context.Background(), nil, "calendar"); err == nil {
			t.Error("a token without a caller")
		}
	})
}
